"""What the status page is told: when exports are due, the last one, the last good one, and a worker that is missing."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import select

from cwportal.models import Run
from cwportal.services import runs, status
from cwportal.vocabulary import AccountState, Frequency, RunState, Severity, Trigger
from tests.support.portal import PARTNER, charge
from tests.support.world import World


def _account(world: World, name: str) -> int:
    number = world.agreement(name)
    world.source.add_account(name, charge("MBX", 3, 2, 5))
    world.map({name: number})
    return number


def test_before_the_first_export(world: World) -> None:
    seen = status.overview(world.runtime, PARTNER)
    assert (seen.last, seen.successful) == (None, None)
    assert (seen.due.frequency, seen.due.at) == (Frequency.MANUAL, None)


def test_the_next_one_is_due_in_the_partners_time(world: World) -> None:
    world.choose(export="daily", time="02:00", timezone="America/New_York")
    due = status.next_export(world.runtime, PARTNER)
    assert due.at is not None
    assert world.clock() < due.at <= world.clock() + timedelta(hours=25)
    assert due.zone == "America/New_York"


def test_the_last_and_apart_from_it_the_last_successful_one(world: World) -> None:
    _account(world, "a")
    _account(world, "b")
    good = world.export()["run_id"]
    seen = status.overview(world.runtime, PARTNER)
    assert seen.last is not None
    assert seen.successful is not None
    assert (seen.last.run.id, seen.successful.id, seen.last.accounts) == (good, good, 2)
    world.source.set_charges("a", charge("MBX", 4, 2, None))
    bad = world.export()["run_id"]
    seen = status.overview(world.runtime, PARTNER)
    assert seen.last is not None
    assert seen.successful is not None
    assert (seen.last.run.id, seen.successful.id) == (bad, good)
    assert seen.last.states == {AccountState.FAILED: 1, AccountState.UNCHANGED: 1}
    assert [(one.code, one.severity, one.accounts) for one in seen.last.findings] == [
        ("price_missing", Severity.ERROR, 1)
    ]


def test_previews_and_exports_under_way_are_not_the_last_export(world: World) -> None:
    _account(world, "a")
    good = world.export()["run_id"]
    with world.runtime.database.write() as session:
        done = session.get_one(Run, good)
        columns = {"partner_id": PARTNER, "tenant": done.tenant, "actor": "ann", "approval": {}}
        now = world.clock()
        session.add(Run(**columns, trigger=Trigger.PREVIEW, state=RunState.SUCCEEDED, created_at=now, finished_at=now))
        session.add(Run(**columns, trigger=Trigger.MANUAL, state=RunState.READING, created_at=now))
    seen = status.overview(world.runtime, PARTNER)
    assert seen.last is not None
    assert seen.successful is not None
    assert (seen.last.run.id, seen.successful.id) == (good, good)


@pytest.mark.parametrize(
    ("state", "seconds", "waits"),
    [
        (RunState.QUEUED, 59, False),
        (RunState.QUEUED, 61, True),
        (RunState.READING, 59, False),
        (RunState.READING, 61, True),
        (RunState.SUCCEEDED, 3600, False),
    ],
)
def test_a_run_without_a_worker_is_told_after_a_minute(
    world: World, state: RunState, seconds: int, waits: bool
) -> None:
    runs.request(world.runtime, PARTNER, "t", trigger=Trigger.MANUAL, actor="ann", approval={})
    asked = world.clock() - timedelta(seconds=seconds)
    with world.runtime.database.write() as session:
        run = session.scalars(select(Run)).one()
        run.state, run.created_at, run.heartbeat_at = state, asked, asked
    assert status.without_worker_since(world.runtime, run) == (asked if waits else None)
