"""Retry-After is obeyed by everybody from the moment it is known."""

from __future__ import annotations

import threading
from dataclasses import replace

from sqlalchemy import update

from cwportal.models import Connection
from cwportal.services.gate import ConnectionGate
from tests.support.portal import PARTNER
from tests.support.world import World

CHANGE = update(Connection).where(Connection.partner_id == PARTNER).values(codebase=Connection.codebase)


def test_other_threads_wait_before_the_database_has_it(world: World) -> None:
    slept: list[float] = []

    def sleep(seconds: float) -> None:
        slept.append(seconds)
        world.clock.advance(seconds)

    gate = ConnectionGate(replace(world.runtime, sleep=sleep), PARTNER)
    gate.wait()
    assert slept == []
    holding = threading.Thread(target=gate.hold, args=(30,))
    with world.database.write() as session:  # the row is somebody else's until the end of the block
        session.execute(CHANGE)
        holding.start()
        holding.join(0.3)
        assert holding.is_alive()
        gate.wait()
        assert sum(slept) > 29  # the clock goes on meanwhile
    holding.join(30)
    assert not holding.is_alive()


def test_what_another_process_was_told_is_obeyed(world: World) -> None:
    slept: list[float] = []

    def sleep(seconds: float) -> None:
        slept.append(seconds)
        world.clock.advance(seconds)

    ConnectionGate(world.runtime, PARTNER).hold(30)
    ConnectionGate(replace(world.runtime, sleep=sleep), PARTNER).wait()
    assert sum(slept) > 29  # the clock goes on meanwhile
