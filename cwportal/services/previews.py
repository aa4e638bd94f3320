"""Previews: what a plan shows to a person, a page of accounts at a time."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import ColumnElement, and_, exists, func, select
from sqlalchemy.orm import Session

from cwportal.billing.values import Money
from cwportal.models import Mapping as MappingRow
from cwportal.models import Run, RunAccount
from cwportal.runtime import Runtime
from cwportal.services import connection, found, questions, runs, standing
from cwportal.services.apply.store import money_of
from cwportal.services.found import Found
from cwportal.services.history import Page, place
from cwportal.services.log import Names
from cwportal.services.preview_rows import Rows, products
from cwportal.services.preview_rows import read as _read
from cwportal.services.questions import Question
from cwportal.services.rejections import Rejected
from cwportal.services.standing import Offer
from cwportal.vocabulary import AccountState, RunState, Trigger

ACCOUNTS_A_PAGE = 50
CHANGES_AT_FIRST = 4
"""Changes shown of an account among others."""
CHANGES_ALONE = 1000
"""Changes shown of an account on a page of its own."""

SHOWN = ("decide", "wait", "ready", "failed", "blocked", "rejected")
"""Categories (see `standing.CATEGORY`) of accounts that are shown unless one is asked for."""


@dataclass(frozen=True, slots=True)
class Shown:
    """One account of a plan. `changes` are the first of `total`; `decided`: lines were decided after this plan was made."""

    account_id: str
    name: str
    place: MappingRow | None
    category: str
    state: AccountState
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
class Unpriced:
    """A product without a retail price, so that its charges are not billed; `account_id` is the first of so many `accounts` that have some.

    `cost`: what these charges cost a month; None where a finding does not say.
    """

    part_number: str
    account_id: str
    accounts: int
    cost: Decimal | None = None


@dataclass(frozen=True, slots=True)
class Preview:
    """A page of the plan of a finished run. `numbers`: accounts by category; `offer`: what of all can be approved.

    `newer`: id of a run that has read everything since. `held`: why the whole run waits. `gone`: a newer preview has taken its place.
    `more_unpriced`: there are too many findings to look at all, so `unpriced` is not all of it and says no cost.
    """

    run: Run
    numbers: Mapping[str, int]
    money: Money
    offer: Offer
    held: Sequence[Found]
    accounts: Page
    names: Names
    products: Sequence[Mapping[str, Any]]
    newer: int | None = None
    decisions: int = 0
    gone: bool = False
    first: bool = False
    unpriced: Sequence[Unpriced] = ()
    more_unpriced: bool = False

    @property
    def approvable(self) -> int:
        """How many of all can be approved."""
        return self.offer.count

    @property
    def changing(self) -> int:
        """Accounts of which something would be written."""
        return sum(self.numbers.get(category, 0) for category in ("decide", "wait", "ready", "rejected"))


def latest(runtime: Runtime, partner_id: str) -> int | None:
    """The partner's newest preview of the ConnectWise that is connected, whatever became of it; else the newest run that read everything."""
    tenant = connection.tenants_in_use(runtime, partner_id)
    mine = select(Run.id).where(Run.partner_id == partner_id, Run.tenant == tenant).order_by(Run.id.desc()).limit(1)
    with runtime.database.read() as session:
        preview = session.scalar(mine.where(Run.trigger == Trigger.PREVIEW))
        return preview if preview is not None else session.scalar(mine.where(Run.planned_at.is_not(None)))


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
        numbers = _numbers(session, run)
        which: ColumnElement[bool] = RunAccount.run_id == run_id
        if account_id:
            which = and_(which, RunAccount.account_id == account_id)
            total = int(session.scalar(select(func.count()).select_from(RunAccount).where(which)) or 0)
        else:
            wanted = (category,) if category in numbers else SHOWN
            which = and_(which, standing.CATEGORY.in_(wanted))
            total = sum(numbers.get(one, 0) for one in wanted)
        number, pages, offset = place(number, total, ACCOUNTS_A_PAGE)
        query = (
            select(RunAccount, standing.CATEGORY, standing.approvable(planned_at))
            .where(which)
            .order_by(standing.CATEGORY != "decide", standing.CATEGORY == "blocked", *standing.LARGEST_FIRST)
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
        newest = standing.newest(session, partner_id, run.tenant)
        unpriced, more_unpriced = _unpriced(runtime, session, run)
        return Preview(
            run=run,
            numbers=numbers,
            money=money_of(run.money) if run.money else Money(),
            offer=standing.offer(session, run),
            held=[found.stored(None, one) for one in run.findings],
            accounts=Page(items, number, pages, offset + 1, total),
            names=names,
            products=products(session, run_id),
            newer=newest.id if newest is not None and newest.id > run_id else None,
            decisions=standing.decisions_since(session, run),
            gone=not numbers and bool(session.scalar(select(_replaced(run)))),
            unpriced=unpriced,
            more_unpriced=more_unpriced,
            first=not session.scalar(select(_written(partner_id))),
        )


def _written(partner_id: str) -> ColumnElement[bool]:
    """Whether an export of the partner has ever written something."""
    good = [RunState.SUCCEEDED, RunState.PARTIAL]
    return exists().where(Run.partner_id == partner_id, Run.trigger != Trigger.PREVIEW, Run.state.in_(good))


def _replaced(run: Run) -> ColumnElement[bool]:
    """Whether a newer preview of the partner was made: then this one has lost its plan."""
    mine = (Run.partner_id == run.partner_id, Run.trigger == Trigger.PREVIEW, Run.planned_at.is_not(None))
    return exists().where(*mine, Run.id > run.id)


def _unpriced(runtime: Runtime, session: Session, run: Run) -> tuple[list[Unpriced], bool]:
    """Products whose retail price is missing, those of most accounts first, and whether there may be more."""
    accounts: dict[str, list[Found]] = defaultdict(list)
    several, more = found.of_run(runtime, session, run)
    for one in several:
        if one.code == "price_missing" and one.part_number is not None and one.account_id is not None:
            accounts[one.part_number].append(one)
    parts = [
        Unpriced(part, ones[0].account_id or "", len(ones), None if more else _whole([one.amount for one in ones]))
        for part, ones in accounts.items()
    ]
    return sorted(parts, key=lambda one: (-one.accounts, one.part_number)), more


def _whole(amounts: Sequence[Decimal | None]) -> Decimal | None:
    """Their sum; None if one of them is not known."""
    known = [amount for amount in amounts if amount is not None]
    return sum(known, Decimal(0)) if len(known) == len(amounts) else None


def _numbers(session: Session, run: Run) -> Counter[str]:
    """Accounts by category, 0 where there are none."""
    rows = select(standing.CATEGORY.label("category")).where(RunAccount.run_id == run.id).subquery()
    query = select(rows.c.category, func.count()).group_by(rows.c.category)
    numbers: Counter[str] = Counter()
    for category, count in session.execute(query):
        numbers[category] += count
    return numbers


def _shown(row: RunAccount, name: str, category: str, may: bool, read: Rows, planned_at: datetime) -> Shown:
    findings = [found.stored(row.account_id, one) for one in row.findings]
    decisions = read.decisions.get(row.account_id, {})
    asked = questions.of(findings, decisions)
    lines = {question.line for question in asked}
    return Shown(
        account_id=row.account_id,
        name=name,
        place=read.places.get(row.account_id),
        category=category,
        state=AccountState(row.state),
        approvable=may,
        money=money_of(row.money),
        changes=read.changes.get(row.account_id, []),
        total=row.changes,
        findings=[one for one in findings if not (questions.answers_to(one) and one.addition_id in lines)],
        questions=asked,
        rejected=read.rejected.get(row.account_id) if category == "rejected" else None,
        decided=any(decision.decided_at > planned_at for decision in decisions.values())
        or any(question.taken_back for question in asked),
        error=row.error,
    )
