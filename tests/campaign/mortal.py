"""A database that dies like a process under kill -9: at a chosen durable commit, before or after it, and for all threads at once."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy import URL
from sqlalchemy.orm import Session

from cwportal.db import Database


class Killed(BaseException):
    """The process is gone; nothing after this line runs."""


class MortalDatabase(Database):
    """`kill_at(n, after=…)` lets the n-th durable commit from now be the last thing this process does."""

    def __init__(self, url: str | URL) -> None:
        super().__init__(url)
        self._lock = threading.Lock()
        self._left: int | None = None
        self._after = False
        self.dead = False

    def kill_at(self, commits: int, *, after: bool) -> None:
        """Die at this durable commit: before it (rolled back) or right after it."""
        self._left, self._after = commits, after

    def _alive(self) -> None:
        if self.dead:
            raise Killed

    def _strikes(self) -> bool:
        with self._lock:
            if self._left is None:
                return False
            self._left -= 1
            return self._left == 0

    @contextmanager
    def read(self) -> Iterator[Session]:
        self._alive()
        with super().read() as session:
            yield session

    @contextmanager
    def write(self) -> Iterator[Session]:
        if self.dead and threading.current_thread().name.startswith("heartbeat"):
            with super().read() as session:  # a dead process has no heartbeat
                yield session
            return
        self._alive()
        with super().write() as session:
            yield session

    @contextmanager
    def durable(self) -> Iterator[Session]:
        self._alive()
        strikes = self._strikes()
        with super().durable() as session:
            yield session
            self._alive()
            if strikes and not self._after:
                self.dead = True
                raise Killed
        if strikes:
            self.dead = True
            raise Killed
