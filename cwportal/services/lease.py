"""The right of one process to work on a run: shown by a heartbeat, compared before every write, lost when it is silent for too long."""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, cast

from sqlalchemy import Row, Table, bindparam, select, update
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from cwportal.errors import CWPortalError
from cwportal.models import Run
from cwportal.runtime import Runtime
from cwportal.services.ledger import Owner
from cwportal.vocabulary import ACTIVE_RUN_STATES

_log = logging.getLogger(__name__)


class LeaseLost(CWPortalError):
    """Another process has taken this run up; the present one must not write any more."""


class Cancelled(CWPortalError):
    """A person cancelled the run."""


class OutOfTime(CWPortalError):
    """The run has used up CWPORTAL_RUN_LIMIT."""


@dataclass(frozen=True, slots=True)
class Lease:
    """The right to work on a run until an instant: compare `token` before every write. `attempts`: see `Run`, this one too."""

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


def is_alive(session: Session, runtime: Runtime, run_id: int) -> bool:
    """Whether a process is working on the run now."""
    run = session.get(Run, run_id)
    if run is None or run.state not in ACTIVE_RUN_STATES or run.lease is None or run.heartbeat_at is None:
        return False
    return runtime.clock() - run.heartbeat_at < timedelta(seconds=runtime.config.lease)


def is_silent(runtime: Runtime, seen: datetime, now: datetime) -> bool:
    """Whether a process last `seen` at work no longer is."""
    return now - seen >= timedelta(seconds=runtime.config.lease)
