"""A clock that runs faster than the real one, so that minutes of waiting take parts of a second and order stays true."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta


class ScaledClock:
    """`scale` seconds pass in one real second; the day itself does not matter, the order of events does."""

    def __init__(self, scale: float = 1.0, start: datetime | None = None) -> None:
        self.scale = scale
        self._real = time.monotonic()
        self._start = start or datetime.now(UTC)

    def __call__(self) -> datetime:
        return self._start + timedelta(seconds=(time.monotonic() - self._real) * self.scale)

    def sleep(self, seconds: float) -> None:
        """Sleep so long on this clock."""
        if seconds > 0:
            time.sleep(seconds / self.scale)

    def advance(self, seconds: float) -> None:
        """Jump ahead."""
        self._start += timedelta(seconds=seconds)
