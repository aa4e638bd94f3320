"""ConnectWise's records as far as we use them: frozen, typed, blind to fields they do not know.

ConnectWise omits nulls, adds fields the specification lacks, and leaves unset dates out or empty (contract section 4).
So reading is lenient about what is absent and strict about the type of what is there: a value we rely on that is of
the wrong type raises Malformed and never becomes a default.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from cwportal.connectwise.companyinfo import CompanyInfo
from cwportal.connectwise.fields import Fields
from cwportal.connectwise.system import SecurityRow, SystemInfo
from cwportal.connectwise.tables import BillingCycle, CompanyStatus, NamedItem

__all__ = [
    "Addition",
    "Agreement",
    "BillingCycle",
    "Company",
    "CompanyInfo",
    "CompanyStatus",
    "Document",
    "NamedItem",
    "Product",
    "SecurityRow",
    "SystemInfo",
]


@dataclass(frozen=True, slots=True)
class Company:
    """`/company/companies`. `deleted`: in the recycle bin, where it is still listed."""

    id: int
    identifier: str
    name: str
    deleted: bool
    status_id: int | None
    status_name: str
    default_contact_id: int | None

    @classmethod
    def from_json(cls, data: object) -> Company:
        """From the API's JSON."""
        row = Fields(data, "company")
        status = row.reference("status")
        return cls(
            id=row.identity(),
            identifier=row.text("identifier"),
            name=row.text("name"),
            deleted=row.flag("deletedFlag"),
            status_id=status.reference_id() if status else None,
            status_name=status.text("name") if status else "",
            default_contact_id=row.reference_to("defaultContact"),
        )


@dataclass(frozen=True, slots=True)
class Agreement:
    """`/finance/agreements`. `currency` is an ISO 4217 code, None where ConnectWise does not tell one."""

    id: int
    name: str
    company_id: int | None
    company_name: str
    type_id: int | None
    type_name: str
    cancelled: bool
    status: str | None
    start: date | None
    end: date | None
    no_ending: bool
    bill_start: date | None
    cancelled_on: date | None
    billing_cycle_id: int | None
    billing_cycle_name: str
    currency: str | None
    parent_id: int | None

    @classmethod
    def from_json(cls, data: object) -> Agreement:
        """From the API's JSON."""
        row = Fields(data, "agreement")
        company, kind, cycle = row.reference("company"), row.reference("type"), row.reference("billingCycle")
        return cls(
            id=row.identity(),
            name=row.text("name"),
            company_id=company.reference_id() if company else None,
            company_name=company.text("name") if company else "",
            type_id=kind.reference_id() if kind else None,
            type_name=kind.text("name") if kind else "",
            cancelled=row.flag("cancelledFlag"),
            status=row.text("agreementStatus") or None,
            start=row.day("startDate"),
            end=row.day("endDate"),
            no_ending=row.flag("noEndingDateFlag"),
            bill_start=row.day("billStartDate"),
            cancelled_on=row.day("dateCancelled"),
            billing_cycle_id=cycle.reference_id() if cycle else None,
            billing_cycle_name=cycle.text("name") if cycle else "",
            currency=_currency(row.reference("currency")),
            parent_id=row.reference_to("parentAgreement"),
        )


def _currency(reference: Fields | None) -> str | None:
    """The first of the reference's texts that is an ISO code; a spelled-out name proves nothing."""
    if reference is None:
        return None
    for name in ("currencyCode", "currencyIdentifier", "identifier", "name"):
        text = reference.text(name).strip().upper()
        if len(text) == 3 and text.isascii() and text.isalpha():
            return text
    return None


@dataclass(frozen=True, slots=True)
class Addition:
    """`/finance/agreements/{id}/additions`. An amount that ConnectWise omits is 0: that is what it bills.

    `cancelled` is the row's last day; the row stays listed after it. `agreement_id`: None where ConnectWise does not tell.
    """

    id: int
    product_id: int
    product_identifier: str
    quantity: Decimal
    less_included: Decimal
    unit_price: Decimal
    unit_cost: Decimal
    bill_customer: str
    effective: date | None
    cancelled: date | None
    description: str
    agreement_id: int | None = None

    @classmethod
    def from_json(cls, data: object) -> Addition:
        """From the API's JSON. Raises Malformed without an id or a product id."""
        row = Fields(data, "addition")
        product = row.required_reference("product")
        return cls(
            id=row.identity(),
            product_id=product.identity(),
            product_identifier=product.text("identifier"),
            quantity=row.amount("quantity"),
            less_included=row.amount("lessIncluded"),
            unit_price=row.amount("unitPrice"),
            unit_cost=row.amount("unitCost"),
            bill_customer=row.text("billCustomer"),
            effective=row.day("effectiveDate"),
            cancelled=row.day("cancelledDate"),
            description=row.text("description"),
            agreement_id=row.number_of("agreementId"),
        )


@dataclass(frozen=True, slots=True)
class Product:
    """`/procurement/catalog`. `identifier` is our part number; `product_class` Bundle cannot be an addition."""

    id: int
    identifier: str
    description: str
    price: Decimal
    cost: Decimal
    inactive: bool
    product_class: str
    type_id: int | None
    subcategory_id: int | None

    @classmethod
    def from_json(cls, data: object) -> Product:
        """From the API's JSON."""
        row = Fields(data, "catalog item")
        return cls(
            id=row.identity(),
            identifier=row.text("identifier"),
            description=row.text("description"),
            price=row.amount("price"),
            cost=row.amount("cost"),
            inactive=row.flag("inactiveFlag"),
            product_class=row.text("productClass"),
            type_id=row.reference_to("type"),
            subcategory_id=row.reference_to("subcategory"),
        )


@dataclass(frozen=True, slots=True)
class Document:
    """`/system/documents`. `size` in bytes, None where ConnectWise does not tell."""

    id: int
    title: str
    file_name: str
    size: int | None

    @classmethod
    def from_json(cls, data: object) -> Document:
        """From the API's JSON."""
        row = Fields(data, "document")
        return cls(id=row.identity(), title=row.text("title"), file_name=row.text("fileName"), size=row.count("size"))
