"""Points at which a chosen request is held until somebody releases it: for tests that kill a client in between."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from typing import Any

from .matching import Match

LONGEST = 60.0
"""Seconds after which a held request goes on by itself (`after`) or is dropped undone (`before`)."""


@dataclass(slots=True, eq=False)
class Barrier:
    """A named point: `before` the request is carried out, or `after`, before its answer. `times`: how many it holds."""

    name: str
    match: Match
    point: str
    times: int | None = None
    held: dict[int, dict[str, Any]] = field(default_factory=dict)
    passed: int = 0
    drop: bool = False
    opened: threading.Event = field(default_factory=threading.Event)


class Barriers:
    """All barriers of a sandbox."""

    def __init__(self, closing: threading.Event) -> None:
        self._lock = threading.Lock()
        self._barriers: dict[str, Barrier] = {}
        self._closing = closing
        self._serial = 0

    def put(self, given: dict[str, Any]) -> None:
        """Set one up: {name, match, point, times}. A barrier of the same name is released. Raises ValueError."""
        name, point, times = given.get("name"), given.get("point", "before"), given.get("times")
        if not isinstance(name, str) or not name:
            raise ValueError("a barrier needs a name")
        if point not in {"before", "after"}:
            raise ValueError("point is 'before' or 'after'")
        if times is not None and (not isinstance(times, int) or times < 1):
            raise ValueError("times is a number above 0, or null")
        barrier = Barrier(name, Match.parse(given.get("match", {})), point, times)
        self.release(name)
        with self._lock:
            self._barriers[name] = barrier

    def release(self, name: str | None = None, *, drop: bool = False) -> int:
        """Open one barrier, or all, and take it away; `drop` closes the held connections undone. Number set free."""
        with self._lock:
            names = list(self._barriers) if name is None else [name]
            freed = 0
            for each in names:
                barrier = self._barriers.pop(each, None)
                if barrier is not None:
                    barrier.drop = drop
                    freed += len(barrier.held)
                    barrier.opened.set()
        return freed

    def state(self) -> list[dict[str, Any]]:
        """Every barrier with what waits at it."""
        with self._lock:
            return [
                {
                    "name": b.name,
                    "point": b.point,
                    "waiting": len(b.held),
                    "passed": b.passed,
                    "held": list(b.held.values()),
                }
                for b in self._barriers.values()
            ]

    def hold(self, point: str, n: int, request: tuple[str, str, str, str, bytes]) -> bool:
        """Wait if a barrier at this point is meant for the request; whether the request is to go on."""
        if not self._barriers:
            return True
        with self._lock:
            barrier = next((b for b in self._barriers.values() if b.point == point and b.match.fits(*request)), None)
            if barrier is None:
                return True
            if barrier.times is not None and barrier.passed + len(barrier.held) >= barrier.times:
                return True
            self._serial += 1
            key = self._serial
            barrier.held[key] = {"n": n, "method": request[0], "path": request[1], "tenant": request[2]}
        waited = 0.0
        while not barrier.opened.wait(0.25) and waited < LONGEST and not self._closing.is_set():
            waited += 0.25
        with self._lock:
            del barrier.held[key]
            barrier.passed += 1
        if not barrier.opened.is_set():
            return point == "after"
        return not barrier.drop
