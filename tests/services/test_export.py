"""The main job, on real HTTP and a real database: charges become additions, exactly once."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from cwportal.models import LedgerAddition
from cwportal.sandbox.store import Tenant
from tests.support.portal import charge
from tests.support.world import World, group


def test_first_export_creates_and_second_writes_nothing(world: World) -> None:
    agreement = world.agreement("A")
    world.source.add_account("a", charge("MBX", 3, 2, 5), charge("BCK", "1.5", 4, 9))
    world.map({"a": agreement})

    first = world.export()
    assert first["status"] == "succeeded"
    assert first["counts"]["created"] == 4  # two products, two additions
    assert world.lines(agreement) == [group("BCK", "1.5", 4, 9), group("MBX", 3, 2, 5)]

    world.clear_journal()
    second = world.export()
    assert second["status"] == "succeeded"
    assert second["counts"]["unchanged"] == 2
    assert world.writes() == []


def test_one_changed_quantity_is_one_patch_with_one_operation(world: World) -> None:
    agreement = world.agreement("A")
    world.source.add_account("a", charge("MBX", 30, 2, 5), charge("BCK", 10, 4, 9))
    world.map({"a": agreement})
    world.export()
    world.clear_journal()
    world.source.set_charges("a", charge("MBX", 31, 2, 5), charge("BCK", 10, 4, 9))
    assert world.export()["status"] == "succeeded"
    writes = world.writes()
    assert [(entry["method"], len(entry["body"])) for entry in writes] == [("PATCH", 1)]
    assert writes[0]["body"][0]["path"] == "quantity"
    assert world.lines(agreement)[1] == group("MBX", 31, 2, 5)


def test_two_accounts_of_one_company_never_share_a_line(world: World) -> None:
    one, two = world.agreement("A", company="Same"), world.agreement("B", company="Same2")
    world.source.add_account("a", charge("MBX", 3, 2, 5))
    world.source.add_account("b", charge("MBX", 4, 2, 5))
    world.map({"a": one, "b": two})
    world.export()
    assert world.lines(one) == [group("MBX", 3, 2, 5)]
    assert world.lines(two) == [group("MBX", 4, 2, 5)]


def test_every_price_and_cost_is_a_line_of_its_own(world: World) -> None:
    agreement = world.agreement("A")
    world.source.add_account(
        "a", charge("MBX", 3, 2, 5), charge("MBX", 4, 2, 6), charge("MBX", 5, 3, 6), charge("MBX", 1, 2, 5)
    )
    world.map({"a": agreement})
    world.export()
    assert world.lines(agreement) == [group("MBX", 4, 2, 5), group("MBX", 4, 2, 6), group("MBX", 5, 3, 6)]


def test_a_vanished_sku_goes_to_zero_and_comes_back_on_the_same_line(world: World) -> None:
    agreement = world.agreement("A")
    stays = charge("BCK", 10, 4, 9)
    world.source.add_account("a", charge("MBX", 3, 2, 5), stays)
    world.map({"a": agreement})
    world.choose(limit_ended="100", limit_change="100")
    world.export()
    ids = {row["id"] for row in world.additions(agreement)}
    world.source.set_charges("a", stays)
    assert world.export()["counts"]["ended"] == 1
    assert world.lines(agreement) == [group("BCK", 10, 4, 9)]
    world.source.set_charges("a", stays, charge("MBX", 7, 2, 5))
    assert world.export()["counts"]["updated"] == 1
    assert world.lines(agreement) == [group("BCK", 10, 4, 9), group("MBX", 7, 2, 5)]
    assert {row["id"] for row in world.additions(agreement)} == ids


def test_switching_price_off_changes_nobody(world: World) -> None:
    agreement = world.agreement("A")
    world.source.add_account("a", charge("MBX", 3, 2, 5), charge("MBX", 4, 2, 6))
    world.map({"a": agreement})
    world.export()
    world.clear_journal()
    world.choose(data="products,quantity,cost")
    assert world.export()["status"] == "succeeded"
    assert world.writes() == []


def test_the_ledger_holds_what_was_sent_and_echoed(world: World) -> None:
    agreement = world.agreement("A")
    world.source.add_account("a", charge("MBX", 3, 2, 5))
    world.map({"a": agreement})
    world.export()
    with world.database.read() as session:
        (line,) = session.query(LedgerAddition).all()
    assert (line.sent_quantity, line.echoed_quantity) == (3, 3)
    assert (line.sent_price, line.sent_cost) == (5, 2)
    assert line.cw_agreement_id == agreement


def test_a_write_that_connectwise_accepts_and_does_not_take_is_failed(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A workflow in ConnectWise that puts the old quantity back must never look like a success."""
    agreement = world.agreement("A")
    world.source.add_account("a", charge("MBX", 30, 2, 5))
    world.map({"a": agreement})
    world.export()
    world.source.set_charges("a", charge("MBX", 31, 2, 5))
    keep = Tenant.replace

    def undone(tenant: Tenant, kind: str, record: Any, values: dict[str, Any], by: str) -> None:
        keep(tenant, kind, record, {**values, "quantity": Decimal(30)} if kind == "addition" else values, by)

    with monkeypatch.context() as workflow:
        workflow.setattr(Tenant, "replace", undone)
        for _ in range(2):
            result = world.export()
            assert result["status"] == "failed"
            assert result["counts"]["failed"] == 1
    assert world.export()["status"] == "succeeded"
    assert world.lines(agreement) == [group("MBX", 31, 2, 5)]
