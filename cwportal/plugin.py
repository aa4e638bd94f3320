"""The plugin as a host sees it: `CWPortal(app, source=MySource(), db=db)`.

For the host's own tables, `migrate` and `is_migrated` run Alembic scripts of any package with the plugin's care (one transaction, an own
version table, two processes one after the other).
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from flask import Flask, Response
from flask.typing import ResponseReturnValue
from sqlalchemy import Engine
from sqlalchemy.exc import ArgumentError, SQLAlchemyError

from cwportal.commands import group
from cwportal.config import Config
from cwportal.db import Database, is_busy, is_migrated, make_engine, migrate
from cwportal.errors import ConfigurationError
from cwportal.portal import PortalSource
from cwportal.runtime import Runtime

if TYPE_CHECKING:
    from cwportal.blueprints.access import Access
    from cwportal.jobs.queue import Requested

__all__ = [
    "NAME",
    "CWPortal",
    "is_busy",
    "is_migrated",
    "is_our_table",
    "migrate",
    "open_engine",
    "own_folder",
    "request_export",
    "unready_page",
    "with_headers",
]

NAME = "cwportal"
"""Key of the Runtime in `app.extensions`, name of the group of commands (`flask cwportal …`), and bind key for a database of our own."""

_PREFIX = "cwportal_"
_LONGEST_NAME = 200
"""Characters of a person's name in the history."""


class HostDatabase(Protocol):
    """What we ask of the host's `SQLAlchemy()` (Flask-SQLAlchemy): its engines by bind key, inside an application context."""

    @property
    def engines(self) -> Any:
        """None = the default one."""


class CWPortal:
    """Gives a Flask application the ConnectWise integration.

    One object may serve several applications (`init_app`); it keeps nothing of them. `source` is the door to the host's data. `db` is the
    host's `SQLAlchemy()`, if it has one: our tables live in its bind `cwportal`, else in its default database, on sessions and connections
    of our own. CWPORTAL_DATABASE_URL comes before both. `broker` starts, if needed, a Redis-compatible server for an instance folder and
    gives its URL; it is asked where CWPORTAL_REDIS_URL is empty.

    Pages need to know the person of the present request: `partner_of` gives the id of the partner they belong to (None: nobody is signed
    in), `may` whether they have the role "viewer", "billing" or "admin" (higher ones include lower ones), `actor_of` their name for the
    history. Who is not signed in is sent Flask-Login's way, or gets 401. Without these three there are commands and no pages. Pages stand
    under `url_prefix` and extend `base_template`, which has the blocks `title`, `head` and `content`; they come with a strict
    Content-Security-Policy, which the application's own `after_request` may widen. `price_url` gives the address of the page on which the
    retail price of a SKU is typed, for an account id and the SKU (None: there is none); missing prices link to it.
    """

    def __init__(
        self,
        app: Flask | None = None,
        *,
        source: PortalSource,
        db: HostDatabase | None = None,
        broker: Callable[[Path], str] | None = None,
        partner_of: Callable[[], str | None] | None = None,
        may: Callable[[str], bool] | None = None,
        actor_of: Callable[[], str] | None = None,
        base_template: str | None = None,
        url_prefix: str = "/integration/connectwise",
        price_url: Callable[[str, str], str | None] | None = None,
    ) -> None:
        self._source = source
        self._access = _access(partner_of, may, actor_of)
        self._base_template = base_template
        self._url_prefix = url_prefix
        self._price_url = price_url
        self._db = db
        self._broker = broker
        if app is not None:
            self.init_app(app)

    def init_app(self, app: Flask) -> None:
        """Check the configuration, open the database, register commands and pages. Raises ConfigurationError.

        `CWPORTAL_*` keys of `app.config` come before the environment; without CWPORTAL_INSTANCE in either, the application's own instance
        folder is used. The database is not migrated: `flask cwportal init` does that.
        """
        if NAME in app.extensions:
            raise ConfigurationError(
                "CWPortal is registered on this application already. Create it once: CWPortal(app, …) or init_app."
            )
        here = {} if "CWPORTAL_INSTANCE" in os.environ else {"CWPORTAL_INSTANCE": app.instance_path}
        config = Config.load({**here, **app.config})
        host = None if config.database_url else _engine_of(app, self._db)
        if host is not None:
            config = replace(config, database_url=host.url.render_as_string(hide_password=False))
        elif config.database_url is None:
            own_folder(config)
        with _usable_url():
            database = Database(config.url, like=host)
        app.extensions[NAME] = Runtime(
            config=config, database=database, source=self._source, broker=self._broker_of(config)
        )
        app.cli.add_command(group.commands())
        if self._access is not None:
            from cwportal.blueprints import pages  # late: commands alone need no forms and templates

            pages.register(
                app,
                self._access,
                base_template=self._base_template,
                url_prefix=self._url_prefix,
                price_url=self._price_url,
            )

    def _broker_of(self, config: Config) -> Callable[[], str] | None:
        broker = self._broker
        if broker is None:
            return None

        def url() -> str:
            with suppress(OSError):  # the broker says what is wrong with it
                config.instance.mkdir(
                    mode=0o700, parents=True, exist_ok=True
                )  # closed to others, before the broker makes it
            return broker(config.instance)

        return url


