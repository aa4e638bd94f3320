"""Retail prices: what is there, what a person may type, saving, and who changed what."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from sqlalchemy import Connection, Engine, bindparam, delete, func, insert, select

from cwportal.standalone.columns import amount
from cwportal.standalone.serial import lock
from cwportal.standalone.source import reader
from cwportal.standalone.tables import PriceChangeRow, PriceRow, ProductRow, UsageRow

DECIMALS = 4
"""What is exported; more would be rounded, and nobody would see where the difference comes from."""
_SKUS_PER_QUERY = 500


@dataclass(frozen=True, slots=True)
class Line:
    """One SKU. `retail_` counts the charges that have no price of their own and take this one."""

    sku: str
    name: str
    list_cost: Decimal | None
    price: Decimal | None
    accounts: int
    retail_accounts: int
    retail_quantity: Decimal
    retail_cost: Decimal

    @property
    def is_missing(self) -> bool:
        """Whether something is not billed for want of a price."""
        return self.price is None and self.retail_accounts > 0

    @property
    def margin(self) -> Decimal | None:
        """Of one unit, where it is known."""
        return None if self.price is None or self.list_cost is None else self.price - self.list_cost


@dataclass(frozen=True, slots=True)
class Change:
    """Of one price: None = there was none, or is none any more."""

    sku: str
    at: int
    actor: str
    before: Decimal | None
    after: Decimal | None


@dataclass(frozen=True, slots=True)
class Edit:
    """What a person wants: `was` is what they saw."""

    sku: str
    was: Decimal | None
    price: Decimal | None


class ConflictError(Exception):
    """Somebody else was faster; nothing was saved. `now` has the prices that are not what the person saw, by SKU."""

    def __init__(self, now: Mapping[str, Decimal | None]) -> None:
        super().__init__("Prices were changed by somebody else.")
        self.now = now


def parse(typed: str) -> Decimal | None:
    """The price, None for an empty field. ValueError with what is wrong, for people."""
    text = typed.strip()
    if not text:
        return None
    if text.startswith("-"):
        raise ValueError("A price is 0 or more. Type 0 if it is free, or leave the field empty if there is no price.")
    try:
        found = Decimal(amount(text))
    except ValueError:
        raise ValueError("This is not an amount. Write it like 12 or 12.50, without currency.") from None
    if is_long(found):
        raise ValueError(f"This has more than {DECIMALS} decimals, which ConnectWise would round. Shorten it.")
    return found


def seen(text: str) -> Decimal | None:
    """A price as a form of ours carries it. ValueError if it is none."""
    return Decimal(amount(text)) if text else None


def is_long(price: Decimal) -> bool:
    """Whether it has more decimals than are exported."""
    return -int(price.normalize().as_tuple().exponent) > DECIMALS


def lines(engine: Engine, partner_id: str) -> list[Line]:
    """Every SKU, by SKU, with the partner's price and use."""
    usage = (UsageRow.accounts, UsageRow.retail_accounts, UsageRow.retail_quantity, UsageRow.retail_cost)
    query = (
        select(ProductRow.sku, ProductRow.name, ProductRow.list_cost, PriceRow.unit_price, *usage)
        .outerjoin(PriceRow, (PriceRow.sku == ProductRow.sku) & (PriceRow.partner_id == partner_id))
        .outerjoin(UsageRow, (UsageRow.sku == ProductRow.sku) & (UsageRow.partner_id == partner_id))
        .order_by(ProductRow.sku)
    )
    nothing = Decimal(0)
    with reader(engine).connect() as connection:
        return [
            Line(*row[:4], row[4] or 0, row[5] or 0, row[6] or nothing, row[7] or nothing)
            for row in connection.execute(query)
        ]


def listed(engine: Engine, partner_id: str) -> list[tuple[str, Decimal]]:
    """(SKU, price) of every price there is, by SKU."""
    query = select(PriceRow.sku, PriceRow.unit_price).where(PriceRow.partner_id == partner_id).order_by(PriceRow.sku)
    with reader(engine).connect() as connection:
        return [(sku, price) for sku, price in connection.execute(query)]


