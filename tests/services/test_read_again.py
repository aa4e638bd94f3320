"""Exports that last longer than a minute: every agreement is read again before its first write, their state many at a time."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from cwportal.config import READ_FRESH
from cwportal.services import approvals, exports, reports, runs
from cwportal.vocabulary import RunState
from tests.support.portal import PARTNER, charge
from tests.support.world import World, group

ACCOUNTS = 12


@pytest.fixture
def agreements(world: World) -> dict[str, int]:
    """Accounts with one charge each, mapped."""
    found = {f"a{number:02}": world.agreement(f"a{number:02}") for number in range(ACCOUNTS)}
    for number, account_id in enumerate(found):
        world.source.add_account(account_id, charge("MBX", number + 1, 2, 5))
    world.map(dict(found))
    return found


def test_their_state_is_read_at_once(world: World, agreements: dict[str, int], monkeypatch: pytest.MonkeyPatch) -> None:
    late(world, monkeypatch)
    world.clear_journal()
    exports.export(world.runtime, PARTNER, actor="test")

    reads = [entry["path"].rpartition("/finance")[2] for entry in world.control("journal") if entry["method"] == "GET"]
    assert sum(path.endswith("/additions") for path in reads) == 2 * ACCOUNTS
    state = [path for path in reads if path == "/agreements"]
    assert len(state) <= 3  # before the plan, whether Link is sent, and before the writes
    for number, agreement_id in enumerate(agreements.values()):
        assert world.lines(agreement_id) == [group("MBX", number + 1, 2, 5)]


def test_one_that_was_cancelled_meanwhile_is_not_written(
    world: World, agreements: dict[str, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    gone = agreements["a03"]
    late(
        world,
        monkeypatch,
        lambda: world.control("edit", {"kind": "agreement", "id": gone, "set": {"cancelledFlag": True}}),
    )
    exports.export(world.runtime, PARTNER, actor="test")

    assert world.lines(gone) == []
    assert all(world.lines(agreement_id) for agreement_id in agreements.values() if agreement_id != gone)


def test_a_limit_of_the_whole_run_that_is_broken_meanwhile_is_named(
    world: World, agreements: dict[str, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    exports.export(world.runtime, PARTNER, actor="test")
    for number, account_id in enumerate(agreements):
        world.source.set_charges(account_id, charge("MBX", number + 2, 2, 5))
    row = world.additions(agreements["a00"])[0]
    late(world, monkeypatch, lambda: world.edit(row["id"], quantity=900))
    run_id = exports.export(world.runtime, PARTNER, actor="test")

    assert world.lines(agreements["a00"]) == [group("MBX", 900, 2, 5)]  # 4,505 a month less is for a person to approve
    assert world.lines(agreements["a11"]) == [group("MBX", 13, 2, 5)]
    told = reports.run_row(world.runtime, run_id)
    assert told.state == RunState.PARTIAL
    assert [finding["code"] for finding in told.findings] == ["limit_partner"]
    assert approvals.waiting(world.runtime, PARTNER).total == 1


def late(world: World, monkeypatch: pytest.MonkeyPatch, meanwhile: Callable[[], object] = list) -> None:
    """More than a minute passes, and something happens, between the plan and the writes."""
    enter = runs.enter

    def entered(*given: object) -> None:
        enter(*given)  # type: ignore[arg-type]
        meanwhile()
        world.clock.advance(READ_FRESH + 1)

    monkeypatch.setattr(runs, "enter", entered)
