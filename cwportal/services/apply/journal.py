"""Intent before the write, outcome and ledger after it, each in one durable commit.

The outcome of one change and the intent of the next are committed together: half the commits, and no state is ever skipped.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import update
from sqlalchemy.orm import Session

from cwportal.connectwise.errors import ConnectWiseError
from cwportal.models import RunChange
from cwportal.runtime import Runtime
from cwportal.services.runs import Cancelled, Lease, LeaseLost, OutOfTime, confirm, keep_out
from cwportal.vocabulary import Outcome

Ledger = Callable[[Session], None]

_FRESH = 1.0
"""Seconds after its commit within which an intent is sent without looking again whether it still holds."""


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

    def start(self, intent: Intent, done: Done | None = None) -> datetime:
        """Commit `done` and the intent; then, and only then, the write may go out. Returns the instant of the intent.

        Raises LeaseLost, Cancelled or OutOfTime (`done` is committed all the same, the intent is not).
        """
        now = self._runtime.clock()
        try:
            with self._runtime.database.durable() as session:
                confirm(session, self._lease, now)
                if done is not None:
                    self._finish(session, done, now)
                started = session.execute(
                    update(RunChange)
                    .where(RunChange.id == intent.change_id, RunChange.outcome == Outcome.PLANNED)
                    .values(
                        outcome=Outcome.STARTED,
                        attempted_at=now,
                        sent=dict(intent.sent),
                        known_ids=list(intent.known_ids),
                        cw_product_id=intent.product_id,
                    )
                    .returning(RunChange.id)
                )
                if started.scalar_one_or_none() is None:
                    raise LeaseLost(f"Change {intent.change_id} is being written by another process.")
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
        with self._runtime.database.durable() as session:
            confirm(session, self._lease, now)
            renewed = session.execute(
                update(RunChange)
                .where(
                    RunChange.id == intent.change_id,
                    RunChange.outcome == Outcome.STARTED,
                    RunChange.resolved_at.is_(None),
                )
                .values(attempted_at=now, sent=dict(intent.sent))
                .returning(RunChange.id)
            )
            if renewed.scalar_one_or_none() is None:
                raise LeaseLost(f"Change {intent.change_id} was looked up by another process before it was sent.")
        return now

    def last_check(self, change_id: int, started: datetime) -> Callable[[], None]:
        """To be called right before each request of a write: an intent that waited (429, a paused process) must still hold.

        The check raises LeaseLost, Cancelled or OutOfTime, and ConnectWiseError (not sent) if the intent was looked up meanwhile; else
        the intent is as of now, since the time after which it may be looked up counts from its last request.
        """
        noted = started

        def check() -> None:
            nonlocal noted
            now = self._runtime.clock()
            if (now - noted).total_seconds() <= _FRESH:
                return
            with self._runtime.database.durable() as session:
                confirm(session, self._lease, now)
                renewed = session.execute(
                    update(RunChange)
                    .where(
                        RunChange.id == change_id,
                        RunChange.outcome == Outcome.STARTED,
                        RunChange.resolved_at.is_(None),
                    )
                    .values(attempted_at=now)
                    .returning(RunChange.id)
                )
                if renewed.scalar_one_or_none() is None:
                    raise ConnectWiseError(
                        "This process was held up between noting the write and sending it, so it was not sent. Start the export again.",
                        certainty="not_sent",
                    )
            noted = now

        return check

    def finish(self, done: Done) -> None:
        """Commit an outcome with its meaning for the ledger."""
        with self._runtime.database.durable() as session:
            self._finish(session, done, self._runtime.clock())

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
        open_still = RunChange.outcome.in_([Outcome.STARTED, Outcome.PLANNED]) & RunChange.resolved_at.is_(None)
        if done.outcome is Outcome.APPLIED:  # an answer after all: what was looked up too early and given up is ours
            open_still |= (RunChange.outcome == Outcome.FAILED) & RunChange.resolved_at.is_not(None)
        ours = session.execute(
            update(RunChange).where(RunChange.id == done.change_id, open_still).values(values).returning(RunChange.id)
        ).scalar_one_or_none()
        if ours is not None and done.ledger is not None:
            done.ledger(session)
