"""`kill -9` of an export at the three points where it matters: the next one ends right, and nothing is there twice."""

from __future__ import annotations

import signal
import sqlite3
import subprocess
import time
from contextlib import closing

import pytest

from cwportal.sandbox.barriers import Barriers
from tests.commands.instance import PARTNER, Instance, line

ADDED = {"method": "POST", "path": "/additions"}
WANTED = [line("BKP", 7, 1, 2), line("MBX", 3, 2, 5)]


@pytest.fixture
def agreement(msp: Instance) -> int:
    """An agreement whose account has two charges, mapped."""
    msp.set(CWPORTAL_SETTLE="1", CWPORTAL_LEASE="1")
    (number,) = msp.company("Acme", "Cloud")
    msp.portal({"a": [("MBX", 3, 2, 5), ("BKP", 7, 1, 2)]})
    msp.map(a=number)
    return number


def held(cli: Instance, point: str) -> subprocess.Popen[str]:
    """An export that the simulator holds at its first addition."""
    barriers = cli.sandbox.engine.barriers
    barriers.put({"name": "hold", "match": ADDED, "point": point, "times": 1})
    process = cli.start("export", "--partner", PARTNER)
    cli.wait_until(lambda: barriers.state()[0]["waiting"])
    return process


def kill(process: subprocess.Popen[str]) -> None:
    """As an operator or the kernel does it."""
    with process:
        process.send_signal(signal.SIGKILL)
        process.communicate(timeout=60)
    assert process.returncode == -signal.SIGKILL


def opened(cli: Instance) -> list[str]:
    """What is known of every addition that was tried."""
    with closing(sqlite3.connect(cli.folder / "instance" / "cwportal.sqlite")) as database:
        query = "SELECT outcome FROM cwportal_run_change WHERE kind = 'addition' AND attempted_at IS NOT NULL"
        return [outcome for (outcome,) in database.execute(query)]


def ends_right(cli: Instance, agreement: int) -> None:
    """The next export takes the dead run up, and the one after that has nothing to do."""
    time.sleep(1.2)  # the lease
    result = cli.process("export", "--partner", PARTNER, "--json")
    assert result.code == 0, result.out + result.err
    assert result.json["run_id"] == 1
    assert cli.lines(agreement) == WANTED
    cli.writes()
    assert cli.process("export", "--partner", PARTNER).code == 0
    assert cli.writes() == []


def test_after_the_intent_was_kept_before_connectwise_wrote(msp: Instance, agreement: int) -> None:
    process = held(msp, "before")
    kill(process)
    assert opened(msp) == ["started"]
    barriers: Barriers = msp.sandbox.engine.barriers
    barriers.release(drop=True)
    assert msp.lines(agreement) == []
    ends_right(msp, agreement)


def test_after_connectwise_wrote_before_its_answer(msp: Instance, agreement: int) -> None:
    process = held(msp, "after")
    kill(process)
    msp.sandbox.engine.barriers.release()
    assert (opened(msp), len(msp.lines(agreement))) == (["started"], 1)
    ends_right(msp, agreement)


def test_after_the_answer_before_it_was_kept(msp: Instance, agreement: int) -> None:
    process = held(msp, "after")
    with closing(sqlite3.connect(msp.folder / "instance" / "cwportal.sqlite", isolation_level=None)) as database:
        database.execute("BEGIN IMMEDIATE")  # the answer is not kept while this lasts
        msp.sandbox.engine.barriers.release()
        journal = msp.sandbox.tenant().journal
        msp.wait_until(lambda: [e for e in journal.since() if e["path"].endswith("/additions") and e["status"] == 201])
        time.sleep(0.3)  # the answer is in the process, which waits for the database
        kill(process)
        database.execute("ROLLBACK")
    assert (opened(msp), len(msp.lines(agreement))) == (["started"], 1)
    ends_right(msp, agreement)
