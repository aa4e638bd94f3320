"""Declarative base, column types, engines and units of work.

SQLite: WAL and `BEGIN IMMEDIATE` for everything that may write. The driver's default transactions lose updates silently in WAL
mode, and a plain BEGIN that later wants to write fails with "database is locked". Reads use a plain BEGIN.

PostgreSQL: READ COMMITTED with row locks for everything that may write, REPEATABLE READ and read-only for reads, so that several
queries see one moment as they do on SQLite. A durable commit waits for the disk also where the server is set not to.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime
from decimal import Decimal
from functools import lru_cache
from importlib.resources import files
from typing import Any

from sqlalchemy import (
    JSON,
    URL,
    DateTime,
    Engine,
    MetaData,
    Text,
    column,
    create_engine,
    event,
    inspect,
    make_url,
    select,
    table,
    text,
)
from sqlalchemy.engine.interfaces import Dialect
from sqlalchemy.exc import DBAPIError, OperationalError, SQLAlchemyError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.orm import DeclarativeBase, Session, sessionmaker
from sqlalchemy.types import TypeDecorator

from cwportal.errors import ConfigurationError

NAMING = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_N_name)s_%(referred_table_name)s",
    "pk": "pk_%(table_name)s",
}


class Instant(TypeDecorator[datetime]):
    """An aware datetime, stored as UTC."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Refuse naive values; convert to UTC (naive for SQLite, which has no zones)."""
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("naive datetime")
        value = value.astimezone(UTC)
        return value if dialect.name == "postgresql" else value.replace(tzinfo=None)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:  # noqa: ARG002
        """Give aware UTC back."""
        if value is None:
            return None
        return value.astimezone(UTC) if value.tzinfo else value.replace(tzinfo=UTC)


_decimal = lru_cache(maxsize=16_384)(Decimal)
"""Amounts repeat: a price stands on many lines, and what was sent is mostly what was echoed."""


class Amount(TypeDecorator[Decimal]):
    """A Decimal kept digit by digit as text: SQLite has no decimals, and no amount may ever pass through a float."""

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: Decimal | None, dialect: Dialect) -> str | None:  # noqa: ARG002
        """Plain digits, no exponent."""
        return None if value is None else format(value, "f")

    def process_result_value(self, value: str | None, dialect: Dialect) -> Decimal | None:  # noqa: ARG002
        """Exactly what was stored."""
        return None if value is None else _decimal(value)


def plain(value: Any) -> Any:
    """JSON without loss: Decimal as its digits, dates as ISO text."""
    if isinstance(value, Decimal):
        return format(value, "f")
    if isinstance(value, date | datetime):
        return value.isoformat()
    raise TypeError(f"{type(value).__name__} is not stored as JSON")


class Base(DeclarativeBase):
    """Tables of the plugin. The bind key lets a host keep them in a database of their own."""

    metadata = MetaData(naming_convention=NAMING, info={"bind_key": "cwportal"})
    type_annotation_map = {datetime: Instant, Decimal: Amount, dict[str, Any]: JSON, list[Any]: JSON}  # noqa: RUF012


_READ_ONLY = "cwportal_read_only"
_DURABLE = "cwportal_durable"
_BACKENDS = frozenset({"sqlite", "postgresql"})


def make_engine(url: str | URL, *, durable: bool = False, like: Engine | None = None) -> Engine:
    """An engine with the transaction discipline above. `durable`: every commit is on disk before it returns (write intents).

    `like`: a host's engine on the same PostgreSQL. Connections are made as that one makes its own (arguments, listeners, pool), but none
    is shared. Raises ConfigurationError for a database that lives in one connection, or is neither SQLite nor PostgreSQL.
    """
    address = make_url(url)
    backend = address.get_backend_name()
    if backend not in _BACKENDS:
        raise ConfigurationError(
            f"The ConnectWise integration works on SQLite and PostgreSQL, not on {backend}. Give it a database of its own: "
            'SQLALCHEMY_BINDS["cwportal"] or CWPORTAL_DATABASE_URL.'
        )
    if backend == "sqlite" and _in_memory(address):
        raise ConfigurationError(
            "The ConnectWise integration cannot use an SQLite database in memory: every process and thread would see another one. Give "
            'it a file or PostgreSQL: SQLALCHEMY_DATABASE_URI, SQLALCHEMY_BINDS["cwportal"] or CWPORTAL_DATABASE_URL.'
        )
    pool: dict[str, Any] = {}
    if backend == "postgresql" and like is not None:
        pool = {"pool": like.pool.recreate()}
    elif backend == "postgresql":
        pool = {"pool_pre_ping": True}  # a server that was restarted, or a firewall, closes connections behind our back
    engine = create_engine(address, json_serializer=_json, **pool)
    if backend == "sqlite":
        _sqlite(engine, durable=durable)
    else:
        _postgresql(engine)
    return engine


def _json(value: Any) -> str:
    return json.dumps(value, default=plain, ensure_ascii=False)


def _in_memory(url: URL) -> bool:
    return (
        url.database in {None, "", ":memory:"}
        or ":memory:" in (url.database or "")
        or url.query.get("mode") == "memory"
    )


def _postgresql(engine: Engine) -> None:
    if engine.driver == "psycopg":  # it keeps these with the connection, and a host's engine may have set its own

        @event.listens_for(engine, "connect")
        def connect(connection: Any, record: Any) -> None:  # noqa: ARG001
            from psycopg.types.json import set_json_dumps, set_json_loads

            set_json_dumps(_json, connection)
            set_json_loads(json.loads, connection)

    @event.listens_for(engine, "begin")
    def begin(connection: Any) -> None:
        if connection.get_execution_options().get(_DURABLE):
            connection.exec_driver_sql(
                "SELECT set_config('synchronous_commit', 'on', true) WHERE current_setting('synchronous_commit') = 'off'"
            )


