"""`CWPortal(app, db=db)`: which database it takes, and what it refuses."""

from __future__ import annotations

import stat
from collections.abc import Callable, Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import flask
import pytest
from flask import Flask
from flask_sqlalchemy import SQLAlchemy

from cwportal.errors import ConfigurationError, SourceIncomplete
from cwportal.forms.press import Press
from cwportal.plugin import CWPortal
from cwportal.portal import Account, Charge, Partner
from cwportal.runtime import Runtime
from cwportal.services import schema
from cwportal.services.secrets import Keyring
from tests.support.portal import PARTNER, MemorySource


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


@pytest.mark.parametrize("first", ["queue", "key"])
def test_the_folder_is_closed_to_others_whoever_makes_it(tmp_path: Path, first: str) -> None:
    """Also where the host's database is elsewhere, so that nothing of ours has been in the folder before."""

    def broker(folder: Path) -> str:
        (folder / "queue").mkdir(parents=True)
        return "redis://queue"

    folder = tmp_path / "instance"
    app = Flask("host", instance_path=str(folder))
    app.config["CWPORTAL_DATABASE_URL"] = f"sqlite:///{tmp_path / 'elsewhere.db'}"
    CWPortal(app, source=MemorySource(), broker=broker)
    runtime: Runtime = app.extensions["cwportal"]
    assert not folder.exists()
    if first == "queue":
        assert runtime.broker is not None
        runtime.broker()
    else:
        Keyring.of(runtime.config)
    runtime.database.dispose()
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700


WRONG: dict[str, Callable[[], object]] = {
    "the id of a partner": lambda: Partner(7, "MSP", "UTC", "USD"),  # type: ignore[arg-type]
    "the id of an account": lambda: Account(7, "Oak"),  # type: ignore[arg-type]
    "12.5 as an amount of MAIL": lambda: Charge("MAIL", 12.5, Decimal(1), None),  # type: ignore[arg-type]
    "3 as an amount of MAIL": lambda: Charge("MAIL", Decimal(1), Decimal(1), 3),  # type: ignore[arg-type]
}


@pytest.mark.parametrize("words", WRONG)
def test_values_of_another_type_are_told(words: str) -> None:
    """Numbers as ids would match nothing that is stored, and amounts that are floats are not exact."""
    with pytest.raises(SourceIncomplete, match=words):
        WRONG[words]()


@pytest.mark.parametrize(
    ("partner", "actor", "status"),
    [(PARTNER, "ann", 303), (PARTNER, "a" * 300, 303), (PARTNER, None, 303), (7, "ann", 503), (None, "ann", 401)],
)
def test_what_a_host_tells_of_a_person(
    tmp_path: Path, database_url: str, caplog: pytest.LogCaptureFixture, partner: Any, actor: Any, status: int
) -> None:
    app = Flask("host", instance_path=str(tmp_path))
    app.config.update(CWPORTAL_DATABASE_URL=database_url, SECRET_KEY="x", TESTING=True)
    CWPortal(
        app,
        source=MemorySource(),
        partner_of=lambda: partner,
        may=lambda _: True,
        actor_of=lambda: actor,
    )
    runtime: Runtime = app.extensions["cwportal"]
    schema.upgrade(runtime.database.engine)
    client = app.test_client()
    with app.test_request_context(), client.session_transaction() as session:
        token = Press().csrf_token.current_token
        session["csrf_token"] = flask.session["csrf_token"]
    answer = client.post("/integration/connectwise/connect", data={"csrf_token": token})
    runtime.database.dispose()
    assert answer.status_code == status
    assert ("`partner_of` gives 7" in caplog.text) is (status == 503)


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
