"""The twelve situations that have cost vendors of such integrations their partners' trust, each end to end."""

from __future__ import annotations

from datetime import date, timedelta

import pytest

from tests.support.portal import charge
from tests.support.world import World, group


@pytest.fixture
def agreement(world: World) -> int:
    """One account `a` on one agreement, limits out of the way."""
    number = world.agreement("A")
    world.source.add_account("a")
    world.map({"a": number})
    world.choose(limit_ended="1000", limit_change="1000")
    return number


def exported(world: World, *charges: object) -> dict[str, object]:
    world.source.set_charges("a", *charges)  # type: ignore[arg-type]
    return world.export()


def quiet(world: World) -> None:
    """The next export writes nothing."""
    world.clear_journal()
    assert world.export()["status"] == "succeeded"
    assert world.writes() == []


def test_01_price_toggled_off(world: World, agreement: int) -> None:
    exported(world, charge("MBX", 3, 2, 5), charge("MBX", 4, 2, 6))
    world.choose(data="products,quantity,cost")
    assert exported(world, charge("MBX", 3, 2, 5), charge("MBX", 9, 2, 6))["counts"]["updated"] == 1  # type: ignore[index]
    assert world.lines(agreement) == [group("MBX", 3, 2, 5), group("MBX", 9, 2, 6)]
    quiet(world)


def test_02_a_zeroed_row_beside_a_live_one_when_the_price_moves(world: World, agreement: int) -> None:
    exported(world, charge("MBX", 3, 2, 5), charge("MBX", 4, 2, 6))
    exported(world, charge("MBX", 4, 2, 6))
    assert exported(world, charge("MBX", 4, 2, 5))["counts"]["updated"] == 1  # type: ignore[index]
    assert world.lines(agreement) == [group("MBX", 4, 2, 5)]
    assert len(world.additions(agreement)) == 2
    quiet(world)


def test_03_two_groups_merged(world: World, agreement: int) -> None:
    exported(world, charge("MBX", 3, 2, 5), charge("MBX", 4, 2, 6))
    exported(world, charge("MBX", 3, 2, 5), charge("MBX", 4, 2, 5))
    assert world.lines(agreement) == [group("MBX", 7, 2, 5)]
    patches = [entry for entry in world.writes() if entry["method"] == "PATCH"]
    assert [entry["body"][0]["value"] for entry in patches] == [0, 7]  # lowers the bill first
    quiet(world)


def test_04_a_sku_back_before_its_cancelled_date(world: World, agreement: int) -> None:
    world.choose(ended="cancel")
    exported(world, charge("MBX", 3, 2, 5), charge("BCK", 1, 1, 2))
    exported(world, charge("BCK", 1, 1, 2))
    (ending,) = [row for row in world.additions(agreement) if row.get("cancelledDate")]
    world.clear_journal()
    assert exported(world, charge("MBX", 3, 2, 5), charge("BCK", 1, 1, 2))["status"] == "succeeded"
    assert world.writes() == []
    last_day = date.fromisoformat(ending["cancelledDate"][:10])
    world.clock.advance((last_day + timedelta(days=2) - world.clock().date()).days * 86_400)
    assert world.export()["counts"]["created"] == 1
    (fresh,) = [
        row
        for row in world.additions(agreement)
        if row["product"] == ending["product"] and not row.get("cancelledDate")
    ]
    assert date.fromisoformat(fresh["effectiveDate"][:10]) == last_day + timedelta(days=1)


def test_05_a_hand_edited_price(world: World, agreement: int) -> None:
    exported(world, charge("MBX", 3, 2, 5))
    (row,) = world.additions(agreement)
    world.edit(row["id"], unitPrice=8)
    result = world.export()
    assert world.lines(agreement) == [group("MBX", 3, 2, 5)]
    assert [finding["code"] for finding in result["accounts"][0]["findings"]] == ["drift"]
    quiet(world)
    world.choose(drift="keep")
    world.edit(row["id"], unitPrice=9)
    for _ in range(2):
        result = world.export()
        assert world.lines(agreement) == [group("MBX", 3, 2, 9)]
        assert [finding["severity"] for finding in result["accounts"][0]["findings"]] == ["warning"]


def test_06_a_lost_post_followed_by_a_price_change(world: World, agreement: int) -> None:
    world.source.set_charges("a", charge("MBX", 3, 2, 5))
    world.faults({"kind": "close_after", "match": {"method": "POST", "path": "additions"}})
    lost = world.export()
    assert lost["status"] in ("partial", "failed")
    assert lost["counts"]["unknown"] == 1
    result = exported(world, charge("MBX", 3, 2, 7))
    assert result["status"] == "succeeded"
    assert (result["counts"]["created"], result["counts"]["updated"]) == (0, 1)
    assert world.lines(agreement) == [group("MBX", 3, 2, 7)]
    assert len(world.additions(agreement)) == 1
    quiet(world)


def test_07_a_lost_patch_followed_by_another_quantity(world: World, agreement: int) -> None:
    exported(world, charge("MBX", 3, 2, 5))
    world.faults({"kind": "close_after", "match": {"method": "PATCH", "path": "additions"}})
    exported(world, charge("MBX", 7, 2, 5))
    result = exported(world, charge("MBX", 9, 2, 5))
    assert result["status"] == "succeeded"
    assert result["accounts"][0]["findings"] == []  # 7 was ours: no hand edit is reported
    assert world.lines(agreement) == [group("MBX", 9, 2, 5)]
    quiet(world)


