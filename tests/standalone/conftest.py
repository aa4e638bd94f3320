from __future__ import annotations

import itertools
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import Engine

from cwportal.db import make_engine
from cwportal.standalone.migrate import upgrade
from tests.blueprints.portal import FILE, Portal, opened
from tests.standalone.data import Write
from tests.standalone.portal import filled
from tests.support.databases import PostgreSQL

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


@pytest.fixture(scope="session")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The database of a portal with data, to be copied."""
    folder = tmp_path_factory.mktemp("filled")
    with filled(folder):
        pass
    return folder / "instance" / FILE


def _copy(template: Path, folder: Path) -> Path:
    folder.mkdir(mode=0o700)
    shutil.copy(template, folder)
    return folder


@pytest.fixture
def portal(tmp_path: Path, template: Path) -> Iterator[Portal]:
    """A portal with data on SQLite."""
    with opened(_copy(template, tmp_path / "instance")) as portal:
        yield portal


@pytest.fixture(params=["sqlite", "postgresql"])
def portal_on_both(
    request: pytest.FixtureRequest, tmp_path: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Portal]:
    """The same, once on each kind of database."""
    folder = tmp_path / "instance"
    if request.param == "sqlite":
        _copy(request.getfixturevalue("template"), folder)
        config = {}
    else:
        server: PostgreSQL = request.getfixturevalue("postgresql")

        def fill(url: str) -> None:
            with filled(tmp_path_factory.mktemp("filled"), CWPORTAL_DATABASE_URL=url):
                pass

        config = {"CWPORTAL_DATABASE_URL": server.copy("portal_with_data", fill)}
    with opened(folder, **config) as portal:
        yield portal
