"""The plugin as a host sees it: `CWPortal(app, source=MySource())`.

For the host's own tables, `migrate` and `is_migrated` run Alembic scripts of any package with the plugin's care (one transaction, an own
version table, two processes one after the other).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from flask import Flask
from sqlalchemy import Engine
from sqlalchemy.exc import ArgumentError

from cwportal.commands import group
from cwportal.config import Config
from cwportal.db import Database, is_migrated, make_engine, migrate
from cwportal.errors import ConfigurationError
from cwportal.portal import PortalSource
from cwportal.runtime import Runtime

__all__ = ["NAME", "CWPortal", "is_migrated", "migrate", "open_engine"]

NAME = "cwportal"
"""Key of the Runtime in `app.extensions`, and name of the group of commands: `flask cwportal …`."""


class CWPortal:
    """Gives a Flask application the ConnectWise integration.

    One object may serve several applications (`init_app`); it keeps nothing of them. `source` is the door to the host's data. `broker`
    starts, if needed, a Redis-compatible server for an instance folder and gives its URL; it is asked where CWPORTAL_REDIS_URL is empty.
    """

    def __init__(
        self, app: Flask | None = None, *, source: PortalSource, broker: Callable[[Path], str] | None = None
    ) -> None:
        self._source = source
        self._broker = broker
        if app is not None:
            self.init_app(app)

    def init_app(self, app: Flask) -> None:
        """Check the configuration, open the database, register the commands. Raises ConfigurationError.

        `CWPORTAL_*` keys of `app.config` come before the environment. The database is not migrated: `flask cwportal init` does that.
        """
        if NAME in app.extensions:
            raise ConfigurationError(
                "CWPortal is registered on this application already. Create it once: CWPortal(app, …) or init_app."
            )
        config = Config.load(app.config)
        with _usable_url():
            database = Database(config.url)
        app.extensions[NAME] = Runtime(
            config=config, database=database, source=self._source, broker=self._broker_of(config)
        )
        app.cli.add_command(group.commands())

    def _broker_of(self, config: Config) -> Callable[[], str] | None:
        broker = self._broker
        if broker is None:
            return None
        return lambda: broker(config.instance)


def open_engine(config: Config) -> Engine:
    """An engine of the host's own on the plugin's database, with its transaction discipline. ConfigurationError."""
    with _usable_url():
        return make_engine(config.url)


@contextmanager
def _usable_url() -> Iterator[None]:
    try:
        yield
    except (ImportError, ArgumentError) as error:  # NoSuchModuleError is an ArgumentError
        raise ConfigurationError(
            f"CWPORTAL_DATABASE_URL cannot be used ({error}). Write it like postgresql+psycopg://user:password@host/database "
            "(with the extra `postgres` installed), or leave it empty for SQLite."
        ) from None
