"""Sentences about single lines: what was found, what it means a month, what to do."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from decimal import Decimal

from cwportal.billing.existing import describe
from cwportal.billing.fields import WORDS, Difference, Drifted
from cwportal.billing.findings import decide, finding
from cwportal.billing.lines import Lost, Ours
from cwportal.billing.lookup import same_amount
from cwportal.billing.money import ZERO, billed, is_billed, price_of, text
from cwportal.billing.scale import canonical
from cwportal.billing.values import Finding, Group, GroupKey, Row, Values
from cwportal.vocabulary import Drift, Severity

_NOTICEABLE = 20
"""A bill that is off by more than one part in so many is said."""

_LOST = {
    "gone": "was deleted in ConnectWise",
    "product_changed": "was given another product in ConnectWise",
    "ended_by_hand": "was ended in ConnectWise",
}


def amount_of(group: Group) -> Decimal:
    """What a group bills a month; 0 where its price is not known."""
    return group.quantity * (group.key.unit_price or ZERO)


def lost_question(lost: Lost, groups: Sequence[Group], account_id: str) -> Finding:
    """A line a person took away, while its product is still charged."""
    line = lost.line
    group = next((group for group in groups if group.key == line.key), groups[0])
    amount = amount_of(group)
    ended = f" (last day {lost.row.cancelled.isoformat()})" if lost.row is not None and lost.row.cancelled else ""
    return finding(
        lost.code,
        f"Line {line.addition_id} of {line.part_number} {_LOST[lost.code]}{ended}, but the portal still has charges for it: quantity "
        f"{canonical(group.quantity)}, {text(amount)} a month that is not billed. Recreate it as a new line, or accept that it is not billed.",
        part_number=line.part_number,
        addition_id=line.addition_id,
        amount=amount,
        command=decide(account_id, line.addition_id, "recreate|accept"),
    )


def lost_accepted(lost: Lost, group: Group) -> Finding:
    """Somebody accepted that a group is not billed: said on every run."""
    line, amount = lost.line, amount_of(group)
    return finding(
        lost.code,
        f"Line {line.addition_id} of {line.part_number} {_LOST[lost.code]}, and somebody accepted that. A quantity of "
        f"{canonical(group.quantity)} is not billed: {text(amount)} a month. To bill it again, answer recreate for this line.",
        part_number=line.part_number,
        addition_id=line.addition_id,
        amount=amount,
        severity=Severity.WARNING,
    )


def ambiguous(part_number: str, rows: Sequence[Ours], groups: Sequence[Group]) -> Finding:
    """Prices or costs changed that are not exported, and several lines could be meant."""
    lines = "; ".join(describe(ours.row) for ours in rows)
    charges = "; ".join(f"quantity {canonical(g.quantity)} at {_key(g.key)}" for g in groups)
    return finding(
        "ambiguous_update",
        f"The prices or costs of {part_number} have changed in the portal, but price or cost is not selected for export, so it is not clear "
        f"which line stands for which charge. Lines: {lines}. Charges: {charges}. Select Price and Cost for export, or change one at a time.",
        part_number=part_number,
        amount=sum((amount_of(group) for group in groups), ZERO),
    )


def changed_by_hand(row: Row, part_number: str, drifted: Drifted, drift: Drift, account_id: str) -> Finding:
    """A value somebody changed in ConnectWise, with the three values."""
    exported = "nothing" if drifted.exported is None else canonical(drifted.exported)
    what = (
        f"The {WORDS[drifted.name]} of line {row.id} of {part_number} was changed in ConnectWise: portal {canonical(drifted.wanted)}, "
        f"ConnectWise {canonical(drifted.actual)}, last exported {exported}."
    )
    if drift is Drift.KEEP:
        advice = "ConnectWise's value stays, by setting. Correct one side, or choose to overwrite such changes."
    else:
        advice = "The portal's value is written. You can keep ConnectWise's instead."
    return finding(
        "drift",
        f"{what} {advice}",
        part_number=part_number,
        addition_id=row.id,
        severity=Severity.WARNING if drift is Drift.KEEP else Severity.INFO,
        command=None if drift is Drift.KEEP else decide(account_id, row.id, "pin"),
    )


def uncancelled(ours: Ours, drift: Drift, account_id: str) -> Finding:
    """A last day the portal had written is gone."""
    day = ours.line.sent.cancelled
    keep = drift is Drift.KEEP
    advice = (
        f"It goes on billing {text(price_of(ours.row))} a month, by setting. End it in ConnectWise, or choose to overwrite such changes."
        if keep
        else "It is ended again. You can keep it instead."
    )
    return finding(
        "drift",
        f"Line {ours.row.id} of {ours.line.part_number} has no charges and was to end on {day.isoformat() if day else '?'}, but somebody "
        f"took that day away in ConnectWise. {advice}",
        part_number=ours.line.part_number,
        addition_id=ours.row.id,
        amount=price_of(ours.row),
        severity=Severity.WARNING if keep else Severity.INFO,
        command=None if keep else decide(account_id, ours.row.id, "pin"),
    )


def kept_rounded(row: Row, part_number: str, want: Values) -> list[Finding]:
    """A line whose values are right as ConnectWise keeps them, but bill noticeably other than the portal's: it has fewer decimals there."""
    quantity = row.quantity if want.quantity is None else want.quantity
    price = row.unit_price if want.unit_price is None else want.unit_price
    if (row.quantity, row.unit_price) == (quantity, price):
        return []
    wanted, kept = quantity * price, row.quantity * row.unit_price
    if not same_amount(row.quantity, quantity) or not same_amount(row.unit_price, price):
        return []
    if abs(wanted - kept) * _NOTICEABLE <= wanted:
        return []
    return [
        finding(
            "scale",
            f"ConnectWise keeps fewer decimals than {part_number} has: line {row.id} bills {canonical(row.quantity)} at "
            f"{canonical(row.unit_price)}, {text(kept)} a month, instead of {canonical(quantity)} at {canonical(price)}, {text(wanted)}. Sell "
            "it in larger units in the portal, such as per 100 or per 1,000.",
            part_number=part_number,
            addition_id=row.id,
            amount=abs(wanted - kept),
        )
    ]


