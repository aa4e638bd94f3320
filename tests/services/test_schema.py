"""Migrations and models say the same, on both databases."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import inspect, text

from cwportal import models
from cwportal.db import Base, Database
from cwportal.errors import ConfigurationError
from cwportal.services import schema


def test_from_empty_to_what_the_models_say(empty_url: str) -> None:
    database = Database(empty_url)
    assert not schema.is_current(database.engine)
    schema.upgrade(database.engine)
    assert schema.is_current(database.engine)
    with database.engine.connect() as connection:
        options = {"version_table": schema.VERSION_TABLE, "compare_type": True}
        assert compare_metadata(MigrationContext.configure(connection, opts=options), Base.metadata) == []
    names = set(inspect(database.engine).get_table_names())
    assert models.Run.__tablename__ in names
    assert {name for name in names if not name.startswith("cwportal_")} == set()
    schema.upgrade(database.engine)
    database.dispose()


def test_other_peoples_tables_are_left_alone(empty_url: str) -> None:
    database = Database(empty_url)
    with database.engine.begin() as connection:
        connection.execute(text("CREATE TABLE alembic_version (version_num VARCHAR(32))"))
        connection.execute(text("INSERT INTO alembic_version VALUES ('the-hosts-own')"))
    schema.upgrade(database.engine)
    with database.engine.connect() as connection:
        assert connection.scalar(text("SELECT version_num FROM alembic_version")) == "the-hosts-own"
    database.dispose()


def test_a_database_of_a_newer_version_is_refused(empty_url: str) -> None:
    database = Database(empty_url)
    schema.upgrade(database.engine)
    with database.engine.begin() as connection:
        connection.execute(text(f"UPDATE {schema.VERSION_TABLE} SET version_num = '9999'"))  # noqa: S608
    assert not schema.is_current(database.engine)
    with pytest.raises(ConfigurationError, match="newer cwportal"):
        schema.upgrade(database.engine)
    database.dispose()


def test_two_processes_that_start_together(empty_url: str) -> None:
    database = Database(empty_url)
    with database.engine.connect():
        pass
    with ThreadPoolExecutor(2) as pool:
        for done in [pool.submit(schema.upgrade, database.engine) for _ in range(2)]:
            done.result()
    assert schema.is_current(database.engine)
    database.dispose()


@pytest.mark.parametrize("package", ["cwportal.migrations", "cwportal.standalone.migrations"])
def test_scripts_are_named_by_their_revision_in_one_line(package: str) -> None:
    from importlib.resources import files

    scripts = ScriptDirectory(str(files(package)))
    (newest,) = scripts.get_heads()
    names = sorted(item.name for item in files(f"{package}.versions").iterdir() if item.name[:1].isdigit())
    revisions = [script.revision for script in scripts.walk_revisions()]
    assert sorted(revisions) == [name[:4] for name in names]
    assert newest == names[-1][:4]
