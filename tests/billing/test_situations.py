"""Situations that went wrong in real integrations, each from the first export to the bill it must leave."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import date
from decimal import Decimal
from typing import Any

import pytest

from cwportal.billing.values import AccountCharges, AccountPlan, CatalogEntry, Decision, ExportSettings, Row, Sku
from cwportal.portal import Charge
from cwportal.vocabulary import Adopt, Answer, Data, Drift, Ended, PlanState
from tests.billing.build import ALL, TODAY, charge, codes, d, grouped, key, writes
from tests.billing.model import Fate, World, scripted


def world(data: Iterable[Data] = ALL, **more: Any) -> World:
    decimals = more.pop("decimals", None)
    entries = {501: CatalogEntry(501, "mail"), 502: CatalogEntry(502, "disk")}
    skus = {"mail": Sku("mail", "Mailbox"), "disk": Sku("disk", "Disk")}
    return World(TODAY, ExportSettings(frozenset(data), **more), skus, decimals, products=entries)


def charged(*charges: Charge, data: Iterable[Data] = ALL) -> AccountCharges:
    return grouped(charges, data)


def bills(place: World, name: str = "A") -> list[tuple[Decimal, Decimal]]:
    """(quantity, price) of every live line with a quantity."""
    return sorted((row.quantity, row.unit_price) for _, row in place.live(name) if row.quantity)


def settled(place: World, charges: AccountCharges, name: str = "A") -> AccountPlan:
    """The next plan, which must have nothing to write."""
    result = place.plan(name, charges)
    assert (writes(result), result.products) == ([], ())
    return result


def edit(place: World, id_: int, **values: Any) -> None:
    rows = place.rows[70]
    rows[id_] = replace(rows[id_], **values)


def first(place: World) -> int:
    return min(place.ledger)


def test_price_toggled_off_changes_nobodys_quantities() -> None:
    place = world()
    charges = charged(charge(quantity=3), charge(quantity=4, price=6))
    place.export("A", charges)
    place.settings = ExportSettings(ALL - {Data.PRICE})
    settled(place, charges)
    moved = charged(charge(quantity=3, price=7), charge(quantity=4, price=6))
    result = settled(place, moved)
    assert [one.key for one in result.rekeys] == [key(7)]
    assert bills(place) == [(3, 5), (4, 6)]


def test_a_zeroed_row_beside_a_live_one_when_the_price_moves() -> None:
    place = world()
    place.export("A", charged(charge(quantity=3, price=5), charge(quantity=1, price=6)))
    place.export("A", charged(charge(quantity=3, price=5)))
    moved = charged(charge(quantity=3, price=6))
    result = place.export("A", moved)
    assert writes(result) == [("update", first(place), {"unitPrice": "6"})]
    settled(place, moved)
    assert bills(place) == [(3, 6)]
    back = charged(charge(quantity=3, price=5))
    place.export("A", back)
    settled(place, back)
    assert (bills(place), len(place.rows[70])) == ([(3, 5)], 2)


def test_two_groups_merged_into_one() -> None:
    place = world()
    place.export("A", charged(charge(quantity=3, price=5), charge(quantity=4, price=6)))
    merged = charged(charge(quantity=3, price=6), charge(quantity=4, price=6))
    result = place.export("A", merged)
    assert [one[0] for one in writes(result)] == ["end", "update"]
    settled(place, merged)
    assert bills(place) == [(7, 6)]


def test_a_sku_back_before_its_last_day() -> None:
    place = world(ended=Ended.CANCEL)
    charges = charged(charge(quantity=3), charge("disk"))
    place.export("A", charges)
    place.export("A", charged(charge("disk")))
    ended = next(row for row in place.rows[70].values() if row.product_id == 501)
    assert ended.cancelled == date(2026, 11, 30)
    settled(place, charges)
    more = charged(charge(quantity=9), charge("disk"))
    settled(place, more)
    place.today = date(2026, 12, 1)
    result = place.export("A", more)
    assert [(one[0], one[2]["effectiveDate"]) for one in writes(result)] == [("create", date(2026, 12, 1))]
    settled(place, more)
    assert bills(place) == [(1, 5), (9, 5)]


@pytest.mark.parametrize("drift", Drift)
def test_a_hand_edited_price(drift: Drift) -> None:
    place = world(drift=drift)
    charges = charged(charge(quantity=3))
    place.export("A", charges)
    edit(place, first(place), unit_price=d("4.5"))
    result = place.export("A", charges)
    assert codes(result) == ["drift"]
    for shown in ("portal 5", "ConnectWise 4.5", "last exported 5"):
        assert shown in result.findings[0].message
    assert bills(place) == [(3, d("4.5") if drift is Drift.KEEP else d(5))]
    assert codes(settled(place, charges)) == (["drift"] if drift is Drift.KEEP else [])


@pytest.mark.parametrize("fate", [Fate.LOST_DONE, Fate.LOST_NOT_DONE])
def test_a_lost_creation_followed_by_a_price_change(fate: Fate) -> None:
    place = world()
    place.export("A", charged(charge(quantity=3)), scripted([fate]))
    moved = charged(charge(quantity=3, price=6))
    result = place.export("A", moved)
    assert [one[0] for one in writes(result)] == ["update" if fate is Fate.LOST_DONE else "create"]
    settled(place, moved)
    assert (bills(place), len(place.rows[70])) == ([(3, 6)], 1)


@pytest.mark.parametrize("fate", [Fate.LOST_DONE, Fate.LOST_NOT_DONE])
def test_a_lost_change_followed_by_another_quantity(fate: Fate) -> None:
    place = world()
    place.export("A", charged(charge(quantity=3)))
    place.export("A", charged(charge(quantity=4)), scripted([fate]))
    more = charged(charge(quantity=5))
    result = place.export("A", more)
    assert (writes(result), codes(result)) == ([("update", first(place), {"quantity": "5"})], [])
    settled(place, more)
    assert bills(place) == [(5, 5)]


def test_two_foreign_rows_of_a_product() -> None:
    place = world(adopt=Adopt.YES)
    place.rows[70] |= {1: Row(1, 501, d(3), d(5), d(3)), 2: Row(2, 501, d(4), d(6), d(3))}
    charges = charged(charge(quantity=3))
    held = place.export("A", charges)
    assert (held.state, [one.addition_id for one in held.findings]) == (PlanState.HELD, [1, 2])
    assert not place.ledger
    place.decisions["A"] = {1: Decision(Answer.USE), 2: Decision(Answer.LEAVE)}
    assert writes(place.export("A", charges)) == [("adopt", 1, {})]
    settled(place, charges)
    assert bills(place) == [(3, 5)]
    assert place.rows[70][2] == Row(2, 501, d(4), d(6), d(3))


def test_price_not_exported_with_two_keys() -> None:
    data = ALL - {Data.PRICE}
    place = world(data)
    both = charged(charge(quantity=3, price=5), charge(quantity=4, price=6), data=data)
    place.export("A", both)
    settled(place, both)
    moved = charged(charge(quantity=3, price=7), charge(quantity=4, price=8), data=data)
    assert codes(place.export("A", moved)) == ["ambiguous_update"]
    one = charged(charge(quantity=30, price=5), charge(quantity=4, price=8), data=data)
    place.export("A", one)
    settled(place, one)
    assert sorted((line.key, row.quantity) for line, row in place.live("A") if row.quantity == 4) == [(key(8), 4)]


@pytest.mark.parametrize("decimals", [None, 2])
def test_amounts_that_differ_below_the_scale(decimals: int | None) -> None:
    place = world(decimals=decimals)
    charges = charged(charge(quantity="3.00001", price="5.12344"), charge(quantity=1, price="5.12343999"))
    assert len(charges.groups) == 1
    place.export("A", charges)
    settled(place, charges)
    finer = charged(charge(quantity="4.000011", price="5.123441"))
    settled(place, finer)
    assert bills(place) == [(4, d("5.1234") if decimals is None else d("5.12"))]


def test_groups_of_quantity_0() -> None:
    place = world()
    charges = charged(charge(quantity=0), charge(quantity=2, price=6))
    place.export("A", charges)
    assert bills(place) == [(2, 6)]
    none = charged(charge(quantity=0), charge(quantity=0, price=6), charge("disk"))
    result = place.export("A", none)
    assert [one[0] for one in writes(result)] == ["end", "create"]
    settled(place, none)
    assert bills(place) == [(1, 5)]


def test_a_hand_made_copy_of_our_row() -> None:
    place = world()
    charges = charged(charge(quantity=3))
    place.export("A", charges)
    ours = first(place)
    place.rows[70][5] = replace(place.rows[70][ours], id=5)
    settled(place, charges)
    more = charged(charge(quantity=4))
    assert writes(place.export("A", more)) == [("update", ours, {"quantity": "4"})]
    gone = charged(charge("disk"))
    assert [one[1] for one in writes(place.export("A", gone)) if one[0] == "end"] == [ours]
    assert place.rows[70][5].quantity == 3


def test_a_sku_that_vanishes_and_comes_back_uses_the_same_line() -> None:
    place = world()
    charges = charged(charge(quantity=3), charge("disk"))
    place.export("A", charges)
    ids = set(place.rows[70])
    place.export("A", charged(charge("disk")))
    assert bills(place) == [(1, 5)]
    place.export("A", charges)
    assert (bills(place), set(place.rows[70])) == ([(1, 5), (3, 5)], ids)


def test_two_accounts_of_one_company_never_mix() -> None:
    place = world()
    three, four = charged(charge(quantity=3)), charged(charge(quantity=4))
    place.export("A", three)
    place.export("B", four)
    assert (bills(place, "A"), bills(place, "B")) == ([(3, 5)], [(4, 5)])
    place.agreements = {"A": 71, "B": 70}
    assert codes(place.plan("A", three)) == ["export_off_lines_stay", "other_account_lines"]


def test_a_lost_end_keeps_what_would_bill_too_much_waiting() -> None:
    place = world()
    place.export("A", charged(charge(quantity=10), charge("disk")))
    place.export("A", charged(charge("disk", quantity=9)), scripted([Fate.REFUSED]))
    assert max(place.bills) <= 55
    assert bills(place) == [(1, 5), (10, 5)]
    place.export("A", charged(charge("disk", quantity=9)))
    assert bills(place) == [(9, 5)]
