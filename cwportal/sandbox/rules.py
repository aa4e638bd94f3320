"""What is special about each kind: values filled in by the server, and checks that need more than one field."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from .fields import Reading, Row, words
from .problems import Problem
from .store import Record, Tenant

_IDENTIFIER = re.compile(r"[\w &.-]+$")


@dataclass(slots=True)
class Draft:
    """A row on its way to the store. `named` are the fields that the request spoke of, `old` the record it changes."""

    tenant: Tenant
    row: Row
    reading: Reading
    old: Record | None = None
    put: bool = False
    parent: Record | None = None
    named: frozenset[str] = frozenset()

    @property
    def fresh(self) -> bool:
        """Whether absent fields get their defaults: on POST and PUT, not on PATCH."""
        return self.old is None or self.put

    def default(self, name: str, value: Any) -> None:
        """Fill a field that is not set."""
        if self.row.get(name) is None and value is not None:
            self.row[name] = value

    def linked(self, kind: str, name: str) -> Mapping[str, Any]:
        """The row that a reference field points to."""
        return linked(self.tenant, kind, self.row, name)

    def flaw(self, code: str, message: str, name: str) -> None:
        """Note a flaw."""
        self.reading.flaw(code, message, name)


def complete(kind: str, draft: Draft) -> None:
    """Fill in what the server defaults on POST and PUT, and on PATCH what follows from a changed field."""
    filler = _FILLERS.get(kind)
    if filler is not None:
        filler(draft)


def check(kind: str, draft: Draft) -> None:
    """Note the flaws of a complete row; raises where the answer is not InvalidObject."""
    checker = _CHECKERS.get(kind)
    if checker is not None:
        checker(draft)


def linked(tenant: Tenant, kind: str, row: Row, name: str) -> Mapping[str, Any]:
    """The row that a reference field points to; empty if unset."""
    reference = row.get(name)
    record = tenant.tables[kind].rows.get(reference["id"]) if reference else None
    return record.row if record else {}


def default_of(tenant: Tenant, kind: str) -> Row | None:
    """Reference to the record that is marked as default, else to the first one."""
    rows = tenant.tables[kind].ordered()
    chosen = next((record for record in rows if record.row.get("defaultFlag")), rows[0] if rows else None)
    return {"id": chosen.id} if chosen else None


def _fill_company(draft: Draft) -> None:
    if not draft.fresh:
        if draft.old is not None and "types" in draft.old.row:
            draft.row["types"] = draft.old.row[
                "types"
            ]  # changed through type associations only (contract.md section 8)
        return
    draft.default("status", default_of(draft.tenant, "companyStatus"))
    draft.default("currency", default_of(draft.tenant, "currency"))
    draft.default("site", {"name": "Main"})


def _check_company(draft: Draft) -> None:
    row = draft.row
    if not _IDENTIFIER.match(row["identifier"]):
        draft.flaw(
            "InvalidField", "The field identifier may hold letters, digits, spaces and - _ . & only.", "identifier"
        )
    state = str(row.get("state", "")).casefold()
    states = draft.tenant.tables["state"].rows.values()
    if state and all(state not in (s.row["identifier"].casefold(), s.row["name"].casefold()) for s in states):
        draft.flaw("NotFound", f"State {row['state']} not found", "state")
    parts = ("addressLine1", "addressLine2", "city", "state", "zip", "country")
    if draft.tenant.variant.address_required and draft.old is None and not any(row.get(part) for part in parts):
        text = "At least one of addressLine1, addressLine2, city, state, zip, country is required."
        draft.flaw("MissingRequiredField", text, "addressLine1")


def _check_contact(draft: Draft) -> None:
    forgiven = draft.row.pop("ignoreDuplicates", False)
    if draft.old is not None or forgiven:
        return
    same = ("firstName", "lastName", "company")
    for record in draft.tenant.tables["contact"].rows.values():
        if all(record.row.get(name) == draft.row.get(name) for name in same):
            text = "A duplicate contact was found. Set ignoreDuplicates to save it."
            raise Problem(400, {"code": "ContactApi", "message": text, "errors": None})


def communication_items(tenant: Tenant, reading: Reading, sent: list[dict[str, Any]]) -> list[Row]:
    """Stored form of a contact's communicationItems: each has a known type and a value."""
    kept = []
    for index, item in enumerate(sent, 1):
        reference = item.get("type")
        number = reference.get("id") if isinstance(reference, dict) else None
        known = tenant.tables["communicationType"].rows
        if not isinstance(number, int) or number not in known:
            reading.flaw("NotFound", f"type {number} not found for communicationItems.", "communicationItems/type/id")
            continue
        if not isinstance(item.get("value"), str) or not item["value"]:
            reading.flaw("MissingRequiredField", "The value field is required.", "communicationItems/value")
            continue
        flags = known[number].row
        sort = "Email" if flags.get("emailFlag") else "Fax" if flags.get("faxFlag") else "Phone"
        kept.append(
            {
                "id": item.get("id") or index,
                "type": {"id": number},
                "value": item["value"],
                "defaultFlag": item.get("defaultFlag") is True,
                "communicationType": sort,
            }
        )
    return kept


