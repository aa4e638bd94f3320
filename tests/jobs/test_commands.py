"""`cwportal worker`, `tick` and `scheduler` as a person starts them, on a portal with nothing configured but its folder."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from flask import Flask

from cwportal.app import create_app
from cwportal.commands.context import OWN_PORTAL
from cwportal.dev import valkey
from cwportal.jobs.queue import request_export
from cwportal.models import Run
from cwportal.runtime import Runtime
from cwportal.sandbox import Sandbox
from cwportal.services import connection, mapping, schema
from tests.jobs.crew import ROOT, eventually
from tests.support.world import KEYS

FILES = {
    "partners.csv": "partner_id,name,timezone,currency\nmsp,Test MSP,America/New_York,USD\n",
    "accounts.csv": "partner_id,account_id,name,status\nmsp,a,Acme,active\n",
    "products.csv": "sku,name\nMBX,Mailbox\n",
    "charges.csv": "partner_id,account_id,sku,quantity,unit_cost,unit_price\nmsp,a,MBX,3,2,5\n",
}


class Place:
    """An instance folder and the commands in it."""

    def __init__(self, folder: Path, sandbox: Sandbox) -> None:
        self.folder = folder
        self.sandbox = sandbox
        self.env = {
            **{name: value for name, value in os.environ.items() if not name.startswith("CWPORTAL_")},
            "CWPORTAL_INSTANCE": str(folder),
            "CWPORTAL_ALLOWED_SITES": sandbox.site,
            "CWPORTAL_LEASE": "2",
        }

    def start(self, *words: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [sys.executable, "-m", "cwportal", *words],
            cwd=ROOT,
            env=self.env,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def __call__(self, *words: str, status: int = 0) -> str:
        with self.start(*words) as process:
            output, errors = process.communicate(timeout=60)
        assert process.returncode == status, errors
        return output + errors


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    """A folder with a database."""
    with Sandbox() as sandbox:
        place = Place(tmp_path / "instance", sandbox)
        with application(place) as app:
            schema.upgrade(app.extensions["cwportal"].database.engine)
            app.extensions[OWN_PORTAL].migrate()
        yield place
        valkey.stop(place.folder)


@contextmanager
def application(place: Place) -> Iterator[Flask]:
    """The same application in this process."""
    config = {name: value for name, value in place.env.items() if name.startswith("CWPORTAL_")}
    app = create_app(config, broker=valkey.ensure)
    yield app
    app.extensions["cwportal"].database.dispose()
    app.extensions[OWN_PORTAL].dispose()


@pytest.fixture
def runtime(place: Place, tmp_path: Path) -> Iterator[Runtime]:
    """A connected partner with one account to export."""
    data = tmp_path / "data"
    data.mkdir()
    for name, text in FILES.items():
        (data / name).write_text(text)
    member = {"identifier": "exporter", "public_key": KEYS[0], "private_key": KEYS[1], "rights": "admin"}
    agreement = {"name": "Cloud", "billingCycle": "Monthly"}
    company = {"identifier": "Acme", "name": "Acme", "agreements": [agreement]}
    (seeded,) = place.sandbox.seed({"members": [member], "companies": [company]})["companies"]
    rows = f"account_id,company,agreement,export\na,{seeded['id']},{seeded['agreements'][0]['id']},yes\n"
    with application(place) as app:
        app.extensions[OWN_PORTAL].load(data, lambda *_: None)
        runtime: Runtime = app.extensions["cwportal"]
        keys = {"company_id": "training", "public_key": KEYS[0], "private_key": KEYS[1]}
        connection.connect(runtime, "msp", site=place.sandbox.url, actor="test", **keys)
        mapping.import_file(runtime, "msp", rows, actor="test")
        yield runtime


def state(runtime: Runtime, run_id: int) -> str:
    with runtime.database.read() as session:
        return session.get_one(Run, run_id).state


def test_nothing_to_do_is_a_success(place: Place) -> None:
    assert place("tick") == "Nothing to do.\n"
    place("worker", "--burst")
    assert valkey.pid(place.folder) is not None


def test_the_scheduler_is_not_there_yet(place: Place) -> None:
    assert "not yet available" in place("scheduler", status=2)


def test_a_queue_that_cannot_be_reached_is_said_in_a_sentence(runtime: Runtime, place: Place) -> None:
    run_id = request_export(runtime, "msp", actor="test").run_id
    place.env["CWPORTAL_REDIS_URL"] = "redis://127.0.0.1:1"
    for words in (("tick",), ("worker", "--burst")):
        said = place(*words, status=1)
        assert "The queue (Redis at 127.0.0.1:1) cannot be used" in said
        assert "Traceback" not in said
    assert state(runtime, run_id) == "queued"


def test_exports_are_carried_out_until_the_worker_is_stopped(runtime: Runtime, place: Place) -> None:
    run_id = request_export(runtime, "msp", actor="test").run_id
    with place.start("worker") as worker:
        eventually("the first export", lambda: state(runtime, run_id) == "succeeded")
        again = request_export(runtime, "msp", actor="test").run_id
        eventually("the second export", lambda: state(runtime, again) == "succeeded")
        worker.send_signal(signal.SIGINT)
        _, errors = worker.communicate(timeout=60)
    assert worker.returncode == 0, errors
    assert f"Run {run_id}: ended" in errors
    assert "Traceback" not in errors


def test_tick_puts_back_what_an_emptied_queue_lost(runtime: Runtime, place: Place) -> None:
    run_id = request_export(runtime, "msp", actor="test").run_id
    valkey.stop(place.folder)
    for file in (place.folder / "valkey" / "appendonlydir").iterdir():
        file.unlink()
    assert place("tick") == f"Run {run_id} was put into the queue.\n"
    assert place("tick") == "Nothing to do.\n"
    place("worker", "--burst")
    assert state(runtime, run_id) == "succeeded"
