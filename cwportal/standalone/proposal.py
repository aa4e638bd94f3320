"""What a file of prices would change: shown from before to after, and saved only when a person has seen it."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal

from sqlalchemy import Engine

from cwportal.standalone import prices
from cwportal.standalone.columns import amount
from cwportal.standalone.prices import Change, Edit, Line

LISTED = 500
"""Rows of a page; nobody reads more, and they are only counted."""


@dataclass(frozen=True, slots=True)
class Row:
    """A price that the file would change. `is_former`: the SKU had it once, and somebody has changed it since."""

    line: Line
    price: Decimal
    change: Change | None
    is_former: bool

    @property
    def is_below_cost(self) -> bool:
        """Whether every unit would lose money."""
        return self.line.list_cost is not None and self.price < self.line.list_cost

    @property
    def is_long(self) -> bool:
        """Whether it has more decimals than are exported."""
        return prices.is_long(self.price)


@dataclass(frozen=True, slots=True)
class Proposal:
    """`rows`: what would change, newest former change first; `count`: rows of the file, those that change nothing among them."""

    rows: Sequence[Row]
    count: int

    @property
    def new(self) -> list[Row]:
        """Prices that the SKU never had."""
        return [row for row in self.rows if not row.is_former]

    @property
    def former(self) -> list[Row]:
        """Prices that somebody has changed since: what a file that was downloaded before holds, although nobody typed it."""
        return [row for row in self.rows if row.is_former]

    @property
    def same(self) -> int:
        """Rows of the file that change nothing."""
        return self.count - len(self.rows)

    def carried(self) -> str:
        """As a form brings it back: with the price that the person saw."""
        return json.dumps(
            {
                "count": self.count,
                "rows": [(row.line.sku, _text(row.line.price), _text(row.price)) for row in self.rows],
            },
            separators=(",", ":"),
        )


@dataclass(frozen=True, slots=True)
class Carried:
    """What a form brings back: the price that was seen and the one of the file, by SKU."""

    count: int
    seen: Mapping[str, Decimal | None]
    given: Mapping[str, Decimal]

    def edits(self, skus: Sequence[str]) -> list[Edit]:
        """To save these."""
        return [Edit(sku, self.seen[sku], self.given[sku]) for sku in skus]


def compared(engine: Engine, partner_id: str, given: Mapping[str, Decimal], count: int) -> Proposal:
    """The file's prices beside those that there are now. SKUs that are no longer there are left out."""
    lines = [line for line in prices.lines(engine, partner_id) if line.sku in given and line.price != given[line.sku]]
    skus = [line.sku for line in lines]
    newest, former = prices.last_changes(engine, partner_id, skus), prices.former(engine, partner_id, skus)
    rows = [
        Row(line, given[line.sku], newest.get(line.sku), given[line.sku] in former.get(line.sku, ())) for line in lines
    ]
    rows.sort(key=lambda row: -row.change.at if row.change else 0)
    return Proposal(rows, count)


def carried(text: str) -> Carried:
    """What `Proposal.carried` wrote. ValueError if it is something else."""
    try:
        found = json.loads(text)
        count = int(found["count"])
        rows = [(str(sku), str(seen), str(price)) for sku, seen, price in found["rows"]]
    except (ArithmeticError, KeyError, TypeError, RecursionError) as error:
        raise ValueError("This form is not ours.") from error
    seen = {sku: prices.seen(was) for sku, was, _ in rows}
    return Carried(count, seen, {sku: Decimal(amount(price)) for sku, _, price in rows})


def _text(price: Decimal | None) -> str:
    return "" if price is None else format(price, "f")
