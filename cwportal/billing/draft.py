"""What is being put together for one account or one product: changes with their money, findings, counts."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from typing import Any

from cwportal.billing import money
from cwportal.billing.fields import WORDS, written
from cwportal.billing.lines import Ours
from cwportal.billing.values import Change, Finding, Group, GroupKey, LedgerLine, Money, Rekey, Row
from cwportal.vocabulary import Action, Kind


@dataclass(slots=True)
class Draft:
    """Mutable while planning. `blocked`: of all this only the findings count, and the lines stay as they are."""

    changes: list[Change] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)
    rekeys: list[Rekey] = field(default_factory=list)
    over: list[int] = field(default_factory=list)
    products: list[str] = field(default_factory=list)
    money: Money = field(default_factory=Money)
    unchanged: int = 0
    live: int = 0
    ended: int = 0
    blocked: bool = False

    def add(self, other: Draft) -> None:
        """Take in what was planned for one product."""
        self.changes += other.changes
        self.findings += other.findings
        self.rekeys += other.rekeys
        self.over += other.over
        self.products += other.products
        self.money += other.money
        self.unchanged += other.unchanged
        self.live += other.live
        self.ended += other.ended

    def block(self, finding: Finding) -> None:
        """Nothing of this product is written; the finding says why."""
        self.findings.append(finding)
        self.blocked = True

    def untouched(self, ours: Ours) -> None:
        """A line of ours that stays as it is, without a judgement whether that is right."""
        self.live += ours.row.quantity != 0
        self.money += money.unchanged(ours.row)

    def covered(self, ours: Ours) -> None:
        """A line of ours that ends soon and bills a group until then: neither live nor to be written."""
        self.unchanged += 1
        self.money += money.unchanged(ours.row)

    def right(self, ours: Ours, group: Group) -> None:
        """A line of ours that needs no write; it may stand for another key from now on."""
        self.untouched(ours)
        self.unchanged += 1
        if ours.line.key != group.key:
            self.rekeys.append(Rekey(ours.line.addition_id, group.key))

    def update(self, ours: Ours, group: Group, before: dict[str, Any], after: dict[str, Any], reason: str) -> None:
        """A line of ours gets other values."""
        new = written(ours.row, after)
        self.live += ours.row.quantity != 0
        self._write(Action.UPDATE, group.part_number, reason, before, after, old=ours.row, new=new, key=group.key)

    def adopt(self, row: Row, group: Group, before: dict[str, Any], after: dict[str, Any]) -> None:
        """An existing line becomes ours, as it is or with other values."""
        reason = "This existing line is used" + (f", with the portal's {_words(after)}" if after else " as it is")
        self._write(
            Action.ADOPT, group.part_number, reason, before, after, old=row, new=written(row, after), key=group.key
        )

    def end(
        self,
        row: Row,
        part_number: str,
        before: dict[str, Any],
        after: dict[str, Any],
        reason: str,
        key: GroupKey | None,
    ) -> None:
        """A line stops billing: quantity 0, or a last day. `key` is None where the line is not ours."""
        self._write(Action.END, part_number, reason, before, after, old=row, new=None, key=key)

    def end_line(self, line: LedgerLine, row: Row, before: dict[str, Any], after: dict[str, Any], reason: str) -> None:
        """A line of ours ends because its charges are gone."""
        self.live += 1
        self.ended += 1
        self.end(row, line.part_number, before, after, reason, line.key)

    def create(
        self, group: Group, product_id: int | None, after: dict[str, Any], *, price: Decimal, cost: Decimal, known: bool
    ) -> None:
        """A new line; `price` and `cost` are what it will bill by, `known` whether the price is ours."""
        quantity: Decimal = after["quantity"]
        delta = quantity * price
        self.money += Money(price_after=delta, cost_after=quantity * cost)
        self.changes.append(
            Change(
                kind=Kind.ADDITION,
                action=Action.CREATE,
                part_number=group.part_number,
                reason="No line bills this price and cost yet",
                before={},
                after=after,
                product_id=product_id,
                key=group.key,
                price_delta=delta if known or not quantity else None,
            )
        )

    def _write(
        self,
        action: Action,
        part_number: str,
        reason: str,
        before: dict[str, Any],
        after: dict[str, Any],
        *,
        old: Row,
        new: Row | None,
        key: GroupKey | None,
    ) -> None:
        moved = money.ended(old) if new is None else money.changed(old, new)
        self.money += moved
        self.changes.append(
            Change(
                kind=Kind.ADDITION,
                action=action,
                part_number=part_number,
                reason=reason,
                before=before,
                after=after,
                addition_id=old.id,
                product_id=old.product_id,
                key=key,
                price_delta=moved.price_after - moved.price_before,
            )
        )


def cancel_fields(day: date) -> tuple[dict[str, Any], dict[str, Any]]:
    """Before and after of a line that gets a last day."""
    return {"cancelledDate": None}, {"cancelledDate": day}


def _words(after: dict[str, Any]) -> str:
    return " and ".join(WORDS[name] for name in WORDS if name in after)