def test_08_two_foreign_rows_of_a_product(world: World, agreement: int) -> None:
    world.control("seed", {"catalog": [{"identifier": "MBX", "description": "MBX", "customerDescription": "MBX"}]})
    for price in (5, 6):
        row = {
            "product": {"identifier": "MBX"},
            "quantity": 2,
            "unitPrice": price,
            "unitCost": 2,
            "agreement": agreement,
        }
        world.control("seed", {"additions": [row]})
    world.choose(adopt="yes")
    held = exported(world, charge("MBX", 3, 2, 5))
    assert held["status"] == "held"
    first, second = sorted(row["id"] for row in world.additions(agreement))
    world.decide("a", first, "use")
    assert world.export()["status"] == "held"  # both must be decided
    world.decide("a", second, "leave")
    assert world.export()["counts"]["adopted"] == 1
    assert world.lines(agreement) == [group("MBX", 2, 2, 6), group("MBX", 3, 2, 5)]
    quiet(world)


def test_09_price_not_exported_with_two_keys(world: World, agreement: int) -> None:
    exported(world, charge("MBX", 3, 2, 5), charge("MBX", 4, 2, 6))
    world.choose(data="products,quantity,cost")
    before = world.lines(agreement)
    held = exported(world, charge("MBX", 3, 2, 7), charge("MBX", 4, 2, 8))
    assert held["status"] == "held"
    assert [finding["code"] for finding in held["accounts"][0]["findings"]] == ["ambiguous_update"]
    assert world.lines(agreement) == before


def test_10_amounts_that_differ_below_the_scale(world: World, agreement: int) -> None:
    exported(world, charge("MBX", 3, 2, "5.00001"), charge("MBX", 4, 2, "5.00002"), charge("BCK", "0.33333", 1, 1))
    assert world.lines(agreement) == [group("BCK", "0.3333", 1, 1), group("MBX", 7, 2, 5)]
    quiet(world)
    world.clear_journal()
    exported(world, charge("MBX", 3, 2, "5.00003"), charge("MBX", 4, 2, "5.00001"), charge("BCK", "0.33334", 1, 1))
    assert world.writes() == []


def test_11_groups_of_quantity_zero(world: World, agreement: int) -> None:
    exported(world, charge("MBX", 0, 2, 5), charge("BCK", 1, 1, 2), charge("BCK", "0.00001", 1, 3))
    assert world.lines(agreement) == [group("BCK", 1, 1, 2)]
    assert len(world.additions(agreement)) == 1
    quiet(world)


def test_12_a_hand_made_copy_of_our_row(world: World, agreement: int) -> None:
    exported(world, charge("MBX", 3, 2, 5))
    (row,) = world.additions(agreement)
    copy = {
        "product": {"id": row["product"]["id"]},
        "quantity": 3,
        "unitPrice": 5,
        "unitCost": 2,
        "agreement": agreement,
    }
    world.control("seed", {"additions": [copy]})
    quiet(world)
    exported(world, charge("MBX", 5, 2, 5))
    assert world.lines(agreement) == [group("MBX", 3, 2, 5), group("MBX", 5, 2, 5)]


def test_a_lost_line_that_a_person_edited_becomes_ours_by_their_answer(world: World, agreement: int) -> None:
    """Even if the portal does not want the line any more: ours is ended, not left to bill unseen."""
    world.source.set_charges("a", charge("MBX", 3, 2, 5), charge("BCK", 1, 1, 2))
    world.faults({"kind": "close_after", "match": {"method": "POST", "path": "additions"}, "skip": 1})
    world.export()
    (lost,) = [row for row in world.additions(agreement) if row["quantity"] == 3]
    world.edit(lost["id"], quantity=4)
    held = exported(world, charge("BCK", 1, 1, 2))
    assert held["status"] == "held"
    world.decide("a", lost["id"], "use")
    assert world.export()["status"] == "succeeded"
    assert world.lines(agreement) == [group("BCK", 1, 1, 2)]
    quiet(world)


def test_a_line_used_in_place_of_a_lost_one_gets_the_exact_price(world: World, agreement: int) -> None:
    """A person's line at 7 is not a line at 7.0049 that ConnectWise rounded."""
    world.control("seed", {"catalog": [{"identifier": "MBX", "description": "MBX", "customerDescription": "MBX"}]})
    world.source.set_charges("a", charge("MBX", 3, 2, "7.0049"))
    world.faults({"kind": "close_before", "match": {"method": "POST", "path": "additions"}})
    world.export()
    row = {"product": {"identifier": "MBX"}, "quantity": 9, "unitPrice": 7, "unitCost": 2, "agreement": agreement}
    (line,) = world.control("seed", {"additions": [row]})["additions"]
    assert world.export()["status"] == "held"
    world.decide("a", line, "use")
    assert world.export()["status"] == "succeeded"
    assert world.lines(agreement) == [group("MBX", 3, 2, "7.0049")]