def _access(
    partner_of: Callable[[], str | None] | None, may: Callable[[str], bool] | None, actor_of: Callable[[], str] | None
) -> Access | None:
    if partner_of is None and may is None and actor_of is None:
        return None
    if partner_of is None or may is None or actor_of is None:
        raise ConfigurationError(
            "Pages need all of `partner_of`, `may` and `actor_of`; give the missing ones to CWPortal."
        )
    from cwportal.blueprints.access import Access

    return Access(_checked(partner_of), may, _named(actor_of))


def _checked(partner_of: Callable[[], str | None]) -> Callable[[], str | None]:
    """A partner's id that is a number, say, would equal no stored one."""

    def asked() -> str | None:
        found: object = partner_of()
        if found is None or isinstance(found, str):
            return found
        raise ConfigurationError(f"`partner_of` gives {found!r}. It gives the partner's id as a string, or None.")

    return asked


def _named(actor_of: Callable[[], str]) -> Callable[[], str]:
    """A name that the history can hold, also of somebody who has none."""
    return lambda: str(actor_of() or "(no name)")[:_LONGEST_NAME]


def request_export(app: Flask, partner_id: str, *, actor: str) -> Requested:
    """Ask a worker for an export of the partner: the `run_id`, and why it `waits` if the queue is away (it is kept and starts later).

    `actor`: who asked, for the audit trail. Nothing of the host's session is committed. Raises `errors.RunUnderWay` while another run of
    the partner is queued or at work, `errors.NotConnected`, `errors.UnknownPartner`.
    """
    from cwportal.jobs import queue  # late: a host that never asks need not load the queue

    runtime: Runtime = app.extensions[NAME]
    runtime.source.partner(partner_id)
    return queue.request_export(runtime, partner_id, actor=actor)


def with_headers(response: Response) -> Response:
    """The headers of our pages (strict Content-Security-Policy and the like), for a host that wants them on its own: an `after_request`."""
    from cwportal.blueprints import pages

    return pages.with_headers(response)


def unready_page(
    template: str, is_current: Callable[[], bool] = lambda: True
) -> Callable[[SQLAlchemyError], ResponseReturnValue]:
    """An error handler for a host's own pages, as ours have it: a database that is busy, away, or not set up gets the template.

    The template includes `cwportal/_unready.html`, which says what to do and sends what was typed again, except where a field has "password"
    in its name. `is_current`: whether the host's own tables are set up. Other errors go on as they are.
    """
    from cwportal.blueprints import unready

    return unready.page(template, is_current=is_current)


def is_our_table(name: str) -> bool:
    """Whether a table is the plugin's: for the `include_name` of a host's Alembic, which would else propose to drop it."""
    return name.startswith(_PREFIX)


def _engine_of(app: Flask, db: HostDatabase | None) -> Engine | None:
    """The host's engine for us: its bind `cwportal`, else its default one; None without Flask-SQLAlchemy."""
    present = app.extensions.get("sqlalchemy")
    if db is None:
        db = present
    elif db is not present:
        raise ConfigurationError(
            "The `db` given to CWPortal is not registered on this application. Call db.init_app(app) before CWPortal."
        )
    if db is None:
        return None
    with app.app_context():
        engines = db.engines
        engine: Engine | None = engines.get(NAME, engines.get(None))
    if engine is None:
        raise ConfigurationError(
            "The application has no default database and no bind `cwportal`. Set SQLALCHEMY_DATABASE_URI, or "
            'SQLALCHEMY_BINDS["cwportal"], or CWPORTAL_DATABASE_URL.'
        )
    return engine


def own_folder(config: Config) -> None:
    """Make the instance folder and, where the database is a file of our own, that file; both are their owner's only. ConfigurationError."""
    try:
        config.instance.mkdir(mode=0o700, parents=True, exist_ok=True)
        database = config.instance / "cwportal.sqlite"
        if config.database_url is None and not database.exists():
            os.close(os.open(database, os.O_RDWR | os.O_CREAT, 0o600))  # what SQLite puts beside it gets the same mode
    except OSError as error:
        raise ConfigurationError(
            f"CWPORTAL_INSTANCE is {config.instance}, and that folder cannot be used ({error.strerror}). Choose one in which the "
            "user of this program may write, and start again."
        ) from error


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
