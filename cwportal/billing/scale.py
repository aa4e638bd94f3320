"""The one rounding module: the scale we send, and one spelling for equal numbers.

ConnectWise keeps quantity and money as JSON doubles of unknown precision (contract section 8), so values are compared
at the scale that was sent.
"""

from __future__ import annotations

from decimal import ROUND_HALF_UP, Context, Decimal
from functools import reduce

SCALE = 4
"""Decimals of every quantity and amount we send."""

MOST = Decimal(10) ** 24
"""More of anything is a slip of the pen."""

_STEP = Decimal(1).scaleb(-SCALE)
_ROOMY = Context(prec=80, rounding=ROUND_HALF_UP)
_ZERO = Decimal(0)


def to_scale(value: Decimal) -> Decimal:
    """`value` at four decimals, half away from zero; -0 becomes 0. ValueError if it is not a finite number."""
    if not value.is_finite():
        raise ValueError(f"not a finite number: {value}")
    return value.quantize(_STEP, context=_ROOMY) or _ZERO


def exact_sum(values: list[Decimal]) -> Decimal:
    """The sum with every decimal kept: quantities are summed exactly and rounded once (rule 1)."""
    return reduce(_ROOMY.add, values, _ZERO)


def canonical(value: Decimal) -> str:
    """The one spelling of a number: no exponent, no trailing zeros; 5, 5.0 and 5E0 alike, -0 as 0."""
    text = format(value, "f")
    if "." in text:
        text = text.rstrip("0").rstrip(".")
    return "0" if text in {"-0", "0", ""} else text
