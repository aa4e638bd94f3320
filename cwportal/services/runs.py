"""The life of a run: one at a time per partner, taken up again when its process died, and what its end looks like.

How runs are asked for is in `requested`, the right to work on one in `lease`, which of them nobody works on in `silent`.
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import delete, func, literal, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from cwportal.db import Instant
from cwportal.errors import RunUnderWay
from cwportal.models import UNSETTLED, Run, RunAccount, RunChange
from cwportal.runtime import Runtime
from cwportal.services import silent
from cwportal.services.lease import (
    Cancelled,
    Lease,
    LeaseLost,
    OutOfTime,
    confirm,
    heartbeat,
    is_alive,
    is_silent,
    keep_out,
    look,
)
from cwportal.services.requested import active_of, asked, cancel, find, hold_connection, request, under_way
from cwportal.services.silent import without_worker
from cwportal.vocabulary import ACTIVE_RUN_STATES, Kind, Outcome, RunState, Trigger

__all__ = [
    "ATTEMPTS",
    "Cancelled",
    "Lease",
    "LeaseLost",
    "OutOfTime",
    "begin",
    "cancel",
    "claim",
    "confirm",
    "enter",
    "find",
    "finish",
    "heartbeat",
    "is_alive",
    "keep_out",
    "look",
    "planned",
    "request",
    "without_worker",
]

ATTEMPTS = 5
"""A run that has been begun so many times in a row, and whose process died every time before it had written a line, is given up."""

_BEFOREHAND = (Kind.PRODUCT, Kind.PRODUCT_TABLE)
"""Few writes that precede all lines of all accounts: getting through them is not yet getting further."""
_MARK = "-"
"""In a lease's token, between the lines that were written when it was taken and what makes it unique."""


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
    silent.bring_back(runtime, Run.partner_id == partner_id)
    now = runtime.clock()
    try:
        with runtime.database.durable() as session:
            hold_connection(session, partner_id)
            active = session.scalar(active_of(partner_id).with_for_update())
            if active is not None and trigger is not Trigger.PREVIEW and active.trigger == Trigger.PREVIEW:
                _give_up(session, runtime, active, now)
                active = None
            if active is not None:
                if trigger is Trigger.PREVIEW and active.trigger != Trigger.PREVIEW:
                    raise RunUnderWay(under_way(active))
                lease = _take_up(session, runtime, active, token, now)
                active.approval = dict(approval)
                return lease
            run = asked(partner_id, tenant, trigger=trigger, actor=actor, approval=approval, now=now)
            session.add(run)
            session.flush()
            return _take(session, runtime, run, token, now)
    except IntegrityError:
        raise RunUnderWay(
            "Another export of this partner has started at the same moment. Look at it with: cwportal runs"
        ) from None


def claim(runtime: Runtime, run_id: int) -> Lease | None:
    """The right to work on a queued run, or on one whose process died; None if another has it, or it has ended."""
    silent.bring_back(runtime, Run.id == run_id)
    now = runtime.clock()
    with runtime.database.durable() as session:
        run = session.scalar(select(Run).where(Run.id == run_id).with_for_update())
        if run is None or run.state not in ACTIVE_RUN_STATES:
            return None
        if run.state != RunState.QUEUED and not is_silent(runtime, run.heartbeat_at or run.created_at, now):
            return None
        return _take(session, runtime, run, secrets.token_hex(16), now)


def _give_up(session: Session, runtime: Runtime, preview: Run, now: datetime) -> None:
    """End a preview that nobody works on any more: an export is asked for, and takes nothing over from it."""
    if not is_silent(runtime, preview.heartbeat_at or preview.created_at, now):
        raise RunUnderWay(under_way(preview))
    preview.state = RunState.FAILED
    preview.error = "The preview was interrupted; make a new one."
    preview.finished_at = now
    preview.planned_at = None  # its end was never written, nor what limits of the whole run hold: nothing to approve
    preview.lease = None
    session.flush()


def _take_up(session: Session, runtime: Runtime, run: Run, token: str, now: datetime) -> Lease:
    if not is_silent(runtime, run.heartbeat_at or run.created_at, now):
        raise RunUnderWay(under_way(run))
    return _take(session, runtime, run, token, now)


def _take(session: Session, runtime: Runtime, run: Run, token: str, now: datetime) -> Lease:
    resumed = run.state != RunState.QUEUED
    written = _written(session, run.id)
    if resumed and written > _written_before(run.lease):
        run.attempts = 2  # its last life got further, so it does not count: releases in a row are no reason to give up
    else:
        run.attempts += 1
    run.lease = f"{written}{_MARK}{token}"
    run.heartbeat_at = now
    run.state = RunState.READING
    run.started_at = run.started_at or now
    run.planned_at = None
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
    _bring_back_writes(session, run, now)
    return Lease(
        run.id,
        run.partner_id,
        run.tenant,
        run.lease,
        now + timedelta(seconds=runtime.config.run_limit),
        resumed=resumed,
        preview=run.trigger == Trigger.PREVIEW,
        attempts=run.attempts,
    )


def _bring_back_writes(session: Session, run: Run, now: datetime) -> None:
    """Attempts that seem to be ahead, because the clock was set back, are as of now: else their look-up would wait until then."""
    mine = (RunChange.partner_id == run.partner_id, RunChange.tenant == run.tenant, RunChange.resolved_at.is_(None))
    opened = (*mine, UNSETTLED)
    for column in (RunChange.attempted_at, RunChange.finished_at):
        session.execute(update(RunChange).where(*opened, column > now).values({column: now}))


def _written(session: Session, run_id: int) -> int:
    """Lines that the run has written in all its lives."""
    applied = (RunChange.run_id == run_id, RunChange.outcome == Outcome.APPLIED, RunChange.kind.not_in(_BEFOREHAND))
    return session.scalar(select(func.count()).where(*applied)) or 0


def _written_before(token: str | None) -> int:
    """How many there were when the life with this token began; 0 for one of a release that did not note it."""
    number, mark, _ = (token or "").partition(_MARK)
    return int(number) if mark else 0


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
