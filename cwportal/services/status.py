"""What the status page shows besides a run's progress and the history: when exports are due, and how the last ones ended."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session

from cwportal.models import Run
from cwportal.runtime import Runtime
from cwportal.services import found, log, settings, upcoming
from cwportal.services.found import Group
from cwportal.vocabulary import ACTIVE_RUN_STATES, AccountState, Frequency, RunState, Severity, Trigger

_PATIENCE = timedelta(minutes=1)
"""After which a run that no worker has taken is worth a word."""
_TOLD = 6


@dataclass(frozen=True, slots=True)
class Due:
    """When exports are to start by the partner's settings. `at` is None where they are started by hand."""

    frequency: Frequency
    at: datetime | None
    zone: str


@dataclass(frozen=True, slots=True)
class Last:
    """The last export that has ended: its accounts by how they ended, and the loudest of what it found.

    `kinds`: how many kinds of findings are left out. `more`: there are too many findings to look at all, so numbers and amounts are the least.
    """

    run: Run
    states: Mapping[AccountState, int]
    findings: Sequence[Group]
    kinds: int = 0
    more: bool = False

    @property
    def accounts(self) -> int:
        """How many accounts took part."""
        return sum(self.states.values())


@dataclass(frozen=True, slots=True)
class Overview:
    """`successful`: the last export in which everything was right; the same run as the last where that was."""

    due: Due
    last: Last | None
    successful: Run | None


def overview(runtime: Runtime, partner_id: str) -> Overview:
    """Of the partner. UnknownPartner."""
    due = next_export(runtime, partner_id)
    with runtime.database.read() as session:
        run = _newest(session, partner_id)
        last = None if run is None else _last(runtime, session, run)
        good = run if run is not None and run.state == RunState.SUCCEEDED else None
        if run is not None and good is None:
            good = _newest(session, partner_id, RunState.SUCCEEDED)
    return Overview(due, last, good)


def next_export(runtime: Runtime, partner_id: str) -> Due:
    """When the next export is due by the partner's settings."""
    chosen = settings.get(runtime, partner_id)
    at = [start.at for start in upcoming.starts(chosen, runtime.clock(), 1)]
    return Due(chosen.export, at[0] if at else None, chosen.timezone)


def without_worker_since(runtime: Runtime, run: Run) -> datetime | None:
    """Since when the run waits for a worker, if that is longer than usual."""
    if run.state not in ACTIVE_RUN_STATES:
        return None
    seen = run.created_at if run.state == RunState.QUEUED else run.heartbeat_at or run.created_at
    patience = _PATIENCE if run.state == RunState.QUEUED else max(_PATIENCE, timedelta(seconds=runtime.config.lease))
    return seen if runtime.clock() - seen > patience else None


def _newest(session: Session, partner_id: str, state: RunState | None = None) -> Run | None:
    query = select(Run).where(Run.partner_id == partner_id, Run.trigger != Trigger.PREVIEW)
    ended = Run.state.not_in(ACTIVE_RUN_STATES) if state is None else Run.state == state
    return session.scalar(query.where(ended).order_by(Run.id.desc()).limit(1))


def _last(runtime: Runtime, session: Session, run: Run) -> Last:
    several, more = found.of_run(runtime, session, run)
    groups = found.grouped(one for one in several if one.severity is not Severity.INFO)
    return Last(run, log.states(session, run.id), groups[:_TOLD], len(groups[_TOLD:]), more)
