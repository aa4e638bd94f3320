from __future__ import annotations

from decimal import Decimal

import pytest

from cwportal.billing.charges import twins
from cwportal.vocabulary import Data, Effect, Severity
from tests.billing.build import ALL, charge, codes, d, group, grouped

CASES = {
    "same price and cost are one group": ([charge(quantity=2), charge(quantity=3)], [group(5)]),
    "another price is another group": ([charge(price=5), charge(price=6)], [group(1, 5), group(1, 6)]),
    "another cost is another group": ([charge(cost=3), charge(cost=2)], [group(1, 5, 2), group(1, 5, 3)]),
    "5 and 5.0 are one price": ([charge(price="5"), charge(price="5.00")], [group(2)]),
    "prices are compared as they are sent": ([charge(price="5.00004"), charge(price="5")], [group(2)]),
    "costs are compared as they are sent": ([charge(cost="3.00004"), charge(cost="3")], [group(2)]),
    "quantities are summed exactly and rounded once": ([charge(quantity="0.00005")] * 3, [group("0.0002")]),
    "a group of quantity 0 is no group": ([charge(quantity=0), charge(quantity=1, price=6)], [group(1, 6)]),
    "a quantity that rounds to 0 is no group": ([charge(quantity="0.00004")], []),
    "part numbers are trimmed": ([charge(" mail "), charge("mail")], [group(2)]),
    "an explicit price of 0 is a price": ([charge(price=0, cost=0)], [group(1, 0, 0)]),
    "no charges": ([], []),
}


@pytest.mark.parametrize("case", CASES)
def test_groups(case: str) -> None:
    charges, expected = CASES[case]
    result = grouped(charges)
    assert list(result.groups) == expected
    assert not result.blocked


BAD = {
    "empty": ([charge("  ")], "", "part_number_invalid"),
    "61 characters": ([charge("x" * 61)], "x" * 61, "part_number_invalid"),
    "negative quantity": ([charge(), charge(quantity=-1)], "mail", "negative_amount"),
    "negative price": ([charge(price=-1)], "mail", "negative_amount"),
    "negative cost": ([charge(cost="-0.00001")], "mail", "negative_amount"),
    "more than anybody has": ([charge(), charge(quantity="1e25")], "mail", "negative_amount"),
    "far more than can be counted": ([charge(price="1e999999")], "mail", "negative_amount"),
    "not a number": ([charge(quantity="NaN")], "mail", "negative_amount"),
    "no price": ([charge(), charge(price=None)], "mail", "price_missing"),
}


@pytest.mark.parametrize("case", BAD)
def test_one_bad_charge_blocks_its_part_number_and_no_other(case: str) -> None:
    charges, part_number, code = BAD[case]
    result = grouped([*charges, charge("disk")])
    assert result.blocked == {part_number}
    assert [one.part_number for one in result.groups] == ["disk"]
    (found,) = result.findings
    assert (found.code, found.part_number, found.severity, found.effect) == (
        code,
        part_number,
        Severity.ERROR,
        Effect.PART_NUMBER,
    )


def test_sixty_characters_are_allowed() -> None:
    assert not grouped([charge("x" * 60)]).blocked


def test_an_unknown_sku_is_blocked() -> None:
    result = grouped([charge("what")], skus=["mail"])
    assert result.blocked == {"what"}
    assert codes(result.findings) == ["unknown_sku"]


def test_twins_are_blocked_also_where_only_one_is_charged() -> None:
    result = grouped([charge("Mail"), charge("disk")], skus=["mail", "Mail", "disk"])
    assert result.blocked == {"Mail"}
    assert codes(result.findings) == ["part_number_twins"]


def test_twins_differ_by_case_only_after_trimming() -> None:
    assert twins(["mail", "MAIL ", "disk", " disk", "Straße", "STRASSE"]) == {"mail", "MAIL", "Straße", "STRASSE"}


def test_one_accent_written_in_two_ways_makes_twins() -> None:
    assert twins(["Caf\u00e9", "Cafe\u0301", "Cafe"]) == {"Caf\u00e9", "Cafe\u0301"}


def test_no_price_says_what_is_not_billed_and_where_to_set_it() -> None:
    (found,) = grouped([charge(price=None, quantity=2, cost=3), charge(price=None, quantity="1.5", cost=2)]).findings
    assert found.amount == 9  # what it costs: the price that is not billed is what nobody knows
    assert "3.5" in found.message
    assert "Products & Pricing > Retail pricing" in found.message


def test_no_price_does_not_matter_where_price_is_not_exported_or_nothing_is_charged() -> None:
    without = grouped([charge(price=None), charge()], ALL - {Data.PRICE})
    assert [one.key.unit_price for one in without.groups] == [None, d(5)]
    assert not without.findings
    assert not grouped([charge(price=None, quantity=0)]).blocked


def test_price_below_cost_is_one_warning_with_what_is_lost() -> None:
    result = grouped([charge(price=2, cost=3, quantity=10), charge(price=1, cost=3), charge(price=5, cost=3)])
    (found,) = result.findings
    assert (found.code, found.severity, found.amount) == ("price_below_cost", Severity.WARNING, d(12))
    assert len(result.groups) == 3


def test_more_decimals_than_are_sent_is_one_warning() -> None:
    result = grouped([charge(price="5.00001"), charge(price="6.00001", cost="3.00001"), charge("disk")])
    assert [(one.code, one.part_number) for one in result.findings] == [("scale", "mail")]
    assert not grouped([charge(quantity="0.00005"), charge(quantity="0.00005")]).findings


def test_input_order_does_not_matter() -> None:
    charges = [
        charge(price=p, quantity=q, sku=s) for s in ("mail", "disk") for p in (5, 6, "5.00001") for q in (1, -1, 2)
    ]
    assert grouped(charges) == grouped(list(reversed(charges)))


def test_huge_amounts_are_kept_exactly() -> None:
    (found,) = grouped([charge(quantity="99999999999999999999.9999"), charge(quantity="0.0001")]).groups
    assert found.quantity == Decimal(10) ** 20
