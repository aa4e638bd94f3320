"""Where our lines stand: each ledger row beside the addition ConnectWise shows now (rules 4 and 5)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal

from cwportal.billing.charges import key_order
from cwportal.billing.values import GroupKey, LedgerLine, Row


@dataclass(frozen=True, slots=True)
class Ours:
    """A ledger row whose addition is there, with the product it had: ours to write."""

    line: LedgerLine
    row: Row

    @property
    def order(self) -> tuple[tuple[bool, Decimal, bool, Decimal], int]:
        """The order in which rows pair off: by ledger key, then addition id."""
        return key_order(self.line.key), self.line.addition_id


@dataclass(frozen=True, slots=True)
class Lost:
    """A ledger row that billed and whose addition a person deleted (`gone`), repointed or ended. `code` is the finding's."""

    line: LedgerLine
    row: Row | None
    code: str

    @property
    def order(self) -> tuple[tuple[bool, Decimal, bool, Decimal], int]:
        """As `Ours.order`."""
        return key_order(self.line.key), self.line.addition_id


@dataclass(slots=True)
class Standing:
    """Ledger rows sorted by what they are now. `over`: rows that stand for nothing any more, by line."""

    live: list[Ours] = field(default_factory=list)
    ending: list[Ours] = field(default_factory=list)
    lost: list[Lost] = field(default_factory=list)
    over: list[LedgerLine] = field(default_factory=list)


def stand(lines: Iterable[LedgerLine], rows: Mapping[int, Row], today: date) -> Standing:
    """Sort ledger rows by the state of their additions; `rows` is every addition of the agreement by id."""
    standing = Standing()
    for line in sorted(lines, key=lambda line: line.addition_id):
        row = rows.get(line.addition_id)
        if row is not None and row.product_id == line.product_id and row.cancelled is None:
            standing.live.append(Ours(line, row))
            continue
        ended_by_us = line.sent.cancelled is not None
        if row is not None and row.product_id == line.product_id and ended_by_us and not closed(row, today):
            standing.ending.append(Ours(line, row))
        elif ended_by_us or not billed_before(line):
            standing.over.append(line)
        elif row is None:
            standing.lost.append(Lost(line, None, "gone"))
        elif row.product_id != line.product_id:
            standing.lost.append(Lost(line, row, "product_changed"))
        else:
            standing.lost.append(Lost(line, row, "ended_by_hand"))
    return standing


def closed(row: Row, today: date) -> bool:
    """Whether the row's last day is over."""
    return row.cancelled is not None and row.cancelled < today


def billed_before(line: LedgerLine) -> bool:
    """Whether the line had a quantity when we last knew it; not known counts as yes."""
    quantity = line.echoed.quantity if line.echoed.quantity is not None else line.sent.quantity
    return quantity is None or quantity != 0


def still_bills(line: LedgerLine) -> bool:
    """Whether, as far as the ledger knows, the line bills on and we did not end it."""
    return billed_before(line) and line.sent.cancelled is None


def key_of(row: Row) -> GroupKey:
    """The key a row shows by its own values."""
    return GroupKey(row.unit_price, row.unit_cost)
