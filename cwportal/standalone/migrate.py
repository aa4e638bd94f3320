"""Create or migrate the portal's own tables."""

from __future__ import annotations

from alembic import command
from alembic.config import Config
from alembic.util import CommandError
from sqlalchemy import Engine, text

from cwportal.errors import ConfigurationError

_LOCK = 7_406_215_001
"""Advisory lock of PostgreSQL: two processes that start together migrate one after the other."""


def upgrade(engine: Engine) -> None:
    """Bring the `portal_` tables to the newest schema; doing it again does nothing.

    All in one transaction. Raises ConfigurationError if the database was made by a newer version than this one.
    """
    config = Config()
    config.set_main_option("script_location", "cwportal.standalone:migrations")
    with engine.begin() as connection:
        if connection.dialect.name == "postgresql":
            connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _LOCK})
        config.attributes["connection"] = connection
        try:
            command.upgrade(config, "head")
        except CommandError as error:
            raise ConfigurationError(
                f"The portal's tables cannot be migrated: {error}. If a newer cwportal made this database, install "
                "that version again or use another database."
            ) from error
