"""How many requests were under way at once, over the whole time of an export."""

from __future__ import annotations

import threading
import time
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from cwportal.connectwise.wire import Wire


class Flight:
    """Counts while the `watching` block runs."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._now = 0
        self._since = time.perf_counter()
        self._seconds: dict[int, float] = defaultdict(float)

    def _step(self, by: int) -> None:
        with self._lock:
            now = time.perf_counter()
            self._seconds[self._now] += now - self._since
            self._now, self._since = self._now + by, now

    @contextmanager
    def watching(self) -> Iterator[None]:
        """Every request that this process sends inside the block is seen."""
        real = Wire.send

        def send(wire: Wire, *args: Any, **given: Any) -> Any:
            self._step(1)
            try:
                return real(wire, *args, **given)
            finally:
                self._step(-1)

        self._since = time.perf_counter()
        setattr(Wire, "send", send)  # noqa: B010 - mypy knows no other way
        try:
            yield
        finally:
            setattr(Wire, "send", real)  # noqa: B010
            self._step(0)

    def share(self, at_once: int) -> float:
        """The share of the time in which this many requests were under way."""
        whole = sum(self._seconds.values())
        return self._seconds[at_once] / whole if whole else 0.0
