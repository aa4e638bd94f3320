from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import Engine, inspect, text

from cwportal.errors import ConfigurationError
from cwportal.standalone.migrate import upgrade
from cwportal.standalone.tables import Base


def test_from_empty_to_what_the_tables_say(empty: Engine) -> None:
    upgrade(empty)
    with empty.connect() as connection:
        context = MigrationContext.configure(
            connection, opts={"version_table": "portal_alembic_version", "compare_type": True}
        )
        assert compare_metadata(context, Base.metadata) == []
    names = inspect(empty).get_table_names()
    assert names
    assert all(name.startswith("portal_") for name in names)


def test_again_changes_nothing_and_leaves_other_tables_alone(empty: Engine) -> None:
    with empty.begin() as connection:
        connection.execute(text("CREATE TABLE alembic_version (version_num VARCHAR(32))"))
        connection.execute(text("INSERT INTO alembic_version VALUES ('the-hosts-own')"))
        connection.execute(text("CREATE TABLE cwportal_run (id INTEGER)"))
    upgrade(empty)
    with empty.begin() as connection:
        connection.execute(
            text("INSERT INTO portal_partner (id, name, timezone, currency) VALUES ('p', 'P', 'UTC', 'USD')")
        )
    upgrade(empty)
    with empty.connect() as connection:
        assert connection.scalar(text("SELECT count(*) FROM portal_partner")) == 1
        assert connection.scalar(text("SELECT version_num FROM alembic_version")) == "the-hosts-own"
        assert connection.scalar(text("SELECT version_num FROM portal_alembic_version")) == "0003"
    assert inspect(empty).has_table("cwportal_run")


def test_a_database_of_a_newer_version_is_refused(engine: Engine) -> None:
    with engine.begin() as connection:
        connection.execute(text("UPDATE portal_alembic_version SET version_num = '9999'"))
    with pytest.raises(ConfigurationError, match="newer cwportal"):
        upgrade(engine)


def test_two_at_once(empty: Engine) -> None:
    with empty.connect():  # the first connection to an SQLite file switches it to WAL, which is not our subject
        pass
    with ThreadPoolExecutor(2) as pool:
        for done in [pool.submit(upgrade, empty) for _ in range(2)]:
            done.result()
    assert inspect(empty).has_table("portal_staff")
