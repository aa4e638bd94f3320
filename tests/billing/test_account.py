"""What the rules make together: states, money, rights, accounts that are not exported."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest

from cwportal.billing.account import plan_account
from cwportal.billing.values import AccountCharges, LedgerProduct, Unconfirmed
from cwportal.vocabulary import AccountStatus, Action, Answer, Data, Kind, PlanState, Severity
from tests.billing.build import (
    ALL,
    MAIL,
    account,
    catalog,
    charge,
    codes,
    context,
    d,
    entry,
    group,
    grouped,
    line,
    plan,
    row,
    writes,
)

UNMAPPED: dict[str, Any] = {
    "agreement_id": None,
    "company_id": None,
    "agreement": None,
    "company": None,
    "export": False,
}
OFF: dict[str, Any] = {"export": False}
STRAY = (line(3, agreement=71), line(4, 0, agreement=71))


@pytest.mark.parametrize(
    ("given", "lines", "expected"),
    [
        (UNMAPPED, [], ["not_mapped"]),
        ({**UNMAPPED, "export": True}, [], ["not_mapped"]),
        ({**UNMAPPED, "stray_lines": STRAY}, [], ["export_off_lines_stay", "not_mapped"]),
        (OFF, [], []),
        (OFF, [line(1)], ["export_off_lines_stay"]),
        (OFF, [line(1, 0), line(2, cancelled=date(2026, 11, 30))], []),
        ({"stray_lines": STRAY}, [], ["export_off_lines_stay"]),
        ({"stray_lines": STRAY[1:]}, [], []),
    ],
    ids=[
        "unmapped",
        "unmapped, export checked",
        "unmapped, lines left",
        "export off on purpose",
        "export off, a line bills on",
        "export off, nothing bills on",
        "lines on the agreement it was mapped to before",
        "zeroed lines there",
    ],
)
def test_what_is_said_of_accounts_and_lines_that_are_not_exported(
    given: dict[str, Any], lines: list[Any], expected: list[str]
) -> None:
    result = plan([group(2)], [], lines, **given)
    assert codes(result) == expected
    assert all(one.severity is Severity.WARNING for one in result.findings)
    exported = "export" not in given
    assert result.exported is exported
    if not exported:
        assert (result.state, result.changes, result.products) == (PlanState.EMPTY, (), ())


def test_not_mapped_says_the_money_and_is_silent_without_charges() -> None:
    (found,) = plan([group(2), group(3, 7)], **UNMAPPED).findings
    assert found.amount == 31
    assert codes(plan([], **UNMAPPED)) == []


def test_lines_that_stay_are_counted_and_located() -> None:
    (found,) = plan([], **UNMAPPED, stray_lines=(line(3, agreement=71), line(5, agreement=72))).findings
    assert "2 lines" in found.message
    assert "agreements 71, 72" in found.message


STATES: dict[str, tuple[dict[str, Any], PlanState]] = {
    "nothing to do": ({"groups": [group(1)], "rows": [row(1)], "lines": [line(1)]}, PlanState.EMPTY),
    "no charges, no lines": ({}, PlanState.EMPTY),
    "something to write": ({"groups": [group(1)]}, PlanState.READY),
    "blocked and nothing else": ({"blocked": ["mail"]}, PlanState.BLOCKED),
    "held": ({"groups": [group(1)], "rows": [row(9)]}, PlanState.HELD),
}


@pytest.mark.parametrize("case", STATES)
def test_states(case: str) -> None:
    given, expected = STATES[case]
    if "blocked" in given:
        given = {"charges": grouped([charge(price=None)])}
    assert plan(**given).state is expected


def test_a_blocked_part_number_beside_changes_leaves_the_plan_ready() -> None:
    charges = grouped([charge(price=None), charge("disk")])
    result = plan(rows=[row(1, 4)], lines=[line(1, 4)], charges=charges)
    assert (result.state, codes(result)) == (PlanState.READY, ["price_missing"])
    assert [change.part_number for change in result.changes] == ["disk"]
    assert (result.money.price_before, result.money.price_after) == (20, 25)


def test_lines_are_blocked_by_their_product_too() -> None:
    products = catalog(ledger=[LedgerProduct("mail", MAIL, created=False)], by_id=[entry()])
    result = plan([], [row(1)], [line(1, part="old name")], blocked=["mail"], using=context(products=products))
    assert writes(result) == []


def test_lines_are_blocked_by_their_part_number_whatever_product_they_have() -> None:
    result = plan([group(part="disk")], [row(1, product=400)], [line(1, product=400)], blocked=["mail"])
    assert [change.part_number for change in result.changes] == ["disk"]
    assert result.money.price_before == 5


@pytest.mark.parametrize("ready", [True, False])
def test_products_not_selected_blocks_the_part_number(ready: bool) -> None:
    using = context(ALL - {Data.PRODUCTS}, products=None if ready else catalog({"mail": ()}))
    rows, lines = ([row(1), row(2, 1, 6)], [line(1), line(2, 1, 6)]) if ready else ([], [])
    result = plan([group(4), group(1, 7), group(1, 8)], rows, lines, using=using)
    assert (writes(result), codes(result), result.state) == ([], ["products_not_selected"], PlanState.BLOCKED)
    assert result.money.price_before == result.money.price_after == (11 if ready else 0)


def test_products_not_selected_still_updates_and_ends() -> None:
    using = context(ALL - {Data.PRODUCTS})
    result = plan([group(4)], [row(1), row(2, 1, 6)], [line(1), line(2, 1, 6)], using=using)
    assert writes(result) == [("end", 2, {"quantity": "0"}), ("update", 1, {"quantity": "4"})]


RIGHTS: dict[str, tuple[Action, dict[str, Any], bool]] = {
    "create": (Action.CREATE, {"groups": [group(1)]}, True),
    "update": (Action.UPDATE, {"groups": [group(2)], "rows": [row(1)], "lines": [line(1)]}, True),
    "end": (Action.END, {"groups": [group(1)], "rows": [row(1), row(2)], "lines": [line(1), line(2)]}, True),
    "use": (Action.ADOPT, {"groups": [group(2)], "rows": [row(9)], "decisions": {9: Answer.USE}}, True),
    "use as it is": (Action.ADOPT, {"groups": [group(1)], "rows": [row(9)], "decisions": {9: Answer.USE}}, False),
    "not needed": (Action.CREATE, {"groups": [group(2)], "rows": [row(1)], "lines": [line(1)]}, False),
}


@pytest.mark.parametrize("case", RIGHTS)
def test_a_missing_right_blocks_the_account_that_needs_it(case: str) -> None:
    action, given, blocked = RIGHTS[case]
    result = plan(**given, using=context(rights={(Kind.ADDITION, action): "Finance > Agreements > Add"}))
    assert (codes(result) == ["missing_right"]) is blocked
    assert (result.state is PlanState.BLOCKED) is blocked
    if blocked:
        assert result.changes == ()
        assert result.money.price_before == result.money.price_after
        assert "Finance > Agreements > Add" in result.findings[0].message


def test_a_missing_right_to_create_products_blocks_that_part_number() -> None:
    using = context(
        products=catalog({"mail": (), "disk": (entry(502, "disk"),)}),
        rights={(Kind.PRODUCT, Action.CREATE): "Catalog > Add"},
    )
    result = plan([group(1), group(1, part="disk")], using=using)
    assert [(one.code, one.part_number) for one in result.findings] == [("missing_right", "mail")]
    assert [change.part_number for change in result.changes] == ["disk"]


VANISHED: dict[str, tuple[dict[str, Any], bool]] = {
    "all charges gone": ({}, True),
    "suspended": ({"status": AccountStatus.SUSPENDED}, True),
    "closed": ({"status": AccountStatus.CLOSED}, False),
    "some charges left": ({"groups": [group(part="disk")]}, False),
    "a blocked part number left": ({"blocked": ["disk"]}, False),
    "all lines zeroed already": ({"rows": [row(1, 0)], "lines": [line(1, 0)]}, False),
    "all lines pinned": ({"decisions": {1: Answer.PIN}}, False),
}


@pytest.mark.parametrize("case", VANISHED)
def test_vanished_charges_wait_for_a_person(case: str) -> None:
    given, held = VANISHED[case]
    result = plan(**{"rows": [row(1, 3)], "lines": [line(1, 3)], **given})
    assert ("charges_vanished" in codes(result)) is held
    assert (result.state is PlanState.HELD) is held
    if held:
        assert writes(result) == [("end", 1, {"quantity": "0"})]
        assert result.findings[0].amount == 15


def test_an_unconfirmed_write_holds_the_account_and_its_product() -> None:
    waiting = (Unconfirmed("Not confirmed by ConnectWise.", "mail"), Unconfirmed("Another.", "mail"))
    result = plan([group(2), group(1, part="disk")], [row(9)], unconfirmed=waiting)
    assert codes(result) == ["unconfirmed_write", "unconfirmed_write"]
    assert (result.state, [change.part_number for change in result.changes]) == (PlanState.HELD, ["disk"])


def test_money_is_of_our_lines_only() -> None:
    result = plan([group(2, 6, 4)], [row(1), row(9, 100, 100), row(10, 7, product=999)], [line(1)])
    money = result.money
    assert (money.price_before, money.price_after, money.cost_before, money.cost_after) == (5, 12, 3, 8)


def test_the_plans_money_is_the_sum_of_its_changes() -> None:
    rows = [row(1, 3), row(2, 2, 6), row(3, 4, 7), row(4, 1, product=502)]
    lines = [line(1, 3), line(2, 2, 6), line(3, 4, 7), line(4, product=502, part="disk")]
    result = plan([group(5, 5), group(1, 9), group(2, part="disk"), group(1, 8, part="disk")], rows, lines)
    deltas = [change.price_delta for change in result.changes]
    assert None not in deltas
    assert result.money.price_after - result.money.price_before == sum(filter(None, deltas))


@pytest.mark.parametrize(
    ("data", "made", "price", "cost", "warned"),
    [
        (ALL, True, 20, 12, False),
        (ALL - {Data.PRICE}, False, 36, 12, False),
        (ALL - {Data.PRICE}, True, 36, 12, True),
        (ALL - {Data.COST}, True, 20, 28, True),
        (ALL - {Data.QUANTITY, Data.PRICE}, False, 0, 0, False),
    ],
)
def test_fields_that_are_not_sent_bill_by_the_catalog(
    data: frozenset[Data], made: bool, price: int, cost: int, warned: bool
) -> None:
    own = entry(MAIL, price=d(9), cost=d(7))
    products = catalog(
        {"mail": (own,)},
        by_id=[own],
        ledger=[LedgerProduct("mail", MAIL, made, sent_cost=d(7), echoed_cost=d(7))],
        skus={},
    )
    result = plan([group(4)], using=context(data, products=products))
    assert (result.money.price_after, result.money.cost_after) == (price, cost)
    assert ("catalog_price_bills" in codes(result)) is warned


def test_a_product_still_to_be_created_bills_nothing_by_the_catalog() -> None:
    result = plan([group(4)], using=context(ALL - {Data.PRICE}, products=catalog({"mail": ()})))
    assert (result.money.price_after, codes(result)) == (0, ["catalog_price_bills"])


def test_counts() -> None:
    rows = [row(1), row(2, 1, 6), row(3, 0, 7), row(4, 1, 8)]
    lines = [line(1), line(2, 1, 6), line(3, 0, 7), line(4, 1, 8)]
    result = plan([group(1, 5), group(1, 6)], rows, lines)
    assert (result.unchanged, result.live_before, result.ended) == (2, 3, 1)


def test_two_accounts_of_one_company_have_two_lines() -> None:
    plans = []
    for name, agreement_id, quantity in (("A", 70, 3), ("B", 71, 4)):
        value = account(
            account_id=name,
            agreement_id=agreement_id,
            charges=AccountCharges(name, (group(quantity),), frozenset(), ()),
        )
        plans.append(plan_account(value, context()))
    assert [(one.agreement_id, one.changes[0].after["quantity"]) for one in plans] == [(70, 3), (71, 4)]


def test_messages_speak_plainly() -> None:
    plans = [
        plan([group(2)], [row(9)]),
        plan([group(2)], [], [line(1)]),
        plan([], [row(1)], [line(1)]),
        plan([group(2)], [row(1, 9)], [line(1)]),
        plan([group(2)], [row(9, 4)], other_lines=(line(9, account="B"),)),
        plan(
            [group(1, 7), group(1, 8)],
            [row(1), row(2, 1, 6)],
            [line(1), line(2, 1, 6)],
            using=context(ALL - {Data.COST}),
        ),
    ]
    messages = [one.message for result in plans for one in result.findings]
    assert len(messages) >= len(plans)
    for message in messages:
        words = set(message.casefold().replace(",", " ").replace(".", " ").split())
        assert not words & {"adopt", "adopted", "drift", "ledger", "digest", "hold", "held", "sync"}, message
