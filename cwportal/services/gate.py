"""The gate on the connection row: Retry-After is obeyed by every thread, process and page of the partner (design section 8)."""

from __future__ import annotations

import threading
import time
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
_KNOWN = 0.1
"""Seconds for which what was read holds in this process: shorter than a request takes, and one look instead of ten."""
_LOOK_AGAIN = 2.0
"""Seconds after which a waiting thread looks whether the wait has changed."""


class ConnectionGate:
    """`not_before` is looked at before every request: what one process was told, all obey within a tenth of a second.

    `longest`: seconds it will sleep, and not more.
    """

    def __init__(self, runtime: Runtime, partner_id: str, longest: float = LONGEST_WAIT) -> None:
        self._runtime = runtime
        self._partner_id = partner_id
        self._longest = longest
        self._threads = threading.local()
        self._lock = threading.Lock()
        self._seen: tuple[float, datetime | None] | None = None
        self._holds = 0
        self._told: datetime | None = None
        """Until when a request of this gate was told to wait: known here before the database has it."""

    @contextmanager
    def sending(self, last_check: Callable[[], None]) -> Iterator[None]:
        """Within the block, `last_check` is called after every wait, right before each request of this thread; it raises to stop it."""
        self._threads.last_check = last_check
        try:
            yield
        finally:
            self._threads.last_check = None

    def wait(self) -> None:
        """Return when a request may go out; `RateLimitedLong` if that is too far off."""
        self._wait()
        last_check: Callable[[], None] | None = getattr(self._threads, "last_check", None)
        if last_check is not None:
            last_check()

    def _wait(self) -> None:
        waited = False
        while True:
            now = self._runtime.clock()
            until = self._until(anew=waited)
            if until is None or until <= now:
                return
            seconds = (until - now).total_seconds()
            if seconds > self._longest:
                length = "longer than 15 minutes" if seconds > LONGEST_WAIT else "longer than one waits for a page"
                raise RateLimitedLong(
                    f"ConnectWise asked us to wait until {until:%H:%M} UTC, {length}. Start the export again after that.",
                    retry_after=seconds,
                )
            self._runtime.sleep(min(seconds, _LOOK_AGAIN))
            waited = True

    def hold(self, seconds: float) -> None:
        """No request before now + seconds, for everybody; a later instant that is already set stays."""
        until = self._runtime.clock() + timedelta(seconds=seconds)
        with self._lock:
            self._told = _later(self._told, until)
        with self._runtime.database.write() as session:
            session.execute(
                update(Connection)
                .where(
                    Connection.partner_id == self._partner_id,
                    or_(Connection.not_before.is_(None), Connection.not_before < until),
                )
                .values(not_before=until)
            )
        with self._lock:
            self._seen, self._holds = None, self._holds + 1

    def _until(self, *, anew: bool) -> datetime | None:
        with self._lock:
            seen, holds, told = self._seen, self._holds, self._told
        if seen is not None and not anew and time.monotonic() - seen[0] < _KNOWN:
            return _later(seen[1], told)
        asked = time.monotonic()
        with self._runtime.database.read() as session:
            until: datetime | None = session.connection().scalar(_NOT_BEFORE, {"partner_id": self._partner_id})
        with self._lock:
            if self._holds == holds:  # else what was read may be older than a hold of this process
                self._seen = (asked, until)
            return _later(until, self._told)


def _later(one: datetime | None, other: datetime | None) -> datetime | None:
    return max((at for at in (one, other) if at is not None), default=None)
