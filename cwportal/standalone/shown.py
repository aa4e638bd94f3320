"""Amounts, times and pages of rows as people read them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import ROUND_HALF_UP, Decimal, localcontext
from typing import Generic, TypeVar
from zoneinfo import ZoneInfo

from cwportal.vocabulary import AccountStatus

ROWS = 50
"""On one page."""

_DIGITS = 80
_CENT = Decimal("0.01")

Row = TypeVar("Row")

STATUS = {
    AccountStatus.ACTIVE: ("Active", "t-ok", "check"),
    AccountStatus.SUSPENDED: ("Suspended", "t-warn", "warn"),
    AccountStatus.CLOSED: ("Closed", "", "off"),
}
"""Word, tone and shape of the status of an account."""


@dataclass(frozen=True, slots=True)
class Page(Generic[Row]):
    """Rows `first` to `last` of `total`."""

    rows: Sequence[Row]
    number: int
    total: int

    @property
    def pages(self) -> int:
        """How many there are; one, if there is nothing."""
        return max(1, -(-self.total // ROWS))

    @property
    def first(self) -> int:
        """Counted from 1; 0 if there is nothing."""
        return (self.number - 1) * ROWS + 1 if self.total else 0

    @property
    def last(self) -> int:
        """The last row on this page."""
        return min(self.number * ROWS, self.total)


def within(number: int, total: int) -> int:
    """The page that exists nearest to the one asked for."""
    return max(1, min(number, -(-total // ROWS)))


def page(rows: Sequence[Row], number: int) -> Page[Row]:
    """The page of these rows."""
    number = within(number, len(rows))
    return Page(rows[(number - 1) * ROWS : number * ROWS], number, len(rows))


def number(text: str | None) -> int:
    """Of a page, from an address that anybody may have written."""
    return int(text) if text is not None and text.isascii() and text.isdigit() and len(text) < 9 else 1


def exact(amount: Decimal) -> str:
    """At least two decimals, no zeros after more than two, thousands separated: what one unit costs."""
    whole, _, decimals = format(amount, ",f").partition(".")
    return f"{whole}.{decimals.rstrip('0').ljust(2, '0')}".replace("-", "−")


def money(amount: Decimal) -> str:
    """A sum in cents, thousands separated."""
    with localcontext(prec=_DIGITS):
        return format(amount.quantize(_CENT, rounding=ROUND_HALF_UP) + 0, ",f").replace("-", "−")


def quantity(amount: Decimal) -> str:
    """No zeros at the end."""
    text = format(amount, ",f")
    return (text.rstrip("0").rstrip(".") if "." in text else text).replace("-", "−") or "0"


def moment(seconds: int, zone: str) -> str:
    """ "23 Nov 2026, 02:00 EST" in the partner's zone."""
    local = datetime.fromtimestamp(seconds, UTC).astimezone(ZoneInfo(zone))
    return f"{local:%d %b %Y, %H:%M} {local.tzname()}".lstrip("0")


def iso(seconds: int) -> str:
    """For machines."""
    return datetime.fromtimestamp(seconds, UTC).isoformat()


def matches(asked: str, *texts: str) -> bool:
    """Whether one of the texts holds what is asked for, without regard to case."""
    needle = asked.strip().casefold()
    return not needle or any(needle in text.casefold() for text in texts)
