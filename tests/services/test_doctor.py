"""Every check of the doctor, well and ill."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography.fernet import Fernet

from cwportal.config import Config
from cwportal.db import Database
from cwportal.errors import CWPortalError
from cwportal.models import Connection
from cwportal.runtime import Runtime
from cwportal.sandbox import Sandbox
from cwportal.services import connection, doctor, runs, schema, secrets
from cwportal.services.doctor import Check, Health
from cwportal.vocabulary import Trigger
from tests.support.portal import PARTNER, MemorySource
from tests.support.world import KEYS

OK, WARNING, PROBLEM = Health
LINUX = pytest.mark.skipif(sys.platform != "linux", reason="a folder in which nobody, not even root, can write")


def answers() -> None:
    """A queue that works."""


class Installation:
    """An instance folder, its database and its configuration, as an operator would have them."""

    def __init__(self, folder: Path, **config: str) -> None:
        folder.mkdir(mode=0o700, exist_ok=True)
        self.config = Config.load({"CWPORTAL_INSTANCE": str(folder), **config})
        self.runtime = Runtime(self.config, Database(self.config.url), MemorySource())

    def check(self, name: str, **more: Any) -> Check:
        """The only check of this name."""
        (found,) = [check for check in doctor.examine(self.runtime, **{"ping": answers, **more}) if check.name == name]
        assert bool(found.why) is bool(found.todo) is (found.health is not OK)
        return found

    def configured(self, **changes: Any) -> Installation:
        """The same with another configuration."""
        self.config = replace(self.config, **changes)
        self.runtime = replace(self.runtime, config=self.config)
        return self

    def connect(self, sandbox: Sandbox) -> None:
        member = {"identifier": "exporter", "public_key": KEYS[0], "private_key": KEYS[1], "rights": "admin"}
        sandbox.seed({"members": [member]})
        connection.connect(
            self.runtime,
            PARTNER,
            site=sandbox.url,
            company_id="training",
            public_key=KEYS[0],
            private_key=KEYS[1],
            actor="test",
        )


@pytest.fixture
def fresh(tmp_path: Path) -> Iterator[Installation]:
    """Set up, nobody connected."""
    made = Installation(tmp_path / "instance")
    schema.upgrade(made.runtime.database.engine)
    yield made
    made.runtime.database.dispose()


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    with Sandbox() as sandbox:
        yield sandbox


@pytest.fixture
def connected(tmp_path: Path, sandbox: Sandbox) -> Iterator[Installation]:
    """Set up, with a partner on the simulator."""
    made = Installation(tmp_path / "instance", CWPORTAL_ALLOWED_SITES=sandbox.site)
    schema.upgrade(made.runtime.database.engine)
    made.connect(sandbox)
    yield made
    made.runtime.database.dispose()


def test_a_fresh_installation_has_nothing_wrong(fresh: Installation) -> None:
    checks = doctor.examine(fresh.runtime, ping=answers)
    assert {check.name for check in checks if check.health is OK} == {
        "database",
        "secret keys",
        "queue",
        "clock",
        "instance folder",
        "clientId",
        "allowed sites",
        "settle",
    }
    assert len(checks) == 8
    assert not (fresh.config.instance / secrets.FILE).exists()  # looking generates nothing


def test_a_connected_one_only_warns_of_the_allowed_site(connected: Installation) -> None:
    checks = doctor.examine(connected.runtime, ping=answers)
    assert [check.name for check in checks if check.health is not OK] == ["allowed sites"]


def test_exports_that_no_worker_takes(connected: Installation) -> None:
    at = connected.runtime.clock()
    connection_of = connection.get(connected.runtime, PARTNER)
    runs.request(connected.runtime, PARTNER, connection_of.tenant, trigger=Trigger.MANUAL, actor="test", approval={})
    assert connected.check("queue").health is OK
    connected.runtime = replace(connected.runtime, clock=lambda: at + timedelta(minutes=2))
    found = connected.check("queue")
    assert (found.health, "wait for a worker: 1, the oldest since" in found.what) == (WARNING, True)
    assert "cwportal worker" in found.todo


@pytest.mark.parametrize(
    ("folder", "words"),
    [
        pytest.param("/proc/self/fd", "cannot be written", marks=LINUX),
        ("/dev/null/folder", "cannot be looked at"),
    ],
)
def test_an_instance_folder_that_cannot_be_used(fresh: Installation, folder: str, words: str) -> None:
    found = fresh.configured(instance=Path(folder)).check("instance folder")
    assert (found.health, words in found.what) == (PROBLEM, True)


def test_database_not_migrated(tmp_path: Path) -> None:
    empty = Installation(tmp_path / "instance")
    found = empty.check("database")
    assert (found.health, found.todo) == (PROBLEM, "Run: cwportal init")
    empty.runtime.database.dispose()


def test_database_of_the_host_not_migrated(fresh: Installation) -> None:
    assert fresh.check("database", host_is_current=lambda: False).health is PROBLEM


def test_database_out_of_reach(fresh: Installation, tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'nowhere' / 'x.sqlite'}"
    lost = Installation(tmp_path / "instance", CWPORTAL_DATABASE_URL=url)
    found = lost.check("database")
    assert found.health is PROBLEM
    assert "CWPORTAL_DATABASE_URL" in found.todo
    assert "There is no folder" in found.todo
    assert "nowhere/x.sqlite cannot be used (unable to open database file)" in found.what


def test_a_database_server_out_of_reach(fresh: Installation) -> None:
    url = "postgresql+psycopg://ann:secret@127.0.0.1:1/portal?password=other"
    lost = Installation(fresh.config.instance, CWPORTAL_DATABASE_URL=url)
    found = lost.check("database")
    assert found.health is PROBLEM
    assert "The database portal at 127.0.0.1:1 cannot be used (" in found.what
    assert "refused" in found.what
    assert not {"secret", "other", "ann:"} & set(found.what.split())
    assert "secret" not in found.what


def test_commands_are_named_as_they_are_called_here(tmp_path: Path, connected: Installation) -> None:
    empty = Installation(tmp_path / "empty")
    assert empty.check("database", program="flask cwportal").todo == "Run: flask cwportal init"
    empty.runtime.database.dispose()
    at, tenant = connected.runtime.clock(), connection.get(connected.runtime, PARTNER).tenant
    runs.request(connected.runtime, PARTNER, tenant, trigger=Trigger.MANUAL, actor="test", approval={})
    connected.runtime = replace(connected.runtime, clock=lambda: at + timedelta(minutes=2))
    assert connected.check("queue", program="flask cwportal").todo.endswith(": flask cwportal worker")


def test_no_instance_folder(fresh: Installation, tmp_path: Path) -> None:
    found = fresh.configured(instance=tmp_path / "typo").check("database")
    assert found.health is PROBLEM
    assert "typo" in found.what


def test_secret_keys_missing(connected: Installation) -> None:
    (connected.config.instance / secrets.FILE).unlink()
    found = connected.check("secret keys")
    assert found.health is PROBLEM
    assert "no secret key" in found.what
    assert not (connected.config.instance / secrets.FILE).exists()


def test_secret_keys_wrong(connected: Installation) -> None:
    found = connected.configured(secret_keys=(Fernet.generate_key().decode(),)).check("secret keys")
    assert found.health is PROBLEM
    assert "1 of 1 partners" in found.what
    assert PARTNER in found.what


@pytest.mark.parametrize("place", ["setting", "file"])
def test_secret_keys_that_are_none(connected: Installation, place: str) -> None:
    if place == "setting":
        connected.configured(secret_keys=("not a key at all",))
    else:
        (connected.config.instance / secrets.FILE).write_text("not a key at all")
    found = connected.check("secret keys")
    assert found.health is PROBLEM
    assert "not a key at all" not in f"{found.what}{found.why}{found.todo}"


def test_keys_of_another_partner(connected: Installation) -> None:
    with connected.runtime.database.write() as session:
        mine = session.get_one(Connection, PARTNER)
        values = {column.key: getattr(mine, column.key) for column in Connection.__table__.columns}
        session.add(Connection(**{**values, "partner_id": "thief"}))
    found = connected.check("secret keys")
    assert found.health is PROBLEM
    assert "(thief)" in found.what


def test_a_generated_key_beside_a_database_server(connected: Installation) -> None:
    found = connected.configured(database_url="postgresql+psycopg://server/portal").check("secret keys")
    assert found.health is WARNING
    keys = ((connected.config.instance / secrets.FILE).read_text(),)
    assert connected.configured(secret_keys=keys).check("secret keys").health is OK


def test_queue_unreachable(fresh: Installation) -> None:
    def refuses() -> None:
        raise CWPortalError("Connection refused.")

    found = fresh.check("queue", ping=refuses)
    assert (found.health, found.what) == (PROBLEM, "Connection refused.")


@pytest.mark.parametrize(
    ("ahead", "health", "words"),
    [(58.0, OK, "agree"), (-58.0, OK, "agree"), (63.0, PROBLEM, "behind"), (-63.0, PROBLEM, "ahead of")],
)
def test_clock_skew(connected: Installation, sandbox: Sandbox, ahead: float, health: Health, words: str) -> None:
    sandbox.set_variant(clock=ahead)
    found = connected.check("clock")
    assert found.health is health
    assert words in found.what


def test_connectwise_out_of_reach(connected: Installation, sandbox: Sandbox) -> None:
    sandbox.close()
    found = connected.check("clock")
    assert found.health is WARNING
    assert "refuses the connection" in found.what


def test_a_connectwise_that_asked_us_to_wait_is_not_asked(connected: Installation, sandbox: Sandbox) -> None:
    with connected.runtime.database.write() as session:
        session.get_one(Connection, PARTNER).not_before = connected.runtime.clock() + timedelta(minutes=5)
    sandbox.close()
    assert connected.check("clock").health is OK


@pytest.mark.parametrize("mode", [0o750, 0o705, 0o755])
def test_instance_folder_open_to_others(fresh: Installation, mode: int) -> None:
    fresh.config.instance.chmod(mode)
    found = fresh.check("instance folder")
    assert found.health is PROBLEM
    assert found.todo == f"Run: chmod 700 {fresh.config.instance}"


@pytest.mark.parametrize("name", ["database_url", "redis_url", "secret_keys"])
def test_an_open_folder_in_which_nothing_is_kept(fresh: Installation, name: str) -> None:
    """A host's own, say, with everything of ours on servers."""
    fresh.config.instance.chmod(0o755)
    elsewhere = {
        "database_url": "postgresql+psycopg://server/portal",
        "redis_url": "redis://server",
        "secret_keys": ("x",),
    }
    assert fresh.configured(**elsewhere).check("instance folder").health is OK
    found = fresh.configured(**{name: None}).check("instance folder")
    assert found.health is PROBLEM
    kept = {
        "database_url": "the database",
        "redis_url": "the queue",
        "secret_keys": "the key that protects the stored ConnectWise keys",
    }
    assert found.why == f"Kept there: {kept[name]}."


def test_client_id_missing(connected: Installation) -> None:
    assert connected.check("clientId").health is OK
    with connected.runtime.database.write() as session:
        session.get_one(Connection, PARTNER).site = "na.myconnectwise.invalid"
    found = connected.check("clientId")
    assert found.health is PROBLEM
    assert "na.myconnectwise.invalid" in found.what
    assert connected.configured(client_id="11111111-2222-3333-4444-555555555555").check("clientId").health is OK


def test_allowed_sites_open(fresh: Installation) -> None:
    found = fresh.configured(allowed_sites=frozenset({"10.0.0.1"})).check("allowed sites")
    assert found.health is WARNING
    assert "10.0.0.1" in found.what


@pytest.mark.parametrize(("settle", "health"), [(29.0, PROBLEM), (30.0, PROBLEM), (31.0, OK)])
def test_settle_is_longer_than_the_time_out(fresh: Installation, settle: float, health: Health) -> None:
    assert fresh.configured(settle=settle, timeout=30.0).check("settle").health is health
