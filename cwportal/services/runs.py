"""The life of a run: one at a time per partner, a lease with a heartbeat, and what its end looks like."""

from __future__ import annotations

import logging
import secrets
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, cast

from sqlalchemy import Row, Table, bindparam, delete, func, literal, select, update
from sqlalchemy.exc import IntegrityError, SQLAlchemyError
from sqlalchemy.orm import Session

from cwportal.db import Instant
from cwportal.errors import CWPortalError, NotConnected, RunUnderWay, UsageError
from cwportal.models import Connection, Run, RunAccount, RunChange
from cwportal.runtime import Runtime
from cwportal.services.ledger import Owner
from cwportal.vocabulary import ACTIVE_RUN_STATES, Outcome, RunState, Trigger

_log = logging.getLogger(__name__)

ATTEMPTS = 5
"""A run that has been begun so many times, and whose process died every time, is given up."""


class LeaseLost(CWPortalError):
    """Another process has taken this run up; the present one must not write any more."""


class Cancelled(CWPortalError):
    """A person cancelled the run."""


class OutOfTime(CWPortalError):
    """The run has used up CWPORTAL_RUN_LIMIT."""


@dataclass(frozen=True, slots=True)
class Lease:
    """The right to work on a run until an instant: compare `token` before every write. `attempts`: how often it was begun, this time too."""

    run_id: int
    partner_id: str
    tenant: str
    token: str
    until: datetime
    resumed: bool
    preview: bool = False
    attempts: int = 1

    @property
    def owner(self) -> Owner:
        """Whose ledger the run writes."""
        return Owner(self.partner_id, self.tenant)


def begin(
    runtime: Runtime,
    partner_id: str,
    tenant: str,
    *,
    trigger: Trigger,
    actor: str,
    approval: Mapping[str, Any],
) -> Lease:
    """Start a run in this process, or take up the one whose process died, with the approval given now: an old one was for other plans.

    A preview whose process died is ended instead, and an export never taken up as a preview. Raises RunUnderWay while a run of the partner
    is alive; it names the run, who started it and when.
    """
    token = secrets.token_hex(16)
    now = runtime.clock()
    try:
        with runtime.database.durable() as session:
            _hold_connection(session, partner_id)
            active = session.scalar(_active(partner_id).with_for_update())
            if active is not None and trigger is not Trigger.PREVIEW and active.trigger == Trigger.PREVIEW:
                _give_up(session, runtime, active, now)
                active = None
            if active is not None:
                if trigger is Trigger.PREVIEW and active.trigger != Trigger.PREVIEW:
                    raise RunUnderWay(_under_way(active))
                lease = _take_up(session, runtime, active, token, now)
                active.approval = dict(approval)
                return lease
            run = _new(partner_id, tenant, trigger=trigger, actor=actor, approval=approval, now=now)
            session.add(run)
            session.flush()
            return _take(session, runtime, run, token, now)
    except IntegrityError:
        raise RunUnderWay(
            "Another export of this partner has started at the same moment. Look at it with: cwportal runs"
        ) from None


def request(
    runtime: Runtime,
    partner_id: str,
    tenant: str,
    *,
    trigger: Trigger,
    actor: str,
    approval: Mapping[str, Any],
    scheduled_for: datetime | None = None,
) -> int:
    """A run for a worker: committed as queued before anybody enqueues it, so that an emptied queue loses nothing.

    Raises RunUnderWay while a run of the partner is queued or at work, and for an instant that has had its run.
    """
    try:
        with runtime.database.durable() as session:
            _hold_connection(session, partner_id)
            active = session.scalar(_active(partner_id))
            if active is not None:
                raise RunUnderWay(_under_way(active))
            run = _new(partner_id, tenant, trigger=trigger, actor=actor, approval=approval, now=runtime.clock())
            run.scheduled_for = scheduled_for
            session.add(run)
            session.flush()
            return run.id
    except IntegrityError:
        raise RunUnderWay(
            "An export of this partner was requested at the same moment, or for the same scheduled time. "
            "Look at it with: cwportal runs"
        ) from None


def _hold_connection(session: Session, partner_id: str) -> None:
    """Let nobody disable or change it before the run is there to be seen by them. NotConnected if it is gone."""
    row = session.get(Connection, partner_id, with_for_update={"read": True})
    if row is None or not row.active:
        raise NotConnected("ConnectWise was disabled in the meantime; no export has begun.")


def _new(
    partner_id: str, tenant: str, *, trigger: Trigger, actor: str, approval: Mapping[str, Any], now: datetime
) -> Run:
    return Run(
        partner_id=partner_id,
        tenant=tenant,
        trigger=trigger,
        state=RunState.QUEUED,
        actor=actor,
        approval=dict(approval),
        created_at=now,
        attempts=0,
    )


