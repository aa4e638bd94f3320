"""Existing lines (rule 6): live rows of a product that are not ours, while a group of it has no line."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest

from cwportal.billing.values import Decision
from cwportal.vocabulary import Adopt, Answer, PlanState, Severity
from tests.billing.build import codes, context, group, key, line, plan, row, writes

FIRST = date(2026, 11, 1)


def created(quantity: int, price: int = 5, day: date = FIRST) -> tuple[Any, ...]:
    return ("create", None, {"quantity": str(quantity), "unitPrice": str(price), "unitCost": "3", "effectiveDate": day})


def end(day: date | None) -> Decision:
    return Decision(Answer.END, day)


def test_undecided_is_asked_line_by_line_with_what_it_bills() -> None:
    result = plan([group(2)], [row(8, 3, 7), row(9, 1, 5)])
    assert (result.state, writes(result)) == (PlanState.HELD, [])
    assert [(one.code, one.addition_id, one.amount) for one in result.findings] == [
        ("existing_lines", 8, 21),
        ("existing_lines", 9, 5),
    ]
    for one in result.findings:
        assert f"cwportal decide --partner … --account A --line {one.addition_id} use|end:DATE|leave" == one.command
    assert "21.00 a month" in result.findings[0].message


SETTING: dict[str, tuple[Adopt, list[Any], list[Any], list[Any] | None]] = {
    "yes: one line, one group, equal price": (
        Adopt.YES,
        [group(2)],
        [row(9, 1, 5, 4)],
        [("adopt", 9, {"quantity": "2", "unitCost": "3"})],
    ),
    "yes: another price": (Adopt.YES, [group(2)], [row(9, 1, 6)], None),
    "yes: two lines": (Adopt.YES, [group(2)], [row(8), row(9)], None),
    "yes: two groups": (Adopt.YES, [group(2), group(1, 6)], [row(9)], None),
    "no: ours is created beside": (Adopt.NO, [group(2)], [row(8), row(9)], [created(2)]),
    "ask: equal price is asked all the same": (Adopt.ASK, [group(1)], [row(9)], None),
}


@pytest.mark.parametrize("case", SETTING)
def test_setting(case: str) -> None:
    adopt, groups, rows, expected = SETTING[case]
    result = plan(groups, rows, using=context(adopt=adopt))
    assert writes(result) == (expected or [])
    assert (result.state is PlanState.HELD) == (expected is None)


DECIDED: dict[str, tuple[list[Any], list[Any], dict[int, Decision | Answer], list[Any]]] = {
    "use, right as it is": ([group(1)], [row(9)], {9: Answer.USE}, [("adopt", 9, {})]),
    "use, with our values": (
        [group(4, 6)],
        [row(9)],
        {9: Answer.USE},
        [("adopt", 9, {"quantity": "4", "unitPrice": "6"})],
    ),
    "use: equal keys first": (
        [group(1, 5), group(1, 6)],
        [row(8, 1, 6), row(9, 1, 4)],
        {8: Answer.USE, 9: Answer.USE},
        [("adopt", 8, {}), ("adopt", 9, {"unitPrice": "5"})],
    ),
    "use one, the other group is created": (
        [group(1, 5), group(1, 6)],
        [row(9)],
        {9: Answer.USE},
        [("adopt", 9, {}), created(1, 6)],
    ),
    "leave": ([group(1)], [row(9)], {9: Answer.LEAVE}, [created(1)]),
    "end at a date": (
        [group(1)],
        [row(9)],
        {9: end(date(2026, 12, 31))},
        [("end", 9, {"cancelledDate": date(2026, 12, 31)}), created(1, day=date(2027, 1, 1))],
    ),
    "end last month": (
        [group(1)],
        [row(9)],
        {9: end(date(2026, 10, 31))},
        [("end", 9, {"cancelledDate": date(2026, 10, 31)}), created(1)],
    ),
    "one of each": (
        [group(1), group(1, 6)],
        [row(7), row(8), row(9, 2)],
        {7: Answer.USE, 8: end(date(2026, 11, 30)), 9: Answer.LEAVE},
        [
            ("end", 8, {"cancelledDate": date(2026, 11, 30)}),
            ("adopt", 7, {}),
            created(1, 6, date(2026, 12, 1)),
        ],
    ),
}


@pytest.mark.parametrize("case", DECIDED)
def test_decided(case: str) -> None:
    groups, rows, decisions, expected = DECIDED[case]
    result = plan(groups, rows, decisions=decisions)
    assert writes(result) == expected
    assert (codes(result), result.state) == ([], PlanState.READY)


HELD: dict[str, tuple[list[Any], dict[int, Decision | Answer], list[int]]] = {
    "one of two undecided": ([row(8), row(9)], {8: Answer.LEAVE}, [9]),
    "more used than there are groups": ([row(8), row(9)], {8: Answer.USE, 9: Answer.USE}, [8, 9]),
    "end without a date": ([row(9)], {9: end(None)}, [9]),
    "end before it bills": ([row(9, effective=date(2026, 12, 15))], {9: end(date(2026, 12, 14))}, [9]),
    "end too far ahead": ([row(9)], {9: end(date(9999, 12, 31))}, [9]),
    "end too far back": ([row(9)], {9: end(date(2026, 10, 30))}, [9]),
    "an answer to another question": ([row(9)], {9: Answer.ACCEPT}, [9]),
}


@pytest.mark.parametrize("case", HELD)
def test_waits(case: str) -> None:
    rows, decisions, lines = HELD[case]
    result = plan([group(1)], rows, decisions=decisions)
    assert writes(result) == []
    assert [(one.code, one.addition_id) for one in result.findings] == [("existing_lines", id_) for id_ in lines]


def test_an_existing_line_that_was_decided_counts_before_and_after() -> None:
    used = plan([group(4)], [row(9, 1, 6)], decisions={9: Answer.USE})
    assert (used.money.price_before, used.money.price_after, used.changes[0].price_delta) == (6, 20, 14)
    ended = plan([group(4)], [row(9, 1, 6)], decisions={9: end(date(2026, 11, 30))})
    assert (ended.money.price_before, ended.money.price_after) == (6, 20)
    assert [change.price_delta for change in ended.changes] == [-6, 20]
    assert [change.key for change in ended.changes] == [None, key()]
    left = plan([group(4)], [row(9, 1, 6)], decisions={9: Answer.LEAVE})
    assert (left.money.price_before, left.money.price_after) == (0, 20)


def test_less_included_of_a_used_line_is_said() -> None:
    result = plan([group(4)], [row(9, 4, less=1)], decisions={9: Answer.USE})
    assert (codes(result), result.money.price_after) == (["less_included"], 15)


def test_a_used_line_that_no_invoice_asks_for_is_said() -> None:
    result = plan([group(4)], [row(9, 4, bill="NoCharge")], decisions={9: Answer.USE})
    assert (codes(result), result.money.price_after) == (["less_included"], 0)


def test_a_line_that_no_invoice_asks_for_is_never_used_without_a_question() -> None:
    result = plan([group(4)], [row(9, 4, bill="DoNotBill")], using=context(adopt=Adopt.YES))
    assert (codes(result), writes(result)) == (["existing_lines"], [])
    assert "Bill Customer is 'DoNotBill'" in result.findings[0].message


def test_a_line_that_bills_only_later_is_never_used_without_a_question() -> None:
    using = context(adopt=Adopt.YES)
    assert codes(plan([group(4)], [row(9, 4, effective=date(2026, 11, 24))], using=using)) == ["existing_lines"]
    assert writes(plan([group(4)], [row(9, 4, effective=date(2026, 11, 23))], using=using)) == [("adopt", 9, {})]


def test_ours_are_used_before_existing_ones() -> None:
    assert writes(plan([group(1, 6)], [row(1), row(9, 1, 6)], [line(1)])) == [("update", 1, {"unitPrice": "6"})]
    assert writes(plan([group(1, 6)], [row(1, 0), row(9, 1, 6)], [line(1, 0)])) == [
        ("update", 1, {"quantity": "1", "unitPrice": "6"})
    ]


def test_while_it_waits_other_lines_of_the_product_go_on() -> None:
    result = plan([group(3), group(1, 6)], [row(1), row(9)], [line(1)])
    assert (writes(result), result.state) == ([("update", 1, {"quantity": "3"})], PlanState.HELD)


def test_rows_known_to_the_ledger_are_nobodys_existing_lines() -> None:
    other = line(9, account="B")
    result = plan([group(1)], [row(9)], other_lines=(other,))
    assert codes(result) == ["other_account_lines"]
    repointed = plan([group(part="disk"), group(1)], [row(1, product=502)], [line(1)])
    assert codes(repointed) == ["product_changed"]


def test_an_ended_existing_line_is_not_ended_again() -> None:
    until = date(2026, 12, 31)
    result = plan([group(1)], [row(9, cancelled=until)], decisions={9: end(until)})
    assert writes(result) == [created(1, day=date(2027, 1, 1))]


def test_a_new_line_behind_a_fixed_term_says_how_long_nothing_more_is_billed() -> None:
    """The person's line bills 1 until 2029, the portal wants 50: that is right by the rules and 49 a month too few."""
    result = plan([group(50)], [row(9, 1, cancelled=date(2029, 6, 30))])
    assert writes(result) == [created(50, day=date(2029, 7, 1))]
    (told,) = result.findings
    assert (told.code, told.severity, told.amount) == ("starts_later", Severity.WARNING, 250)
    assert "only from 2029-07-01 on, because line 9" in told.message
    assert result.state is PlanState.READY


@pytest.mark.parametrize(
    ("day", "told"), [(date(2029, 7, 1), True), (date(2027, 2, 2), True), (date(2027, 2, 1), False)]
)
def test_a_line_that_bills_nothing_for_long_is_said_on_every_run(day: date, told: bool) -> None:
    result = plan([group(50)], [row(1, 50, effective=day)], [line(1, 50)])
    assert (writes(result), codes(result)) == ([], ["starts_later"] if told else [])


def test_of_very_many_prices_some_are_told_and_the_others_counted() -> None:
    result = plan([group(1, price) for price in range(10, 70)], [row(9, 1, 5)])
    assert result.findings[0].message.count("quantity 1, price") == 11  # the line itself, and ten of ours
    assert "and 50 more" in result.findings[0].message
