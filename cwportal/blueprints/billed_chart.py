"""Where the lines of the chart of monthly amounts go: plain numbers for an SVG, so that it needs no script."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from cwportal.services.billed import Month

_LEFT, _RIGHT, _TOP, _BOTTOM = Decimal(6), Decimal(308), Decimal(12), Decimal(128)
_APART = Decimal(28)
"""How far two labels of two lines each must be apart to be read."""
_UP = Decimal("0.99995")
"""What is rounded up to the next unit is told in that."""
_SHORT = ((Decimal(1_000_000), "m"), (Decimal(1_000), "k"))


@dataclass(frozen=True, slots=True)
class Chart:
    """Points as SVG writes them; `price_label`, `margin_label`: heights of the labels at the right end."""

    price: str
    margin: str
    ground: str
    end: str
    price_label: str
    margin_label: str


def chart(months: Sequence[Month]) -> Chart | None:
    """Of two months or more; None for fewer, since one point shows no course."""
    if len(months) < 2:
        return None
    top = max(Decimal(1), *(month.price for month in months), *(month.margin for month in months))
    low = min(Decimal(0), *(month.margin for month in months))
    span = _place(months[-1].first) - _place(months[0].first)

    def across(month: Month) -> Decimal:
        return _LEFT + (_RIGHT - _LEFT) * (_place(month.first) - _place(months[0].first)) / span

    def up(amount: Decimal) -> Decimal:
        return _BOTTOM - (_BOTTOM - _TOP) * (amount - low) / (top - low)

    last = months[-1]
    price, margin = up(last.price), up(last.margin)
    return Chart(
        price=" ".join(f"{across(month):.1f},{up(month.price):.1f}" for month in months),
        margin=" ".join(f"{across(month):.1f},{up(month.margin):.1f}" for month in months),
        ground=f"{up(Decimal(0)):.1f}",
        end=f"{price:.1f}",
        price_label=f"{min(price, _BOTTOM - _APART):.1f}",
        margin_label=f"{max(margin, min(price, _BOTTOM - _APART) + _APART):.1f}",
    )


def short(amount: Decimal) -> str:
    """28140.70 as 28.1k."""
    for unit, letter in _SHORT:
        if abs(amount) >= unit * _UP:
            return f"{amount / unit:.1f}{letter}"
    return f"{amount:.0f}"


def _place(first: date) -> Decimal:
    return Decimal(first.year * 12 + first.month)
