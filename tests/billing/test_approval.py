"""What a general approval covers, and what becomes of accounts and runs."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from cwportal.billing.approval import account_state, may_be_written, plan_state, run_state
from cwportal.billing.findings import finding
from cwportal.billing.limits import hold
from cwportal.vocabulary import AccountState, Outcome, PlanState, RunState
from tests.billing.build import group, plan

READY = plan([group()])
LIMITED = hold(READY, [finding("limit_account", "x")])
ASKED = hold(READY, [finding("limit_account", "x"), finding("existing_lines", "x")])


@pytest.mark.parametrize(
    ("given", "approved", "written"),
    [
        (READY, False, True),
        (LIMITED, False, False),
        (LIMITED, True, True),
        (ASKED, True, False),
        (plan(), True, False),
        (replace(READY, state=PlanState.BLOCKED), True, False),
    ],
    ids=["ready", "limit", "limit approved", "a question about a line is not approved", "empty", "blocked"],
)
def test_may_be_written(given: Any, approved: bool, written: bool) -> None:
    assert may_be_written(given, approved=approved) is written


@pytest.mark.parametrize(
    ("plans", "partner_held", "expected"),
    [
        ([], False, PlanState.EMPTY),
        ([plan(), READY], False, PlanState.READY),
        ([READY, hold(READY, [finding("price_missing", "x", part_number="mail")])], False, PlanState.BLOCKED),
        ([READY, replace(READY, state=PlanState.BLOCKED), LIMITED], False, PlanState.HELD),
        ([READY], True, PlanState.HELD),
    ],
)
def test_state_of_the_whole_plan(plans: list[Any], partner_held: bool, expected: PlanState) -> None:
    assert plan_state(plans, partner_held=partner_held) is expected


ACCOUNTS: dict[str, tuple[PlanState, dict[str, Any], list[Outcome], AccountState]] = {
    "not exported": (PlanState.EMPTY, {"exported": False}, [], AccountState.SKIPPED),
    "nothing to do": (PlanState.EMPTY, {}, [], AccountState.UNCHANGED),
    "all applied": (PlanState.READY, {}, [Outcome.APPLIED], AccountState.SUCCEEDED),
    "some failed": (PlanState.READY, {}, [Outcome.APPLIED, Outcome.FAILED], AccountState.PARTIAL),
    "some unknown": (PlanState.READY, {}, [Outcome.APPLIED, Outcome.UNKNOWN], AccountState.PARTIAL),
    "all failed": (PlanState.READY, {}, [Outcome.FAILED], AccountState.FAILED),
    "held": (PlanState.HELD, {"written": False}, [Outcome.PLANNED], AccountState.HELD),
    "held by the limit of the run": (PlanState.READY, {"written": False}, [Outcome.PLANNED], AccountState.HELD),
    "not reached, the run stopped": (
        PlanState.READY,
        {"written": False, "stopped": True},
        [Outcome.PLANNED],
        AccountState.FAILED,
    ),
    "errors and nothing else": (PlanState.BLOCKED, {"errors": True}, [], AccountState.FAILED),
    "errors beside changes": (PlanState.READY, {"errors": True}, [Outcome.APPLIED], AccountState.PARTIAL),
}


@pytest.mark.parametrize("case", ACCOUNTS)
def test_state_of_an_account(case: str) -> None:
    state, given, outcomes, expected = ACCOUNTS[case]
    facts = {"exported": True, "written": True, "stopped": False, "errors": False, **given}
    assert account_state(state, **facts, outcomes=outcomes) is expected


@pytest.mark.parametrize(
    ("accounts", "facts", "expected"),
    [
        ([AccountState.SUCCEEDED, AccountState.SKIPPED], {"wrote": True}, RunState.SUCCEEDED),
        ([AccountState.UNCHANGED], {}, RunState.SUCCEEDED),
        ([AccountState.SUCCEEDED, AccountState.HELD], {"wrote": True}, RunState.PARTIAL),
        ([AccountState.UNCHANGED, AccountState.HELD], {}, RunState.HELD),
        ([AccountState.UNCHANGED], {"partner_held": True}, RunState.HELD),
        ([AccountState.FAILED, AccountState.HELD], {}, RunState.FAILED),
        ([AccountState.PARTIAL], {"wrote": True}, RunState.PARTIAL),
        ([], {"stopped": True}, RunState.FAILED),
    ],
)
def test_state_of_a_run(accounts: list[AccountState], facts: dict[str, bool], expected: RunState) -> None:
    assert run_state(accounts, **{"wrote": False, "partner_held": False, "stopped": False, **facts}) is expected
