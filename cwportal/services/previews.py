"""Previews: what a plan shows to a person, a page of accounts at a time."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import ColumnElement, and_, exists, func, select
from sqlalchemy.orm import Session

from cwportal.billing.values import Money
from cwportal.models import LineDecision, Run, RunAccount, RunChange
from cwportal.models import Mapping as MappingRow
from cwportal.runtime import Runtime
from cwportal.services import approvals, found, ledger, rejections, runs
from cwportal.services.apply.store import money_of
from cwportal.services.found import Found
from cwportal.services.history import Page, place
from cwportal.services.log import Names, places
from cwportal.services.rejections import Rejected
from cwportal.vocabulary import Answer, Kind, RunState, Severity, Trigger

ACCOUNTS_A_PAGE = 50
CHANGES_AT_FIRST = 4
"""Changes shown of an account among others."""
CHANGES_ALONE = 1000
"""Changes shown of an account on a page of its own."""
PRODUCTS_SHOWN = 20

SHOWN = ("decide", "wait", "ready", "blocked", "rejected")
"""Categories (see `approvals.CATEGORY`) of accounts that are shown unless one is asked for."""
_LINES = (Answer.USE, Answer.END, Answer.LEAVE)
_LOST = (Answer.RECREATE, Answer.ACCEPT)
_ANSWERS: dict[str, tuple[str, ...]] = {
    "existing_lines": _LINES,
    "unconfirmed_write": _LINES,
    "other_account_lines": (Answer.TAKE_OVER, Answer.END),
    "ended_by_hand": _LOST,
    "gone": _LOST,
    "product_changed": _LOST,
    "drift": (Answer.PIN,),
    "pinned": ("unpin",),
}
"""Finding -> what a person can answer about its line."""


@dataclass(frozen=True, slots=True)
class Question:
    """Something about one line that a person can answer. `must`: its account waits for that. `given`: the answer kept now."""

    code: str
    line: int
    part_number: str | None
    sentences: tuple[str, ...]
    answers: tuple[str, ...]
    must: bool
    given: LineDecision | None


@dataclass(frozen=True, slots=True)
class Shown:
    """One account of a plan. `changes` are the first of `total`; `decided`: lines were decided after this plan was made."""

    account_id: str
    name: str
    place: MappingRow | None
    category: str
    approvable: bool
    money: Money
    changes: Sequence[Mapping[str, Any]]
    total: int
    findings: Sequence[Found]
    questions: Sequence[Question]
    rejected: Rejected | None
    decided: bool
    error: str | None


@dataclass(frozen=True, slots=True)
class Preview:
    """A page of the plan of a finished run. `numbers`: accounts by category; `approvable`: how many of all can be approved, and by how much
    the monthly price then moves.

    `newer`: id of a run that has read everything since. `held`: why the whole run waits.
    """

    run: Run
    numbers: Mapping[str, int]
    money: Money
    approvable: int
    approvable_delta: Decimal
    held: Sequence[Found]
    accounts: Page
    names: Names
    products: Sequence[Mapping[str, Any]]
    newer: int | None = None
    decisions: int = 0
    gone: bool = False
    first: bool = False

    @property
    def changing(self) -> int:
        """Accounts of which something would be written."""
        return sum(self.numbers.get(category, 0) for category in ("decide", "wait", "ready", "rejected"))


@dataclass(frozen=True, slots=True)
class _Read:
    """What belongs to the accounts on a page."""

    places: Mapping[str, MappingRow]
    changes: Mapping[str, list[Mapping[str, Any]]]
    decisions: Mapping[str, Mapping[int, LineDecision]]
    rejected: Mapping[str, Rejected] = field(default_factory=dict)


def latest(runtime: Runtime, partner_id: str) -> int | None:
    """The newest preview of the partner that has something to show or is being made, else the newest run that read everything."""
    with runtime.database.read() as session:
        mine = (Run.partner_id == partner_id, Run.trigger == Trigger.PREVIEW)
        preview = session.scalar(select(Run).where(*mine).order_by(Run.id.desc()).limit(1))
        if preview is not None:
            return preview.id
        run = session.scalar(
            select(Run)
            .where(Run.partner_id == partner_id, Run.planned_at.is_not(None))
            .order_by(Run.id.desc())
            .limit(1)
        )
        return None if run is None else run.id


def page(
    runtime: Runtime, partner_id: str, run_id: int, *, number: int = 1, category: str = "", account_id: str = ""
) -> Preview:
    """Accounts of the run's plan: what must be decided first, then the largest change of the monthly price.

    `category`: only accounts of that one; `account_id`: only this one, with all of its changes. A page beyond the last is the last.
    UsageError if there is no such run of this partner.
    """
    with runtime.database.read() as session:
        run = runs.find(session, partner_id, run_id)
    names = Names.read(runtime, partner_id)
    with runtime.database.read() as session:
        planned_at = run.planned_at or run.created_at
        numbers, free, free_delta = _numbers(session, run, planned_at)
        which: ColumnElement[bool] = RunAccount.run_id == run_id
        if account_id:
            which = and_(which, RunAccount.account_id == account_id)
            total = int(session.scalar(select(func.count()).select_from(RunAccount).where(which)) or 0)
        else:
            wanted = (category,) if category in numbers else SHOWN
            which = and_(which, approvals.CATEGORY.in_(wanted))
            total = sum(numbers.get(one, 0) for one in wanted)
        number, pages, offset = place(number, total, ACCOUNTS_A_PAGE)
        query = (
            select(RunAccount, approvals.CATEGORY, approvals.approvable(planned_at))
            .where(which)
            .order_by(approvals.CATEGORY != "decide", approvals.CATEGORY == "blocked", *approvals.LARGEST_FIRST)
            .limit(ACCOUNTS_A_PAGE)
            .offset(offset)
        )
        rows = list(session.execute(query))
        ids = [row.account_id for row, _, _ in rows]
        read = _read(session, run, ids, CHANGES_ALONE if account_id else CHANGES_AT_FIRST)
        items = [
            _shown(row, names.accounts.get(row.account_id, row.account_id), place, bool(may), read, planned_at)
            for row, place, may in rows
        ]
        newest = approvals.newest(session, partner_id, run.tenant)
        return Preview(
            run=run,
            numbers=numbers,
            money=money_of(run.money) if run.money else Money(),
            approvable=free,
            approvable_delta=free_delta,
            held=[found.stored(None, one) for one in run.findings],
            accounts=Page(items, number, pages, offset + 1, total),
            names=names,
            products=_products(session, run_id),
            newer=newest.id if newest is not None and newest.id > run_id else None,
            decisions=approvals.decisions_since(session, run),
            gone=not numbers,
            first=not session.scalar(select(_written(partner_id))),
        )


def _written(partner_id: str) -> ColumnElement[bool]:
    """Whether an export of the partner has ever written something."""
    good = [RunState.SUCCEEDED, RunState.PARTIAL]
    return exists().where(Run.partner_id == partner_id, Run.trigger != Trigger.PREVIEW, Run.state.in_(good))


def _numbers(session: Session, run: Run, planned_at: datetime) -> tuple[dict[str, int], int, Decimal]:
    """Accounts by category; how many can be approved, and by how much the monthly price then moves."""
    numbers: dict[str, int] = defaultdict(int)
    free, cents = 0, 0
    rows = (
        select(
            approvals.CATEGORY.label("category"),
            approvals.approvable(planned_at).label("may"),
            RunAccount.delta_cents.label("cents"),
        )
        .where(RunAccount.run_id == run.id)
        .subquery()
    )
    query = select(rows.c.category, rows.c.may, func.count(), func.sum(rows.c.cents)).group_by(
        rows.c.category, rows.c.may
    )
    for category, may, count, delta in session.execute(query):
        numbers[category] += count
        if may:
            free += count
            cents += int(delta)
    return dict(numbers), free, Decimal(cents) / 100


def _read(session: Session, run: Run, ids: Sequence[str], at_most: int) -> _Read:
    if not ids:
        return _Read({}, {}, {})
    answered = select(LineDecision).where(
        LineDecision.partner_id == run.partner_id,
        LineDecision.tenant == run.tenant,
        LineDecision.account_id.in_(ids),
    )
    decisions: dict[str, dict[int, LineDecision]] = defaultdict(dict)
    for decision in session.scalars(answered):
        decisions[decision.account_id][decision.cw_addition_id] = decision
    return _Read(
        places(session, run, ids),
        _changes(session, run.id, ids, at_most),
        decisions,
        rejections.of(session, run.partner_id),
    )


def _changes(session: Session, run_id: int, ids: Sequence[str], at_most: int) -> dict[str, list[Mapping[str, Any]]]:
    query = (
        select(*_COLUMNS)
        .where(RunChange.run_id == run_id, RunChange.account_id.in_(ids), RunChange.kind != Kind.PRODUCT)
        .where(RunChange.position < at_most)
        .order_by(RunChange.account_id, RunChange.position, RunChange.id)
    )
    changes: dict[str, list[Mapping[str, Any]]] = defaultdict(list)
    for row in session.execute(query):
        changes[row.account_id].append(_change(row))
    return changes


_COLUMNS = (
    RunChange.account_id,
    RunChange.kind,
    RunChange.action,
    RunChange.part_number,
    RunChange.cw_addition_id,
    RunChange.before,
    RunChange.after,
    RunChange.price_delta,
    RunChange.reason,
)


def _change(row: Any) -> dict[str, Any]:
    return {
        "account_id": row.account_id,
        "kind": row.kind,
        "action": row.action,
        "part_number": row.part_number,
        "addition_id": row.cw_addition_id,
        "before": ledger.decoded(row.before),
        "after": ledger.decoded(row.after),
        "price_delta": row.price_delta,
        "reason": row.reason,
    }


def _products(session: Session, run_id: int) -> list[Mapping[str, Any]]:
    """The first PRODUCTS_SHOWN + 1 changes of the catalog."""
    query = (
        select(*_COLUMNS)
        .where(RunChange.run_id == run_id, RunChange.kind == Kind.PRODUCT)
        .order_by(RunChange.part_number)
        .limit(PRODUCTS_SHOWN + 1)
    )
    return [_change(row) for row in session.execute(query)]


def _shown(row: RunAccount, name: str, category: str, may: bool, read: _Read, planned_at: datetime) -> Shown:
    findings = [found.stored(row.account_id, one) for one in row.findings]
    decisions = read.decisions.get(row.account_id, {})
    questions = _questions(findings, decisions)
    asked = {question.line for question in questions}
    return Shown(
        account_id=row.account_id,
        name=name,
        place=read.places.get(row.account_id),
        category=category,
        approvable=may,
        money=money_of(row.money),
        changes=read.changes.get(row.account_id, []),
        total=row.changes,
        findings=[one for one in findings if not (answers_to(one) and one.addition_id in asked)],
        questions=questions,
        rejected=read.rejected.get(row.account_id) if category == "rejected" else None,
        decided=any(decision.decided_at > planned_at for decision in decisions.values()),
        error=row.error,
    )


def answers_to(one: Found) -> tuple[str, ...]:
    """What can be answered about the line that a finding names; nothing where it only tells."""
    if one.addition_id is None or one.command is None or "cwportal decide" not in one.command:
        return ()
    return _ANSWERS.get(one.code, ())


def _questions(findings: Iterable[Found], decisions: Mapping[int, LineDecision]) -> list[Question]:
    """One for every line that can be answered about, those that must be answered first."""
    by_line: dict[int, list[Found]] = defaultdict(list)
    for one in findings:
        if answers_to(one) and one.addition_id is not None:
            by_line[one.addition_id].append(one)
    questions = [
        Question(
            code=several[0].code,
            line=line,
            part_number=several[0].part_number,
            sentences=tuple(one.message for one in several),
            answers=answers_to(several[0]),
            must=any(one.severity is Severity.HOLD for one in several),
            given=decisions.get(line),
        )
        for line, several in by_line.items()
    ]
    return sorted(questions, key=lambda question: (not question.must, question.part_number or "", question.line))
