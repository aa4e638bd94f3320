"""Page queries on runs: a partner's history, how far a run is, its changes a page at a time."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from sqlalchemy import Select, and_, case, exists, func, select

from cwportal.billing.values import Money
from cwportal.models import Mapping as MappingRow
from cwportal.models import Run, RunAccount, RunChange
from cwportal.runtime import Runtime
from cwportal.services import runs, standing
from cwportal.services.apply.store import money_of
from cwportal.vocabulary import ACTIVE_RUN_STATES, AccountState, Outcome, RunState, Trigger

RUNS_A_PAGE = 20


@dataclass(frozen=True, slots=True)
class Page:
    """Some of many, counted from 1."""

    items: list[Any]
    number: int
    pages: int
    first: int
    total: int

    @property
    def last(self) -> int:
        """Number of the last one shown."""
        return self.first + len(self.items) - 1


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a run is: accounts read of those to export, accounts written of those whose changes it writes, and these changes by outcome."""

    to_read: int
    read: int
    to_write: int
    written: int
    changes: int
    applied: int
    failed: int


def runs_page(runtime: Runtime, partner_id: str, number: int) -> Page:
    """Exports of the partner, newest first, without previews; a page beyond the last is the last."""
    mine = (Run.partner_id == partner_id, Run.trigger != Trigger.PREVIEW)
    with runtime.database.read() as session:
        total = session.scalar(select(func.count()).select_from(Run).where(*mine)) or 0
        number, pages, offset = place(number, total, RUNS_A_PAGE)
        found = session.scalars(select(Run).where(*mine).order_by(Run.id.desc()).limit(RUNS_A_PAGE).offset(offset))
        return Page(list(found), number, pages, offset + 1, total)


def moved(runtime: Runtime, several: Sequence[Run]) -> dict[int, dict[str, str]]:
    """Monthly amounts before and after each run, with what it has written: accounts that were left out of it stay as they were.

    Only what went through as a whole is known; of other runs it is their plan's money.
    """
    amounts = {run.id: {name: str(value) for name, value in run.money.items()} for run in several}
    good = [run.id for run in several if run.state == RunState.SUCCEEDED and run.money]
    if not good:
        return amounts
    left_out = select(RunAccount.run_id, RunAccount.money).where(
        RunAccount.run_id.in_(good), RunAccount.state == AccountState.SKIPPED, RunAccount.changes > 0
    )
    sums: dict[int, Money] = defaultdict(Money)
    with runtime.database.read() as session:
        for run_id, stored in session.execute(left_out):
            sums[run_id] += money_of(stored)
    for run_id, money in sums.items():
        for what in ("price", "cost"):
            delta = getattr(money, f"{what}_after") - getattr(money, f"{what}_before")
            amounts[run_id][f"{what}_after"] = format(Decimal(amounts[run_id][f"{what}_after"]) - delta, "f")
    return amounts


def under_way(runtime: Runtime, partner_id: str) -> Run | None:
    """The partner's run that has not ended (there is at most one), detached."""
    with runtime.database.read() as session:
        return session.scalar(select(Run).where(Run.partner_id == partner_id, Run.state.in_(ACTIVE_RUN_STATES)))


def progress(runtime: Runtime, partner_id: str, run_id: int) -> tuple[Run, Progress]:
    """The run (detached) and how far it is. UsageError if there is none, or none of this partner."""
    exported = (
        MappingRow.partner_id == partner_id,
        MappingRow.export,
        MappingRow.cw_agreement_id.is_not(None) | MappingRow.new_agreement,
    )
    with runtime.database.read() as session:
        run = runs.find(session, partner_id, run_id)
        to_read = session.scalar(select(func.count()).select_from(MappingRow).where(*exported)) or 0
        planned = select(func.count()).select_from(RunAccount).where(RunAccount.run_id == run_id)
        read = session.scalar(planned.where(exists().where(MappingRow.account_id == RunAccount.account_id, *exported)))
        counted = (int(number or 0) for number in session.execute(_written(run)).one())
        to_write, written, changes, applied, failed = counted
    return run, Progress(to_read, read or 0, to_write, written, changes, applied, failed)


def _written(run: Run) -> Select[int, Any, Any, Any, Any]:
    """Accounts of which the run writes something, those that are through, their changes, those applied and those failed."""
    waiting = func.sum(case((RunChange.outcome.in_([Outcome.PLANNED, Outcome.STARTED]), 1), else_=0))
    per_account = (
        select(
            RunChange.account_id.label("account_id"),
            waiting.label("waiting"),
            func.count().label("changes"),
            func.sum(case((RunChange.outcome == Outcome.APPLIED, 1), else_=0)).label("applied"),
            func.sum(case((RunChange.outcome.in_([Outcome.FAILED, Outcome.UNKNOWN]), 1), else_=0)).label("failed"),
        )
        .where(RunChange.run_id == run.id)
        .group_by(RunChange.account_id)
        .subquery()
    )
    columns = per_account.c
    mine = and_(RunAccount.run_id == run.id, RunAccount.account_id == columns.account_id)
    return (
        select(
            func.count(),
            func.sum(case((columns.waiting == 0, 1), else_=0)),
            func.sum(columns.changes),
            func.sum(columns.applied),
            func.sum(columns.failed),
        )
        .select_from(per_account)
        .outerjoin(RunAccount, mine)
        .where(RunAccount.account_id.is_(None) | standing.let_through(run.approval))
    )


def place(number: int, total: int, size: int) -> tuple[int, int, int]:
    """(page that there is, pages, offset)."""
    pages = max(1, -(-total // size))
    number = min(max(number, 1), pages)
    return number, pages, (number - 1) * size
