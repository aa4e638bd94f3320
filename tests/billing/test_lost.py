"""Lines of ours that people deleted, ended or gave another product (rule 5, last sentence)."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest

from cwportal.vocabulary import Answer, PlanState, Severity
from tests.billing.build import TODAY, codes, group, line, plan, row, writes

HOW = {
    "gone": [],
    "product_changed": [row(1, 2, product=777)],
    "ended_by_hand": [row(1, 2, cancelled=date(2026, 10, 31))],
}
ENDING = [row(1, 2, cancelled=date(2026, 12, 31))]
NEW = {"unitPrice": "5", "unitCost": "3", "effectiveDate": date(2026, 11, 1)}


@pytest.mark.parametrize("code", HOW)
def test_still_charged_it_is_not_recreated_but_asked(code: str) -> None:
    result = plan([group(2), group(part="disk")], HOW[code], [line(1, 2)])
    assert result.state is PlanState.HELD
    (found,) = result.findings
    assert (found.code, found.severity, found.addition_id, found.amount) == (code, Severity.HOLD, 1, 10)
    assert (found.command or "").endswith(" recreate|accept")
    assert "10.00" in found.message
    assert [change.part_number for change in result.changes] == ["disk"]
    assert result.closed == ()


@pytest.mark.parametrize("code", HOW)
def test_recreate(code: str) -> None:
    result = plan([group(2)], HOW[code], [line(1, 2)], decisions={1: Answer.RECREATE})
    assert writes(result) == [("create", None, {"quantity": "2", **NEW})]
    assert (result.closed, codes(result), result.state) == ((1,), [], PlanState.READY)


@pytest.mark.parametrize("code", HOW)
def test_accept_says_every_run_what_is_not_billed(code: str) -> None:
    result = plan([group(2)], HOW[code], [line(1, 2)], decisions={1: Answer.ACCEPT})
    assert (result.changes, result.closed, result.state) == ((), (), PlanState.EMPTY)
    (found,) = result.findings
    assert (found.code, found.severity, found.amount) == (code, Severity.WARNING, 10)
    assert result.money.price_after == 0


@pytest.mark.parametrize("code", HOW)
def test_not_charged_any_more_a_person_did_what_we_would_do(code: str) -> None:
    result = plan([group(part="disk"), group(1, 6)], [*HOW[code], row(5, 1, 6)], [line(1, 2), line(5, 1, 6)])
    assert (result.closed, codes(result)) == ((1,), [])
    assert [change.part_number for change in result.changes] == ["disk"]


def test_all_charges_gone_and_all_lines_too_is_no_question() -> None:
    result = plan([], [], [line(1), line(2)])
    assert (result.closed, codes(result), result.state) == ((1, 2), [], PlanState.EMPTY)


def test_blocked_part_numbers_keep_their_ledger_rows() -> None:
    result = plan([], [], [line(1), line(2, 0)], blocked=["mail"])
    assert result.closed == ()


@pytest.mark.parametrize("answer", [Answer.PIN, Answer.USE, Answer.LEAVE, Answer.TAKE_OVER, Answer.END])
def test_other_answers_do_not_answer_this(answer: Answer) -> None:
    assert codes(plan([group(2)], [], [line(1, 2)], decisions={1: answer})) == ["gone"]


def test_ending_by_hand_recreated_starts_the_day_after() -> None:
    result = plan([group(2)], ENDING, [line(1, 2)], decisions={1: Answer.RECREATE})
    assert writes(result)[0][2]["effectiveDate"] == date(2027, 1, 1)


def test_ends_today_by_hand_is_asked_too() -> None:
    assert codes(plan([group(2)], [row(1, 2, cancelled=TODAY)], [line(1, 2)])) == ["ended_by_hand"]


ACCEPTED: dict[str, tuple[list[Any], list[Any], list[Any], list[Any]]] = {
    "takes the group of its key before a row of another key": (
        [group(1, 5), group(1, 8)],
        [row(2, 1, 7)],
        [line(1), line(2, 1, 7)],
        [("update", 2, {"unitPrice": "8"})],
    ),
    "takes another group before a zeroed row": ([group(1, 8)], [row(2, 0, 8)], [line(1), line(2, 0, 8)], []),
    "takes another group before a new line": ([group(1, 8)], [], [line(1)], []),
    "takes one group only": (
        [group(1, 8), group(1, 9)],
        [],
        [line(1)],
        [("create", None, {"quantity": "1", **NEW, "unitPrice": "9"})],
    ),
    "takes another group after a live row": (
        [group(1, 8), group(1, 9)],
        [row(2, 1, 7)],
        [line(1), line(2, 1, 7)],
        [("update", 2, {"unitPrice": "8"})],
    ),
}


@pytest.mark.parametrize("case", ACCEPTED)
def test_an_accepted_line(case: str) -> None:
    groups, rows, lines, expected = ACCEPTED[case]
    result = plan(groups, rows, lines, decisions={1: Answer.ACCEPT})
    assert writes(result) == expected
    assert codes(result) == ["gone"]


def test_one_accepted_and_nothing_else_wanted_closes_the_other() -> None:
    result = plan([group(1, 5)], [], [line(1, 1, 5), line(2, 1, 6)], decisions={1: Answer.ACCEPT})
    assert (result.closed, codes(result), result.state) == ((2,), ["gone"], PlanState.EMPTY)


def test_while_it_waits_other_lines_of_the_product_are_left_alone() -> None:
    result = plan([group(1, 5), group(9, 6)], [row(2, 1, 6), row(3, 1, 7)], [line(1), line(2, 1, 6), line(3, 1, 7)])
    assert writes(result) == [("update", 2, {"quantity": "9"})]
    assert (codes(result), result.money.price_after) == (["gone"], 61)


def test_a_lost_line_whose_product_is_gone_too_is_asked() -> None:
    result = plan([group(2)], [], [line(1, 2, product=400)])
    assert codes(result) == ["gone"]
