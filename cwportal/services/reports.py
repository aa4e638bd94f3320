"""Plans, exports and logs as plain values, for `--json`, CSV and screens; every query is scoped by partner where one is given."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import ColumnElement, select

from cwportal.billing.scale import canonical
from cwportal.billing.values import AccountPlan, Change, Finding, Money
from cwportal.models import Mapping as MappingRow
from cwportal.models import Run, RunAccount, RunChange
from cwportal.runtime import Runtime
from cwportal.services import found, history, ledger, outcome, runs
from cwportal.services.apply.store import finding_json
from cwportal.services.found import Found
from cwportal.services.plans import PartnerPlan
from cwportal.vocabulary import Trigger

_FINDING = ("code", "severity", "message", "part_number", "addition_id", "amount")
LOG_COLUMNS = (
    "level",
    "account_id",
    "code",
    "kind",
    "action",
    "part_number",
    "agreement_id",
    "addition_id",
    "before",
    "after",
    "reason",
    "outcome",
    "error",
    "attempted_at",
    "finished_at",
)
"""Columns of a run's log. `level` is that of a finding, or `change`; `reason` is a finding's message, or why there is a change."""


def plan_json(plan: PartnerPlan) -> dict[str, Any]:
    """`plan --json` of design section 7, with `findings` of the plan as a whole beside its accounts."""
    return {
        "status": plan.state.value,
        "accounts": [_account(account, plan) for account in plan.accounts],
        "findings": [finding(one) for one in plan.findings],
        "money": money(plan.money, plan.currency),
    }


def _account(account: AccountPlan, plan: PartnerPlan) -> dict[str, Any]:
    return {
        "account_id": account.account_id,
        "agreement_id": account.agreement_id,
        "status": account.state.value,
        "digest": account.digest,
        "changes": [change(one) for one in (*plan.products.get(account.account_id, ()), *account.changes)],
        "findings": [finding(one) for one in account.findings],
        "money": money(account.money, plan.currency),
    }


def change(value: Change) -> dict[str, Any]:
    """One proposed write, in ConnectWise's field names."""
    return {
        "kind": value.kind.value,
        "action": value.action.value,
        "part_number": value.part_number,
        "addition_id": value.addition_id,
        "before": fields(value.before),
        "after": fields(value.after),
        "reason": value.reason,
    }


def finding(value: Finding) -> dict[str, Any]:
    """One finding."""
    return stored_finding(finding_json(value))


def with_command(message: str, command: str | None) -> str:
    """A finding's message and the command that answers it, for those who work on the command line."""
    return message if command is None else f"{message} On the command line: {command}"


def money(value: Money, currency: str) -> dict[str, str]:
    """Monthly amounts of our lines as decimal strings."""
    return {
        "currency": currency,
        "price_before": canonical(value.price_before),
        "price_after": canonical(value.price_after),
        "cost_before": canonical(value.cost_before),
        "cost_after": canonical(value.cost_after),
    }


def fields(values: Mapping[str, Any]) -> dict[str, Any]:
    """Fields for JSON: amounts as decimal strings, days as YYYY-MM-DD."""
    return {name: _plain(value) for name, value in values.items()}


def _plain(value: Any) -> Any:
    if isinstance(value, Decimal):
        return canonical(value)
    if isinstance(value, date | datetime):
        return value.isoformat()
    if isinstance(value, Mapping):
        return fields(value)
    return value


def export_json(runtime: Runtime, run_id: int) -> dict[str, Any]:
    """`export --json` of design section 7."""
    with runtime.database.read() as session:
        run = runs.find(session, None, run_id)
        accounts = session.scalars(
            select(RunAccount).where(RunAccount.run_id == run_id).order_by(RunAccount.account_id)
        )
        return {
            "run_id": run.id,
            "status": run.state,
            "counts": {name: run.counts.get(name, 0) for name in outcome.COUNTS},
            "requests": run.requests,
            "accounts": [
                {
                    "account_id": account.account_id,
                    "status": account.state,
                    "error": account.error,
                    "findings": [stored_finding(one) for one in account.findings],
                }
                for account in accounts
            ],
        }


