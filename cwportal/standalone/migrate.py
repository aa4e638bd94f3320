"""Create or migrate the portal's own tables."""

from __future__ import annotations

from sqlalchemy import Engine

from cwportal.plugin import is_migrated, migrate

SCRIPTS = "cwportal.standalone.migrations"
VERSION_TABLE = "portal_alembic_version"


def upgrade(engine: Engine) -> None:
    """Bring the `portal_` tables to the newest schema; doing it again does nothing.

    All in one transaction. Raises ConfigurationError if the database was made by a newer version than this one.
    """
    migrate(engine, SCRIPTS, VERSION_TABLE, "The portal's tables")


def is_current(engine: Engine) -> bool:
    """Whether the tables are there in the newest schema."""
    return is_migrated(engine, SCRIPTS, VERSION_TABLE)
