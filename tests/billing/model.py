"""A ConnectWise of a few lines, with our ledger beside it: applies plans the way the apply step promises to.

It keeps rows per agreement, rounds what it is told to `decimals` places if that is set, and can lose any write: refused, done without
an answer, or the process dying before or after it. What is unknown is looked up afterwards, as rule 12 asks.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from datetime import date
from decimal import ROUND_HALF_UP, Decimal
from enum import Enum
from typing import Any

from cwportal.billing.account import plan_account
from cwportal.billing.order import may_apply
from cwportal.billing.products import plan_products
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
    GroupKey,
    LedgerLine,
    LedgerProduct,
    Row,
    Sku,
    Values,
)
from cwportal.vocabulary import AccountStatus, Action

ZERO = Decimal(0)
ROW = {"quantity": "quantity", "unitPrice": "unit_price", "unitCost": "unit_cost", "cancelledDate": "cancelled"}


class Fate(Enum):
    """What becomes of one write."""

    DONE = "done"
    REFUSED = "refused"
    LOST_DONE = "done, no answer"
    LOST_NOT_DONE = "not done, no answer"
    DIES_BEFORE = "the process dies before it"
    DIES_AFTER = "the process dies after it"


class Died(Exception):
    """The exporting process is gone; ConnectWise and the ledger are as they are."""


@dataclass
class World:
    """`agreements`: account -> agreement. Row ids are unique over all agreements. `bills`: what the last
    export's account billed at first and after each write."""

    today: date
    settings: ExportSettings
    skus: dict[str, Sku]
    decimals: int | None = None
    agreements: dict[str, int] = field(default_factory=lambda: {"A": 70, "B": 71})
    rows: dict[int, dict[int, Row]] = field(default_factory=lambda: {70: {}, 71: {}})
    products: dict[int, CatalogEntry] = field(default_factory=dict)
    ledger: dict[int, LedgerLine] = field(default_factory=dict)
    ledger_products: dict[str, LedgerProduct] = field(default_factory=dict)
    decisions: dict[str, dict[int, Decision]] = field(default_factory=dict)
    next_id: int = 1000
    bills: list[Decimal] = field(default_factory=list)

    # --- reading ------------------------------------------------------------------------------------------------------
    def context(self) -> Context:
        hits = {
            part: tuple(one for one in self.products.values() if one.identifier.casefold() == part.casefold())
            for part in self.skus
        }
        return Context(
            "t", self.today, "USD", self.settings, Catalog(self.skus, hits, self.products, self.ledger_products)
        )

    def account(self, name: str, charges: AccountCharges) -> AccountInput:
        agreement = self.agreements[name]
        lines = [one for one in self.ledger.values() if one.account_id == name]
        return AccountInput(
            account_id=name,
            name=name,
            status=AccountStatus.CLOSED,  # vanished charges are a matter of their own test
            export=True,
            charges=charges,
            company_id=7,
            agreement_id=agreement,
            company=CompanyFacts(7, "Company"),
            agreement=AgreementFacts(agreement, "Agreement", 7, currency="USD"),
            rows=tuple(self.rows[agreement].values()),
            lines=tuple(one for one in lines if one.agreement_id == agreement),
            stray_lines=tuple(one for one in lines if one.agreement_id != agreement),
            other_lines=tuple(
                one for one in self.ledger.values() if one.account_id != name and one.agreement_id == agreement
            ),
            decisions=self.decisions.get(name, {}),
            exported_before=bool(lines),
        )

    def plan(self, name: str, charges: AccountCharges) -> AccountPlan:
        return plan_account(self.account(name, charges), self.context())

    def bill(self, name: str) -> Decimal:
        """What the account's lines bill on the agreement it is mapped to."""
        return sum((row.quantity * row.unit_price for _, row in self.live(name)), ZERO)

    def live(self, name: str) -> list[tuple[LedgerLine, Row]]:
        """The account's ledger rows there whose addition is live, with the product it had."""
        found, agreement = [], self.agreements[name]
        for line in self.ledger.values():
            row = self.rows[agreement].get(line.addition_id)
            ours = line.account_id == name and line.agreement_id == agreement
            if ours and row and row.product_id == line.product_id and row.cancelled is None:
                found.append((line, row))
        return found

    # --- writing ------------------------------------------------------------------------------------------------------
    def export(self, name: str, charges: AccountCharges, fate: Callable[[], Fate] = lambda: Fate.DONE) -> AccountPlan:
        """Plan and apply. Raises Died where the process dies; writes without an answer are looked up at the end."""
        plan = self.plan(name, charges)
        if plan.state.value not in ("ready", "empty"):
            return plan
        for change in plan_products(plan.products, self.context()):
            self._write_product(change)
        self._ledger_only(plan)
        self._apply(plan, fate)
        return plan

    def _apply(self, plan: AccountPlan, fate: Callable[[], Fate]) -> None:
        worst, lowering_lost = plan.money.price_before, False
        unknown: list[tuple[Change, Row | None]] = []
        at_first = self.total(plan.agreement_id or 0)
        self.bills = [plan.money.price_before]
        try:
            for change in plan.changes:
                before, desired = plan.money.price_before, plan.money.price_after
                lowers = change.price_delta is None or change.price_delta < 0
                if not may_apply(
                    change, before=before, desired=desired, worst_case_now=worst, lowering_lost=lowering_lost
                ):
                    lowering_lost |= lowers
                    continue
                met = fate() if change.after else Fate.DONE
                if met is Fate.DIES_BEFORE:
                    raise Died
                if met is Fate.REFUSED:
                    lowering_lost |= lowers
                    continue
                echo = None if met is Fate.LOST_NOT_DONE else self._send(plan.agreement_id or 0, change)
                self.bills.append(plan.money.price_before + self.total(plan.agreement_id or 0) - at_first)
                if met in (Fate.LOST_DONE, Fate.LOST_NOT_DONE, Fate.DIES_AFTER):
                    unknown.append((change, echo))
                    lowering_lost |= lowers
                    worst += max(change.price_delta or ZERO, ZERO)
                    if met is Fate.DIES_AFTER:
                        raise Died
                    continue
                assert echo is not None
                worst += change.price_delta or ZERO
                self._record(plan, change, echo)
        finally:
            for change, echo in unknown:
                if echo is not None:
                    self._record(plan, change, self.rows[plan.agreement_id or 0][echo.id])

    def total(self, agreement: int) -> Decimal:
        """What all live rows of an agreement bill, whoever owns them."""
        rows = self.rows[agreement].values()
        return sum((row.quantity * row.unit_price for row in rows if row.cancelled is None), ZERO)

    def _send(self, agreement: int, change: Change) -> Row:
        values = {ROW[name]: self.kept(name, value) for name, value in change.after.items() if name in ROW}
        if change.action is Action.CREATE:
            product = change.product_id or next(
                p.id for p in self.products.values() if p.identifier == change.part_number
            )
            entry = self.products[product]
            new = Row(self.next_id, product, ZERO, entry.price, entry.cost, effective=change.after["effectiveDate"])
            self.next_id += 1
        else:
            new = self.rows[agreement][change.addition_id or 0]
        new = replace(new, **values)
        self.rows[agreement][new.id] = new
        return new

    def kept(self, name: str, value: Any) -> Any:
        """The value as this ConnectWise keeps it."""
        if self.decimals is None or name not in ("unitPrice", "unitCost"):
            return value
        return value.quantize(Decimal(1).scaleb(-self.decimals), ROUND_HALF_UP)

    def _write_product(self, change: Change) -> None:
        cost = change.after.get("cost", ZERO)
        if change.action is Action.CREATE:
            self.next_id += 1
            self.products[self.next_id] = CatalogEntry(self.next_id, change.part_number, cost=cost)
            self.ledger_products[change.part_number] = LedgerProduct(
                change.part_number, self.next_id, True, False, cost, cost
            )
        else:
            product = self.products[change.product_id or 0]
            self.products[product.id] = replace(product, cost=cost)
            known = self.ledger_products[change.part_number]
            self.ledger_products[change.part_number] = replace(known, sent_cost=cost, echoed_cost=cost)

    # --- the ledger ---------------------------------------------------------------------------------------------------
    def _ledger_only(self, plan: AccountPlan) -> None:
        for rekey in plan.rekeys:
            self.ledger[rekey.addition_id] = replace(self.ledger[rekey.addition_id], key=rekey.key)
        for one in plan.taken_over:
            self.ledger[one] = replace(self.ledger[one], account_id=plan.account_id)
        for one in plan.closed:
            del self.ledger[one]

    def _record(self, plan: AccountPlan, change: Change, echo: Row) -> None:
        sent = {ROW[name]: value for name, value in change.after.items() if name in ROW}
        line = self.ledger.get(echo.id)
        got = {name: getattr(echo, name) for name in ROW.values()}
        if change.key is None or (line is not None and change.action in (Action.UPDATE, Action.END)):
            if line is None:
                return
            changed = replace(
                line,
                key=change.key or line.key,
                sent=replace(line.sent, **sent),
                echoed=replace(line.echoed, **{name: got[name] for name in sent}),
            )
            self.ledger[echo.id] = changed
            return
        key: GroupKey = change.key
        self.ledger[echo.id] = LedgerLine(
            echo.id,
            echo.product_id,
            change.part_number,
            plan.account_id,
            plan.agreement_id or 0,
            key,
            Values(**sent),
            Values(**got),
        )


def scripted(fates: Iterable[Fate]) -> Callable[[], Fate]:
    """One fate after the other, then everything is done."""
    several = iter(fates)
    return lambda: next(several, Fate.DONE)


def desired_bill(charges: AccountCharges, decimals: int | None) -> Decimal:
    """What the groups come to, at prices as ConnectWise keeps them."""
    total = ZERO
    for group in charges.groups:
        price = group.key.unit_price or ZERO
        if decimals is not None:
            price = price.quantize(Decimal(1).scaleb(-decimals), ROUND_HALF_UP)
        total += group.quantity * price
    return total
