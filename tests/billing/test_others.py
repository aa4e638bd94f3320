"""Live lines of another account on this agreement, after a mapping was changed (rule 4)."""

from __future__ import annotations

from datetime import date

import pytest

from cwportal.billing.values import Decision
from cwportal.vocabulary import Answer, Data, Ended, PlanState
from tests.billing.build import ALL, codes, context, group, line, plan, row, writes

THEIRS = (line(9, 4, account="B"),)
END = Decision(Answer.END)


def test_undecided_is_asked_and_nothing_of_that_product_is_guessed() -> None:
    result = plan([group(2), group(part="disk")], [row(9, 4)], other_lines=THEIRS)
    assert (codes(result), result.state) == (["other_account_lines"], PlanState.HELD)
    assert [change.part_number for change in result.changes] == ["disk"]
    (found,) = result.findings
    assert (found.addition_id, found.amount) == (9, 20)
    assert (found.command or "").endswith(" take-over|end|end:DATE")
    assert "B" not in found.message.split()


def test_take_over_counts_as_ours() -> None:
    result = plan([group(6)], [row(9, 4)], other_lines=THEIRS, decisions={9: Answer.TAKE_OVER})
    assert (writes(result), result.taken_over) == ([("update", 9, {"quantity": "6"})], (9,))
    assert (result.money.price_before, result.money.price_after) == (20, 30)


def test_take_over_of_what_is_right_needs_no_write() -> None:
    result = plan([group(4)], [row(9, 4)], other_lines=THEIRS, decisions={9: Answer.TAKE_OVER})
    assert (result.changes, result.taken_over, result.state, result.unchanged) == ((), (9,), PlanState.EMPTY, 1)


def test_take_over_of_what_is_not_charged_ends_it() -> None:
    result = plan([group(part="disk")], [row(9, 4)], other_lines=THEIRS, decisions={9: Answer.TAKE_OVER})
    assert writes(result)[0] == ("end", 9, {"quantity": "0"})


@pytest.mark.parametrize(
    ("using", "decision", "after", "start"),
    [
        (context(), END, {"quantity": "0"}, date(2026, 11, 1)),
        (context(ended=Ended.CANCEL), END, {"cancelledDate": date(2026, 11, 30)}, date(2026, 12, 1)),
        (
            context(),
            Decision(Answer.END, date(2026, 12, 15)),
            {"cancelledDate": date(2026, 12, 15)},
            date(2026, 12, 16),
        ),
    ],
    ids=["by setting: quantity 0", "by setting: last day", "at a date"],
)
def test_end(using: object, decision: Decision, after: dict[str, object], start: date) -> None:
    result = plan([group(2)], [row(9, 4)], other_lines=THEIRS, decisions={9: decision}, using=using)  # type: ignore[arg-type]
    ended, made = writes(result)
    assert ended == ("end", 9, after)
    assert made[2]["effectiveDate"] == start
    assert (result.money.price_before, result.money.price_after) == (20, 10)
    assert (result.changes[0].key, result.ended, result.taken_over) == (None, 0, ())


def test_end_is_not_possible_where_quantity_is_not_exported() -> None:
    result = plan([], [row(9, 4)], other_lines=THEIRS, decisions={9: END}, using=context(ALL - {Data.QUANTITY}))
    assert (writes(result), codes(result)) == ([], ["kept_by_setting"])


def test_nothing_is_taken_over_into_a_blocked_part_number() -> None:
    result = plan(
        [group(4), group(1, 6)],
        [row(9, 4)],
        other_lines=THEIRS,
        decisions={9: Answer.TAKE_OVER},
        using=context(ALL - {Data.PRODUCTS}),
    )
    assert (writes(result), codes(result), result.taken_over) == ([], ["products_not_selected"], ())
    assert result.money.price_before == 0


def test_end_at_a_day_that_is_too_early_is_asked_again() -> None:
    result = plan([], [row(9, 4)], other_lines=THEIRS, decisions={9: Decision(Answer.END, date(2026, 1, 1))})
    assert (writes(result), codes(result)) == ([], ["other_account_lines"])


@pytest.mark.parametrize(
    "rows",
    [
        [],
        [row(9, 0)],
        [row(9, 4, cancelled=date(2026, 11, 30))],
        [row(9, 4, product=777)],
    ],
    ids=["gone", "zeroed", "ending", "another product now"],
)
def test_what_bills_nothing_of_theirs_is_left_alone(rows: list[object]) -> None:
    result = plan([group(2)], rows, other_lines=THEIRS)  # type: ignore[arg-type]
    assert [change.action.value for change in result.changes] == ["create"]
    assert codes(result) == []


def test_their_lines_of_a_blocked_part_number_are_left_alone() -> None:
    result = plan([], [row(9, 4)], other_lines=THEIRS, blocked=["mail"], decisions={9: Answer.TAKE_OVER})
    assert (writes(result), result.taken_over) == ([], ())
