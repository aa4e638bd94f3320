"""What was asked and what came of it, request by request, for tests and the page."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

KEPT = 200_000
GRACE = 0.25
"""Seconds after a 429 was sent in which a request may still have been under way from the client."""


@dataclass(slots=True, eq=False)
class Entry:
    """One request. Times are seconds since 1970; `finished` and `status` are None while it is in flight."""

    n: int
    started: float
    method: str
    path: str
    query: str
    concurrent: int
    finished: float | None = None
    status: int | None = None
    member: str | None = None
    client_id: str | None = None
    body: Any = None
    entity_id: int | None = None
    fault: str | None = None
    inside_retry_after: bool = False

    def as_dict(self) -> dict[str, Any]:
        """JSON-able form of the control API."""
        at = datetime.fromtimestamp(self.started, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
        values = {name: getattr(self, name) for name in self.__slots__}
        return {"at": at, **values}


class Journal:
    """Requests of one tenant in the order in which they came, and how many are in flight."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._entries: deque[Entry] = deque(maxlen=KEPT)
        self._count = 0
        self._in_flight = 0
        self._told_at = 0.0
        self._not_before = 0.0
        self._under_way: dict[Entry, Callable[[], bool]] = {}

    def begin(self, method: str, path: str, query: str, gone: Callable[[], bool]) -> Entry:
        """Note a request that just arrived. Once `gone` tells that its client left, it is not in flight any more."""
        now = time.time()
        with self._lock:
            self._count += 1
            self._in_flight += 1
            abandoned = sum(gone() for gone in self._under_way.values())
            entry = Entry(self._count, now, method, path, query, self._in_flight - abandoned)
            entry.inside_retry_after = self._told_at + GRACE < now < self._not_before
            self._entries.append(entry)
            self._under_way[entry] = gone
        return entry

    def end(self, entry: Entry, status: int | None, retry_after: float | None) -> None:
        """Note its outcome; status None: the connection was closed without an answer. `retry_after` in seconds."""
        now = time.time()
        with self._lock:
            self._in_flight -= 1
            self._under_way.pop(entry, None)
            entry.finished = now
            entry.status = status
            if retry_after is not None and now + retry_after > self._not_before:
                if now >= self._not_before:
                    self._told_at = now
                self._not_before = now + retry_after

    def since(self, number: int = 0) -> list[dict[str, Any]]:
        """Entries with n above `number`, oldest first."""
        with self._lock:
            return [entry.as_dict() for entry in self._entries if entry.n > number]

    def newest(self, count: int) -> list[Entry]:
        """The last entries, newest first."""
        with self._lock:
            return [self._entries[-i] for i in range(1, min(count, len(self._entries)) + 1)]

    def clear(self) -> None:
        """Forget what is over; numbering goes on."""
        with self._lock:
            self._entries = deque((e for e in self._entries if e.finished is None), maxlen=KEPT)
            self._told_at = self._not_before = 0.0
