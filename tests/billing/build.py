"""Short ways to write down a case. Numbers may be given as text or int; they become Decimal."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date
from decimal import Decimal
from typing import Any

from cwportal.billing.account import plan_account
from cwportal.billing.charges import group_charges, twins
from cwportal.billing.values import (
    AccountCharges,
    AccountInput,
    AccountPlan,
    AgreementFacts,
    Catalog,
    CatalogEntry,
    Change,
    CompanyFacts,
    Context,
    Decision,
    ExportSettings,
    Finding,
    Group,
    GroupKey,
    LedgerLine,
    LedgerProduct,
    Row,
    Sku,
    Values,
)
from cwportal.portal import Charge
from cwportal.vocabulary import AccountStatus, Answer, Data

TODAY = date(2026, 11, 23)
ALL = frozenset({Data.PRODUCTS, Data.QUANTITY, Data.COST, Data.PRICE})
MAIL, DISK = 501, 502
"""Product ids of the SKUs `mail` and `disk`."""

Number = str | int | Decimal


def d(value: Number) -> Decimal:
    return Decimal(value)


def opt(value: Number | None) -> Decimal | None:
    return None if value is None else Decimal(value)


def charge(sku: str = "mail", quantity: Number = 1, price: Number | None = 5, cost: Number = 3) -> Charge:
    return Charge(sku, d(quantity), d(cost), opt(price))


def key(price: Number | None = 5, cost: Number | None = 3) -> GroupKey:
    return GroupKey(opt(price), opt(cost))


def group(quantity: Number = 1, price: Number | None = 5, cost: Number = 3, part: str = "mail") -> Group:
    return Group(part, key(price, cost), d(quantity))


def row(
    id: int,  # noqa: A002
    quantity: Number = 1,
    price: Number = 5,
    cost: Number = 3,
    *,
    product: int = MAIL,
    cancelled: date | None = None,
    effective: date | None = date(2026, 1, 1),
    less: Number = 0,
    bill: str = "Billable",
) -> Row:
    return Row(id, product, d(quantity), d(price), d(cost), d(less), effective, cancelled, "Mailbox", bill)


def line(
    id: int,  # noqa: A002
    quantity: Number | None = 1,
    price: Number | None = 5,
    cost: Number | None = 3,
    *,
    product: int = MAIL,
    part: str = "mail",
    account: str = "A",
    agreement: int = 70,
    at: GroupKey | None = None,
    sent: Values | None = None,
    echoed: Values | None = None,
    cancelled: date | None = None,
    intended: tuple[Values, ...] = (),
) -> LedgerLine:
    """A ledger row that sent and got back the same values; `at` is its group key if that is another."""
    values = Values(opt(quantity), opt(price), opt(cost), cancelled)
    return LedgerLine(
        id, product, part, account, agreement, at or key(price, cost), sent or values, echoed or values, intended
    )


SKUS = {sku.part_number: sku for sku in (Sku("mail", "Mailbox", d(3)), Sku("disk", "Disk space", d(1)))}


def entry(id: int = MAIL, identifier: str = "mail", **more: Any) -> CatalogEntry:  # noqa: A002
    return CatalogEntry(id, identifier, **more)


def catalog(
    hits: Mapping[str, tuple[CatalogEntry, ...]] | None = None,
    *,
    by_id: Iterable[CatalogEntry] = (),
    ledger: Iterable[LedgerProduct] = (),
    skus: Mapping[str, Sku] | None = None,
) -> Catalog:
    return Catalog(
        skus=SKUS if skus is None else skus,
        hits={"mail": (entry(),), "disk": (entry(DISK, "disk"),)} if hits is None else hits,
        by_id={one.id: one for one in by_id},
        ledger={one.part_number: one for one in ledger},
    )


def context(
    data: Iterable[Data] = ALL,
    *,
    today: date = TODAY,
    products: Catalog | None = None,
    rights: Any = None,
    **chosen: Any,
) -> Context:
    return Context(
        tenant="na.example/acme",
        today=today,
        currency="USD",
        settings=ExportSettings(frozenset(data), **chosen),
        catalog=products or catalog(),
        missing_rights=rights or {},
    )


def agreement(**more: Any) -> AgreementFacts:
    return AgreementFacts(**{"id": 70, "name": "Cloud", "company_id": 7, "currency": "USD", **more})


def account(
    groups: Iterable[Group] = (),
    rows: Iterable[Row] = (),
    lines: Iterable[LedgerLine] = (),
    *,
    blocked: Iterable[str] = (),
    decisions: Mapping[int, Decision | Answer] | None = None,
    **more: Any,
) -> AccountInput:
    """Account A, mapped to agreement 70 of company 7, exported before."""
    answers = {id_: one if isinstance(one, Decision) else Decision(one) for id_, one in (decisions or {}).items()}
    values: dict[str, Any] = {
        "account_id": "A",
        "name": "Alpha",
        "status": AccountStatus.ACTIVE,
        "export": True,
        "charges": AccountCharges("A", tuple(groups), frozenset(blocked), ()),
        "company_id": 7,
        "agreement_id": 70,
        "company": CompanyFacts(7, "Alpha Ltd"),
        "agreement": agreement(),
        "rows": tuple(rows),
        "lines": tuple(lines),
        "decisions": answers,
        "exported_before": True,
    }
    return AccountInput(**{**values, **more})


def plan(*args: Any, using: Context | None = None, **more: Any) -> AccountPlan:
    return plan_account(account(*args, **more), using or context())


def grouped(
    charges: Iterable[Charge], data: Iterable[Data] = ALL, *, skus: Iterable[str] | None = None
) -> AccountCharges:
    charges = list(charges)
    known = set(SKUS) | {one.sku.strip() for one in charges} if skus is None else set(skus)
    return group_charges(
        "A",
        charges,
        skus={part: Sku(part, part) for part in known},
        twins=twins(known),
        settings=ExportSettings(frozenset(data)),
    )


def writes(value: AccountPlan) -> list[tuple[Any, ...]]:
    """The changes in few words: (action, addition id, after)."""
    return [(change.action.value, change.addition_id, plain(change.after)) for change in value.changes]


def plain(values: Mapping[str, Any]) -> dict[str, Any]:
    """Decimals as text without trailing zeros, so that cases read well."""
    return {name: f"{one.normalize():f}" if isinstance(one, Decimal) else one for name, one in values.items()}


def codes(findings: Iterable[Finding] | AccountPlan) -> list[str]:
    several = findings.findings if isinstance(findings, AccountPlan) else findings
    return sorted(one.code for one in several)


def only(changes: Iterable[Change]) -> Change:
    (change,) = changes
    return change
