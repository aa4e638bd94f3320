"""Runs that nobody works on: queued ones, and those whose process shows no life. Clocks may be set meanwhile, and machines sleep."""

from __future__ import annotations

import time
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, select, update

from cwportal.models import Run
from cwportal.runtime import Runtime
from cwportal.services.lease import is_silent
from cwportal.vocabulary import ACTIVE_RUN_STATES, RunState

_ACTIVE = Run.state.in_(ACTIVE_RUN_STATES)


class Watch:
    """What one process has seen of runs at work, by a clock that nobody sets.

    When the clock is set forward, or the machine wakes up, every run looks as if its process had been dead for long. One that lives
    shows it within a quarter of a lease, so a run is silent only if it has been for half a lease before the eyes of this watch.
    """

    def __init__(self) -> None:
        self._seen: dict[int, tuple[datetime, float]] = {}

    def agrees(self, runtime: Runtime, run_id: int, heartbeat: datetime) -> bool:
        """Whether the run has shown nothing since this heartbeat for long enough to be sure."""
        now = time.monotonic()
        seen, since = self._seen.get(run_id, (None, now))
        if seen != heartbeat:
            since = now
            self._seen[run_id] = (heartbeat, now)
        return now - since >= runtime.config.lease / 2

    def forget_all_but(self, run_ids: set[int]) -> None:
        """Those have ended."""
        self._seen = {run_id: seen for run_id, seen in self._seen.items() if run_id in run_ids}


def without_worker(runtime: Runtime, watch: Watch | None = None) -> list[int]:
    """Runs that need a job in the queue: those queued, and those whose process has shown no life for a lease. Oldest first.

    `watch`: of a process that looks again and again.
    """
    bring_back(runtime, _ACTIVE)
    now = runtime.clock()
    with runtime.database.read() as session:
        active = session.execute(
            select(Run.id, Run.state, Run.heartbeat_at, Run.created_at).where(_ACTIVE).order_by(Run.id)
        ).all()
    if watch is not None:
        watch.forget_all_but({run.id for run in active})

    return [
        run_id
        for run_id, state, heartbeat_at, created_at in active
        if state == RunState.QUEUED or _is_alone(runtime, run_id, heartbeat_at or created_at, now, watch)
    ]


def _is_alone(runtime: Runtime, run_id: int, heartbeat: datetime, now: datetime, watch: Watch | None) -> bool:
    sure = watch is None or watch.agrees(runtime, run_id, heartbeat)  # it looks whatever the clock says
    return sure and is_silent(runtime, heartbeat, now)


def bring_back(runtime: Runtime, which: ColumnElement[bool]) -> None:
    """Signs of life from beyond a lease ahead become signs of now: the clock was set back, and who is dead would look alive until then.

    A living process shows the next one soon; a dead one is silent a lease from now.
    """
    now = runtime.clock()
    ahead = (which, _ACTIVE, Run.heartbeat_at > now + timedelta(seconds=runtime.config.lease))
    with runtime.database.read() as session:
        found = list(session.scalars(select(Run.id).where(*ahead)))
    if found:
        with runtime.database.write() as session:
            session.execute(update(Run).where(Run.id.in_(found), *ahead).values(heartbeat_at=now))
