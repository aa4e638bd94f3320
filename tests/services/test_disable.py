"""Disable: no write after it, nothing of the credentials left, and the same ConnectWise goes on without duplicates."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest
from sqlalchemy import func, select

from cwportal.connectwise.reader import Reader
from cwportal.connectwise.rights import RightRow, check_rights
from cwportal.errors import NotConnected
from cwportal.models import AuditEntry, Connection, Draft, LedgerAddition, Mapping, Run, Settings
from cwportal.services import connection, disable, exports, runs
from cwportal.vocabulary import RunState, Trigger
from tests.support.portal import PARTNER, charge
from tests.support.world import World, group

_POST = {"method": "POST", "path": "/additions"}


def _world(world: World, accounts: int = 1, lines: int = 1) -> dict[str, int | None]:
    rows: dict[str, int | None] = {}
    for number in range(accounts):
        key = f"a{number}"
        world.source.add_account(key, *(charge(f"S{line}", 2, "1.00", "3.50") for line in range(lines)))
        rows[key] = world.agreement(f"{number}")
    world.map(rows)
    return rows


def _count(world: World, table: Any) -> int:
    with world.database.read() as session:
        return session.scalar(select(func.count()).select_from(table)) or 0


def _eventually(look: Callable[[], Any]) -> None:
    deadline = time.monotonic() + 60
    while not look():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def _last(world: World) -> Run:
    with world.database.read() as session:
        return session.scalars(select(Run).order_by(Run.id.desc())).first()  # type: ignore[return-value]


def test_what_goes_and_what_stays(world: World) -> None:
    _world(world, accounts=2, lines=2)
    world.choose(export="daily")
    world.export()
    assert disable.stays(world.runtime, PARTNER) == disable.Stays(4, 2, Decimal("28.00"), 0)
    again, page = disable.lines(world.runtime, PARTNER, 1)
    assert again == disable.stays(world.runtime, PARTNER)
    assert [(row.company, row.count, row.price) for row in page.items] == [
        ("Company 0", 2, Decimal("14.00")),
        ("Company 1", 2, Decimal("14.00")),
    ]
    done = disable.disable(world.runtime, PARTNER, actor="ann")
    assert (done.stays.lines, done.stopping, done.cancelled) == (4, None, None)
    assert (_count(world, Connection), _count(world, Settings), _count(world, Draft)) == (0, 0, 0)
    assert (_count(world, LedgerAddition), _count(world, Run)) == (4, 1)
    with world.database.read() as session:
        assert set(session.scalars(select(Mapping.export))) == {False}
        entry = session.scalars(select(AuditEntry).order_by(AuditEntry.id.desc())).first()
    assert entry is not None
    assert (entry.action, entry.actor, entry.detail["lines"]) == ("disable", "ann", 4)
    with pytest.raises(NotConnected):
        disable.disable(world.runtime, PARTNER, actor="ann")
    with pytest.raises(NotConnected):
        world.export()


def test_disabled_while_rights_are_looked_up(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever tests is told; an export goes on to where it sees that it is to stop. Nothing of the connection comes back."""

    def meanwhile(reader: Reader) -> tuple[RightRow, ...]:
        found = check_rights(reader)
        disable.disable(world.runtime, PARTNER, actor="ann")
        return found

    monkeypatch.setattr(connection, "check_rights", meanwhile)
    with pytest.raises(NotConnected, match="disconnected in the meantime"):
        connection.check(world.runtime, PARTNER)
    world.connect()
    with world.database.write() as session:
        session.get_one(Connection, PARTNER).rights = {"Finance > Agreements > Add": "missing"}
    with connection.open_client(world.runtime, PARTNER) as client:
        rights = connection.refresh_rights(world.runtime, PARTNER, client)
    assert rights["Finance > Agreements > Add"] == "has (All)"
    assert _count(world, Connection) == 0


def test_the_same_connectwise_again_goes_on_without_duplicates(world: World) -> None:
    rows = _world(world, lines=2)
    world.export()
    disable.disable(world.runtime, PARTNER, actor="ann")
    world.connect()
    world.clear_journal()
    assert world.export()["counts"]["created"] == 0
    assert world.writes() == []
    world.map(rows)
    world.source.set_charges("a0", charge("S0", 5, "1.00", "3.50"), charge("S1", 2, "1.00", "3.50"))
    answer = world.export(approve=True)
    assert (answer["counts"]["created"], answer["counts"]["updated"]) == (0, 1)
    assert world.lines(rows["a0"] or 0) == [group("S0", 5, 1, "3.5"), group("S1", 2, 1, "3.5")]
    assert len(world.additions(rows["a0"] or 0)) == 2


def test_an_export_in_the_middle_of_a_write_records_it_and_begins_no_other(world: World) -> None:
    rows = _world(world, accounts=1, lines=5)
    world.control("barriers", {"name": "hold", "point": "after", "match": _POST, "times": 1})
    thread = threading.Thread(target=world.export)
    thread.start()
    _eventually(lambda: _held(world))
    done = disable.disable(world.runtime, PARTNER, actor="ann")
    assert done.stopping is not None
    world.control("barriers/release", {"name": "hold"})
    thread.join(30)
    assert not thread.is_alive()
    run = _last(world)
    assert run.state == RunState.CANCELLED
    assert (run.counts["created"] - _products(world), run.counts["unknown"]) == (1, 0)
    assert len(world.additions(rows["a0"] or 0)) == 1
    assert _count(world, LedgerAddition) == 1
    assert (_count(world, Connection), _count(world, Settings)) == (0, 0)


def _held(world: World) -> bool:
    return any(barrier["held"] for barrier in world.control("barriers"))


def _products(world: World) -> int:
    return len(world.state()["catalog"])


def test_a_run_that_waits_in_the_queue_ends_and_a_worker_finds_nothing_to_do(world: World) -> None:
    _world(world)
    tenant = connection.get(world.runtime, PARTNER).tenant
    number = runs.request(world.runtime, PARTNER, tenant, trigger=Trigger.MANUAL, actor="ann", approval={})
    world.clear_journal()
    assert disable.disable(world.runtime, PARTNER, actor="ann").cancelled == number
    assert exports.run(world.runtime, number) is False
    assert _last(world).state == RunState.CANCELLED
    assert world.writes() == []


def test_a_run_whose_worker_died_before_ends_as_cancelled_when_it_is_taken_up(world: World) -> None:
    _world(world)
    tenant = connection.get(world.runtime, PARTNER).tenant
    lease = runs.begin(world.runtime, PARTNER, tenant, trigger=Trigger.MANUAL, actor="ann", approval={})
    with world.database.write() as session:
        session.get_one(Run, lease.run_id).heartbeat_at = world.clock().replace(year=2020)
    assert disable.disable(world.runtime, PARTNER, actor="ann").stopping == lease.run_id
    assert exports.run(world.runtime, lease.run_id) is True
    assert _last(world).state == RunState.CANCELLED


def test_another_connectwise_starts_with_an_empty_mapping(world: World) -> None:
    _world(world)
    world.export()
    disable.disable(world.runtime, PARTNER, actor="ann")
    with world.database.write() as session:
        for row in session.scalars(select(Mapping)):
            row.tenant = "elsewhere/other"
    world.connect()
    plan = world.plan()
    assert not any(one.exported for one in plan.accounts)
