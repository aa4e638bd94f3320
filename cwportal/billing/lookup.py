"""Recognising a write whose answer was lost, by exactly the values that were sent (rule 12)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from decimal import ROUND_HALF_EVEN, ROUND_HALF_UP, Decimal
from typing import Any

from cwportal.billing.values import Row

_COARSER = (Decimal("0.01"), Decimal("0.001"))
"""ConnectWise may store amounts with fewer decimals than we send (contract section 8)."""


@dataclass(frozen=True, slots=True)
class Created:
    """`ours`: the one new row that has the values sent. `others`: new rows that a person must look at: of that product, or answered as it."""

    ours: Row | None
    others: tuple[Row, ...]


def find_created(
    rows: tuple[Row, ...],
    sent: Mapping[str, Any],
    *,
    product_id: int,
    known: frozenset[int],
    answered: int | None = None,
) -> Created:
    """The row a lost creation made, among rows of the product that were not known before the attempt.

    Exactly one with the values sent is ours, even beside others; several equal ones, or only different ones, are for a person. So is a
    row of another product that ConnectWise `answered` the creation with: without a person one more would be made by every export.
    """
    new = tuple(row for row in rows if row.product_id == product_id and row.id not in known)
    equal = [row for row in new if _has(row, sent, rounded=False)] or [
        row for row in new if _has(row, sent, rounded=True)
    ]
    if len(equal) == 1:
        return Created(equal[0], ())
    told = tuple(row for row in rows if row.id == answered and row not in new and row.id not in known)
    return Created(None, (*new, *told))


def was_written(row: Row, sent: Mapping[str, Any], *, before: Mapping[str, Any]) -> bool:
    """Whether a lost change of this row was done: it has the values sent, and not merely those it had before."""
    if _has(row, sent, rounded=False):
        return True
    if all(_value(row, name) == before.get(name) for name in sent):
        return False
    return _has(row, sent, rounded=True)


def not_taken(row: Row, sent: Mapping[str, Any]) -> dict[str, Any]:
    """Fields that ConnectWise answered with other values than were sent, beyond rounding: name -> its value."""
    return {
        name: _value(row, name)
        for name, value in sent.items()
        if name in _FIELDS and not _taken(row, name, value, rounded=True)
    }


def same_amount(actual: Decimal, sent: Decimal) -> bool:
    """Whether an amount is the one sent, as far as ConnectWise keeps its decimals."""
    return _same(actual, sent, rounded=True)


def _has(row: Row, sent: Mapping[str, Any], *, rounded: bool) -> bool:
    return all(_taken(row, name, value, rounded=rounded) for name, value in sent.items() if name in _FIELDS)


def _taken(row: Row, name: str, sent: Any, *, rounded: bool) -> bool:
    """What was rounded to nothing was not taken where the customer is billed by it; a cost of nothing bills the same."""
    actual = _value(row, name)
    return _same(actual, sent, rounded=rounded and (bool(actual) or name == "unitCost"))


def _same(actual: Decimal | date | None, sent: Any, *, rounded: bool) -> bool:
    if actual == sent:
        return True
    if not rounded or not isinstance(actual, Decimal) or not isinstance(sent, Decimal):
        return False
    return any(actual == sent.quantize(step, mode) for step in _COARSER for mode in (ROUND_HALF_UP, ROUND_HALF_EVEN))


_FIELDS = {
    "quantity": "quantity",
    "unitPrice": "unit_price",
    "unitCost": "unit_cost",
    "effectiveDate": "effective",
    "cancelledDate": "cancelled",
}


def _value(row: Row, name: str) -> Any:
    return getattr(row, _FIELDS[name]) if name in _FIELDS else None
