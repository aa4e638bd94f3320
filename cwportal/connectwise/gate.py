"""The gate every request passes: shut while ConnectWise has asked us to wait (429)."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Protocol

from cwportal.connectwise import answers


class Gate(Protocol):
    """Shared by everything that talks to one ConnectWise. Services keep it on the connection row."""

    def wait(self) -> None:
        """Return when a request may be sent; sleep until then.

        Where that would take longer than 15 minutes, raise RateLimitedLong at once instead.
        """

    def hold(self, seconds: float) -> None:
        """Shut for this many seconds from now; a longer hold that is already there stays."""


class LocalGate:
    """A gate for one process: thread-safe, in memory. `clock` is monotonic seconds; `longest`: seconds it will sleep, and not more."""

    def __init__(
        self, clock: Callable[[], float], sleep: Callable[[float], None], longest: float = answers.LONG_WAIT
    ) -> None:
        self._clock = clock
        self._sleep = sleep
        self._longest = longest
        self._lock = threading.Lock()
        self._not_before = 0.0

    def wait(self) -> None:
        """Sleep until the latest hold is over, also one that came while sleeping; RateLimitedLong if it is long."""
        while True:
            with self._lock:
                seconds = self._not_before - self._clock()
            if seconds <= 0:
                return
            if seconds > self._longest:
                raise answers.rate_limited(seconds)
            self._sleep(seconds)

    def hold(self, seconds: float) -> None:
        """Shut for this many seconds from now."""
        with self._lock:
            self._not_before = max(self._not_before, self._clock() + seconds)
