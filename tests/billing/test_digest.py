from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from cwportal.billing.digest import digest
from cwportal.billing.values import Decision, Rekey
from cwportal.vocabulary import Answer
from tests.billing.build import context, group, key, line, plan, row

ROWS = [row(1), row(2, 2, 6), row(3, 3, 7)]
LINES = [line(1), line(2, 2, 6), line(3, 3, 7)]
GROUPS = [group(4), group(9, 9), group(1, part="disk")]


def test_input_order_does_not_matter() -> None:
    one = plan(GROUPS, ROWS, LINES)
    assert plan(GROUPS[::-1], ROWS[::-1], LINES[::-1]) == one
    assert len(one.digest) == 64


def test_5_and_5_0_are_one_digest() -> None:
    five = plan([group("5", "5", "3")], [row(1, "1", "5")], [line(1, "1", "5")])
    other = plan([group("5.0", "5.00", "3.0")], [row(1, "1.00", "5.0")], [line(1, "1.0", "5.000")])
    assert five.digest == other.digest


@pytest.mark.parametrize(
    "other",
    [
        plan([group(5), *GROUPS[1:]], ROWS, LINES),
        plan(GROUPS, [row(1, 2), *ROWS[1:]], LINES),
        plan(GROUPS, ROWS, LINES, account_id="B"),
        plan(GROUPS, ROWS, LINES, agreement_id=71),
        plan(GROUPS, ROWS, LINES, using=replace(context(), tenant="other")),
        plan(GROUPS, ROWS, LINES, decisions={77: Answer.LEAVE}),
    ],
    ids=["after", "before", "account", "agreement", "tenant", "decisions"],
)
def test_everything_that_is_approved_is_in_it(other: Any) -> None:
    assert other.digest != plan(GROUPS, ROWS, LINES).digest


@pytest.mark.parametrize(
    "more",
    [
        {"rekeys": (Rekey(1, key()),)},
        {"taken_over": (1,)},
        {"closed": (1,)},
        {"decisions": {1: Decision(Answer.END)}},
        {"agreement_id": 2},
    ],
)
def test_each_part_counts(more: dict[str, Any]) -> None:
    plain: dict[str, Any] = {"tenant": "t", "account_id": "A", "agreement_id": 1, "changes": (), "decisions": {}}
    assert digest(**plain) != digest(**{**plain, **more})


def test_what_is_not_written_is_not_in_it() -> None:
    assert plan(GROUPS, ROWS, LINES, name="Other", exported_before=False).digest == plan(GROUPS, ROWS, LINES).digest
