"""ConnectWise's records as rows of the directory."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from enum import StrEnum
from typing import Any

from cwportal.connectwise.errors import Malformed
from cwportal.connectwise.reader import Reader
from cwportal.connectwise.records import Agreement, BillingCycle, Company, CompanyStatus, NamedItem

_Read = Callable[[dict[int, Malformed]], Iterable[NamedItem | BillingCycle | CompanyStatus]]


class Table(StrEnum):
    """The small tables that are kept."""

    COMPANY_STATUS = "company_status"
    AGREEMENT_TYPE = "agreement_type"
    BILLING_CYCLE = "billing_cycle"
    PRODUCT_TYPE = "product_type"
    PRODUCT_CATEGORY = "product_category"
    PRODUCT_SUBCATEGORY = "product_subcategory"


def tables(read: Reader) -> Iterator[tuple[Table, _Read]]:
    """How each is read. A role that may not see one of them still sees companies and agreements: rights block no more than needed."""
    yield Table.COMPANY_STATUS, read.company_statuses
    yield Table.AGREEMENT_TYPE, read.agreement_types
    yield Table.BILLING_CYCLE, read.billing_cycles
    yield Table.PRODUCT_TYPE, read.product_types
    yield Table.PRODUCT_CATEGORY, read.categories
    yield Table.PRODUCT_SUBCATEGORY, read.subcategories


def company(record: Company) -> dict[str, Any]:
    """Columns of DirectoryCompany."""
    name, identifier = storable(record.name), storable(record.identifier)
    return {
        "cw_company_id": record.id,
        "identifier": identifier,
        "name": name,
        "search": searchable(f"{name}\n{identifier}"),
        "deleted": record.deleted,
        "cw_status_id": record.status_id,
        "cw_contact_id": record.default_contact_id,
    }


def agreement(record: Agreement) -> dict[str, Any]:
    """Columns of DirectoryAgreement."""
    return {
        "cw_agreement_id": record.id,
        "name": storable(record.name),
        "cw_company_id": record.company_id,
        "cw_type_id": record.type_id,
        "cw_cycle_id": record.billing_cycle_id,
        "cw_parent_id": record.parent_id,
        "cancelled": record.cancelled,
        "status": None if record.status is None else storable(record.status),
        "starts_on": record.start,
        "ends_on": None if record.no_ending else record.end,
        "bills_from": record.bill_start,
        "currency": record.currency,
    }


def entry(table: Table, item: NamedItem | BillingCycle | CompanyStatus) -> dict[str, Any]:
    """Columns of DirectoryEntry."""
    return {
        "kind": table,
        "cw_id": item.id,
        "name": storable(item.name),
        "inactive": not isinstance(item, BillingCycle) and item.inactive,
        "preset": isinstance(item, NamedItem) and item.default,
        "cw_parent_id": item.category_id if isinstance(item, NamedItem) else None,
        "billing_options": storable(item.billing_options) or None if isinstance(item, BillingCycle) else None,
    }


def storable(text: str) -> str:
    """Text that every database takes: no NUL, no half of a surrogate pair. ConnectWise's JSON may hold both."""
    return text.replace("\x00", "").encode("utf-8", "replace").decode()


def searchable(text: str) -> str:
    """Text in the form of `DirectoryCompany.search`: without case, in every script."""
    return text.casefold()
