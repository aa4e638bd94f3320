"""The gate on the connection row: Retry-After is obeyed by every thread, process and page of the partner (design section 8)."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import cast

from sqlalchemy import Table, bindparam, or_, select, update

from cwportal.config import LONGEST_WAIT
from cwportal.connectwise.errors import RateLimitedLong
from cwportal.models import Connection
from cwportal.runtime import Runtime

_CONNECTION = cast(Table, Connection.__table__)
_NOT_BEFORE = select(_CONNECTION.c.not_before).where(_CONNECTION.c.partner_id == bindparam("partner_id"))
"""Asked before every request, so made only once."""
_LOOK_AGAIN = 2.0
"""Seconds after which a waiting thread looks whether the wait has changed."""


class ConnectionGate:
    """`not_before` is read before every request: what one process was told, all obey."""

    def __init__(self, runtime: Runtime, partner_id: str) -> None:
        self._runtime = runtime
        self._partner_id = partner_id
        self._threads = threading.local()

    @contextmanager
    def sending(self, last_check: Callable[[], None]) -> Iterator[None]:
        """Within the block, `last_check` is called after every wait, right before each request of this thread; it raises to stop it."""
        self._threads.last_check = last_check
        try:
            yield
        finally:
            self._threads.last_check = None

    def wait(self) -> None:
        """Return when a request may go out; `RateLimitedLong` if that is more than 15 minutes off."""
        self._wait()
        last_check: Callable[[], None] | None = getattr(self._threads, "last_check", None)
        if last_check is not None:
            last_check()

    def _wait(self) -> None:
        while True:
            now = self._runtime.clock()
            until = self._until()
            if until is None or until <= now:
                return
            seconds = (until - now).total_seconds()
            if seconds > LONGEST_WAIT:
                raise RateLimitedLong(
                    f"ConnectWise asked us to wait until {until:%H:%M} UTC, longer than 15 minutes. Start the export again after that.",
                    retry_after=seconds,
                )
            self._runtime.sleep(min(seconds, _LOOK_AGAIN))

    def hold(self, seconds: float) -> None:
        """No request before now + seconds, for everybody; a later instant that is already set stays."""
        until = self._runtime.clock() + timedelta(seconds=seconds)
        with self._runtime.database.write() as session:
            session.execute(
                update(Connection)
                .where(
                    Connection.partner_id == self._partner_id,
                    or_(Connection.not_before.is_(None), Connection.not_before < until),
                )
                .values(not_before=until)
            )

    def _until(self) -> datetime | None:
        with self._runtime.database.read() as session:
            until: datetime | None = session.connection().scalar(_NOT_BEFORE, {"partner_id": self._partner_id})
            return until
