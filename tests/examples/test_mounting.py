"""`CWPortal(app, db=db)`: which database it takes, and what it refuses."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from flask import Flask
from flask_sqlalchemy import SQLAlchemy

from cwportal.errors import ConfigurationError
from cwportal.plugin import CWPortal
from tests.support.portal import MemorySource


@pytest.fixture(autouse=True)
def no_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("CWPORTAL_DATABASE_URL", "CWPORTAL_INSTANCE"):
        monkeypatch.delenv(name, raising=False)


class Mounted:
    """Hosts of one test."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.apps: list[Flask] = []

    def __call__(self, *, given: bool = True, **config: object) -> str:
        """The database that the integration uses in a host with this configuration."""
        app = Flask("host", instance_path=str(self.folder))
        self.apps.append(app)
        app.config.from_mapping(config)
        db = SQLAlchemy(app)
        CWPortal(app, source=MemorySource(), db=db if given else None)
        return str(app.extensions["cwportal"].database.engine.url)

    def close(self) -> None:
        for app in self.apps:
            if "cwportal" in app.extensions:
                app.extensions["cwportal"].database.dispose()


@pytest.fixture
def mounted(tmp_path: Path) -> Iterator[Mounted]:
    mounted = Mounted(tmp_path)
    yield mounted
    mounted.close()


@pytest.mark.parametrize("given", [True, False])
def test_the_hosts_default_database(mounted: Mounted, tmp_path: Path, given: bool) -> None:
    assert mounted(given=given, SQLALCHEMY_DATABASE_URI="sqlite:///host.db") == f"sqlite:///{tmp_path / 'host.db'}"


def test_the_bind_comes_before_the_default(mounted: Mounted, tmp_path: Path) -> None:
    binds = {"cwportal": "sqlite:///ours.db", "other": "sqlite:///other.db"}
    found = mounted(SQLALCHEMY_DATABASE_URI="sqlite:///host.db", SQLALCHEMY_BINDS=binds)
    assert found == f"sqlite:///{tmp_path / 'ours.db'}"


def test_our_own_key_comes_before_both(mounted: Mounted, tmp_path: Path) -> None:
    own = f"sqlite:///{tmp_path / 'own.db'}"
    assert mounted(SQLALCHEMY_DATABASE_URI="sqlite://", CWPORTAL_DATABASE_URL=own) == own


def test_a_host_without_a_database_for_us(mounted: Mounted) -> None:
    with pytest.raises(ConfigurationError, match="no default database and no bind"):
        mounted(SQLALCHEMY_BINDS={"other": "sqlite:///other.db"})


def test_a_database_in_memory(mounted: Mounted) -> None:
    with pytest.raises(ConfigurationError, match="SQLite database in memory"):
        mounted(SQLALCHEMY_DATABASE_URI="sqlite:///:memory:")


def test_twice_on_one_application(mounted: Mounted) -> None:
    mounted(SQLALCHEMY_DATABASE_URI="sqlite:///host.db")
    with pytest.raises(ConfigurationError, match="registered on this application already"):
        CWPortal(mounted.apps[0], source=MemorySource())


def test_a_database_of_another_application(mounted: Mounted, tmp_path: Path) -> None:
    app = Flask("host", instance_path=str(tmp_path))
    with pytest.raises(ConfigurationError, match=r"Call db\.init_app\(app\)"):
        CWPortal(app, source=MemorySource(), db=SQLAlchemy())


def test_one_extension_serves_two_applications(mounted: Mounted, tmp_path: Path) -> None:
    extension = CWPortal(source=MemorySource())
    for name in ("first", "second"):
        app = Flask(name, instance_path=str(tmp_path / name))
        app.config["SQLALCHEMY_DATABASE_URI"] = f"sqlite:///{name}.db"
        SQLAlchemy(app)
        extension.init_app(app)
        mounted.apps.append(app)
    found = [str(app.extensions["cwportal"].config.instance) for app in mounted.apps]
    assert found == [str(tmp_path / "first"), str(tmp_path / "second")]
