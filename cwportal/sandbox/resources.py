"""Which records exist, where they live, which right opens them: one `Resource` per ConnectWise record kind."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

from . import schema_company as company
from . import schema_finance as finance
from . import schema_procurement as procurement
from .fields import Field

ALL_METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")

COMPANY_RIGHT = "Companies > Company Maintenance"
CONTACT_RIGHT = "Companies > Contacts"
ATTACHMENT_RIGHT = "Companies > Manage Attachments"
AGREEMENT_RIGHT = "Finance > Agreements"
CATALOG_RIGHT = "Procurement > Product Catalog"
TABLE_RIGHT = "System > Table Setup"
REPORT_RIGHT = "System > API Reports"


def _name() -> Mapping[str, str]:
    return {"name": "name"}


@dataclass(frozen=True, slots=True)
class Resource:
    """One kind of record.

    `noun` is the `resource` of error bodies, `right` the module > function of contract.md section 7 (None: any
    member), `shown` what a reference to such a record holds besides its id, `unique` the fields that no two
    records share, `info` the fields of the light `/info` list where there is one.
    """

    kind: str
    noun: str
    path: tuple[str, ...]
    fields: Mapping[str, Field]
    right: str | None = TABLE_RIGHT
    methods: tuple[str, ...] = ALL_METHODS
    shown: Mapping[str, str] = field(default_factory=_name)
    unique: tuple[str, ...] = ()
    info: tuple[str, ...] = ()
    defaults: Mapping[str, Any] = field(default_factory=dict)
    parent: str | None = None
    old_limits: Mapping[str, int] = field(default_factory=dict)

    @property
    def title(self) -> str:
        """The noun as a sentence begins with it."""
        return self.noun[0].upper() + self.noun[1:]


_TABLE = {"inactiveFlag": False, "defaultFlag": False}
_INFO = ("id", "name", "inactiveFlag", "defaultFlag")

_COMPANY_INFO = (
    "id identifier name territory defaultContact phoneNumber city site isVendorFlag currency billToCompany "
    "billingContact billingTerms taxCode deletedFlag types status addressLine1 addressLine2 state country zip leadFlag"
)
_CATALOG_INFO = (
    "id identifier description inactiveFlag productClass price cost taxableFlag customerDescription "
    "manufacturerPartNumber vendorSku billableOption"
)
_CURRENCY_SHOWN = {
    name: name
    for name in ["symbol", "currencyIdentifier", "name", "numberOfDecimals", "decimalSeparator", "thousandsSeparator"]
}

_ALL = (
    Resource(
        "company",
        "company",
        ("company", "companies"),
        company.COMPANY,
        COMPANY_RIGHT,
        shown={"identifier": "identifier", "name": "name"},
        unique=("identifier",),
        info=tuple(_COMPANY_INFO.split()),
        defaults={"deletedFlag": False, "leadFlag": False, "unsubscribeFlag": False, "isVendorFlag": False},
        old_limits={"identifier": 25, "name": 50},
    ),
    Resource(
        "companyStatus",
        "companyStatus",
        ("company", "companies", "statuses"),
        company.COMPANY_STATUS,
        unique=("name",),
        defaults=_TABLE,
    ),
    Resource(
        "companyType",
        "companyType",
        ("company", "companies", "types"),
        company.COMPANY_TYPE,
        unique=("name",),
        defaults={"defaultFlag": False, "vendorFlag": False},
    ),
    Resource(
        "contact",
        "contact",
        ("company", "contacts"),
        company.CONTACT,
        CONTACT_RIGHT,
        defaults={"inactiveFlag": False, "defaultFlag": False},
    ),
    Resource(
        "communicationType",
        "communicationType",
        ("company", "communicationtypes"),
        company.COMMUNICATION_TYPE,
        shown={"name": "description"},
        unique=("description",),
        info=("id", "description", "phoneFlag", "faxFlag", "emailFlag", "defaultFlag"),
        defaults={"phoneFlag": False, "faxFlag": False, "emailFlag": False, "defaultFlag": False},
    ),
    Resource(
        "state",
        "state",
        ("company", "states"),
        company.STATE,
        shown={"identifier": "identifier", "name": "name"},
        info=("id", "identifier", "name", "country"),
    ),
    Resource(
        "country",
        "country",
        ("company", "countries"),
        company.COUNTRY,
        unique=("name",),
        info=("id", "name", "defaultFlag", "currency"),
        defaults={"defaultFlag": False},
    ),
    Resource(
        "agreement",
        "agreement",
        ("finance", "agreements"),
        finance.AGREEMENT,
        AGREEMENT_RIGHT,
        defaults={"cancelledFlag": False, "noEndingDateFlag": True, "prorateFlag": False, "taxable": False},
    ),
    Resource(
        "addition",
        "addition",
        ("finance", "agreements", "{id}", "additions"),
        finance.ADDITION,
        AGREEMENT_RIGHT,
        parent="agreement",
        shown={},
    ),
    Resource(
        "agreementType",
        "agreementType",
        ("finance", "agreements", "types"),
        finance.AGREEMENT_TYPE,
        unique=("name",),
        info=("id", "name", "inactiveFlag", "applicationUnits", "billingTerms"),
        defaults=_TABLE,
    ),
    Resource(
        "billingCycle",
        "billingCycle",
        ("finance", "billingcycles"),
        finance.BILLING_CYCLE,
        unique=("identifier",),
        info=("id", "name", "defaultFlag"),
        defaults={"defaultFlag": False},
    ),
    Resource(
        "billingStatus",
        "billingStatus",
        ("finance", "billingstatuses"),
        finance.BILLING_STATUS,
        unique=("name",),
        info=("id", "name", "sortOrder", "inactiveFlag"),
        defaults=_TABLE,
    ),
    Resource(
        "billingTerm",
        "billingTerm",
        ("finance", "billingterms"),
        finance.BILLING_TERM,
        unique=("name",),
        info=("id", "name", "defaultFlag"),
        defaults={"defaultFlag": False},
    ),
    Resource(
        "currency",
        "currency",
        ("finance", "currencies"),
        finance.CURRENCY,
        shown=_CURRENCY_SHOWN,
        unique=("currencyIdentifier",),
        info=("id", "name"),
    ),
    Resource(
        "taxCode",
        "taxCode",
        ("finance", "taxcodes"),
        finance.TAX_CODE,
        shown={"name": "identifier"},
        unique=("identifier",),
        info=("id", "identifier", "description", "effectiveDate", "cancelDate", "defaultFlag", "levelOneRate"),
        defaults={"defaultFlag": False},
    ),
    Resource(
        "catalog",
        "catalogItem",
        ("procurement", "catalog"),
        procurement.CATALOG,
        CATALOG_RIGHT,
        shown={"identifier": "identifier"},
        unique=("identifier",),
        info=tuple(_CATALOG_INFO.split()),
        defaults={"inactiveFlag": False, "productClass": "NonInventory", "taxableFlag": False},
        old_limits={"identifier": 60},
    ),
    Resource(
        "category",
        "productCategory",
        ("procurement", "categories"),
        procurement.CATEGORY,
        unique=("name",),
        info=_INFO,
        defaults=_TABLE,
    ),
    Resource(
        "subcategory",
        "productSubCategory",
        ("procurement", "subcategories"),
        procurement.SUBCATEGORY,
        unique=("name", "category"),
        info=("id", "name", "category", "inactiveFlag", "defaultFlag"),
        defaults=_TABLE,
    ),
    Resource(
        "productType",
        "productType",
        ("procurement", "types"),
        procurement.PRODUCT_TYPE,
        unique=("name",),
        info=_INFO,
        defaults=_TABLE,
    ),
    Resource(
        "uom",
        "unitOfMeasure",
        ("procurement", "unitofmeasures"),
        procurement.UNIT_OF_MEASURE,
        unique=("name",),
        defaults=_TABLE,
    ),
    Resource("location", "location", ("system", "info", "locations"), procurement.LOCATION, None, ("GET",)),
    Resource("department", "department", ("system", "info", "departments"), procurement.DEPARTMENT, None, ("GET",)),
    Resource(
        "documentType",
        "documentType",
        ("system", "documenttypes", "info"),
        procurement.DOCUMENT_TYPE,
        None,
        ("GET",),
        shown={"name": "description"},
    ),
    Resource(
        "document",
        "document",
        ("system", "documents"),
        procurement.DOCUMENT,
        ATTACHMENT_RIGHT,
        ("GET", "POST", "DELETE"),
        shown={"name": "title"},
    ),
)

RESOURCES: Mapping[str, Resource] = MappingProxyType({resource.kind: resource for resource in _ALL})


def resource_of(kind: str) -> Resource:
    """The resource of a kind; ValueError names the known ones."""
    try:
        return RESOURCES[kind]
    except KeyError:
        raise ValueError(f"unknown kind {kind!r}; known: {', '.join(RESOURCES)}") from None
