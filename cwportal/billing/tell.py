"""Sentences about single lines: what was found, what it means a month, what to do."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal

from cwportal.billing.existing import describe
from cwportal.billing.fields import WORDS, Difference, Drifted
from cwportal.billing.findings import decide, finding
from cwportal.billing.lines import Lost, Ours
from cwportal.billing.money import ZERO, price_of, text
from cwportal.billing.scale import canonical
from cwportal.billing.values import Finding, Group, GroupKey, Row
from cwportal.vocabulary import Drift, Severity

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


def less_included(row: Row, part_number: str) -> Finding:
    """An invoice counts less than the quantity."""
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
