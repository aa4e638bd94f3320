"""A small portal of a cloud vendor, with its own users, login, tables and migrations, and the ConnectWise integration mounted in it."""

from __future__ import annotations

import os
import secrets
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from flask import Flask

from cwportal.dev import valkey
from cwportal.plugin import CWPortal
from plain_host import demo, login, pages
from plain_host.source import ResellerSource
from plain_host.tables import db

HERE = Path(__file__).parents[1]


def create_app(config: Mapping[str, Any] | None = None) -> Flask:
    """The portal. `PLAIN_HOST_DATABASE_URL` and `PLAIN_HOST_FOLDER` say where its data are."""
    folder = Path(os.environ.get("PLAIN_HOST_FOLDER", HERE / "instance")).absolute()
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    app = Flask(__name__, instance_path=str(folder))
    app.config.from_mapping(
        SQLALCHEMY_DATABASE_URI=os.environ.get("PLAIN_HOST_DATABASE_URL", "sqlite:///plain_host.sqlite"),
        SECRET_KEY=os.environ.get("PLAIN_HOST_SECRET_KEY") or secrets.token_hex(32),
        WTF_CSRF_TIME_LIMIT=None,  # a form is good as long as its session, as those of the integration are
    )
    app.config.from_mapping(config or {})

    db.init_app(app)
    login.init_app(app)
    app.register_blueprint(pages.blueprint)
    app.cli.add_command(demo.demo)

    with app.app_context():
        source = ResellerSource(db.engine)
    CWPortal(
        app,
        source=source,
        db=db,
        broker=valkey.ensure,
        partner_of=login.reseller,
        may=login.may,
        actor_of=login.who,
        base_template="integration.html",
    )
    return app
