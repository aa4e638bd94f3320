"""The main job, on real HTTP and a real database: charges become additions, exactly once."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from cwportal.models import LedgerAddition
from cwportal.portal import Product
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


def test_a_lower_quantity_that_connectwise_does_not_take_leaves_no_room_for_a_higher_one(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Accepted with 200 and ignored: the account must not bill more meanwhile than before or than it should."""
    agreement = world.agreement("A")
    world.source.add_account("a", charge("BCK", 30, 2, 5), charge("MBX", 30, 2, 5))
    world.map({"a": agreement})
    world.export()
    world.source.set_charges("a", charge("BCK", 20, 2, 5), charge("MBX", 40, 2, 5))
    keep = Tenant.replace

    def ignored(tenant: Tenant, kind: str, record: Any, values: dict[str, Any], by: str) -> None:
        if kind != "addition" or values["quantity"] >= record.row["quantity"]:
            keep(tenant, kind, record, values, by)

    with monkeypatch.context() as workflow:
        workflow.setattr(Tenant, "replace", ignored)
        result = world.export()
    assert (result["counts"]["failed"], result["counts"]["skipped"]) == (1, 1)
    assert world.lines(agreement) == [group("BCK", 30, 2, 5), group("MBX", 30, 2, 5)]
    assert world.export()["status"] == "succeeded"
    assert world.lines(agreement) == [group("BCK", 20, 2, 5), group("MBX", 40, 2, 5)]


@pytest.mark.parametrize("bill", ["DoNotBill", "NoCharge"])
def test_a_new_line_that_connectwise_does_not_bill_is_no_success(
    world: World, monkeypatch: pytest.MonkeyPatch, bill: str
) -> None:
    """A rule in ConnectWise that sets Bill Customer gives the service away; nobody may have to find that on an invoice."""
    agreement = world.agreement("A")
    world.source.add_account("a", charge("MBX", 3, 2, 5))
    world.map({"a": agreement})
    keep = Tenant.insert

    def free(tenant: Tenant, kind: str, row: dict[str, Any], by: str, **more: Any) -> Any:
        return keep(tenant, kind, {**row, "billCustomer": bill} if kind == "addition" else row, by, **more)

    with monkeypatch.context() as workflow:
        workflow.setattr(Tenant, "insert", free)
        result = world.export()
    assert (result["status"], result["counts"]["failed"]) == ("partial", 1)
    (line,) = world.additions(agreement)
    result = world.export()  # it is ours all the same, and said every time
    assert [one["code"] for one in result["accounts"][0]["findings"]] == ["less_included"]
    assert [row["id"] for row in world.additions(agreement)] == [line["id"]]
    world.edit(line["id"], billCustomer="Billable")
    assert world.export()["accounts"][0]["findings"] == []


def test_a_cost_of_a_product_that_connectwise_does_not_take_is_failed_and_tried_again(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    agreement = world.agreement("A")
    world.source.add_account("a", charge("MBX", 3, 2, 5))
    world.source.skus["MBX"] = Product("MBX", "Mailbox", Decimal(2))
    world.map({"a": agreement})
    world.export()
    world.source.skus["MBX"] = Product("MBX", "Mailbox", Decimal("2.5"))
    keep = Tenant.replace

    def ignored(tenant: Tenant, kind: str, record: Any, values: dict[str, Any], by: str) -> None:
        keep(tenant, kind, record, {**values, "cost": record.row["cost"]} if kind == "catalog" else values, by)

    with monkeypatch.context() as workflow:
        workflow.setattr(Tenant, "replace", ignored)
        for _ in range(2):
            assert world.export()["counts"]["failed"] == 1
    assert world.export()["status"] == "succeeded"
    assert [one["cost"] for one in world.state()["catalog"] if one["identifier"] == "MBX"] == [Decimal("2.5")]


def test_an_answer_with_the_line_as_it_was_before_is_no_failure_and_no_hand_edit(world: World) -> None:
    world.sandbox.set_variant(stale_answers=True)
    agreement = world.agreement("A")
    world.source.add_account("a", charge("MBX", 3, 2, 5))
    world.map({"a": agreement})
    world.choose(drift="keep", limit_change="1000")
    world.export()
    for quantity in (4, 5):
        world.source.set_charges("a", charge("MBX", quantity, 2, 5))
        world.source.skus["MBX"] = Product("MBX", "Mailbox", Decimal(quantity))
        result = world.export()
        assert (result["status"], result["accounts"][0]["findings"]) == ("succeeded", [])
        assert world.lines(agreement) == [group("MBX", quantity, 2, 5)]


def test_a_slip_of_the_pen_in_one_account_stops_no_other(world: World) -> None:
    """Amounts that no database integer and no decimal of ours can hold."""
    good = world.agreement("good")
    world.source.add_account("good", charge("MBX", 3, 2, 5))
    rows: dict[str, int | None] = {"good": good}
    for name, quantity in {"large": "1e20", "beyond": "1e999"}.items():
        rows[name] = world.agreement(name)
        world.source.add_account(name, charge("MBX", quantity, 2, 5))
    world.map(rows)
    world.source.set_charges("good", charge("MBX", 4, 2, 5))
    codes = {one["account_id"]: [found["code"] for found in one["findings"]] for one in world.export()["accounts"]}
    assert codes["beyond"] == ["negative_amount"]
    assert world.lines(good) == [group("MBX", 4, 2, 5)]
