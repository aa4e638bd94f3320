from __future__ import annotations

import itertools
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import Engine

from cwportal.db import make_engine
from cwportal.standalone.migrate import upgrade
from tests.blueprints.portal import Portal
from tests.standalone.data import Write
from tests.standalone.portal import filled

_numbers = itertools.count()


@pytest.fixture
def empty(empty_url: str) -> Iterator[Engine]:
    """An empty database, once of each kind."""
    engine = make_engine(empty_url)
    yield engine
    engine.dispose()


@pytest.fixture
def engine(empty: Engine) -> Engine:
    """A migrated database without rows, once of each kind."""
    upgrade(empty)
    return empty


@pytest.fixture
def sqlite(tmp_path: Path) -> Iterator[Engine]:
    """A migrated SQLite database without rows, for what no database decides."""
    engine = make_engine(f"sqlite:///{tmp_path / 'portal.sqlite'}")
    upgrade(engine)
    yield engine
    engine.dispose()


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """Write the files given by kind into a new directory: text, or bytes as they are."""

    def write(**files: str | bytes) -> Path:
        directory = tmp_path / f"load-{next(_numbers)}"
        directory.mkdir()
        for kind, content in files.items():
            data = content if isinstance(content, bytes) else content.encode()
            (directory / f"{kind}.csv").write_bytes(data)
        return directory

    return write


@pytest.fixture
def portal(tmp_path: Path) -> Iterator[Portal]:
    """A portal with data on SQLite."""
    with filled(tmp_path) as portal:
        yield portal


@pytest.fixture
def portal_on_both(tmp_path: Path, empty_url: str) -> Iterator[Portal]:
    """The same, once on each kind of database."""
    with filled(tmp_path, CWPORTAL_DATABASE_URL=empty_url) as portal:
        yield portal
