"""Runs as they are asked for, found and cancelled: one at a time per partner, committed before anybody works on them."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from cwportal.errors import NotConnected, RunUnderWay, UsageError
from cwportal.models import Connection, Run
from cwportal.runtime import Runtime
from cwportal.vocabulary import ACTIVE_RUN_STATES, RunState, Trigger


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
            hold_connection(session, partner_id)
            active = session.scalar(active_of(partner_id))
            if active is not None:
                raise RunUnderWay(under_way(active))
            run = asked(partner_id, tenant, trigger=trigger, actor=actor, approval=approval, now=runtime.clock())
            run.scheduled_for = scheduled_for
            session.add(run)
            session.flush()
            return run.id
    except IntegrityError:
        raise RunUnderWay(
            "An export of this partner was requested at the same moment, or for the same scheduled time. "
            "Look at it with: cwportal runs"
        ) from None


def hold_connection(session: Session, partner_id: str) -> None:
    """Let nobody disable or change it before the run is there to be seen by them. NotConnected if it is gone."""
    row = session.get(Connection, partner_id, with_for_update={"read": True})
    if row is None or not row.active:
        raise NotConnected("ConnectWise was disabled in the meantime; no export has begun.")


def asked(
    partner_id: str, tenant: str, *, trigger: Trigger, actor: str, approval: Mapping[str, Any], now: datetime
) -> Run:
    """The row, not yet added to a session."""
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


def active_of(partner_id: str) -> Any:
    """The query for the run that is queued or at work."""
    return select(Run).where(Run.partner_id == partner_id, Run.state.in_(ACTIVE_RUN_STATES))


def under_way(run: Run) -> str:
    """Why another cannot begin."""
    what = "Preview" if run.trigger == Trigger.PREVIEW else "Run"
    return (
        f"{what} {run.id} of this partner is under way (started {run.created_at:%d %b %Y, %H:%M:%S} UTC by {run.actor}, "
        f"{run.state}). Wait for it, or look at it with: cwportal log {run.id}"
    )


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
