"""What waits for a person, and what their answer does (rules 4, 5, 6, 8, 11, 14; approvals)."""

from __future__ import annotations

from typing import Any

import pytest

from cwportal.services import exports
from cwportal.vocabulary import AccountStatus
from tests.support.portal import PARTNER, charge
from tests.support.world import World, group


def account(world: World, name: str, *charges: Any) -> int:
    """An account with its agreement, mapped and exported once."""
    number = world.agreement(name)
    world.source.add_account(name, *charges)
    world.map({name: number})
    return number


def codes(result: dict[str, Any], name: str) -> list[str]:
    """Finding codes of one account."""
    (found,) = [item for item in result["accounts"] if item["account_id"] == name]
    return [finding["code"] for finding in found["findings"]]


def many(count: int, price: int = 5) -> list[Any]:
    return [charge(f"S{number:02}", 10, 2, price) for number in range(count)]


def test_vanished_charges_wait_every_time_until_approved(world: World) -> None:
    agreement = account(world, "a", charge("MBX", 3, 2, 5))
    world.export()
    world.source.set_charges("a")
    for _ in range(2):
        result = world.export()
        assert (result["status"], codes(result, "a")) == ("held", ["charges_vanished"])
        assert world.lines(agreement) == [group("MBX", 3, 2, 5)]
    assert world.export(approve=True)["status"] == "succeeded"
    assert world.lines(agreement) == []


def test_a_closed_account_ends_without_being_asked(world: World) -> None:
    import dataclasses

    account(world, "big", *many(40))
    agreement = account(world, "a", *many(4))
    world.export()
    world.source.customers["a"] = dataclasses.replace(world.source.customers["a"], status=AccountStatus.CLOSED)
    world.source.set_charges("a")
    assert world.export()["counts"]["ended"] == 4
    assert world.lines(agreement) == []


def test_account_limit_holds_that_account_only(world: World) -> None:
    account(world, "big", *many(40))
    agreement = account(world, "a", *many(6))
    world.export()
    world.source.set_charges("a", *many(3))
    world.source.set_charges("big", *many(40)[1:], charge("S00", 11, 2, 5))
    result = world.export()
    assert (result["status"], codes(result, "a")) == ("partial", ["limit_account"])
    assert len(world.lines(agreement)) == 6
    assert world.export(approve=True)["counts"]["ended"] == 3


def test_a_line_that_grows_tenfold_waits(world: World) -> None:
    account(world, "big", *many(40))
    agreement = account(world, "a", charge("MBX", 3, "0.2", "0.5"))
    world.export()
    world.source.set_charges("a", charge("MBX", 30, "0.2", "0.5"))
    assert codes(world.export(), "a") == ["limit_account"]
    assert world.lines(agreement) == [group("MBX", 3, "0.2", "0.5")]


def test_partner_limit_holds_the_whole_run(world: World) -> None:
    agreements = [account(world, name, *many(20)) for name in ("a", "b")]
    world.export()
    before = [world.lines(agreement) for agreement in agreements]
    for name in ("a", "b"):
        world.source.set_charges(name, *many(20, price=7))
    world.clear_journal()
    result = world.export()
    assert result["status"] == "held"
    assert [item["status"] for item in result["accounts"]] == ["held", "held"]
    assert world.writes() == []
    assert [world.lines(agreement) for agreement in agreements] == before
    assert world.export(approve=True)["counts"]["updated"] == 40


def test_approving_what_was_shown_applies_exactly_that(world: World) -> None:
    one, two = account(world, "a", *many(6)), account(world, "b", *many(6))
    world.export()
    world.choose(limit_change="1000", limit_ended="20")
    for name in ("a", "b"):
        world.source.set_charges(name, *many(3))
    shown = {plan.account_id: plan.digest for plan in world.plan().accounts}
    world.source.set_charges("b", *many(2))  # changes after it was shown
    exports.export(world.runtime, PARTNER, actor="test", approval={"accounts": shown})
    assert len(world.lines(one)) == 3
    assert len(world.lines(two)) == 6


@pytest.mark.parametrize(("answer", "left"), [("recreate", 2), ("accept", 1)])
@pytest.mark.parametrize("how", ["cancelled", "deleted", "repointed"])
def test_lines_ended_by_hand_are_asked_about(world: World, how: str, answer: str, left: int) -> None:
    agreement = account(world, "a", charge("MBX", 3, 2, 5), charge("BCK", 1, 1, 2))
    world.choose(limit_change="1000", limit_ended="1000")
    world.export()
    line = next(row for row in world.additions(agreement) if row["quantity"] == 3)
    if how == "cancelled":
        world.edit(line["id"], cancelledDate="2026-01-31")
    elif how == "deleted":
        world.delete(line["id"])
    else:
        world.control("seed", {"catalog": [{"identifier": "OTHER", "description": "O", "customerDescription": "O"}]})
        world.edit(line["id"], product={"identifier": "OTHER"}, quantity=0)
    held = world.export()
    assert held["status"] == "held"
    assert codes(held, "a") == [{"cancelled": "ended_by_hand", "deleted": "gone", "repointed": "product_changed"}[how]]
    world.decide("a", line["id"], answer)
    assert world.export()["status"] == "succeeded"
    assert len(world.lines(agreement)) == left
    world.clear_journal()
    assert world.export()["status"] == "succeeded"
    assert world.writes() == []


