"""Products, accounts and charges of one moment: old charges must not meet a price list, or an account's end, that came after them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TypeVar

from cwportal.errors import SourceIncomplete
from cwportal.portal import Account, Partner, PortalSource, Product, ReadsOneMoment

_T = TypeVar("_T")
TRIES = 3
"""Times that data of a source without `reading` are read, if they change meanwhile."""


@dataclass(frozen=True, slots=True)
class Frame:
    """What charges are read and understood with. `source` gives the charges of the same moment."""

    partner: Partner
    products: tuple[Product, ...]
    accounts: tuple[Account, ...]
    source: PortalSource = field(compare=False)

    def agrees(self, other: Frame) -> bool:
        """Whether nothing is different; the order of a host's rows may be."""
        return self.partner == other.partner and all(
            set(mine) == set(theirs)
            for mine, theirs in ((self.products, other.products), (self.accounts, other.accounts))
        )


def read_at_one_moment(source: PortalSource, partner_id: str, read: Callable[[Frame], _T]) -> _T:
    """What `read` makes of the portal's data, all of one moment; it may be called again if they changed under it.

    A source that cannot give one moment is looked at before and after its charges, which are of one moment by themselves. SourceIncomplete
    where it looked different every time.
    """
    if isinstance(source, ReadsOneMoment):
        with source.reading(partner_id) as moment:
            return read(_frame(moment, partner_id))
    before = _frame(source, partner_id)
    for _ in range(TRIES):
        made = read(before)
        after = _frame(source, partner_id)
        if after.agrees(before):
            return made
        before = after
    raise SourceIncomplete(
        "The portal's accounts or products were changed again and again while they were being read. Nothing was planned from the mixture. "
        "Try again when no data are being loaded; if it stays, tell the portal's operator."
    )


def _frame(source: PortalSource, partner_id: str) -> Frame:
    return Frame(
        source.partner(partner_id), tuple(source.products(partner_id)), tuple(source.accounts(partner_id)), source
    )
