from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import pytest

from cwportal.billing.order import may_apply
from cwportal.billing.values import Change
from cwportal.vocabulary import Action, Answer, Data, Kind
from tests.billing.build import ALL, context, d, group, line, opt, plan, row


def test_lower_first_then_level_then_raise_then_create() -> None:
    rows = [row(1), row(2, 5, 6), row(3, 1, 7), row(4, 1, 8), row(5, 3, 2, product=502)]
    lines = [line(1), line(2, 5, 6), line(3, 1, 7), line(4, 1, 8), line(5, 3, 2, product=502, part="disk")]
    groups = [group(9), group(1, 6), group(1, 7, 2), group(1, 2, part="disk"), group(1, 1, 1, part="disk")]
    result = plan(groups, rows, lines)
    assert [(change.action.value, change.addition_id, change.price_delta) for change in result.changes] == [
        ("update", 5, -4),
        ("update", 2, -24),
        ("end", 4, -8),
        ("update", 3, 0),
        ("update", 1, 40),
        ("create", None, 1),
    ]


def test_a_used_line_that_lowers_the_bill_comes_first() -> None:
    result = plan([group(1), group(1, part="disk")], [row(9, 50)], decisions={9: Answer.USE})
    assert [change.action for change in result.changes] == [Action.ADOPT, Action.CREATE]
    assert result.changes[0].price_delta == -245


def test_creations_come_last_even_where_they_bill_nothing_yet() -> None:
    result = plan([group(5, 5), group(1, 0, 0)], [row(1)], [line(1)])
    assert [change.action for change in result.changes] == [Action.UPDATE, Action.CREATE]


def test_an_unknown_price_raises() -> None:
    result = plan([group(1), group(1, part="disk")], [row(1, 9)], [line(1, 9)], using=context(ALL - {Data.PRICE}))
    assert [change.price_delta for change in result.changes] == [-40, None]


BASE = Change(Kind.ADDITION, Action.UPDATE, "mail", "", {}, {})


@pytest.mark.parametrize(
    ("delta", "before", "desired", "now", "lost", "allowed"),
    [
        (10, 100, 100, 90, False, True),
        (10, 100, 100, 91, False, False),
        (10, 100, 120, 110, False, True),
        (10, 120, 100, 110, False, True),
        (10, 100, 100, 90, True, True),
        (-5, 100, 100, 500, True, True),
        (0, 100, 100, 500, True, True),
        (None, 100, 100, 0, False, True),
        (None, 100, 100, 0, True, False),
    ],
)
def test_never_more_than_the_larger_of_before_and_desired(
    delta: int | None, before: int, desired: int, now: int, lost: bool, allowed: bool
) -> None:
    change = replace(BASE, price_delta=opt(delta))
    assert (
        may_apply(change, before=d(before), desired=d(desired), worst_case_now=Decimal(now), lowering_lost=lost)
        is allowed
    )
