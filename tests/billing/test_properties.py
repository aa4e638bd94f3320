"""What holds for every history (design section 5, end)."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal
from typing import Any

from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from cwportal.billing.account import plan_account
from cwportal.billing.values import AccountCharges, AccountInput, AccountPlan, ExportSettings
from cwportal.vocabulary import Action, Data, Drift, Ended, PlanState, Severity
from tests.billing import histories
from tests.billing.build import ALL
from tests.billing.histories import Step, answer_everything, empty_world, live_through
from tests.billing.model import World, desired_bill

LOST = {"gone", "ended_by_hand", "product_changed"}


def campaign(examples: int) -> Callable[[Any], Any]:
    """The same cases every time: a failure is found again by running the test again."""
    return settings(
        max_examples=examples,
        deadline=None,
        derandomize=True,
        database=None,
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
    )


def foreign_rows(place: World) -> dict[int, Any]:
    """Everything on both agreements that is not account A's."""
    ours = {one.addition_id for one in place.ledger.values() if one.account_id == "A"}
    return {id_: row for rows in place.rows.values() for id_, row in rows.items() if id_ not in ours}


@campaign(500)
@given(
    histories.settings,
    st.sampled_from([None, 2]),
    histories.histories,
    histories.charges,
    st.lists(st.integers(0, 40), max_size=12),
)
def test_the_next_plan_is_empty_and_the_bill_is_the_desired_one(
    chosen: ExportSettings, decimals: int | None, steps: list[Step], wanted: AccountCharges, answers: list[int]
) -> None:
    place = empty_world(chosen, decimals)
    live_through(place, steps)
    for _ in range(2):  # lines that one answer leaves over can be the next question, never more than once
        asked = answer_everything(place, wanted, answers)
        assume(asked.state is not PlanState.HELD)  # only other settings answer that
        place.export("A", wanted)
    after = place.plan("A", wanted)
    assert (after.changes, after.products, after.rekeys) == ((), (), ())
    if after.state is not PlanState.EMPTY:
        assert (after.state, Data.PRODUCTS in chosen.data) == (PlanState.BLOCKED, False)
    assert after.money.price_before == after.money.price_after
    assert place.bill("A") <= after.money.price_after <= place.bill("A") + covered(place)
    if chosen.data == ALL and chosen.drift is Drift.OVERWRITE and not covered(place):
        not_billed = sum((one.amount or Decimal(0) for one in after.findings if one.code in LOST), Decimal(0))
        if decimals is None or not not_billed:
            assert place.bill("A") + not_billed == desired_bill(wanted, decimals)


def covered(place: World) -> Decimal:
    """What lines that we ended and that bill until their last day may add."""
    total = Decimal(0)
    for line in place.ledger.values():
        here = line.account_id == "A" and line.agreement_id == place.agreements["A"]
        row = place.rows[line.agreement_id].get(line.addition_id)
        if here and row is not None and row.cancelled and line.sent.cancelled:
            total += row.quantity * row.unit_price
    return total


@campaign(500)
@given(histories.settings, histories.histories)
def test_a_half_applied_account_never_bills_more_than_before_or_desired(
    chosen: ExportSettings, steps: list[Step]
) -> None:
    place = empty_world(chosen)
    ceilings: list[AccountPlan] = []
    original = place.plan

    def remember(name: str, charges: AccountCharges) -> AccountPlan:
        ceilings.append(original(name, charges))
        return ceilings[-1]

    place.plan = remember  # type: ignore[method-assign]

    def check(plan: AccountPlan | None) -> None:
        money = ceilings[-1].money
        if plan is None or plan.state in (PlanState.READY, PlanState.EMPTY):
            assert max(place.bills) <= max(money.price_before, money.price_after)

    live_through(place, steps, check)


@campaign(400)
@given(histories.settings, histories.histories)
def test_no_plan_touches_what_is_not_its_own(chosen: ExportSettings, steps: list[Step]) -> None:
    place = empty_world(chosen)
    for number, step in enumerate(steps):
        theirs = foreign_rows(place)
        lines = {one.addition_id for one in place.ledger.values() if one.account_id == "A"}
        if step.what != "export":
            histories.by_hand(place, step, number)
            continue
        plan = place.plan("A", step.charges)
        adopted = {change.addition_id for change in plan.changes if change.action is Action.ADOPT}
        for change in plan.changes:
            assert change.addition_id is None or change.addition_id in lines | adopted
        if plan.state is PlanState.READY:
            place.export("A", step.charges)
        for id_, row in theirs.items():
            if id_ not in adopted:
                assert foreign_rows(place)[id_] == row


@campaign(400)
@given(histories.settings, histories.histories, histories.charges, st.randoms(use_true_random=False))
def test_input_order_is_irrelevant(
    chosen: ExportSettings, steps: list[Step], wanted: AccountCharges, mixer: random.Random
) -> None:
    place = empty_world(chosen)
    live_through(place, steps)
    value = place.account("A", wanted)

    def shuffled(items: Any) -> tuple[Any, ...]:
        several = list(items)
        mixer.shuffle(several)
        return tuple(several)

    other: AccountInput = replace(
        value,
        rows=shuffled(value.rows),
        lines=shuffled(value.lines),
        other_lines=shuffled(value.other_lines),
        charges=replace(wanted, groups=shuffled(wanted.groups), findings=shuffled(wanted.findings)),
    )
    assert plan_account(other, place.context()) == plan_account(value, place.context())


@campaign(500)
@given(histories.settings, histories.histories, histories.charges)
def test_every_group_has_a_line_or_a_finding(chosen: ExportSettings, steps: list[Step], wanted: AccountCharges) -> None:
    place = empty_world(chosen)
    live_through(place, steps)
    plan = place.plan("A", wanted)
    told = {one.part_number for one in plan.findings if one.severity in (Severity.HOLD, Severity.ERROR)}
    wanted_groups = [group for group in wanted.groups if group.part_number not in told]
    if told:
        # Without the part numbers that wait or are blocked, the same must hold for the rest.
        wanted = replace(wanted, groups=tuple(wanted_groups))
        plan = place.plan("A", wanted)
        assume(not any(one.severity is Severity.HOLD for one in plan.findings))
    lines = [change for change in plan.changes if change.action is not Action.END]
    absorbed = [one for one in plan.findings if one.code in LOST and one.severity is Severity.WARNING]
    assert plan.unchanged + len(lines) + len(absorbed) == len(wanted_groups)
    assert len({change.addition_id for change in plan.changes if change.addition_id}) == len(
        [change for change in plan.changes if change.addition_id]
    )


@campaign(300)
@given(histories.settings, histories.histories, histories.charges)
def test_money_is_before_and_after_of_our_lines(
    chosen: ExportSettings, steps: list[Step], wanted: AccountCharges
) -> None:
    assume(chosen.ended is Ended.ZERO)
    place = empty_world(chosen)
    live_through(place, steps)
    plan = place.plan("A", wanted)
    adopted = [change.addition_id for change in plan.changes if change.action is Action.ADOPT]
    rows = place.rows[place.agreements["A"]]
    used = sum((rows[one].quantity * rows[one].unit_price for one in adopted if one), Decimal(0))
    assert plan.money.price_before == place.bill("A") + used
    if Data.PRICE not in chosen.data:
        return
    deltas = sum((change.price_delta or Decimal(0) for change in plan.changes), Decimal(0))
    assert plan.money.price_after - plan.money.price_before == deltas