def stored_finding(stored: Mapping[str, Any]) -> dict[str, Any]:
    """A finding as it is in the database, with the command that answers it in its message."""
    shown = {name: stored.get(name) for name in _FINDING}
    shown["message"] = with_command(stored["message"], stored.get("command"))
    if shown["amount"] is not None:
        shown["amount"] = canonical(Decimal(shown["amount"]))
    return shown


def agreements(runtime: Runtime, partner_id: str) -> dict[str, str]:
    """Account -> the agreement and company it is mapped to, by name and id."""
    query = select(MappingRow).where(MappingRow.partner_id == partner_id, MappingRow.cw_agreement_id.is_not(None))
    with runtime.database.read() as session:
        return {
            row.account_id: f"agreement {row.cw_agreement_id} “{row.agreement_name}” of {row.company_name}"
            for row in session.scalars(query)
        }


def run_row(runtime: Runtime, run_id: int, *, partner_id: str | None = None) -> Run:
    """The run (detached); UsageError if there is none, or none of this partner."""
    with runtime.database.read() as session:
        return runs.find(session, partner_id, run_id)


def runs_list(runtime: Runtime, partner_id: str, *, limit: int = 50) -> list[dict[str, Any]]:
    """The partner's exports, newest first, without previews. UnknownPartner."""
    runtime.source.partner(partner_id)
    query = select(Run).where(Run.partner_id == partner_id, Run.trigger != Trigger.PREVIEW)
    with runtime.database.read() as session:
        return [outcome.as_dict(run) for run in session.scalars(query.order_by(Run.id.desc()).limit(limit))]


def log_json(runtime: Runtime, run_id: int, *, partner_id: str | None = None) -> dict[str, Any]:
    """A run with everything it found and tried: `log --json`."""
    with runtime.database.read() as session:
        run = runs.find(session, partner_id, run_id)
        head = {"partner_id": run.partner_id, **outcome.as_dict(run)}
    head["money"] = history.moved(runtime, [run])[run.id]
    rows = list(log_rows(runtime, run_id, partner_id=partner_id))
    return {
        **head,
        "findings": [row for row in rows if not row["outcome"]],
        "changes": [row for row in rows if row["outcome"]],
    }


def log_rows(
    runtime: Runtime,
    run_id: int,
    *,
    partner_id: str | None = None,
    keep: Callable[[Found], bool] = lambda one: True,  # noqa: ARG005
    only: Sequence[ColumnElement[bool]] | None = (),
    commands: bool = True,
) -> Iterator[dict[str, Any]]:
    """The log of a run in LOG_COLUMNS: its own findings and error first, those of accounts, then changes in the order of accounts.

    `keep`: which findings; `only`: which changes, None = none; `commands`: whether findings name the command that answers them.
    """
    with runtime.database.read() as session:
        run = runs.find(session, partner_id, run_id)
        for one in found.each(session, run):
            if keep(one):
                yield _finding_row(one, commands=commands)
        if only is None:
            return
        changes = (
            select(RunChange)
            .where(RunChange.run_id == run_id, *only)
            .order_by(RunChange.account_id, RunChange.position, RunChange.id)
            .execution_options(yield_per=500)
        )
        for row in session.scalars(changes):
            yield _row(
                level="change",
                account_id=row.account_id,
                kind=row.kind,
                action=row.action,
                part_number=row.part_number,
                agreement_id=row.cw_agreement_id,
                addition_id=row.cw_addition_id,
                before=fields(ledger.decoded(row.before)),
                after=fields(ledger.decoded(row.after)),
                reason=row.reason,
                outcome=row.outcome,
                error=row.error,
                attempted_at=row.attempted_at.isoformat() if row.attempted_at else None,
                finished_at=row.finished_at.isoformat() if row.finished_at else None,
            )


def _finding_row(one: Found, *, commands: bool) -> dict[str, Any]:
    return _row(
        level=one.severity.value,
        account_id=one.account_id,
        code=one.code,
        part_number=one.part_number,
        addition_id=one.addition_id,
        reason=with_command(one.message, one.command if commands else None),
    )


def _row(**values: Any) -> dict[str, Any]:
    return {name: values.get(name) for name in LOG_COLUMNS}
