"""The example hosts with a database of each kind, and a simulator."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from decimal import Decimal
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
from flask import Flask

from cwportal.dev import valkey
from cwportal.sandbox import Sandbox

ROOT = Path(__file__).parents[2]
HOST = ROOT / "examples" / "plain_host"
ADMIN_HOST = ROOT / "examples" / "admin_host"
PARTNER = "blue-river"
PASSWORD = "correct horse battery"
LINES = [
    (Decimal(3), Decimal("3.95"), Decimal("2.1")),
    (Decimal(5), Decimal("8.99"), Decimal("3.8")),
    (Decimal(12), Decimal("4.5"), Decimal("2.1")),
]
"""(quantity, unit price, unit cost) of every addition in ConnectWise, once the demonstration data are exported."""


class Host:
    """An example in a folder of the test's own."""

    def __init__(self, folder: Path, url: str, sandbox: Sandbox, home: Path = HOST) -> None:
        self.home = home
        self.folder = folder
        self.url = url
        self.sandbox = sandbox
        self.env = {
            **{name: value for name, value in os.environ.items() if not name.startswith(("CWPORTAL_", "FLASK_"))},
            "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
            f"{home.name.upper()}_FOLDER": str(folder),
            f"{home.name.upper()}_DATABASE_URL": url,
            f"{home.name.upper()}_SECRET_KEY": "only for tests",
            f"{home.name.upper()}_PASSWORD": PASSWORD,
            "CWPORTAL_ALLOWED_SITES": sandbox.site,
            "CWPORTAL_PRIVATE_KEY": "ExportPrivateKey",
            "CWPORTAL_SETTLE": "0",
            "PYTHONWARNINGS": "error,ignore::ResourceWarning",  # Flask-SQLAlchemy leaves its pool to the end of the process
        }

    def run(self, *words: str, status: int = 0) -> str:
        """Run a program of the environment in the example's folder; its output."""
        done = subprocess.run(
            [sys.executable, "-m", *words],
            cwd=self.home,
            env=self.env,
            capture_output=True,
            text=True,
            timeout=90,
            check=False,
        )
        assert done.returncode == status, done.stdout + done.stderr
        return done.stdout + done.stderr

    def cwportal(self, *words: str, status: int = 0) -> str:
        """`flask cwportal …`."""
        return self.run("flask", "cwportal", *words, status=status)

    def steps(self) -> list[tuple[str, ...]]:
        """Words of `flask` for everything between migrated tables and the first export."""
        keys = ("--site", self.sandbox.url, "--company-id", "training", "--public-key", "ExportPublicKey1")
        return [
            ("demo",),
            ("cwportal", "connect", "--partner", PARTNER, *keys),
            ("cwportal", "settings", "--partner", PARTNER, "--agreement-type", "1"),
            ("cwportal", "map", "import", str(self.home / "mapping.csv"), "--partner", PARTNER),
        ]

    def lines(self) -> list[tuple[Decimal, Decimal, Decimal]]:
        """(quantity, unit price, unit cost) of every addition in ConnectWise."""
        tenant = self.sandbox.tenant()
        rows: list[Any] = [row for one in tenant.agreements() for row in tenant.additions(one["id"])]
        return sorted((row["quantity"], row["unitPrice"], row["unitCost"]) for row in rows)


@pytest.fixture
def host(tmp_path: Path, empty_url: str) -> Iterator[Host]:
    """The plain host, nothing set up."""
    with Sandbox() as sandbox:
        host = Host(tmp_path / "instance", empty_url, sandbox)
        yield host
        valkey.stop(host.folder)


@pytest.fixture
def app(host: Host, monkeypatch: pytest.MonkeyPatch) -> Iterator[Flask]:
    """The plain host in this process, with everything up to the first export."""
    with opened(host, monkeypatch) as app:
        yield app


@pytest.fixture
def admin_host(tmp_path: Path, empty_url: str) -> Iterator[Host]:
    """The host made with Flask-Admin, nothing set up."""
    with Sandbox() as sandbox:
        host = Host(tmp_path / "instance", empty_url, sandbox, ADMIN_HOST)
        yield host
        valkey.stop(host.folder)


@pytest.fixture
def admin_app(admin_host: Host, monkeypatch: pytest.MonkeyPatch) -> Iterator[Flask]:
    """The host made with Flask-Admin in this process, with everything up to the first export."""
    with opened(admin_host, monkeypatch) as app:
        yield app


@contextmanager
def opened(host: Host, monkeypatch: pytest.MonkeyPatch) -> Iterator[Flask]:
    """The example's application in this process, for the block."""
    monkeypatch.syspath_prepend(str(host.home))
    for name, value in host.env.items():
        if name.startswith(("CWPORTAL_", f"{host.home.name.upper()}_")):
            monkeypatch.setenv(name, value)
    db = import_module(f"{host.home.name}.tables").db
    app: Flask = import_module(host.home.name).create_app()
    with app.app_context():
        db.create_all()
    command = app.test_cli_runner()
    for words in (("cwportal", "init"), *host.steps()):
        done = command.invoke(args=words)
        assert done.exit_code == 0, done.output
    yield app
    app.extensions["cwportal"].database.dispose()
    with app.app_context():
        db.session.remove()
        for engine in db.engines.values():
            engine.dispose()
