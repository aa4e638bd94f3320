from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from cwportal.billing.limits import hold, limit_account, limit_partner
from cwportal.billing.values import AccountPlan, Limits, Money
from cwportal.vocabulary import Answer, Effect, PlanState, Severity
from tests.billing.build import codes, d, group, line, plan, row

LIMITS = Limits()


def shrinking(live: int, ended: int, **more: Any) -> AccountPlan:
    """An account with `live` lines, of which `ended` end."""
    keys = range(10, 10 + live)
    groups = [group(1, price) for price in list(keys)[ended:]] or [group(part="disk")]
    return plan(groups, [row(k, 1, k) for k in keys], [line(k, 1, k) for k in keys], **more)


@pytest.mark.parametrize(
    ("live", "ended", "held"),
    [
        (10, 3, False),
        (10, 4, True),
        (9, 3, True),
        (2, 2, False),
        (3, 2, False),
        (5, 3, True),
        (100, 30, False),
        (100, 31, True),
    ],
)
def test_ended_lines_of_an_account(live: int, ended: int, held: bool) -> None:
    result = shrinking(live, ended)
    assert (result.live_before, result.ended) == (live, ended)
    found = limit_account(result, LIMITS)
    assert codes(found) == (["limit_account"] if held else [])
    for one in found:
        assert (one.severity, one.effect) == (Severity.HOLD, Effect.ACCOUNT)
        assert f"{ended} of {live} lines" in one.message
        assert "--approve" in (one.command or "")


@pytest.mark.parametrize(
    ("before", "after", "held"),
    [
        (3, 30, True),
        (3, "29.9999", False),
        (2, 20, False),
        (2, "20.0001", True),
        (0, 1000, False),
        ("0.5", 21, True),
        (30, 3, False),
    ],
)
def test_growth_of_a_line(before: Any, after: Any, held: bool) -> None:
    result = plan([group(after)], [row(1, before)], [line(1, before)])
    assert codes(limit_account(result, LIMITS)) == (["limit_account"] if held else [])


def test_growth_of_new_and_of_used_lines_does_not_count() -> None:
    assert limit_account(plan([group(5000)]), LIMITS) == ()
    assert limit_account(plan([group(5000)], [row(9)], decisions={9: Answer.USE}), LIMITS) == ()


def test_every_line_that_grows_is_named() -> None:
    result = plan([group(300), group(400, 6)], [row(1), row(2, 1, 6)], [line(1), line(2, 1, 6)])
    assert [one.addition_id for one in limit_account(result, LIMITS)] == [1, 2]


def test_first_exports_do_not_count() -> None:
    assert limit_account(shrinking(10, 9, exported_before=False), LIMITS) == ()
    assert limit_partner([shrinking(30, 29, exported_before=False)], LIMITS) == ()


def test_a_closed_account_may_end_but_not_grow() -> None:
    assert limit_account(shrinking(10, 9), LIMITS, closed=True) == ()
    growing = plan([group(300)], [row(1)], [line(1)])
    assert codes(limit_account(growing, LIMITS, closed=True)) == ["limit_account"]


def test_limits_can_be_set() -> None:
    strict = Limits(
        account_ended_percent=Decimal(0), account_ended_least=1, growth_factor=Decimal(2), growth_over=Decimal(1)
    )
    assert codes(limit_account(shrinking(10, 1), strict)) == ["limit_account"]
    assert codes(limit_account(plan([group(4)], [row(1, 2)], [line(1, 2)]), strict)) == ["limit_account"]


@pytest.mark.parametrize(
    ("lives", "ended", "held"),
    [((60, 40), (9, 0), False), ((60, 40), (5, 5), False), ((50, 49), (5, 5), True), ((99, 1), (11, 0), True)],
)
def test_ended_lines_of_all_accounts(lives: tuple[int, ...], ended: tuple[int, ...], held: bool) -> None:
    plans = [replace(shrinking(live, gone), money=Money()) for live, gone in zip(lives, ended, strict=True)]
    found = limit_partner(plans, LIMITS)
    assert codes(found) == (["limit_partner"] if held else [])
    assert all(one.effect is Effect.RUN for one in found)


def billing(before: str, after: str, **more: Any) -> AccountPlan:
    base = plan([group(1)], [row(1)], [line(1)])
    return replace(base, money=Money(d(before), d(after)), **more)


@pytest.mark.parametrize(
    ("plans", "held"),
    [
        ([billing("100", "125")], False),
        ([billing("100", "125.01")], True),
        ([billing("100", "75")], False),
        ([billing("100", "74.99")], True),
        ([billing("100", "200"), billing("1000", "1000")], False),
        ([billing("100", "200"), billing("100", "0")], False),
        ([billing("0", "5000")], False),
        ([billing("100", "200", state=PlanState.BLOCKED)], False),
        ([billing("100", "200", exported=False)], False),
        ([billing("100", "200", exported_before=False)], False),
        ([billing("100", "200", state=PlanState.HELD)], True),
        ([], False),
    ],
)
def test_change_of_the_monthly_total(plans: list[AccountPlan], held: bool) -> None:
    assert codes(limit_partner(iter(plans), LIMITS)) == (["limit_partner"] if held else [])


def test_the_message_says_both_totals_and_the_limit() -> None:
    (found,) = limit_partner([billing("1000", "2000.5")], LIMITS)
    for words in ("1,000.00", "2,000.50", "25 %"):
        assert words in found.message
    assert found.amount == d("1000.5")


def test_hold_makes_a_plan_wait_and_changes_nothing_else() -> None:
    result = shrinking(10, 9)
    held = hold(result, limit_account(result, LIMITS))
    assert (held.state, held.changes, held.digest) == (PlanState.HELD, result.changes, result.digest)
    assert codes(held) == ["limit_account"]
    assert hold(result, ()) is result
    blocked = replace(result, state=PlanState.BLOCKED)
    assert hold(blocked, limit_account(result, LIMITS)).state is PlanState.BLOCKED