def claim(runtime: Runtime, run_id: int) -> Lease | None:
    """The right to work on a queued run, or on one whose process died; None if another has it, or it has ended."""
    now = runtime.clock()
    with runtime.database.durable() as session:
        run = session.scalar(select(Run).where(Run.id == run_id).with_for_update())
        if run is None or run.state not in ACTIVE_RUN_STATES:
            return None
        if run.state != RunState.QUEUED and not _is_silent(runtime, run.heartbeat_at or run.created_at, now):
            return None
        return _take(session, runtime, run, secrets.token_hex(16), now)


def without_worker(runtime: Runtime) -> list[int]:
    """Runs that need a job in the queue: those queued, and those whose process has shown no life for a lease. Oldest first."""
    now = runtime.clock()
    with runtime.database.read() as session:
        active = session.execute(
            select(Run.id, Run.state, Run.heartbeat_at, Run.created_at)
            .where(Run.state.in_(ACTIVE_RUN_STATES))
            .order_by(Run.id)
        )
        return [
            run_id
            for run_id, state, heartbeat_at, created_at in active
            if state == RunState.QUEUED or _is_silent(runtime, heartbeat_at or created_at, now)
        ]


def _active(partner_id: str) -> Any:
    return select(Run).where(Run.partner_id == partner_id, Run.state.in_(ACTIVE_RUN_STATES))


def _under_way(run: Run) -> str:
    what = "Preview" if run.trigger == Trigger.PREVIEW else "Run"
    return (
        f"{what} {run.id} of this partner is under way (started {run.created_at:%d %b %Y, %H:%M:%S} UTC by {run.actor}, "
        f"{run.state}). Wait for it, or look at it with: cwportal log {run.id}"
    )


def _is_silent(runtime: Runtime, seen: datetime, now: datetime) -> bool:
    return now - seen >= timedelta(seconds=runtime.config.lease)


def _give_up(session: Session, runtime: Runtime, preview: Run, now: datetime) -> None:
    """End a preview that nobody works on any more: an export is asked for, and takes nothing over from it."""
    if not _is_silent(runtime, preview.heartbeat_at or preview.created_at, now):
        raise RunUnderWay(_under_way(preview))
    preview.state = RunState.FAILED
    preview.error = "The preview was interrupted; make a new one."
    preview.finished_at = now
    preview.planned_at = None  # its end was never written, nor what limits of the whole run hold: nothing to approve
    preview.lease = None
    session.flush()


def _take_up(session: Session, runtime: Runtime, run: Run, token: str, now: datetime) -> Lease:
    if not _is_silent(runtime, run.heartbeat_at or run.created_at, now):
        raise RunUnderWay(_under_way(run))
    return _take(session, runtime, run, token, now)


def _take(session: Session, runtime: Runtime, run: Run, token: str, now: datetime) -> Lease:
    resumed = run.state != RunState.QUEUED
    run.lease = token
    run.heartbeat_at = now
    run.state = RunState.READING
    run.started_at = run.started_at or now
    run.planned_at = None
    run.attempts += 1
    # Everything is planned anew: what was not tried goes, what failed no longer counts; intents without a known outcome stay and
    # are looked up first.
    mine = RunChange.run_id == run.id
    session.execute(delete(RunChange).where(mine, RunChange.outcome.in_([Outcome.PLANNED, Outcome.SKIPPED])))
    session.execute(
        update(RunChange)
        .where(mine, RunChange.outcome == Outcome.FAILED)
        .values(resolved_at=func.coalesce(RunChange.resolved_at, literal(now, Instant())), resolved_by_run=run.id)
    )
    session.execute(delete(RunAccount).where(RunAccount.run_id == run.id))
    return Lease(
        run.id,
        run.partner_id,
        run.tenant,
        token,
        _end(runtime, now),
        resumed=resumed,
        preview=run.trigger == Trigger.PREVIEW,
        attempts=run.attempts,
    )


def _end(runtime: Runtime, now: datetime) -> datetime:
    return now + timedelta(seconds=runtime.config.run_limit)


_RUN = cast(Table, Run.__table__)
_HELD = select(_RUN.c.lease, _RUN.c.cancel_requested).where(_RUN.c.id == bindparam("run_id"))
_HELD_ALONE, _HELD_SHARED = _HELD.with_for_update(), _HELD.with_for_update(read=True)
"""Asked with every intent, so made only once."""


def keep_out(session: Session, lease: Lease, *, alone: bool = False) -> bool:
    """Raise LeaseLost if another process has the run, and let none take it up before this transaction ends.

    `alone`: for a transaction that changes the run's row itself. Returns whether a person has cancelled the run.
    """
    held = session.connection().execute(_HELD_ALONE if alone else _HELD_SHARED, {"run_id": lease.run_id}).one_or_none()
    return _cancelled(lease, held)


