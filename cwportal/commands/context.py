"""What a command runs in: the application, made when the command runs and not before, and who types."""

from __future__ import annotations

import getpass
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import click

from cwportal.errors import UsageError

if TYPE_CHECKING:
    from flask import Flask

    from cwportal.runtime import Runtime

OWN_PORTAL = "cwportal_portal"
"""Key in `app.extensions` of a host's own data, where the host is the standalone portal."""

Progress = Callable[[str, int, int], None]
"""Told (what is done, how many so far, of how many)."""


class Portal(Protocol):
    """The data of the standalone portal, as far as commands change them."""

    def migrate(self) -> None:
        """Create or migrate its tables."""

    def is_current(self) -> bool:
        """Whether its tables are there in the newest schema."""

    def load(self, directory: Path, progress: Progress) -> tuple[dict[str, int], tuple[str, ...]]:
        """Import CSV files: rows by kind, and files that were not looked at."""

    def add_user(self, email: str, partner_id: str, role: str, password: str) -> None:
        """A new login."""

    def dispose(self) -> None:
        """Close pooled connections."""


class Starter(Protocol):
    """What the root context carries: Flask's ScriptInfo, or that of the script `cwportal`."""

    def load_app(self) -> Flask:
        """The application."""


def application() -> Flask:
    """The application of the running command; its context is pushed until the command ends."""
    from flask import current_app, has_app_context

    if not has_app_context():
        context = click.get_current_context()
        app = context.find_root().obj.load_app()
        context.find_root().with_resource(app.app_context())
        context.find_root().call_on_close(lambda: _close(app))
    found: Any = current_app
    app = found._get_current_object()  # noqa: SLF001 - Flask's own way from the proxy to the object
    return app  # type: ignore[no-any-return]


def runtime(*, migrated: bool = True) -> Runtime:
    """The Runtime of the application. UsageError if its database has not been set up for this version, unless that is the task."""
    app = application()
    found: Runtime = app.extensions["cwportal"]
    if migrated:
        from cwportal.services import schema

        portal: Portal | None = app.extensions.get(OWN_PORTAL)
        if not schema.is_current(found.database.engine) or (portal is not None and not portal.is_current()):
            raise UsageError(f"The database is not set up for this version. Run: {program()} init")
    return found


def own_portal() -> Portal | None:
    """The standalone portal's data, None in another host."""
    portal: Portal | None = application().extensions.get(OWN_PORTAL)
    return portal


def program() -> str:
    """How commands are called here. In a host the script `cwportal` would open another portal's database, and make it if told to."""
    return "cwportal" if own_portal() is not None else "flask cwportal"


def actor() -> str:
    """Who types, for the audit trail."""
    try:
        return f"{getpass.getuser()} (command line)"
    except (OSError, KeyError):
        return "command line"


def _close(app: Flask) -> None:
    app.extensions["cwportal"].database.dispose()
    portal: Portal | None = app.extensions.get(OWN_PORTAL)
    if portal is not None:
        portal.dispose()
