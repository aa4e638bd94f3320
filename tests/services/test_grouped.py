"""Parts of several threads in one durable commit: all on disk when `commit` returns, each failing for itself."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from sqlalchemy import text
from sqlalchemy.orm import Session

from cwportal.db import Database
from cwportal.services.apply.grouped import GroupCommit


class SlowDatabase(Database):
    """The first commit waits until it is let go, so that others gather behind it."""

    def __init__(self, url: str) -> None:
        super().__init__(url)
        self.commits = 0
        self.go = threading.Event()
        self.fails = False

    @contextmanager
    def durable(self) -> Iterator[Session]:
        self.commits += 1
        if self.commits == 1:
            assert self.go.wait(60)
        with super().durable() as session:
            yield session
            if self.fails and self.commits > 1:
                raise OSError("disk full")


@pytest.fixture
def database(tmp_path: Path) -> Iterator[SlowDatabase]:
    database = SlowDatabase(f"sqlite:///{tmp_path}/db.sqlite")
    with database.write() as session:
        session.execute(text("CREATE TABLE t (n INTEGER)"))
    yield database
    database.dispose()


def insert(number: int, *, then: Exception | None = None) -> Callable[[Session], None]:
    def part(session: Session) -> None:
        session.execute(text("INSERT INTO t VALUES (:n)"), {"n": number})
        if then is not None:
            raise then

    return part


def together(database: SlowDatabase, parts: list[Callable[[Session], None]]) -> list[BaseException | None]:
    """The first part leads alone and waits; the others gather and are committed after it."""
    group = GroupCommit(database)
    errors: list[BaseException | None] = [None] * len(parts)

    def one(number: int) -> None:
        try:
            group.commit(parts[number])
        except Exception as error:  # noqa: BLE001 - compared by the tests
            errors[number] = error

    threads = [threading.Thread(target=one, args=(number,)) for number in range(len(parts))]
    threads[0].start()
    while not database.commits:
        pass
    for thread in threads[1:]:
        thread.start()
    while len(group._queue) < len(parts) - 1:
        pass
    database.go.set()
    for thread in threads:
        thread.join()
    return errors


def stored(database: SlowDatabase) -> list[int]:
    with database.read() as session:
        return sorted(session.scalars(text("SELECT n FROM t")))


def test_parts_that_wait_share_a_commit(database: SlowDatabase) -> None:
    assert together(database, [insert(n) for n in range(5)]) == [None] * 5
    assert stored(database) == [0, 1, 2, 3, 4]
    assert database.commits == 2


def test_a_part_that_raises_takes_nothing_with_it(database: SlowDatabase) -> None:
    wrong = ValueError("no")
    errors = together(database, [insert(0), insert(1), insert(2, then=wrong), insert(3)])
    assert errors == [None, None, wrong, None]
    assert stored(database) == [0, 1, 3]


def test_a_commit_that_fails_fails_for_all_in_it(database: SlowDatabase) -> None:
    database.fails = True
    errors = together(database, [insert(0), insert(1), insert(2)])
    assert errors[0] is None
    assert [type(error) for error in errors[1:]] == [OSError, OSError]
    assert stored(database) == [0]