def last_changes(engine: Engine, partner_id: str, skus: Iterable[str]) -> dict[str, Change]:
    """The newest change of each of these SKUs."""
    found: dict[str, Change] = {}
    with reader(engine).connect() as connection:
        for some in _parts(list(skus)):
            newest = (
                select(func.max(PriceChangeRow.id))
                .where(PriceChangeRow.partner_id == partner_id, PriceChangeRow.sku.in_(some))
                .group_by(PriceChangeRow.sku)
            )
            query = _changes().where(PriceChangeRow.id.in_(newest))
            found |= {row.sku: Change(*row) for row in connection.execute(query)}
    return found


def former(engine: Engine, partner_id: str, skus: Sequence[str]) -> dict[str, set[Decimal]]:
    """Prices that these SKUs had once and somebody changed or removed, as the history has them."""
    found: dict[str, set[Decimal]] = {}
    with reader(engine).connect() as connection:
        for some in _parts(skus):
            columns = select(PriceChangeRow.sku, PriceChangeRow.before).distinct()
            query = columns.where(PriceChangeRow.partner_id == partner_id, PriceChangeRow.sku.in_(some))
            for sku, price in connection.execute(query):
                if price is not None:
                    found.setdefault(sku, set()).add(price)
    return found


def count_changes(engine: Engine, partner_id: str, sku: str = "") -> int:
    """How many changes the history has, of one SKU or of all."""
    with reader(engine).connect() as connection:
        return connection.scalar(select(func.count()).where(*_of(partner_id, sku))) or 0


def changes(engine: Engine, partner_id: str, sku: str, first: int, most: int) -> Sequence[Change]:
    """The history, newest first, from the `first`th on (counted from 0)."""
    query = _changes().where(*_of(partner_id, sku)).order_by(PriceChangeRow.id.desc()).offset(first).limit(most)
    with reader(engine).connect() as connection:
        return [Change(*row) for row in connection.execute(query)]


def save(engine: Engine, partner_id: str, edits: Sequence[Edit], *, actor: str, now: int) -> list[Change]:
    """Save all of them or, if one has changed since the person saw it, none (ConflictError). `now`: seconds since 1970."""
    with engine.begin() as connection:
        lock(connection)
        stored = of_partner(connection, partner_id)
        others = {
            edit.sku: stored.get(edit.sku) for edit in edits if stored.get(edit.sku) not in (edit.was, edit.price)
        }
        if others:
            raise ConflictError(others)
        made = [
            Change(edit.sku, now, actor, stored.get(edit.sku), edit.price)
            for edit in edits
            if stored.get(edit.sku) != edit.price
        ]
        _write(connection, partner_id, made)
    return made


def of_partner(connection: Connection, partner_id: str) -> dict[str, Decimal]:
    """Every price by SKU."""
    query = select(PriceRow.sku, PriceRow.unit_price).where(PriceRow.partner_id == partner_id)
    return dict(connection.execute(query).all())


def _write(connection: Connection, partner_id: str, made: Sequence[Change]) -> None:
    gone = delete(PriceRow).where(PriceRow.partner_id == partner_id, PriceRow.sku == bindparam("gone"))
    if made:
        connection.execute(gone, [{"gone": one.sku} for one in made])
    rows = [
        {"partner_id": partner_id, "sku": one.sku, "unit_price": one.after} for one in made if one.after is not None
    ]
    if rows:
        connection.execute(insert(PriceRow), rows)
    remember(connection, partner_id, made)


def remember(connection: Connection, partner_id: str, made: Sequence[Change]) -> None:
    """Into the history."""
    if made:
        connection.execute(
            insert(PriceChangeRow),
            [
                {
                    "partner_id": partner_id,
                    "sku": one.sku,
                    "at": one.at,
                    "actor": one.actor,
                    "before": one.before,
                    "after": one.after,
                }
                for one in made
            ],
        )


def _changes() -> Any:
    row = PriceChangeRow
    return select(row.sku, row.at, row.actor, row.before, row.after)


def _of(partner_id: str, sku: str) -> list[Any]:
    found = [PriceChangeRow.partner_id == partner_id]
    return [*found, PriceChangeRow.sku == sku] if sku else found


def _parts(skus: Sequence[str]) -> Iterator[Sequence[str]]:
    for start in range(0, len(skus), _SKUS_PER_QUERY):
        yield skus[start : start + _SKUS_PER_QUERY]
