"""One durable commit for all threads of a run that want one at the same moment.

Writing to disk takes longer than anything else about an intent, and SQLite has one writer at a time: the first thread becomes the
leader and commits for those that came while the commit before was on its way to the disk. Nobody goes on before its own part is
on disk.
"""

from __future__ import annotations

import threading
from collections.abc import Callable

from sqlalchemy.orm import Session

from cwportal.db import Database

Part = Callable[[Session], None]


class _Waiting:
    """A part with how it ended; `done` is set when it is on disk, or has failed."""

    __slots__ = ("done", "error", "part")

    def __init__(self, part: Part) -> None:
        self.part = part
        self.done = threading.Event()
        self.error: BaseException | None = None


class GroupCommit:
    """Shared by the threads of a run."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._lock = threading.Lock()
        self._leading = threading.Lock()
        self._queue: list[_Waiting] = []

    def commit(self, part: Part) -> None:
        """Run `part` in a durable transaction and return when it is on disk.

        A part that raises is rolled back alone, and its error is raised here. Where the commit itself fails, it fails for all parts in it.
        """
        mine = _Waiting(part)
        with self._lock:
            self._queue.append(mine)
        with self._leading:
            if not mine.done.is_set():
                with self._lock:
                    group, self._queue = self._queue, []
                self._lead(group)
        if mine.error is not None:
            raise mine.error

    def _lead(self, group: list[_Waiting]) -> None:
        try:
            if len(group) == 1:
                with self._database.durable() as session:
                    group[0].part(session)
            else:
                with self._database.durable() as session:
                    for waiting in group:
                        _apart(session, waiting)
        except BaseException as error:
            for waiting in group:
                waiting.error = waiting.error or error
            if not isinstance(error, Exception):
                raise
        finally:
            for waiting in group:
                waiting.done.set()


def _apart(session: Session, waiting: _Waiting) -> None:
    """In a savepoint: what fails takes nothing else with it."""
    try:
        with session.begin_nested():
            waiting.part(session)
    except Exception as error:  # noqa: BLE001 - raised in the thread whose part it is
        waiting.error = error
