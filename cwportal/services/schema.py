"""The plugin's tables in a database: created, migrated, checked."""

from __future__ import annotations

from sqlalchemy import Engine

from cwportal import db

SCRIPTS = "cwportal.migrations"
VERSION_TABLE = "cwportal_alembic_version"


def upgrade(engine: Engine) -> None:
    """Create the tables, or bring them to the newest schema. ConfigurationError if a newer version made the database."""
    db.migrate(engine, SCRIPTS, VERSION_TABLE, "The tables of the ConnectWise integration")


def is_current(engine: Engine) -> bool:
    """Whether the tables are there in the newest schema."""
    return db.is_migrated(engine, SCRIPTS, VERSION_TABLE)
