from __future__ import annotations

from typing import Any

import pytest

from cwportal.billing.values import Values
from cwportal.vocabulary import Answer, Data, Drift, Severity
from tests.billing.build import ALL, codes, context, d, group, key, line, opt, plan, row, writes


def values(quantity: Any = None, price: Any = None, cost: Any = None) -> Values:
    return Values(opt(quantity), opt(price), opt(cost))


# desired quantity, actual, sent, echoed, further intents -> (is it written, is it a change by hand)
CASES: dict[str, tuple[int, int, int | None, int | None, tuple[int, ...], bool, bool]] = {
    "right": (5, 5, 5, 5, (), False, False),
    "right by hand": (5, 5, 4, 4, (), False, False),
    "charges moved": (6, 5, 5, 5, (), True, False),
    "as ConnectWise made it of ours": (5, 4, 5, 4, (), False, False),
    "as ConnectWise made it of ours, then charges moved": (6, 4, 5, 4, (), True, False),
    "by hand": (5, 9, 5, 5, (), True, True),
    "by hand, and charges moved": (6, 9, 5, 5, (), True, True),
    "a write that was never confirmed": (7, 6, 5, 5, (6,), True, False),
    "beside a write that was never confirmed": (7, 9, 5, 5, (6,), True, True),
    "echo not known": (5, 9, 5, None, (), True, False),
    "never sent": (5, 9, None, 9, (), True, False),
    "never sent, right": (5, 5, None, 9, (), False, False),
}


@pytest.mark.parametrize("drift", Drift)
@pytest.mark.parametrize("case", CASES)
def test_unchanged_written_or_changed_by_hand(case: str, drift: Drift) -> None:
    desired, actual, sent, echoed, intents, is_written, by_hand = CASES[case]
    ours = line(
        1,
        sent=values(sent, 5, 3),
        echoed=values(echoed, 5, 3),
        intended=tuple(values(one) for one in intents),
    )
    result = plan([group(desired)], [row(1, actual)], [ours], using=context(drift=drift))
    kept = by_hand and drift is Drift.KEEP
    expected = [("update", 1, {"quantity": str(desired)})] if is_written and not kept else []
    assert writes(result) == expected
    assert codes(result) == (["drift"] if by_hand else [])
    if by_hand:
        (found,) = result.findings
        assert found.severity is (Severity.WARNING if drift is Drift.KEEP else Severity.INFO)
        for number in (desired, actual, sent):
            assert str(number) in found.message


def test_one_write_carries_all_changed_fields_and_no_other() -> None:
    result = plan([group(2, 6, 4)], [row(1, 1, 5, 4)], [line(1, 1, 5, 4)])
    (change,) = result.changes
    assert (change.before, change.after) == (
        {"quantity": d(1), "unitPrice": d(5)},
        {"quantity": d(2), "unitPrice": d(6)},
    )
    assert (change.key, change.price_delta) == (key(6, 4), 7)


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (ALL, {"quantity": "2", "unitPrice": "6", "unitCost": "4"}),
        (ALL - {Data.QUANTITY}, {"unitPrice": "6", "unitCost": "4"}),
        (ALL - {Data.PRICE}, {"quantity": "2", "unitCost": "4"}),
        (ALL - {Data.COST}, {"quantity": "2", "unitPrice": "6"}),
    ],
)
def test_only_selected_fields_are_written(data: frozenset[Data], expected: dict[str, str]) -> None:
    result = plan([group(2, 6, 4)], [row(1)], [line(1)], using=context(data))
    assert writes(result) == [("update", 1, expected)]


def test_nothing_to_write_moves_only_our_key() -> None:
    result = plan([group(1, 6)], [row(1)], [line(1)], using=context(ALL - {Data.PRICE}))
    assert (writes(result), result.state) == ([], "empty")
    assert [(one.addition_id, one.key) for one in result.rekeys] == [(1, key(6))]


def test_a_kept_price_stays_while_the_quantity_is_written() -> None:
    ours = line(1)
    result = plan([group(4)], [row(1, 1, 9)], [ours], using=context(drift=Drift.KEEP))
    assert writes(result) == [("update", 1, {"quantity": "4"})]
    assert result.money.price_after == 36


def test_amounts_of_connectwise_are_compared_at_the_scale_we_send() -> None:
    result = plan([group(1)], [row(1, "1.00000001", "4.99999999", "3.00000000001")], [line(1)])
    assert (writes(result), codes(result)) == ([], [])


def test_a_pinned_line_is_not_written_and_said() -> None:
    result = plan([group(4)], [row(1, 1, 9)], [line(1)], decisions={1: Answer.PIN})
    assert (writes(result), codes(result)) == ([], ["pinned"])
    assert result.money.price_after == result.money.price_before == 9
    assert (result.findings[0].command or "").endswith(" unpin")


def test_a_pinned_line_is_not_ended() -> None:
    result = plan([], [row(1)], [line(1)], decisions={1: Answer.PIN})
    assert (writes(result), codes(result), result.state) == ([], ["pinned"], "empty")


def test_a_pinned_line_that_is_right_is_not_mentioned() -> None:
    assert codes(plan([group(1)], [row(1)], [line(1)], decisions={1: Answer.PIN})) == []


def test_less_included_is_counted_and_never_written() -> None:
    result = plan([group(10)], [row(1, 8, less=3)], [line(1, 8)])
    assert writes(result) == [("update", 1, {"quantity": "10"})]
    assert codes(result) == ["less_included"]
    assert (result.money.price_before, result.money.price_after) == (25, 35)


@pytest.mark.parametrize("bill", ["DoNotBill", "NoCharge", "donotbill "])
def test_a_line_that_no_invoice_asks_for_is_said_and_counts_nothing(bill: str) -> None:
    result = plan([group(10)], [row(1, 8, bill=bill)], [line(1, 8)])
    assert writes(result) == [("update", 1, {"quantity": "10"})]
    assert codes(result) == ["less_included"]
    assert "Bill Customer" in result.findings[0].message
    assert result.findings[0].amount == 40
    assert (result.money.price_before, result.money.price_after) == (0, 0)
    assert (result.money.cost_before, result.money.cost_after) == (24, 30)


@pytest.mark.parametrize(
    ("price", "kept", "told"),
    [
        ("0.0149", "0.01", True),
        ("0.0151", "0.02", True),
        ("5.2549", "5.25", False),
        ("0.125", "0.13", False),
        ("0.0049", "0", True),
    ],
)
def test_a_price_that_connectwise_rounds_to_another_bill_is_said(price: str, kept: str, told: bool) -> None:
    """100,000 at 0.0149 is 1,490 a month; as 0.01 it is 1,000, and every export would call that right."""
    ours = line(1, 100_000, price, echoed=Values(d(100_000), d(kept), d(3)))
    result = plan([group(100_000, price)], [row(1, 100_000, kept)], [ours])
    assert (writes(result), codes(result)) == ([], ["scale"] if told else [])
    if told:
        assert result.findings[0].amount == abs(d(price) - d(kept)) * 100_000


@pytest.mark.parametrize("bill", ["Billable", "billable", "", "SomethingNew"])
def test_any_other_value_of_bill_customer_bills(bill: str) -> None:
    result = plan([group(8)], [row(1, 8, bill=bill)], [line(1, 8)])
    assert (codes(result), result.money.price_after) == ([], 40)


def test_more_included_than_there_is_bills_nothing() -> None:
    assert plan([group(8)], [row(1, 8, less=30)], [line(1, 8)]).money.price_before == 0
