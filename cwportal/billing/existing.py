"""Lines of a product that are not ours, while a group of it has no line (rule 6)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta

from cwportal.billing.charges import group_order, key_order
from cwportal.billing.effective import first_of_month
from cwportal.billing.findings import decide, finding
from cwportal.billing.lines import key_of
from cwportal.billing.match import equal_first
from cwportal.billing.money import is_billed, price_of, text
from cwportal.billing.scale import canonical
from cwportal.billing.values import Decision, Finding, Group, Row
from cwportal.vocabulary import Adopt, Answer

_TYPED = "use|end:DATE|leave"

_YEARS = 20
"""A last day further ahead is a slip of the pen, and the new line would start after it."""

_SHOWN = 10
"""Prices of one product told in a sentence."""

_ANSWERS = {Answer.USE, Answer.END, Answer.LEAVE}


@dataclass(slots=True)
class Settled:
    """What becomes of the open groups and of the existing lines; nothing of it while there are `findings`."""

    use: list[tuple[Row, Group]] = field(default_factory=list)
    end: list[tuple[Row, date]] = field(default_factory=list)
    create: list[Group] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)


def settle(
    groups: Sequence[Group],
    foreign: Sequence[Row],
    decisions: Mapping[int, Decision],
    *,
    adopt: Adopt,
    today: date,
    account_id: str,
) -> Settled:
    """Use, end or leave every foreign live row of a product, and create what is left. `groups` is not empty."""
    rows = sorted(foreign, key=lambda row: (key_order(key_of(row)), row.id))
    answers = {
        row.id: decisions[row.id] for row in rows if row.id in decisions and decisions[row.id].answer in _ANSWERS
    }
    undecided = [row for row in rows if row.id not in answers]
    if undecided:
        if adopt is Adopt.NO:
            answers |= {row.id: Decision(Answer.LEAVE) for row in undecided}
        elif adopt is Adopt.YES and len(rows) == len(groups) == 1 and _stands_for(rows[0], groups[0], today):
            answers[rows[0].id] = Decision(Answer.USE)
        else:
            ours = _told(groups)
            return Settled(findings=[_question(row, groups[0].part_number, ours, account_id) for row in undecided])
    used = [row for row in rows if answers[row.id].answer is Answer.USE]
    if len(used) > len(groups):
        return Settled(findings=[_too_many(row, len(used), groups, account_id) for row in used])
    ends = [(row, answers[row.id].until) for row in rows if answers[row.id].answer is Answer.END]
    problems = [(row, end_problem(row, until, today)) for row, until in ends]
    refused = [
        finding(
            "existing_lines",
            f"Line {row.id} is to be ended, but {why}. Answer again.",
            part_number=groups[0].part_number,
            addition_id=row.id,
            amount=price_of(row),
            command=decide(account_id, row.id, _TYPED),
        )
        for row, why in problems
        if why is not None
    ]
    if refused:
        return Settled(findings=refused)
    settled = Settled(end=[(row, until) for row, until in ends if until is not None])
    settled.use, rest, left = equal_first(used, sorted(groups, key=group_order), key_of)
    settled.use += zip(rest, left, strict=False)
    settled.create = left[len(rest) :]
    return settled


def _stands_for(row: Row, group: Group, today: date) -> bool:
    """Whether nobody needs to look: the line bills the customer already, at the portal's price."""
    return (
        row.unit_price == group.key.unit_price and is_billed(row) and (row.effective is None or row.effective <= today)
    )


def end_problem(row: Row, until: date | None, today: date) -> str | None:
    """Why a row cannot be ended on that day; None if it can.

    The last day of last month is the earliest: the new line bills from the first of this month on, and what was billed stays billed.
    """
    if until is None:
        return "no last day was given"
    if row.effective is not None and until < row.effective:
        return f"{until.isoformat()} is before {row.effective.isoformat()}, the day from which it bills"
    if until.year > today.year + _YEARS:
        return f"{until.isoformat()} is too far ahead; leave it instead if it is to stay"
    earliest = first_of_month(today) - timedelta(days=1)
    if until < earliest:
        return f"{until.isoformat()} is too far back; {earliest.isoformat()} is the earliest day"
    return None


def describe(row: Row) -> str:
    """A row in words: its values and what it bills a month."""
    what = f" ({row.description})" if row.description else ""
    how = "" if is_billed(row) else f" (Bill Customer is {row.bill_customer!r})"
    return (
        f"line {row.id}{what}: quantity {canonical(row.quantity)}, price {canonical(row.unit_price)}, cost {canonical(row.unit_cost)}, "
        f"{text(price_of(row))} a month{how}"
    )


def _told(groups: Sequence[Group]) -> str:
    told = [
        f"quantity {canonical(group.quantity)}, price {'not known' if group.key.unit_price is None else canonical(group.key.unit_price)}"
        for group in groups[:_SHOWN]
    ]
    more = len(groups) - len(told)
    return "; ".join([*told, f"and {more} more"] if more else told)


def _question(row: Row, part: str, ours: str, account_id: str) -> Finding:
    return finding(
        "existing_lines",
        f"The agreement already has a line for {part} that the portal did not make: {describe(row)}. The portal wants to bill {part} ({ours}), "
        "and a new line beside it could bill twice. Use this existing line, end it at a date (the portal's line starts the day after), "
        "or leave it as it is beside the portal's line.",
        part_number=part,
        addition_id=row.id,
        amount=price_of(row),
        command=decide(account_id, row.id, _TYPED),
    )


def _too_many(row: Row, used: int, groups: Sequence[Group], account_id: str) -> Finding:
    return finding(
        "existing_lines",
        f"{used} existing lines are to be used, but only {len(groups)} can be: each stands for one price and cost of the portal. "
        f"End or leave some of them; this is {describe(row)}.",
        part_number=groups[0].part_number,
        addition_id=row.id,
        amount=price_of(row),
        command=decide(account_id, row.id, _TYPED),
    )