_FROM_TYPE = words("""
billingCycle billingTerms employeeCompRate employeeCompNotExceed invoicingCycle billTime billExpenses
billProducts applicationUnits applicationCycle prorateFlag location department
""")


def _fill_agreement(draft: Draft) -> None:
    if not draft.fresh:
        return
    tenant = draft.tenant
    kind = draft.linked("agreementType", "type")
    for name in _FROM_TYPE:
        draft.default(name, kind.get(name))
    for name in ("billTime", "billExpenses", "billProducts"):
        draft.default(name, "Billable")
    draft.default("employeeCompRate", "Hourly")
    draft.default("employeeCompNotExceed", "Billing")
    draft.default("invoicingCycle", "CalendarYear")
    draft.default("billingCycle", default_of(tenant, "billingCycle"))
    draft.default("billingTerms", default_of(tenant, "billingTerm"))
    draft.default("startDate", tenant.now().strftime("%Y-%m-%dT00:00:00Z"))
    draft.default("billStartDate", draft.row["startDate"])
    draft.default("currency", draft.linked("company", "company").get("currency") or default_of(tenant, "currency"))
    draft.default("location", default_of(tenant, "location"))
    draft.default("department", default_of(tenant, "department"))


def _check_agreement(draft: Draft) -> None:
    row, variant = draft.row, draft.tenant.variant
    if variant.contact_required and not variant.old_limits and row.get("contact") is None:
        draft.flaw("MissingRequiredField", "The contact/id field is required.", "contact/id")
    if row.get("endDate", "9999") < row.get("startDate", ""):
        draft.flaw("OutOfRange", "The field endDate must not be before startDate.", "endDate")


_FROM_PRODUCT = (
    ("unitPrice", "price"),
    ("unitCost", "cost"),
    ("description", "description"),
    ("invoiceDescription", "customerDescription"),
    ("taxableFlag", "taxableFlag"),
)


def addition_start(agreement: Row) -> str:
    """Earliest effectiveDate of an addition: the later of the agreement's startDate and billStartDate."""
    return max(agreement.get("startDate") or "", agreement.get("billStartDate") or "")


def _fill_addition(draft: Draft) -> None:
    row, old = draft.row, draft.old
    product = draft.linked("catalog", "product")
    repointed = old is not None and not draft.put and old.row.get("product") != row.get("product")
    for name, source in _FROM_PRODUCT:
        if repointed and name not in draft.named:
            row.pop(name, None)  # not sent along: taken from the new product (contract.md section 8)
        if draft.fresh or repointed:
            draft.default(name, product.get(source))
    if draft.fresh:
        for name, value in (("quantity", 1), ("lessIncluded", 0), ("unitPrice", 0), ("unitCost", 0)):
            draft.default(name, Decimal(value))
        today = draft.tenant.now().strftime("%Y-%m-%dT00:00:00Z")
        start = addition_start(draft.parent.row) if draft.parent else ""
        draft.default("effectiveDate", max(today, start))


def _check_addition(draft: Draft) -> None:
    row, old = draft.row, draft.old
    if draft.linked("catalog", "product").get("productClass") == "Bundle":
        draft.flaw("InvalidField", "A product of class Bundle cannot be an addition.", "product/id")
    effective = row.get("effectiveDate", "")
    moved = old is None or old.row.get("effectiveDate") != effective
    if moved and draft.parent is not None and effective < addition_start(draft.parent.row):
        text = "The field effectiveDate must not be before the agreement's start date and billing start date."
        draft.flaw("OutOfRange", text, "effectiveDate")
    if row.get("cancelledDate", "9999") < effective:
        draft.flaw("OutOfRange", "The field cancelledDate must not be before effectiveDate.", "cancelledDate")


def _fill_catalog(draft: Draft) -> None:
    category = draft.linked("subcategory", "subcategory").get("category")
    if category is not None:
        draft.row["category"] = category
    if draft.fresh:
        draft.default("price", Decimal(0))
        draft.default("cost", Decimal(0))
        draft.default("unitOfMeasure", default_of(draft.tenant, "uom"))


def _check_catalog(draft: Draft) -> None:
    row = draft.row
    if not row.get("recurringFlag"):
        return
    if row.get("recurringOneTimeFlag") is None:
        draft.flaw("MissingRequiredField", "The recurringOneTimeFlag field is required.", "recurringOneTimeFlag")
    if row.get("recurringBillCycle") is None and not row.get("recurringOneTimeFlag"):
        draft.flaw("MissingRequiredField", "The recurringBillCycle/id field is required.", "recurringBillCycle/id")


_FILLERS: dict[str, Callable[[Draft], None]] = {
    "company": _fill_company,
    "agreement": _fill_agreement,
    "addition": _fill_addition,
    "catalog": _fill_catalog,
}
_CHECKERS: dict[str, Callable[[Draft], None]] = {
    "company": _check_company,
    "contact": _check_contact,
    "agreement": _check_agreement,
    "addition": _check_addition,
    "catalog": _check_catalog,
}
