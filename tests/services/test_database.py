"""What sessions promise on each kind of database."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime
from decimal import Decimal

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import Engine, create_engine, inspect, select, text
from sqlalchemy.exc import DBAPIError

from cwportal import models
from cwportal.db import Base, Database, make_engine
from cwportal.errors import ConfigurationError
from cwportal.models import AuditEntry
from cwportal.services import schema
from tests.support.databases import PostgreSQL

NOW = datetime(2026, 1, 1, tzinfo=UTC)


@pytest.fixture
def empty(empty_url: str) -> Iterator[Engine]:
    engine = make_engine(empty_url)
    yield engine
    engine.dispose()


@pytest.fixture
def database(empty_url: str) -> Iterator[Database]:
    database = Database(empty_url)
    schema.upgrade(database.engine)
    yield database
    database.dispose()


def row(action: str) -> AuditEntry:
    return AuditEntry(partner_id="p", at=NOW, actor="a", action=action, detail={})


def test_the_migrations_make_what_the_models_say(empty: Engine) -> None:
    assert models
    schema.upgrade(empty)
    schema.upgrade(empty)
    assert schema.is_current(empty)
    with empty.connect() as connection:
        options = {
            "version_table": schema.VERSION_TABLE,
            "compare_type": True,
            "include_name": lambda name, kind, _: kind != "table" or name.startswith("cwportal_"),
        }
        assert compare_metadata(MigrationContext.configure(connection, opts=options), Base.metadata) == []
    assert all(name.startswith("cwportal_") for name in inspect(empty).get_table_names())


def test_partial_indexes_are_partial(empty: Engine) -> None:
    """What autogenerate does not compare: one run at a time, and as many as you like that have ended."""
    schema.upgrade(empty)
    run = (
        "INSERT INTO cwportal_run (partner_id, tenant, trigger, state, actor, approval, created_at, cancel_requested, requests, counts,"
        " money, findings) VALUES ('p', 't', 'manual', '{}', 'a', '{{}}', '2026-01-01 00:00:00', false, 0, '{{}}', '{{}}', '[]')"
    )
    with empty.begin() as connection:
        for state in ("succeeded", "succeeded", "held", "queued"):
            connection.execute(text(run.format(state)))
    with pytest.raises(DBAPIError, match=r"(?i)unique"), empty.begin() as connection:
        connection.execute(text(run.format("applying")))


def test_two_that_migrate_at_once_take_turns(empty: Engine) -> None:
    with empty.connect():  # the first connection to an SQLite file switches it to WAL, which is not our subject
        pass
    with ThreadPoolExecutor(2) as pool:
        for done in [pool.submit(schema.upgrade, empty) for _ in range(2)]:
            done.result()
    assert schema.is_current(empty)


def test_a_read_sees_one_moment(database: Database) -> None:
    with database.write() as session:
        session.add(row("before"))
    with database.read() as reading:
        assert list(reading.scalars(select(AuditEntry.action))) == ["before"]
        with database.write() as session:
            session.add(row("meanwhile"))
        assert list(reading.scalars(select(AuditEntry.action))) == ["before"]
    with database.read() as reading:
        assert list(reading.scalars(select(AuditEntry.action).order_by(AuditEntry.id))) == ["before", "meanwhile"]


def test_a_connection_that_has_read_can_write_again(database: Database) -> None:
    """Pooled connections keep nothing of what a session was."""
    for number in range(3):
        with database.read() as session:
            session.scalar(text("SELECT 1"))
        with database.write() as session:
            session.add(row(str(number)))
        with database.durable() as session:
            session.add(row(f"durable {number}"))
    with database.read() as session:
        assert len(list(session.scalars(select(AuditEntry)))) == 6


def test_counting_from_many_threads_loses_nothing(database: Database) -> None:
    with database.write() as session:
        session.add(row("0"))

    def count(kind: str) -> None:
        for _ in range(10):
            with getattr(database, kind)() as session:
                counted = session.scalars(select(AuditEntry).with_for_update()).one()
                counted.action = str(int(counted.action) + 1)

    threads = [threading.Thread(target=count, args=(kind,)) for kind in ("write", "durable") * 2]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    with database.read() as session:
        assert session.scalars(select(AuditEntry.action)).one() == "40"


def test_durable_waits_for_the_disk_where_the_server_does_not(postgresql: PostgreSQL) -> None:
    url = postgresql.create()
    name = url.split("?")[0].rpartition("/")[2]
    postgresql.command(f"ALTER DATABASE {name} SET synchronous_commit = off")
    database = Database(url)
    asked = text("SELECT current_setting('synchronous_commit')")
    with database.write() as session:
        assert session.scalar(asked) == "off"
    with database.durable() as session:
        assert session.scalar(asked) == "on"
    with database.write() as session:
        assert session.scalar(asked) == "off"
    database.dispose()
    postgresql.command(f"ALTER DATABASE {name} SET synchronous_commit = remote_apply")
    database = Database(url)
    with database.durable() as session:
        assert session.scalar(asked) == "remote_apply"
    database.dispose()


def test_a_server_that_came_back_is_used_again(postgresql: PostgreSQL) -> None:
    database = Database(f"{postgresql.create(migrated=True)}&application_name=ours")
    with database.write() as session:
        session.add(row("before"))
    postgresql.command("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'ours'")
    with database.durable() as session:
        session.add(row("after"))
    database.dispose()


def test_isolation_of_the_server_does_not_matter(postgresql: PostgreSQL) -> None:
    url = postgresql.create()
    name = url.split("?")[0].rpartition("/")[2]
    postgresql.command(f"ALTER DATABASE {name} SET default_transaction_isolation = 'serializable'")
    database = Database(url)
    asked = text("SELECT current_setting('transaction_isolation')")
    seen = []
    for kind in (database.write, database.durable, database.read):
        with kind() as session:
            seen.append(session.scalar(asked))
    database.dispose()
    assert seen == ["read committed", "read committed", "repeatable read"]


@pytest.mark.parametrize(
    "url",
    ["sqlite://", "sqlite:///:memory:", "sqlite:///file::memory:?uri=true", "sqlite:///file:x?mode=memory&uri=true"],
)
def test_memory_is_no_place_for_it(url: str) -> None:
    with pytest.raises(ConfigurationError, match="in memory"):
        Database(url)


def test_an_engine_like_the_hosts_shares_no_connection(postgresql: PostgreSQL) -> None:
    host = create_engine(
        postgresql.create(), connect_args={"application_name": "the host"}, isolation_level="AUTOCOMMIT"
    )
    database = Database(host.url, like=host)
    schema.upgrade(database.engine)
    exact = {"amount": Decimal("1.10"), "day": date(2026, 1, 31)}
    with database.write() as session:
        session.add(AuditEntry(partner_id="p", at=NOW, actor="a", action="b", detail=exact))
    with database.read() as session:
        assert session.scalars(select(AuditEntry.detail)).one() == {"amount": "1.10", "day": "2026-01-31"}
    with host.connect() as connection, database.write() as session:
        pids = [found.scalar(text("SELECT pg_backend_pid()")) for found in (connection, session)]
        assert len(set(pids)) == 2
        assert session.scalar(text("SELECT current_setting('application_name')")) == "the host"
        session.execute(text("CREATE TABLE ours (id integer)"))
        session.rollback()
    assert not inspect(host).has_table("ours")
    database.dispose()
    host.dispose()
