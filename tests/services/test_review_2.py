"""What a second reading of previews and approvals has found, on a real simulator."""

from __future__ import annotations

from typing import Any

import pytest

from cwportal.errors import UsageError
from cwportal.services import approvals, connection, exports, outcome, rejections
from cwportal.services.runs import LeaseLost
from cwportal.vocabulary import RunState, Trigger
from tests.services.test_approvals import account, preview, row
from tests.support.portal import PARTNER, charge
from tests.support.world import World, group


def held_by_the_limit(world: World) -> int:
    """Two accounts of which one grows by more than a whole export may; its agreement."""
    agreement = account(world, "a", charge("MBX", 3, 2, 5))
    account(world, "b", charge("MBX", 1, 2, 5))
    world.export()
    world.source.set_charges("a", charge("MBX", 9, 2, 5))
    return agreement


def _lost(*_: Any, **__: Any) -> None:
    raise LeaseLost("its process is gone")


def test_a_preview_whose_process_died_before_its_end_is_nothing_to_approve(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    agreement = held_by_the_limit(world)
    good = preview(world)
    with monkeypatch.context() as patch:
        patch.setattr(outcome, "conclude", _lost)
        dead = preview(world)
    world.clock.advance(120)
    exports.export(world.runtime, PARTNER, actor="ann", trigger=Trigger.MANUAL)
    assert row(world, dead).state == RunState.FAILED
    with pytest.raises(UsageError):
        approvals.approve(world.runtime, PARTNER, dead, None)
    assert approvals.approve(world.runtime, PARTNER, good, ["a"])["run"] == good
    assert world.lines(agreement) == [group("MBX", 3, 2, 5)]


def test_a_preview_that_met_an_error_of_the_portal_is_nothing_to_approve(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    held_by_the_limit(world)
    good = preview(world)

    def broken(*_: Any) -> None:
        raise RuntimeError("broken")

    with monkeypatch.context() as patch:
        patch.setattr(rejections, "of", broken)
        with pytest.raises(RuntimeError):
            preview(world)
    tenant = connection.get(world.runtime, PARTNER).tenant
    with world.database.read() as session:
        newest = approvals.newest(session, PARTNER, tenant)
        assert newest is not None
        assert newest.id == good
    assert approvals.waiting(world.runtime, PARTNER).held
    assert approvals.approve(world.runtime, PARTNER, good, ["a"])["run"] == good


def test_a_product_that_could_not_be_created_and_was_shown_is_created_by_the_approval(world: World) -> None:
    agreement = account(world, "a", charge("MBX", 3, 2, 5))
    account(world, "b", charge("MBX", 500, 2, 5))
    world.export()
    world.source.set_charges("a", charge("MBX", 30, 2, 5), charge("NEW", 1, 2, 5))
    account(world, "c", charge("NEW", 1, 2, 5))
    world.faults({"kind": "error_before", "match": {"method": "POST", "path": "catalog"}, "times": None})
    run_id = exports.export(world.runtime, PARTNER, actor="ann")
    world.faults()
    waiting = approvals.waiting(world.runtime, PARTNER)
    assert [one.account_id for one in waiting.accounts.items] == ["a"]
    approval = approvals.approve(world.runtime, PARTNER, run_id, ["a"])
    exports.export(world.runtime, PARTNER, actor="ann", approval=approval)
    assert world.lines(agreement) == [group("MBX", 30, 2, 5), group("NEW", 1, 2, 5)]
