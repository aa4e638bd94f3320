"""The gate on the connection row: Retry-After is obeyed by every thread, process and page of the partner (design section 8)."""

from __future__ import annotations

import threading
from datetime import datetime, timedelta

from sqlalchemy import or_, select, update

from cwportal.config import LONGEST_WAIT
from cwportal.connectwise.errors import RateLimitedLong
from cwportal.models import Connection
from cwportal.runtime import Runtime

_LOOK_AGAIN = timedelta(seconds=2)
"""How long a thread may go without looking at what other processes were told."""


class ConnectionGate:
    """Remembers `not_before` in memory and shares it through the database."""

    def __init__(self, runtime: Runtime, partner_id: str) -> None:
        self._runtime = runtime
        self._partner_id = partner_id
        self._lock = threading.Lock()
        self._not_before: datetime | None = None
        self._looked: datetime | None = None

    def wait(self) -> None:
        """Return when a request may go out; `RateLimitedLong` if that is more than 15 minutes off."""
        while True:
            now = self._runtime.clock()
            until = self._until(now)
            if until is None or until <= now:
                return
            seconds = (until - now).total_seconds()
            if seconds > LONGEST_WAIT:
                raise RateLimitedLong(
                    f"ConnectWise asked us to wait until {until:%H:%M} UTC, longer than 15 minutes. Start the export again after that.",
                    retry_after=seconds,
                )
            self._runtime.sleep(min(seconds, _LOOK_AGAIN.total_seconds()))

    def hold(self, seconds: float) -> None:
        """No request before now + seconds, for everybody; a later instant that is already set stays."""
        until = self._runtime.clock() + timedelta(seconds=seconds)
        with self._lock:
            self._not_before = max(until, self._not_before) if self._not_before else until
        with self._runtime.database.write() as session:
            session.execute(
                update(Connection)
                .where(
                    Connection.partner_id == self._partner_id,
                    or_(Connection.not_before.is_(None), Connection.not_before < until),
                )
                .values(not_before=until)
            )

    def _until(self, now: datetime) -> datetime | None:
        with self._lock:
            if self._looked is None or now - self._looked >= _LOOK_AGAIN:
                with self._runtime.database.read() as session:
                    stored = session.scalar(
                        select(Connection.not_before).where(Connection.partner_id == self._partner_id)
                    )
                if stored is not None and (self._not_before is None or stored > self._not_before):
                    self._not_before = stored
                self._looked = now
            return self._not_before
