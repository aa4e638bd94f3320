"""What every room of the tests may use: the two databases that are supported."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from cwportal import db
from tests.support import compiled
from tests.support.databases import PostgreSQL, running_postgresql


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """The table of faults: every kind on every kind of write, and how often it hit. A fault that did not hit fails its test."""
    hits: dict[tuple[str, str], int] = {}
    for report in terminalreporter.stats.get("passed", []):
        for name, value in report.user_properties:
            if name == "fault":
                write, kind, count = value
                hits[kind, write] = hits.get((kind, write), 0) + count
    if not hits:
        return
    kinds, writes = sorted({kind for kind, _ in hits}), sorted({write for _, write in hits})
    terminalreporter.section("faults that hit, by kind of write; each came right")
    terminalreporter.write_line(f"{'':20}" + "".join(f"{write:>18}" for write in writes))
    for kind in kinds:
        terminalreporter.write_line(f"{kind:20}" + "".join(f"{hits.get((kind, write), '-'):>18}" for write in writes))


@pytest.fixture(scope="session", autouse=True)
def interruptible() -> None:
    """Programs that tests start can be interrupted, also where a shell ran the tests in the background and so made them ignore it."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(scope="session", autouse=True)
def compile_once() -> Iterator[None]:
    """Engines of this process share their compiled statements: a tenth of what most tests need."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(db, "create_engine", compiled.create_engine)
        yield


@pytest.fixture(scope="session")
def postgresql() -> Iterator[PostgreSQL]:
    """A PostgreSQL server, started when the first test asks for it."""
    with running_postgresql() as server:
        yield server


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The URL of a database of the test's own, once of each kind. Only PostgreSQL has its tables already."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'cwportal.sqlite'}"
    server: PostgreSQL = request.getfixturevalue("postgresql")
    return server.create(migrated=True)


@pytest.fixture(params=["sqlite", "postgresql"])
def empty_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The URL of a database without tables, once of each kind."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'empty.sqlite'}"
    server: PostgreSQL = request.getfixturevalue("postgresql")
    return server.create()
