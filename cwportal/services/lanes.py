"""Which runs are likely to take long, from what is known of the partner: they wait in a lane of their own (docs/decisions/005)."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime, timedelta

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from cwportal.models import Mapping, Run
from cwportal.runtime import Runtime
from cwportal.vocabulary import RunState, Trigger

LONG = timedelta(seconds=30)
"""A run that took so long is a long one; so is one that took CWPORTAL_TIMEOUT, where that is less: something did not answer."""
LOOK_BACK = 3
"""Runs of the partner that are looked at; the longest counts, so that one that failed at once does not make a large partner small."""
MANY = 100
"""Accounts to export from which a run is taken for a long one while none has shown how long it takes."""
_AT_ONCE = 500


def slow(runtime: Runtime, run_ids: Collection[int]) -> set[int]:
    """Those of these runs that are likely to take long. A wrong guess costs waiting, never more."""
    limit = min(LONG, timedelta(seconds=runtime.config.timeout))
    found, ids = set(), list(run_ids)
    with runtime.database.read() as session:
        for start in range(0, len(ids), _AT_ONCE):
            asked = select(Run).where(Run.id.in_(ids[start : start + _AT_ONCE]))
            found |= {run.id for run in session.scalars(asked) if _is_slow(session, run, limit)}
    return found


def _is_slow(session: Session, run: Run, limit: timedelta) -> bool:
    lives = session.execute(
        select(Run.started_at, Run.finished_at)
        .where(
            Run.partner_id == run.partner_id,
            Run.tenant == run.tenant,
            (Run.trigger == Trigger.PREVIEW) == (run.trigger == Trigger.PREVIEW),
            Run.started_at.is_not(None),
            Run.finished_at.is_not(None),
            Run.state != RunState.CANCELLED,
            Run.attempts == 1,  # else its time is that of waiting for another process
        )
        .order_by(Run.id.desc())
        .limit(LOOK_BACK)
    ).all()
    if lives:
        return max(_between(*life) for life in lives) >= limit
    mapped = select(func.count()).where(Mapping.partner_id == run.partner_id, Mapping.export)
    return (session.scalar(mapped) or 0) >= MANY


def _between(begun: datetime | None, ended: datetime | None) -> timedelta:
    return ended - begun if begun and ended else timedelta()
