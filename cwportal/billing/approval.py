"""What a person's general approval covers, and what becomes of accounts and runs (design sections 4 and 5, end)."""

from __future__ import annotations

from collections.abc import Iterable

from cwportal.billing.values import AccountPlan
from cwportal.vocabulary import AccountState, Outcome, PlanState, RunState, Severity

APPROVABLE = frozenset({"limit_account", "charges_vanished"})
"""Holds that `Approve` and `--approve` answer. All others ask a question about a single line and need its own decision."""


def may_be_written(plan: AccountPlan, *, approved: bool) -> bool:
    """Whether the plan's changes may be applied: nothing waits, or everything that waits has been approved."""
    if plan.state is PlanState.HELD:
        holds = {finding.code for finding in plan.findings if finding.severity is Severity.HOLD}
        return approved and holds <= APPROVABLE
    return plan.state is PlanState.READY


def asks(plan: AccountPlan) -> bool:
    """Whether the plan waits for something that a general approval does not answer."""
    return any(finding.severity is Severity.HOLD and finding.code not in APPROVABLE for finding in plan.findings)


def plan_state(plans: Iterable[AccountPlan], *, partner_held: bool) -> PlanState:
    """The whole plan: what waits for a person comes first, then what is blocked, then what is ready."""
    states = set()
    for plan in plans:
        states.add(plan.state)
        if any(finding.severity is Severity.ERROR for finding in plan.findings):
            states.add(PlanState.BLOCKED)
    if partner_held:
        states.add(PlanState.HELD)
    for state in (PlanState.HELD, PlanState.BLOCKED, PlanState.READY):
        if state in states:
            return state
    return PlanState.EMPTY


def account_state(
    plan_state: PlanState,
    *,
    exported: bool,
    written: bool,
    stopped: bool,
    errors: bool,
    outcomes: Iterable[Outcome],
) -> AccountState:
    """What became of one account.

    `written`: its changes were let through; `stopped`: the run could not go on; `errors`: it has findings of severity error.
    What was ready and not let through waits for a person, like what was held itself.
    """
    if not exported:
        return AccountState.SKIPPED
    if not written and (plan_state is PlanState.HELD or (plan_state is PlanState.READY and not stopped)):
        return AccountState.HELD
    seen = set(outcomes)
    bad = errors or bool(seen & {Outcome.FAILED, Outcome.UNKNOWN, Outcome.SKIPPED, Outcome.STARTED, Outcome.PLANNED})
    if bad:
        return AccountState.PARTIAL if Outcome.APPLIED in seen else AccountState.FAILED
    return AccountState.SUCCEEDED if Outcome.APPLIED in seen else AccountState.UNCHANGED


def run_state(accounts: Iterable[AccountState], *, wrote: bool, partner_held: bool, stopped: bool) -> RunState:
    """The run as a whole. `stopped`: it could not go on (rejected keys, a long wait, …)."""
    seen = set(accounts)
    failed = stopped or bool(seen & {AccountState.FAILED, AccountState.PARTIAL})
    held = partner_held or AccountState.HELD in seen
    if wrote:
        return RunState.PARTIAL if failed or held else RunState.SUCCEEDED
    if failed:
        return RunState.FAILED
    return RunState.HELD if held else RunState.SUCCEEDED
