"""What was approved beforehand, and how a run and its accounts ended."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, cast

from sqlalchemy import Table, bindparam, func, select, update
from sqlalchemy.orm import Session

from cwportal.billing.approval import account_state, run_state
from cwportal.billing.digest import change_digest
from cwportal.billing.values import AccountPlan, Change, Finding, Money
from cwportal.models import Run, RunAccount, RunChange
from cwportal.runtime import Runtime
from cwportal.services import audit, runs
from cwportal.services.apply.store import finding_json, money_json
from cwportal.services.runs import Lease
from cwportal.vocabulary import AccountState, Action, Kind, Outcome, PlanState, RunState, Severity

_COUNTED = {Action.CREATE: "created", Action.UPDATE: "updated", Action.END: "ended", Action.ADOPT: "adopted"}
_MAY_BE_LEFT_OUT = (Kind.PRODUCT, Kind.CONTACT)
"""What may be skipped without harm to the account: a product that failed elsewhere, a contact the agreement did without.
So may the deletion of an older list of users, which the next export tries again."""
COUNTS = ("created", "updated", "ended", "unchanged", "adopted", "failed", "unknown", "skipped")


@dataclass(frozen=True, slots=True)
class Approval:
    """`everything`: what limits and vanished charges hold is approved. `digests`: exactly these plans, and no other account; None = no
    particular ones. `products`: digests of the only changes of products that were shown; None = any."""

    everything: bool
    digests: Mapping[str, str] | None
    products: frozenset[str] | None = None

    def covers(self, plan: AccountPlan) -> bool:
        """Whether this account may be written at all in this run: all may, unless particular plans were approved."""
        return self.digests is None or self.digests.get(plan.account_id) == plan.digest

    def answers(self, plan: AccountPlan) -> bool:
        """Whether holds that a general approval can answer are answered for this plan."""
        return self.everything or (self.digests is not None and self.covers(plan))

    def names(self, account_id: str) -> bool:
        """Whether this account is among the particular ones, whatever its plan is now."""
        return self.digests is not None and account_id in self.digests

    def allows(self, product: Change) -> bool:
        """Whether this change of a product was shown."""
        return self.products is None or change_digest(product) in self.products

    @property
    def given(self) -> bool:
        """Whether a person has approved something in particular, so that limits of the whole run are answered."""
        return self.everything or self.digests is not None


def approval_of(runtime: Runtime, run_id: int) -> Approval:
    """What the run was given when it was asked for."""
    with runtime.database.read() as session:
        stored = session.get_one(Run, run_id).approval
    accounts, products = stored.get("accounts"), stored.get("products")
    return Approval(
        bool(stored.get("all")),
        None if accounts is None else dict(accounts),
        None if products is None else frozenset(products),
    )


def conclude(
    runtime: Runtime,
    lease: Lease,
    *,
    plans: Mapping[str, AccountPlan],
    written: set[str],
    held: tuple[Finding, ...],
    requests: int,
    error: str | None,
    state: RunState | None,
    aside: Mapping[str, str] | None = None,
) -> None:
    """Write the end of every account and of the run in one commit, from the outcomes that are in the database.

    `aside`: accounts that wait for nobody though nothing was written for them, and why. A preview ends no account: what waits for a person
    is held, what is not billed failed, everything else left as it is.

    Raises LeaseLost (and nothing is written) if another process has the run.
    """
    with runtime.database.durable() as session:
        cancelled = runs.keep_out(session, lease, alone=True)
        if cancelled and error is not None:  # whatever it met on its way out, such as a connection that is gone
            state = RunState.CANCELLED
        if error is not None:
            _skip_rest(session, lease, written, error)
        outcomes, counts = _outcomes(session, lease.run_id)
        aside = aside or {}
        states, money = _states(plans, written, outcomes, counts, stopped=error is not None)
        if lease.preview:
            states = {key: _in_preview(plan, partner_held=bool(held)) for key, plan in plans.items()}
        states |= {key: AccountState.SKIPPED for key in aside if key not in written}
        if states:
            failures = _failures(session, lease.run_id)
            ends = [
                {
                    "this_account": account_id,
                    "state": account,
                    "error": failures.get(account_id) or aside.get(account_id) or _first_error(plans[account_id]),
                }
                for account_id, account in states.items()
            ]
            table = cast(Table, RunAccount.__table__)
            this = update(table).where(table.c.run_id == lease.run_id, table.c.account_id == bindparam("this_account"))
            session.connection().execute(this, ends)
        wrote = any(Outcome.APPLIED in several for several in outcomes.values())
        end = state or run_state(states.values(), wrote=wrote, partner_held=bool(held), stopped=error is not None)
        if lease.preview and error is None and end is RunState.FAILED:
            end = RunState.PARTIAL  # it was made, and shows what is blocked
        unmade = lease.preview and end in (RunState.FAILED, RunState.CANCELLED)
        runs.finish(
            session,
            runtime,
            lease,
            end,
            counts={name: counts[name] for name in COUNTS},
            money=money_json(money),
            findings=[finding_json(finding) for finding in held],
            requests=Run.requests + requests,
            error=error,
            **({"planned_at": None} if unmade else {}),
        )
        deed = "preview_ended" if lease.preview else "export_ended"
        audit.record(session, runtime, lease.partner_id, f"run {lease.run_id}", deed, state=end, **counts)


def _states(
    plans: Mapping[str, AccountPlan],
    written: set[str],
    outcomes: Mapping[str, list[Outcome]],
    counts: Counter[str],
    *,
    stopped: bool,
) -> tuple[dict[str, AccountState], Money]:
    """How every account ended, and the money of all; what was right already is added to `counts`."""
    money, states = Money(), dict[str, AccountState]()
    for account_id, plan in plans.items():
        counts["unchanged"] += plan.unchanged
        money += plan.money
        states[account_id] = account_state(
            plan.state,
            exported=plan.exported,
            written=account_id in written,
            stopped=stopped,
            errors=any(finding.severity is Severity.ERROR for finding in plan.findings),
            outcomes=outcomes.get(account_id, ()),
        )
    return states, money


def _in_preview(plan: AccountPlan, *, partner_held: bool) -> AccountState:
    if plan.state is PlanState.HELD or (partner_held and plan.state is PlanState.READY):
        return AccountState.HELD
    errors = any(finding.severity is Severity.ERROR for finding in plan.findings)
    return AccountState.FAILED if plan.exported and errors else AccountState.SKIPPED


def _outcomes(session: Session, run_id: int) -> tuple[dict[str, list[Outcome]], Counter[str]]:
    """Outcomes by account, and counts. A write that was found not done and planned anew in the same run counts once."""
    by_account: dict[str, list[Outcome]] = defaultdict(list)
    counts: Counter[str] = Counter()
    query = (
        select(RunChange.account_id, RunChange.kind, RunChange.action, RunChange.outcome, func.count())
        .where(RunChange.run_id == run_id)
        .where(
            RunChange.resolved_by_run.is_(None)
            | (RunChange.resolved_by_run != run_id)
            | (RunChange.outcome == Outcome.APPLIED)
        )
        .group_by(RunChange.account_id, RunChange.kind, RunChange.action, RunChange.outcome)
    )
    for account_id, kind, action, stored, number in session.execute(query):
        outcome = Outcome(stored)
        deletion = kind == Kind.USERS and action == Action.END
        if not (deletion or kind in _MAY_BE_LEFT_OUT) or outcome not in (Outcome.PLANNED, Outcome.SKIPPED):
            by_account[account_id].append(outcome)
        if kind == Kind.PRODUCT_TABLE or (
            deletion and outcome is Outcome.APPLIED
        ):  # in the log, but nothing that was exported
            continue
        if outcome is Outcome.APPLIED:
            counts[_COUNTED[Action(action)]] += number
        elif outcome in (Outcome.FAILED, Outcome.SKIPPED):
            counts[outcome.value] += number
        elif outcome in (Outcome.UNKNOWN, Outcome.STARTED):
            counts["unknown"] += number
    return by_account, counts


def _failures(session: Session, run_id: int) -> dict[str, str]:
    """The first write of each account that failed or was not confirmed, in its own words."""
    query = (
        select(RunChange.account_id, RunChange.error)
        .where(RunChange.run_id == run_id, RunChange.outcome.in_([Outcome.FAILED, Outcome.UNKNOWN]))
        .where(RunChange.error.is_not(None), RunChange.resolved_at.is_(None))
        .order_by(RunChange.id.desc())
    )
    return {account_id: error for account_id, error in session.execute(query) if error}


def _skip_rest(session: Session, lease: Lease, written: set[str], error: str) -> None:
    """Changes of accounts that were let through and not reached are skipped; those that wait for a person stay planned."""
    session.execute(
        update(RunChange)
        .where(
            RunChange.run_id == lease.run_id,
            RunChange.outcome == Outcome.PLANNED,
            RunChange.account_id.in_(sorted(written)),
        )
        .values(outcome=Outcome.SKIPPED, error=f"Not tried: the export stopped before. {error}")
    )


def _first_error(plan: AccountPlan) -> str | None:
    for severity in (Severity.ERROR, Severity.HOLD):
        for finding in plan.findings:
            if finding.severity is severity:
                return finding.message
    return None


def as_dict(run: Run) -> dict[str, Any]:
    """A run for `--json` and lists."""
    return {
        "run_id": run.id,
        "status": run.state,
        "trigger": run.trigger,
        "actor": run.actor,
        "created": run.created_at.isoformat(),
        "finished": run.finished_at.isoformat() if run.finished_at else None,
        "counts": {name: run.counts.get(name, 0) for name in COUNTS},
        "requests": run.requests,
        "error": run.error,
    }