def starts_later(group: Group, day: date, until: Row | None = None) -> Finding:
    """A line of ours that bills nothing for a while yet. `until`: the row that it waits for."""
    part_number = group.part_number
    amount = amount_of(group)
    why = "" if until is None else f", because line {until.id} of that product ends only on {until.cancelled}"
    advice = (
        "set an earlier effective date in ConnectWise"
        if until is None
        else f"end line {until.id} earlier in ConnectWise"
    )
    return finding(
        "starts_later",
        f"The portal's line of {part_number} (quantity {canonical(group.quantity)}, {text(amount)} a month) bills only from {day.isoformat()} "
        f"on{why}. If that is too late, {advice}.",
        part_number=part_number,
        amount=amount,
    )


def bills_less(row: Row, part_number: str) -> list[Finding]:
    """What keeps an invoice from asking for the whole quantity of a line that stands for charges."""
    found = []
    if row.less_included:
        found.append(_less_included(row, part_number))
    if not is_billed(row):
        found.append(_not_billed(row, part_number))
    return found


def _not_billed(row: Row, part_number: str) -> Finding:
    amount = billed(row.quantity, row.less_included) * row.unit_price
    return finding(
        "less_included",
        f"Line {row.id} of {part_number} has Bill Customer on {row.bill_customer!r} in ConnectWise, so its {text(amount)} a month are on no "
        "invoice. The portal does not change that; set it to Billable there if the customer should pay.",
        part_number=part_number,
        addition_id=row.id,
        amount=amount,
    )


def _less_included(row: Row, part_number: str) -> Finding:
    return finding(
        "less_included",
        f"Line {row.id} of {part_number} has {canonical(row.less_included)} included in ConnectWise, so it bills only the quantity above that. "
        "The portal does not change it; set Less Included to 0 there if all of it should be billed.",
        part_number=part_number,
        addition_id=row.id,
    )


def reason_for(ours: Ours, difference: Difference) -> str:
    """Why a line is updated."""
    words = " and ".join(WORDS[name] for name in difference.after)
    by_hand = {drifted.name for drifted in difference.drifted}
    if by_hand and by_hand >= difference.after.keys():
        return f"{words.capitalize()} changed in ConnectWise, set back"
    if ours.row.quantity == 0 and "quantity" in difference.after:
        return "There are charges for it again"
    return f"{words.capitalize()} changed"


def _key(key: GroupKey) -> str:
    price = "no price" if key.unit_price is None else f"price {canonical(key.unit_price)}"
    return price if key.unit_cost is None else f"{price}, cost {canonical(key.unit_cost)}"