def _cancelled(lease: Lease, held: Row[Any, Any] | None) -> bool:
    if held is None or held.lease != lease.token:
        raise LeaseLost(f"Run {lease.run_id} was taken up by another process, which finishes it.")
    return bool(held.cancel_requested)


def confirm(session: Session, lease: Lease, now: datetime) -> None:
    """Raise LeaseLost, Cancelled or OutOfTime unless this process may go on. Call it in the transaction of every intent."""
    _go_on(lease, now, cancelled=keep_out(session, lease))


def look(session: Session, lease: Lease, now: datetime) -> None:
    """The same for a session that only reads: it is known for now, and keeps nobody out."""
    held = session.connection().execute(_HELD, {"run_id": lease.run_id}).one_or_none()
    _go_on(lease, now, cancelled=_cancelled(lease, held))


def _go_on(lease: Lease, now: datetime, *, cancelled: bool) -> None:
    if cancelled:
        raise Cancelled(f"Run {lease.run_id} was cancelled; what was written before stays.")
    if now > lease.until:
        raise OutOfTime(
            f"Run {lease.run_id} took longer than it may (CWPORTAL_RUN_LIMIT). What was written stays; start the export again "
            "for the rest."
        )


@contextmanager
def heartbeat(runtime: Runtime, lease: Lease) -> Iterator[None]:
    """Show signs of life four times per lease while the block runs. One that fails (a busy database) does not end them."""
    stop = threading.Event()
    pause = max(runtime.config.lease / 4, 0.05)

    def beat() -> None:
        while not stop.wait(pause):
            try:
                with runtime.database.write() as session:
                    session.execute(
                        update(Run)
                        .where(Run.id == lease.run_id, Run.lease == lease.token)
                        .values(heartbeat_at=runtime.clock())
                    )
            except SQLAlchemyError:
                _log.warning("The heartbeat of run %s failed; the next one follows.", lease.run_id, exc_info=True)

    thread = threading.Thread(target=beat, name=f"heartbeat-{lease.run_id}", daemon=True)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()


def enter(runtime: Runtime, lease: Lease, state: RunState) -> None:
    """Move the run on to `state`, if it is still ours."""
    with runtime.database.durable() as session:
        keep_out(session, lease, alone=True)
        confirm(session, lease, runtime.clock())
        session.execute(update(Run).where(Run.id == lease.run_id).values(state=state, heartbeat_at=runtime.clock()))


def planned(runtime: Runtime, lease: Lease, numbers: Mapping[str, int]) -> None:
    """Everything has been read and the plan is complete; `numbers` of its changes."""
    with runtime.database.durable() as session:
        keep_out(session, lease, alone=True)
        confirm(session, lease, runtime.clock())
        values = {"planned_at": runtime.clock(), "planned": dict(numbers), "heartbeat_at": runtime.clock()}
        session.execute(update(Run).where(Run.id == lease.run_id).values(**values))


def finish(session: Session, runtime: Runtime, lease: Lease, state: RunState, **columns: Any) -> None:
    """Write the end of a run that is still ours (see `keep_out`)."""
    session.execute(
        update(Run)
        .where(Run.id == lease.run_id, Run.lease == lease.token)
        .values(state=state, finished_at=runtime.clock(), lease=None, **columns)
    )


def is_alive(session: Session, runtime: Runtime, run_id: int) -> bool:
    """Whether a process is working on the run now."""
    run = session.get(Run, run_id)
    if run is None or run.state not in ACTIVE_RUN_STATES or run.lease is None or run.heartbeat_at is None:
        return False
    return runtime.clock() - run.heartbeat_at < timedelta(seconds=runtime.config.lease)


def cancel(runtime: Runtime, partner_id: str, run_id: int) -> None:
    """Ask a run under way to stop before its next write. A queued one ends at once: perhaps no worker comes for a long time."""
    with runtime.database.durable() as session:
        run = find(session, partner_id, run_id)
        session.refresh(run, with_for_update=True)  # no worker may take it meanwhile
        if run.state not in ACTIVE_RUN_STATES:
            raise UsageError(f"Run {run_id} has ended already ({run.state}).")
        run.cancel_requested = True
        if run.state == RunState.QUEUED:
            run.state, run.finished_at = RunState.CANCELLED, runtime.clock()
            run.error = f"Run {run_id} was cancelled before it began; nothing was written."


def find(session: Session, partner_id: str | None, run_id: int) -> Run:
    """The run; UsageError if there is none, or none of this partner."""
    run = session.get(Run, run_id)
    if run is None or (partner_id is not None and run.partner_id != partner_id):
        raise UsageError(f"There is no run {run_id}. See: cwportal runs --partner …")
    return run
