"""Field by field: what is written, what was changed by hand, what stays (rules 7 and 8)."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from decimal import Decimal
from typing import Any

from cwportal.billing.scale import to_scale
from cwportal.billing.values import Group, LedgerLine, Row, Values
from cwportal.vocabulary import Data, Drift

NAMES = {"quantity": "quantity", "unit_price": "unitPrice", "unit_cost": "unitCost"}
"""Field of a Row and of Values -> ConnectWise's name."""

WORDS = {"quantity": "quantity", "unitPrice": "price", "unitCost": "cost"}


@dataclass(frozen=True, slots=True)
class Drifted:
    """A value that neither we nor the plan put there. `wanted`: the portal's, `actual`: ConnectWise's, `exported`: last sent."""

    name: str
    wanted: Decimal
    actual: Decimal
    exported: Decimal | None


@dataclass(slots=True)
class Difference:
    """What must be written to a row, and what a person changed on it."""

    before: dict[str, Any] = field(default_factory=dict)
    after: dict[str, Any] = field(default_factory=dict)
    drifted: list[Drifted] = field(default_factory=list)


def scaled(row: Row) -> Row:
    """The row with its amounts at the sent scale."""
    quantity, price, cost = to_scale(row.quantity), to_scale(row.unit_price), to_scale(row.unit_cost)
    less = to_scale(row.less_included)
    if (quantity, price, cost, less) == (row.quantity, row.unit_price, row.unit_cost, row.less_included):
        return row
    return replace(row, quantity=quantity, unit_price=price, unit_cost=cost, less_included=less)


def wanted(group: Group, data: frozenset[Data]) -> Values:
    """The values an addition of this group must have; None where a field is not exported."""
    return Values(
        quantity=group.quantity if Data.QUANTITY in data else None,
        unit_price=group.key.unit_price if Data.PRICE in data else None,
        unit_cost=group.key.unit_cost if Data.COST in data else None,
    )


def differences(row: Row, line: LedgerLine | None, want: Values, drift: Drift) -> Difference | None:
    """What to write so that the row has the wanted values; None if nothing is to be written or told.

    A field is right if it has the wanted value, or what ConnectWise made of that value when we sent it (it rounds). It was changed by
    hand if it is neither what ConnectWise told us last, nor wanted, nor a value of a write whose outcome was never learnt.
    `line` is None for a row that was not ours so far.
    """
    result: Difference | None = None
    for attribute, name in NAMES.items():
        desired: Decimal | None = getattr(want, attribute)
        actual: Decimal = getattr(row, attribute)
        if desired is None or actual == desired:
            continue
        sent, echoed = (
            (None, None) if line is None else (getattr(line.sent, attribute), getattr(line.echoed, attribute))
        )
        echoed = None if echoed is None else to_scale(echoed)
        if desired == sent and actual == echoed:
            continue
        result = result or Difference()
        if line is not None and _by_hand(attribute, actual, echoed, line):
            result.drifted.append(Drifted(name, desired, actual, sent))
            if drift is Drift.KEEP:
                continue
        result.before[name] = actual
        result.after[name] = desired
    return result


def _by_hand(attribute: str, actual: Decimal, echoed: Decimal | None, line: LedgerLine) -> bool:
    if echoed is None or actual == echoed:
        return False
    return all(getattr(values, attribute) != actual for values in line.intended)


def written(row: Row, after: dict[str, Any]) -> Row:
    """The row as it will be."""
    attributes = {attribute: after[name] for attribute, name in NAMES.items() if name in after}
    return replace(row, **attributes) if attributes else row
