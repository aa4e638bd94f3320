"""The standalone host: a small partner portal with the plugin mounted in it exactly as any host would."""

from __future__ import annotations

import gc
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from flask import Flask
from sqlalchemy import Engine

from cwportal.commands import group
from cwportal.commands.context import OWN_PORTAL, Progress
from cwportal.config import Config
from cwportal.plugin import CWPortal, open_engine, own_folder
from cwportal.standalone import migrate
from cwportal.standalone.source import StandaloneSource


def create_app(config: Mapping[str, Any] | None = None, *, broker: Callable[[Path], str] | None = None) -> Flask:
    """The application. `config` (CWPORTAL_* and Flask's own keys) comes before the environment. Migrates nothing.

    The instance folder is created with mode 700 if it is not there. Raises ConfigurationError.
    """
    from cwportal.standalone import auth, pages  # late: commands have no use of them

    app, engine, settings = _begin(config)
    auth.protect(app, engine, settings)
    CWPortal(
        app,
        source=StandaloneSource(engine),
        broker=broker,
        partner_of=auth.partner_of,
        may=auth.may,
        actor_of=auth.actor_of,
        base_template=pages.BASE,
        price_url=pages.price_url,
    )
    app.register_blueprint(pages.blueprint(engine))
    return _end(app, engine)


def create_command_app(
    config: Mapping[str, Any] | None = None, *, broker: Callable[[Path], str] | None = None
) -> Flask:
    """The same for the process of a command: without pages, whose forms and queue are a third of what there is to load."""
    app, engine, _ = _begin(config)
    CWPortal(app, source=StandaloneSource(engine), broker=broker)
    return _end(app, engine)


def _begin(config: Mapping[str, Any] | None) -> tuple[Flask, Engine, Config]:
    settings = Config.load(config)
    own_folder(settings)
    app = Flask("cwportal", instance_path=str(settings.instance), static_folder=None)
    app.config.from_mapping(config or {}, PORTAL_BRAND=settings.brand)
    engine = open_engine(settings)  # the portal is a host like any other: its engine is its own, on the same database
    return app, engine, settings


def _end(app: Flask, engine: Engine) -> Flask:
    app.extensions[OWN_PORTAL] = OwnPortal(engine)
    app.cli.add_command(group.commands(own_portal=True))
    return app


def create_served_app(config: Mapping[str, Any] | None = None, *, broker: Callable[[Path], str] | None = None) -> Flask:
    """The application for a server's process, which is there for it alone.

    What is loaded now stays: looking through all of it for garbage, again and again, stops a page for up to a tenth of a second.
    """
    app = create_app(config, broker=broker)
    gc.collect()
    gc.freeze()
    return app


@dataclass(frozen=True, slots=True)
class OwnPortal:
    """What commands may ask of the portal's own data; see `commands.context.Portal`."""

    engine: Engine

    def migrate(self) -> None:
        """Create or migrate the portal's tables."""
        migrate.upgrade(self.engine)

    def is_current(self) -> bool:
        """Whether the portal's tables are there in the newest schema."""
        return migrate.is_current(self.engine)

    def load(self, directory: Path, progress: Progress) -> tuple[dict[str, int], tuple[str, ...]]:
        """Import a directory of CSV files: rows by kind, and CSV files that were not looked at. BadFile."""
        from cwportal.standalone.load import load

        report = load(self.engine, directory, progress)
        return report.rows, report.ignored

    def add_user(self, email: str, partner_id: str, role: str, password: str) -> None:
        """A new login. UnknownPartner, UsageError."""
        from cwportal.standalone.staff import add_staff

        add_staff(self.engine, email, partner_id, role, password)

    def dispose(self) -> None:
        """Close pooled connections."""
        self.engine.dispose()