def _sqlite(engine: Engine, *, durable: bool) -> None:
    @event.listens_for(engine, "connect")
    def connect(connection: Any, record: Any) -> None:  # noqa: ARG001
        connection.isolation_level = None
        cursor = connection.cursor()
        cursor.execute("PRAGMA busy_timeout = 15000")
        cursor.execute("PRAGMA journal_mode = WAL")
        cursor.execute(f"PRAGMA synchronous = {'FULL' if durable else 'NORMAL'}")
        cursor.execute("PRAGMA foreign_keys = ON")
        cursor.close()

    @event.listens_for(engine, "begin")
    def begin(connection: Any) -> None:
        read_only = connection.get_execution_options().get(_READ_ONLY)
        connection.exec_driver_sql("BEGIN" if read_only else "BEGIN IMMEDIATE")


class Database:
    """Our own sessions on one database: one per unit of work, never the host's `db.session`."""

    def __init__(self, url: str | URL, *, like: Engine | None = None) -> None:
        self.engine = make_engine(url, like=like)
        reads: dict[str, Any] = {_READ_ONLY: True}
        writes: dict[str, Any] = {}
        if self.engine.dialect.name == "sqlite":
            self._durable_engine = make_engine(url, durable=True)
        else:
            self._durable_engine = self.engine.execution_options(**{_DURABLE: True})
            reads |= {"isolation_level": "REPEATABLE READ", "postgresql_readonly": True}
            writes |= {"isolation_level": "READ COMMITTED"}  # whatever a host or a server has as its default
        self._reads = sessionmaker(self.engine.execution_options(**reads), expire_on_commit=False)
        self._writes = sessionmaker(self.engine.execution_options(**writes), expire_on_commit=False)
        self._durable = sessionmaker(self._durable_engine.execution_options(**writes), expire_on_commit=False)

    @contextmanager
    def read(self) -> Iterator[Session]:
        """A consistent view; nothing done in it is kept."""
        with self._reads() as session:
            yield session

    @contextmanager
    def write(self) -> Iterator[Session]:
        """Committed at the end of the block, rolled back if it raises."""
        with self._writes.begin() as session:
            yield session

    @contextmanager
    def durable(self) -> Iterator[Session]:
        """Like `write`, and on disk before it returns: for intents and outcomes of writes to ConnectWise."""
        with self._durable.begin() as session:
            yield session

    def dispose(self) -> None:
        """Close pooled connections (at the end, and after a fork)."""
        self.engine.dispose()
        self._durable_engine.dispose()


_BUSY = frozenset({5, 6})
"""SQLITE_BUSY and SQLITE_LOCKED, without what extends them."""
_BUSY_STATES = frozenset({"40001", "40P01", "55P03", "57014"})
"""PostgreSQL: serialisation failure, deadlock, lock not available, stopped by a time-out of the server."""


_AWAY_STATES = ("08", "53", "57P")
"""PostgreSQL: what begins with these is a lost connection, too many of them, or a server that stops or starts."""


def is_busy(error: SQLAlchemyError) -> bool:
    """Whether the database, or all our connections to it, were only taken by others for too long, so that the same again may succeed."""
    if isinstance(error, DBAPIError):
        return getattr(error.orig, "sqlite_errorcode", 0) & 0xFF in _BUSY or state_of(error) in _BUSY_STATES
    return isinstance(error, PoolTimeout)


def is_away(error: SQLAlchemyError) -> bool:
    """Whether a database on a server could not be reached, or the connection to it was lost: perhaps after it had done what was asked."""
    if not isinstance(error, DBAPIError) or hasattr(error.orig, "sqlite_errorcode"):
        return False
    state = state_of(error)
    return error.connection_invalidated or (
        isinstance(error, OperationalError) and (not state or state.startswith(_AWAY_STATES))
    )


def state_of(error: DBAPIError) -> str:
    """PostgreSQL's code; psycopg2 has another name for it."""
    return getattr(error.orig, "sqlstate", None) or getattr(error.orig, "pgcode", None) or ""


_MIGRATING = 7_406_215_001
"""Advisory lock of PostgreSQL: two processes that start together migrate one after the other."""


def migrate(engine: Engine, package: str, version_table: str, what: str) -> None:
    """Bring a schema to its newest state by the Alembic scripts of `package`; doing it again does nothing.

    All in one transaction. `env.py` gets the connection and the version table as attributes of its configuration. Raises ConfigurationError,
    naming `what`, if the database was made by a newer version than this one.
    """
    from alembic import command
    from alembic.config import Config
    from alembic.util import CommandError

    config = Config()
    config.set_main_option("script_location", f"{package.rpartition('.')[0]}:{package.rpartition('.')[2]}")
    with engine.begin() as connection:
        if connection.dialect.name == "postgresql":
            connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _MIGRATING})
        config.attributes.update(connection=connection, version_table=version_table)
        try:
            command.upgrade(config, "head")
        except CommandError as error:
            raise ConfigurationError(
                f"{what} cannot be migrated: {error}. If a newer cwportal made this database, install that version again or use "
                "another database."
            ) from error


def is_migrated(engine: Engine, package: str, version_table: str) -> bool:
    """Whether the newest script of `package` (they are named NNNN_what.py, and NNNN is the revision) has been run."""
    newest = max(item.name[:4] for item in files(f"{package}.versions").iterdir() if item.name[:4].isdigit())
    with engine.execution_options(**{_READ_ONLY: True}).connect() as connection:
        if not inspect(connection).has_table(version_table):
            return False
        found = connection.scalar(select(column("version_num")).select_from(table(version_table)))
    return found is not None and str(found) == newest