def test_a_pinned_line_keeps_what_connectwise_has(world: World) -> None:
    agreement = account(world, "a", charge("MBX", 3, 2, 5))
    world.choose(limit_change="1000")
    world.export()
    (row,) = world.additions(agreement)
    world.edit(row["id"], unitPrice=9)
    world.decide("a", row["id"], "pin")
    assert codes(world.export(), "a") == ["pinned"]
    assert world.lines(agreement) == [group("MBX", 3, 2, 9)]
    world.decide("a", row["id"], "unpin")
    world.export()
    assert world.lines(agreement) == [group("MBX", 3, 2, 5)]


def test_two_accounts_swapped_in_one_import_wait_and_can_be_taken_over(world: World) -> None:
    one, two = account(world, "a", charge("MBX", 3, 2, 5)), account(world, "b", charge("MBX", 4, 2, 5))
    world.choose(limit_change="1000", limit_ended="1000")
    world.export()
    world.map({"a": two, "b": one})
    result = world.export()
    assert result["status"] == "held"
    assert "other_account_lines" in codes(result, "a")
    (first,), (second,) = world.additions(one), world.additions(two)
    world.decide("a", second["id"], "take-over")
    world.decide("b", first["id"], "take-over")
    assert world.export()["status"] == "succeeded"
    assert world.lines(one) == [group("MBX", 4, 2, 5)]
    assert world.lines(two) == [group("MBX", 3, 2, 5)]
    world.clear_journal()
    world.export()
    assert world.writes() == []


def test_existing_line_ended_at_a_date_lets_ours_begin_the_day_after(world: World) -> None:
    world.control("seed", {"catalog": [{"identifier": "MBX", "description": "M", "customerDescription": "M"}]})
    agreement = world.agreement("a", {"product": {"identifier": "MBX"}, "quantity": 2, "unitPrice": 4, "unitCost": 2})
    world.source.add_account("a", charge("MBX", 3, 2, 5))
    world.map({"a": agreement})
    assert codes(world.export(), "a") == ["existing_lines"]
    (foreign,) = world.additions(agreement)
    today = world.clock().date()
    world.decide("a", foreign["id"], f"end:{today.isoformat()}")
    assert world.export()["status"] == "succeeded"
    ended, ours = world.additions(agreement)
    assert ended["cancelledDate"].startswith(today.isoformat())
    assert ours["effectiveDate"][:10] > today.isoformat()
    world.clear_journal()
    world.export()
    assert world.writes() == []


def test_adopt_yes_decides_only_the_sure_case(world: World) -> None:
    world.control("seed", {"catalog": [{"identifier": "MBX", "description": "M", "customerDescription": "M"}]})
    world.choose(adopt="yes")
    line = {"product": {"identifier": "MBX"}, "quantity": 2, "unitPrice": 5, "unitCost": 1}
    sure, unsure = world.agreement("a", line), world.agreement("b", {**line, "unitPrice": 4})
    for name in ("a", "b"):
        world.source.add_account(name, charge("MBX", 3, 2, 5))
    world.map({"a": sure, "b": unsure})
    result = world.export()
    assert (result["counts"]["adopted"], codes(result, "b")) == (1, ["existing_lines"])
    assert world.lines(sure) == [group("MBX", 3, 2, 5)]
    assert len(world.additions(sure)) == 1


def test_an_account_that_the_portal_lost_is_not_forgotten(world: World) -> None:
    agreement = account(world, "a", charge("MBX", 3, 2, 5))
    account(world, "b", charge("MBX", 3, 2, 5))
    world.export()
    del world.source.customers["a"], world.source.usage["a"]
    result = world.export()
    assert codes(result, "a") == ["export_off_lines_stay"]
    assert result["status"] == "succeeded"
    assert world.lines(agreement) == [group("MBX", 3, 2, 5)]
    assert [plan.account_id for plan in world.plan().accounts if plan.findings] == ["a"]


def test_the_error_of_a_failed_write_is_the_accounts_error(world: World) -> None:
    account(world, "a", charge("MBX", 3, 2, 5))
    world.faults({"kind": "close_after", "match": {"method": "POST", "path": "additions"}})
    (found,) = world.export()["accounts"]
    assert "connection" in found["error"].lower()


def test_a_first_export_with_a_lost_write_goes_on_as_a_first_export(world: World) -> None:
    agreement = account(world, "a", *many(6))
    world.faults({"kind": "close_after", "match": {"method": "POST", "path": "additions"}, "skip": 1})
    assert world.export()["status"] == "partial"
    world.source.set_charges("a", *many(20))
    assert world.export()["status"] == "succeeded"
    assert len(world.lines(agreement)) == 20


def test_a_first_export_that_never_ended_well_is_guarded_after_a_day(world: World) -> None:
    account(world, "a", *many(6))
    lost = {"kind": "error_before", "match": {"method": "POST", "path": "additions"}, "skip": 1}
    world.faults(lost)
    assert world.export()["status"] == "partial"
    world.clock.advance(86_400)
    world.source.set_charges("a", *many(20))
    assert world.export()["status"] == "held"
