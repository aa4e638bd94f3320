"""Runs whose process died: when that is believed, whatever happens to the clock, and how often they are taken up."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import Any

import pytest
from sqlalchemy import select, update

from cwportal.errors import RunUnderWay
from cwportal.models import Run, RunChange
from cwportal.runtime import Runtime
from cwportal.services import connection, runs
from cwportal.services.apply.journal import Journal
from cwportal.services.lease import Lease, LeaseLost
from cwportal.services.silent import Watch
from cwportal.vocabulary import Action, Kind, Outcome, Trigger
from tests.support.portal import PARTNER
from tests.support.world import World

HOUR = 3600.0


def begun(world: World) -> Lease:
    tenant = connection.get(world.runtime, PARTNER).tenant
    return runs.begin(world.runtime, PARTNER, tenant, trigger=Trigger.MANUAL, actor="test", approval={})


def wrote(world: World, lease: Lease, kind: Kind, **more: Any) -> None:
    """A write of this life of the run."""
    values = {"part_number": "MBX", "before": {}, "after": {}, "reason": "", "outcome": Outcome.APPLIED, **more}
    with world.database.write() as session:
        session.add(
            RunChange(
                run_id=lease.run_id,
                partner_id=lease.partner_id,
                tenant=lease.tenant,
                account_id="a",
                position=1,
                kind=kind,
                action=Action.CREATE,
                **values,
            )
        )


def next_life(world: World, run_id: int) -> Lease:
    world.clock.advance(world.config.lease + 1)
    lease = runs.claim(world.runtime, run_id)
    assert lease is not None
    return lease


# --- the clock ----------------------------------------------------------------------------------------------------------
def test_a_dead_run_is_taken_up_though_the_clock_was_set_back(world: World) -> None:
    lease = begun(world)
    world.clock.advance(-HOUR)
    assert runs.without_worker(world.runtime) == []
    world.clock.advance(world.config.lease)
    assert runs.without_worker(world.runtime) == [lease.run_id]
    assert runs.claim(world.runtime, lease.run_id) is not None


def test_without_any_worker_the_next_export_takes_it_up_though_the_clock_was_set_back(world: World) -> None:
    lease = begun(world)
    world.clock.advance(-HOUR)
    with pytest.raises(RunUnderWay):
        begun(world)
    world.clock.advance(world.config.lease)
    assert begun(world).run_id == lease.run_id


def test_a_write_that_waited_is_not_sent_after_another_process_began_though_the_clock_was_set_back(
    world: World,
) -> None:
    """Else the other one, which has looked and found nothing, writes the line a second time."""
    lease = begun(world)
    wrote(world, lease, Kind.ADDITION, outcome=Outcome.STARTED, attempted_at=world.clock())
    with world.database.read() as session:
        change_id = session.scalars(select(RunChange.id)).one()
    check = Journal(world.runtime, lease).last_check(change_id, world.clock())
    check()
    world.clock.advance(-HOUR)
    assert runs.without_worker(world.runtime) == []
    next_life(world, lease.run_id)
    with pytest.raises(LeaseLost):
        check()


def test_a_living_run_stays_its_own_though_the_clock_was_set_back(world: World) -> None:
    lease = begun(world)
    world.clock.advance(-HOUR)
    for _ in range(3):
        assert runs.without_worker(world.runtime) == []
        world.clock.advance(world.config.lease / 2)
        with world.database.write() as session:
            session.execute(update(Run).values(heartbeat_at=world.clock()))  # as its heartbeat does
    assert runs.claim(world.runtime, lease.run_id) is None


def test_a_clock_that_is_a_little_ahead_on_another_machine_is_left_alone(world: World) -> None:
    lease = begun(world)
    ahead = world.clock()
    world.clock.advance(-world.config.lease / 2)
    assert runs.without_worker(world.runtime) == []
    with world.database.read() as session:
        assert session.get_one(Run, lease.run_id).heartbeat_at is not None
        assert session.get_one(Run, lease.run_id).heartbeat_at <= ahead  # type: ignore[operator]
        assert session.get_one(Run, lease.run_id).heartbeat_at > world.clock()  # type: ignore[operator]


@pytest.mark.parametrize("outcome", [Outcome.STARTED, Outcome.UNKNOWN])
def test_lost_writes_are_looked_up_soon_though_the_clock_was_set_back(world: World, outcome: Outcome) -> None:
    lease = begun(world)
    at = world.clock()
    wrote(world, lease, Kind.ADDITION, outcome=outcome, attempted_at=at, finished_at=at)
    world.clock.advance(-HOUR)
    assert runs.without_worker(world.runtime) == []
    next_life(world, lease.run_id)
    with world.database.read() as session:
        (change,) = session.scalars(select(RunChange))
        for told in (change.attempted_at, change.finished_at):
            assert told is not None
            assert told <= world.clock()


def quick(world: World) -> Runtime:
    return replace(world.runtime, config=replace(world.config, lease=0.4))


def test_a_clock_that_was_set_forward_makes_no_living_run_dead(world: World) -> None:
    runtime, watch = quick(world), Watch()
    lease = begun(world)
    world.clock.advance(HOUR)
    assert runs.without_worker(runtime) == [lease.run_id]  # as it looks to who has seen nothing before
    assert runs.without_worker(runtime, watch) == []
    time.sleep(runtime.config.lease / 2)
    with world.database.write() as session:
        session.execute(update(Run).values(heartbeat_at=world.clock()))
    world.clock.advance(HOUR)
    assert runs.without_worker(runtime, watch) == []  # it showed life since


def test_a_dead_run_is_believed_to_be_dead_after_half_a_lease_of_watching(world: World) -> None:
    runtime, watch = quick(world), Watch()
    lease = begun(world)
    assert runs.without_worker(runtime, watch) == []
    time.sleep(runtime.config.lease / 2)
    world.clock.advance(HOUR)
    assert runs.without_worker(runtime, watch) == [lease.run_id]


def test_a_queued_run_needs_no_watching(world: World) -> None:
    tenant = connection.get(world.runtime, PARTNER).tenant
    run_id = runs.request(world.runtime, PARTNER, tenant, trigger=Trigger.MANUAL, actor="test", approval={})
    assert runs.without_worker(world.runtime, Watch()) == [run_id]


# --- attempts -----------------------------------------------------------------------------------------------------------
def test_lives_that_got_further_are_no_reason_to_give_up(world: World) -> None:
    lease = begun(world)
    for _ in range(2 * runs.ATTEMPTS):
        wrote(world, lease, Kind.ADDITION)
        lease = next_life(world, lease.run_id)
        assert lease.attempts == 2  # it is not the first
    for count in range(3, runs.ATTEMPTS + 2):
        lease = next_life(world, lease.run_id)
        assert lease.attempts == count
    assert lease.attempts > runs.ATTEMPTS


@pytest.mark.parametrize(
    ("kind", "outcome"),
    [(Kind.PRODUCT, Outcome.APPLIED), (Kind.ADDITION, Outcome.FAILED), (Kind.ADDITION, Outcome.STARTED)],
)
def test_what_is_no_line_written_counts_as_no_progress(world: World, kind: Kind, outcome: Outcome) -> None:
    lease = begun(world)
    for count in range(2, runs.ATTEMPTS + 2):
        wrote(world, lease, kind, outcome=outcome)
        lease = next_life(world, lease.run_id)
        assert lease.attempts == count


def test_a_lease_of_a_release_that_did_not_note_it_is_understood(world: World) -> None:
    lease = begun(world)
    with world.database.write() as session:
        session.execute(update(Run).values(lease="0123456789abcdef0123456789abcdef"))
    wrote(world, lease, Kind.ADDITION)
    assert next_life(world, lease.run_id).attempts == 2
