"""Intent before the write, outcome and ledger after it, each in one durable commit.

The outcome of one change and the intent of the next are committed together: half the commits, and no state is ever skipped.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, cast

from sqlalchemy import Table, Update, bindparam, update
from sqlalchemy.orm import Session

from cwportal.connectwise.errors import ConnectWiseError
from cwportal.models import RunChange
from cwportal.runtime import Runtime
from cwportal.services.apply.grouped import GroupCommit
from cwportal.services.runs import Cancelled, Lease, LeaseLost, OutOfTime, confirm, keep_out
from cwportal.vocabulary import Outcome

Ledger = Callable[[Session], None]

_FRESH = 1.0
"""Seconds after its commit within which an intent is sent without looking again whether it still holds."""

# Statements of every write, made once: putting one together takes longer than SQLite takes to carry it out.
_CHANGE = cast(Table, RunChange.__table__)
_THIS = update(_CHANGE).where(_CHANGE.c.id == bindparam("this"))
_PLANNED = _THIS.where(_CHANGE.c.outcome == Outcome.PLANNED)
_STARTED = _THIS.where(_CHANGE.c.outcome == Outcome.STARTED, _CHANGE.c.resolved_at.is_(None))
_OPEN = _CHANGE.c.outcome.in_([Outcome.STARTED, Outcome.PLANNED]) & _CHANGE.c.resolved_at.is_(None)
_STILL_OPEN = _THIS.where(_OPEN)
_OPEN_OR_GIVEN_UP = _THIS.where(_OPEN | ((_CHANGE.c.outcome == Outcome.FAILED) & _CHANGE.c.resolved_at.is_not(None)))


@dataclass(frozen=True, slots=True)
class Done:
    """What became of one change. `ledger` writes what it means for the ledger, in the same commit."""

    change_id: int
    outcome: Outcome
    error: str | None = None
    ledger: Ledger | None = None
    addition_id: int | None = None
    product_id: int | None = None


@dataclass(frozen=True, slots=True)
class Intent:
    """What is about to be sent. `known_ids`: rows of that product that are there already (see `RunChange`)."""

    change_id: int
    sent: Mapping[str, Any]
    known_ids: tuple[int, ...]
    product_id: int | None


class Journal:
    """The run's book of writes; used by several threads, each with its own sessions."""

    def __init__(self, runtime: Runtime, lease: Lease) -> None:
        self._runtime = runtime
        self._lease = lease
        self._group = GroupCommit(runtime.database)

    def start(self, intent: Intent, done: Done | None = None) -> datetime:
        """Commit `done` and the intent; then, and only then, the write may go out. Returns the instant of the intent.

        Raises LeaseLost, Cancelled or OutOfTime (`done` is committed all the same, the intent is not).
        """
        now = self._runtime.clock()
        values = {
            "outcome": Outcome.STARTED,
            "attempted_at": now,
            "sent": dict(intent.sent),
            "known_ids": list(intent.known_ids),
            "cw_product_id": intent.product_id,
        }

        def part(session: Session) -> None:
            confirm(session, self._lease, now)
            if done is not None:
                self._finish(session, done, now)
            if not _set(session, _PLANNED, intent.change_id, values):
                raise LeaseLost(f"Change {intent.change_id} is being written by another process.")

        try:
            self._group.commit(part)
        except (LeaseLost, Cancelled, OutOfTime):
            if done is not None:
                self.finish(done)
            raise
        return now

    def again(self, intent: Intent) -> datetime:
        """Commit that a write which ConnectWise refused is sent once more with other values. Returns the instant of that.

        Raises LeaseLost, Cancelled or OutOfTime.
        """
        now = self._runtime.clock()

        def part(session: Session) -> None:
            confirm(session, self._lease, now)
            if not _set(session, _STARTED, intent.change_id, {"attempted_at": now, "sent": dict(intent.sent)}):
                raise LeaseLost(f"Change {intent.change_id} was looked up by another process before it was sent.")

        self._group.commit(part)
        return now

    def last_check(self, change_id: int, started: datetime) -> Callable[[], None]:
        """To be called right before each request of a write: an intent that waited (429, a paused process) must still hold.

        The check raises LeaseLost, Cancelled or OutOfTime, and ConnectWiseError (not sent) if the intent was looked up meanwhile; else
        the intent is as of now, since the time after which it may be looked up counts from its last request. A clock that was set back
        makes nothing fresh: others count from the instant it was set to.
        """
        noted, looked = started, time.monotonic()

        def check() -> None:
            nonlocal noted, looked
            now = self._runtime.clock()
            if 0 <= (now - noted).total_seconds() <= _FRESH and time.monotonic() - looked <= _FRESH:
                return

            def part(session: Session) -> None:
                confirm(session, self._lease, now)
                if not _set(session, _STARTED, change_id, {"attempted_at": now}):
                    raise ConnectWiseError(
                        "This process was held up between noting the write and sending it, so it was not sent. Start the export again.",
                        certainty="not_sent",
                    )

            self._group.commit(part)
            noted, looked = now, time.monotonic()

        return check

    def finish(self, done: Done) -> None:
        """Commit an outcome with its meaning for the ledger."""
        self._group.commit(lambda session: self._finish(session, done, self._runtime.clock()))

    def skip(self, change_ids: list[int], why: str) -> None:
        """Changes that are not tried, and why."""
        if not change_ids:
            return
        with self._runtime.database.durable() as session:
            session.execute(
                update(RunChange)
                .where(RunChange.id.in_(change_ids), RunChange.outcome == Outcome.PLANNED)
                .values(outcome=Outcome.SKIPPED, error=why, finished_at=self._runtime.clock())
            )

    def skip_account(self, account_id: str, why: str) -> None:
        """All planned changes of an account that are not tried, and why."""
        with self._runtime.database.durable() as session:
            keep_out(session, self._lease)
            session.execute(
                update(RunChange)
                .where(
                    RunChange.run_id == self._lease.run_id,
                    RunChange.account_id == account_id,
                    RunChange.outcome == Outcome.PLANNED,
                )
                .values(outcome=Outcome.SKIPPED, error=why, finished_at=self._runtime.clock())
            )

    def _finish(self, session: Session, done: Done, now: datetime) -> None:
        values: dict[str, Any] = {"outcome": done.outcome, "error": done.error, "finished_at": now}
        if done.addition_id is not None:
            values["cw_addition_id"] = done.addition_id
        if done.product_id is not None:
            values["cw_product_id"] = done.product_id
        # An answer after all: what was looked up too early and given up is ours.
        answered = done.outcome is not Outcome.UNKNOWN and (
            done.outcome is Outcome.APPLIED or done.addition_id is not None
        )
        still_open = _OPEN_OR_GIVEN_UP if answered else _STILL_OPEN
        if _set(session, still_open, done.change_id, values) and done.ledger is not None:
            done.ledger(session)


def _set(session: Session, statement: Update, change_id: int, values: Mapping[str, Any]) -> bool:
    """Carry out one of the statements above on a change; whether the change was in the state it asks for."""
    return session.connection().execute(statement, {"this": change_id, **values}).rowcount > 0
