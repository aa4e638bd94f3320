"""The order of writes inside an account, and what may still be written when one of them was lost.

The promise: a half-applied account never bills more than the larger of what it billed before and what it should bill.
"""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal

from cwportal.billing.charges import key_order
from cwportal.billing.values import Change, GroupKey
from cwportal.vocabulary import Action, Kind

_NO_KEY = GroupKey(None, None)
_PLACES = {Kind.COMPANY: 0, Kind.CONTACT: 1, Kind.AGREEMENT: 2, Kind.ADDITION: 3, Kind.USERS: 4}


def in_order(changes: Iterable[Change]) -> tuple[Change, ...]:
    """Company, contact and agreement first; then what lowers the bill, then what leaves it, then what raises it, creations last, and after
    them the list of users.

    The same for any input order.
    """
    return tuple(
        sorted(
            changes,
            key=lambda c: (
                _place(c),
                _phase(c),
                c.part_number,
                key_order(c.key or _NO_KEY),
                c.addition_id or 0,
                c.action.value,
            ),
        )
    )


def may_apply(
    change: Change, *, before: Decimal, desired: Decimal, worst_case_now: Decimal, lowering_lost: bool = False
) -> bool:
    """Whether this write keeps the promise. All amounts are monthly prices of the account's lines.

    `worst_case_now`: what is billed now if every write without an answer that lowers was not done and every one that raises was.
    `lowering_lost`: a write that lowers the bill (or one of unknown effect) failed, was left out, or has no answer.
    """
    if change.price_delta is None:
        return not lowering_lost
    if change.price_delta <= 0:
        return True
    return worst_case_now + change.price_delta <= max(before, desired)


def _place(change: Change) -> int:
    """What other writes of the account need comes before them (design section 4, step 7)."""
    return _PLACES[change.kind]


def _phase(change: Change) -> int:
    if change.action is Action.CREATE:
        return 3
    if change.price_delta is None or change.price_delta > 0:
        return 2
    return 0 if change.price_delta < 0 else 1
