"""Whether the queue's server works, and somebody takes what is in the queue."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta

from sqlalchemy import func, select

from cwportal.errors import CWPortalError
from cwportal.models import Run
from cwportal.runtime import Runtime
from cwportal.services.doctor.check import Check, Health
from cwportal.vocabulary import RunState

_WAITS = timedelta(minutes=1)
"""After which an export that no worker has taken is worth a word."""


def queue(runtime: Runtime, ping: Callable[[], None], *, set_up: bool, program: str) -> Check:
    """The check. `set_up`: whether the database can be asked for exports that wait."""
    name = "queue"
    try:
        ping()
    except CWPortalError as error:
        return Check(
            name,
            Health.PROBLEM,
            str(error),
            "Exports by workers and by schedule wait until it is back.",
            "Start the Redis or Valkey server, or correct CWPORTAL_REDIS_URL.",
        )
    number, oldest = _waiting(runtime) if set_up else (0, None)
    if oldest is not None:
        return Check(
            name,
            Health.WARNING,
            f"Exports that wait for a worker: {number}, the oldest since {oldest:%d %b %Y, %H:%M} UTC.",
            "There is no worker, or all of them have more to do than they can.",
            f"Start one, or one more, with: {program} worker",
        )
    return Check(name, Health.OK, "The queue's server answers.")


def _waiting(runtime: Runtime) -> tuple[int, datetime | None]:
    """Runs that were asked for some time ago and have not begun: how many, and since when."""
    with runtime.database.read() as session:
        asked = select(func.count(), func.min(Run.created_at)).where(
            Run.state == RunState.QUEUED, Run.created_at <= runtime.clock() - _WAITS
        )
        number, oldest = session.execute(asked).one()
    return number, oldest
