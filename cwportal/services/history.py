"""Page queries on runs: a partner's history, how far a run is, its changes a page at a time."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sqlalchemy import case, func, select

from cwportal.models import Mapping as MappingRow
from cwportal.models import Run, RunAccount, RunChange
from cwportal.runtime import Runtime
from cwportal.services import runs
from cwportal.vocabulary import ACTIVE_RUN_STATES, Outcome, Trigger

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
    """How far a run is: accounts read of those to export, accounts written of those with changes, and changes by outcome."""

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


def under_way(runtime: Runtime, partner_id: str) -> Run | None:
    """The partner's run that has not ended (there is at most one), detached."""
    with runtime.database.read() as session:
        return session.scalar(select(Run).where(Run.partner_id == partner_id, Run.state.in_(ACTIVE_RUN_STATES)))


def progress(runtime: Runtime, partner_id: str, run_id: int) -> tuple[Run, Progress]:
    """The run (detached) and how far it is. UsageError if there is none, or none of this partner."""
    exported = select(func.count()).where(
        MappingRow.partner_id == partner_id,
        MappingRow.export,
        MappingRow.cw_agreement_id.is_not(None) | MappingRow.new_agreement,
    )
    waiting = func.sum(case((RunChange.outcome.in_([Outcome.PLANNED, Outcome.STARTED]), 1), else_=0))
    per_account = (
        select(
            waiting.label("waiting"),
            func.count().label("changes"),
            func.sum(case((RunChange.outcome == Outcome.APPLIED, 1), else_=0)).label("applied"),
            func.sum(case((RunChange.outcome.in_([Outcome.FAILED, Outcome.UNKNOWN]), 1), else_=0)).label("failed"),
        )
        .where(RunChange.run_id == run_id)
        .group_by(RunChange.account_id)
        .subquery()
    )
    columns = per_account.c
    sums = select(
        func.count(),
        func.sum(case((columns.waiting == 0, 1), else_=0)),
        func.sum(columns.changes),
        func.sum(columns.applied),
        func.sum(columns.failed),
    )
    with runtime.database.read() as session:
        run = runs.find(session, partner_id, run_id)
        to_read = session.scalar(exported) or 0
        read = session.scalar(
            select(func.count())
            .select_from(RunAccount)
            .where(RunAccount.run_id == run_id, RunAccount.cw_agreement_id.is_not(None))
        )
        to_write, written, changes, applied, failed = (int(number or 0) for number in session.execute(sums).one())
    return run, Progress(to_read, min(read or 0, to_read), to_write, written, changes, applied, failed)


def place(number: int, total: int, size: int) -> tuple[int, int, int]:
    """(page that there is, pages, offset)."""
    pages = max(1, -(-total // size))
    number = min(max(number, 1), pages)
    return number, pages, (number - 1) * size
