"""How long the core takes to plan a large partner: 1,500 accounts with 25 additions each (`python -m benchmarks.plan`)."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import date
from decimal import Decimal

from cwportal.billing.account import plan_account
from cwportal.billing.charges import group_charges, twins
from cwportal.billing.limits import limit_account, limit_partner
from cwportal.billing.values import (
    AccountInput,
    AccountPlan,
    AgreementFacts,
    Catalog,
    CatalogEntry,
    CompanyFacts,
    Context,
    ExportSettings,
    GroupKey,
    LedgerLine,
    Row,
    Sku,
    Values,
)
from cwportal.portal import Charge
from cwportal.vocabulary import AccountStatus

ACCOUNTS, LINES = 1_500, 25
SETTINGS = ExportSettings()
SKUS = {f"SKU-{n:03}": Sku(f"SKU-{n:03}", f"Product {n}", Decimal("3.25")) for n in range(LINES)}
CONTEXT = Context(
    tenant="na.example/acme",
    today=date(2026, 11, 23),
    currency="USD",
    settings=SETTINGS,
    catalog=Catalog(
        SKUS, {sku: (CatalogEntry(number, sku),) for number, sku in enumerate(SKUS, 100)}, by_id={}, ledger={}
    ),
)


@dataclass(frozen=True)
class Case:
    """One account's charges and what ConnectWise has of them."""

    account_id: str
    charges: tuple[Charge, ...]
    rows: tuple[Row, ...] = ()
    lines: tuple[LedgerLine, ...] = ()


def first_export() -> list[Case]:
    """Charges everywhere, nothing in ConnectWise. Two charges make one addition, as in real portal data."""
    return [
        Case(
            f"account-{account}",
            tuple(
                Charge(sku, Decimal(account % 7 + part + 1), Decimal("3.25"), Decimal("5.50"))
                for sku in SKUS
                for part in (0, 1)
            ),
        )
        for account in range(ACCOUNTS)
    ]


def no_change() -> list[Case]:
    """Everything is there already."""
    return [_with_rows(number, case) for number, case in enumerate(first_export())]


def one_percent() -> list[Case]:
    """One addition in a hundred has another quantity."""
    cases, count = [], 0
    for case in no_change():
        charges = []
        for charge in case.charges:
            count += 1
            charges.append(replace(charge, quantity=charge.quantity + 1) if count % 200 == 0 else charge)
        cases.append(replace(case, charges=tuple(charges)))
    return cases


def _with_rows(number: int, case: Case) -> Case:
    rows, lines = [], []
    for place, (sku, product) in enumerate(zip(SKUS, range(100, 100 + LINES), strict=True)):
        quantity = sum((charge.quantity for charge in case.charges if charge.sku == sku), Decimal(0))
        values = Values(quantity, Decimal("5.50"), Decimal("3.25"))
        id_ = number * LINES + place + 1
        rows.append(Row(id_, product, quantity, Decimal("5.50"), Decimal("3.25")))
        key = GroupKey(Decimal("5.50"), Decimal("3.25"))
        lines.append(LedgerLine(id_, product, sku, case.account_id, number + 1, key, values, values))
    return replace(case, rows=tuple(rows), lines=tuple(lines))


def plan_all(cases: list[Case]) -> list[AccountPlan]:
    """Group, plan and limit every account, as an export does."""
    alike, plans = twins(SKUS), []
    for number, case in enumerate(cases, 1):
        value = AccountInput(
            account_id=case.account_id,
            name=case.account_id,
            status=AccountStatus.ACTIVE,
            export=True,
            charges=group_charges(case.account_id, case.charges, skus=SKUS, twins=alike, settings=SETTINGS),
            company_id=number,
            agreement_id=number,
            company=CompanyFacts(number, case.account_id),
            agreement=AgreementFacts(number, "Cloud", number, currency="USD"),
            rows=case.rows,
            lines=case.lines,
            exported_before=bool(case.lines),
        )
        plan = plan_account(value, CONTEXT)
        limit_account(plan, SETTINGS.limits)
        plans.append(plan)
    limit_partner(plans, SETTINGS.limits)
    return plans


CASES: dict[str, Callable[[], list[Case]]] = {
    "first export": first_export,
    "no change": no_change,
    "1 % changed": one_percent,
}


def main() -> None:
    """Print the table."""
    print(f"Plan of {ACCOUNTS:,} accounts x {LINES} additions, charges grouped and limits checked; best of 3")
    print(f"{'case':<14}{'seconds':>9}{'per account':>14}{'changes':>10}{'unchanged':>11}")
    for name, make in CASES.items():
        cases = make()
        best, plans = float("inf"), list[AccountPlan]()
        for _ in range(3):
            start = time.perf_counter()
            plans = plan_all(cases)
            best = min(best, time.perf_counter() - start)
        changes, unchanged = sum(len(plan.changes) for plan in plans), sum(plan.unchanged for plan in plans)
        print(f"{name:<14}{best:>9.2f}{best / ACCOUNTS * 1000:>11.2f} ms{changes:>10,}{unchanged:>11,}")


if __name__ == "__main__":
    main()
