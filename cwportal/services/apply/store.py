"""Plans as rows of a run, and rows as changes again."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

from sqlalchemy import Row as SQLRow
from sqlalchemy import delete, insert, select
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from cwportal.billing.approval import asks
from cwportal.billing.values import AccountPlan, Change, Finding, Money
from cwportal.models import Run, RunAccount, RunChange
from cwportal.runtime import Runtime
from cwportal.services import ledger
from cwportal.services.runs import Lease, keep_out
from cwportal.vocabulary import ACTIVE_RUN_STATES, AccountState, Action, Kind, Outcome, Severity, Trigger

_log = logging.getLogger(__name__)
_BATCH = 500
_DELETED_AT_ONCE = 5000
"""Changes deleted in one transaction, so that nobody waits long for the database."""
_LOUDEST_FIRST = (Severity.HOLD, Severity.ERROR, Severity.WARNING, Severity.INFO)


@dataclass(frozen=True, slots=True)
class Stored:
    """A change with the id of its row."""

    id: int
    change: Change


class PlanStore:
    """Writes plans to the run in batches and hands them back without their changes, so that memory stays flat.

    Plans are added by one thread; `replace` may be called by several.
    """

    def __init__(self, runtime: Runtime, lease: Lease) -> None:
        self._runtime = runtime
        self._lease = lease
        self._accounts: list[dict[str, Any]] = []
        self._changes: list[dict[str, Any]] = []
        self.numbers: Counter[str] = Counter()

    def add(self, plan: AccountPlan) -> AccountPlan:
        """Keep the plan; returns it without changes."""
        self._accounts.append(self._account(plan))
        self._changes += [self._change(plan, position, change) for position, change in enumerate(plan.changes)]
        self.numbers.update(change.action.value for change in plan.changes)
        if len(self._changes) + len(self._accounts) >= _BATCH:
            self.flush()
        return replace(plan, changes=())

    def add_products(self, changes: Mapping[str, list[Change]]) -> None:
        """Product changes, under the first account that needs each; before that account's own changes."""
        for account_id, several in changes.items():
            for position, change in enumerate(several):
                row = self._row(account_id, None, position - len(several), change)
                self._changes.append(row)
                self.numbers["product"] += 1
        self.flush()

    def replace(self, plan: AccountPlan) -> AccountPlan:
        """A plan made anew takes the place of the one stored before, unless something of that was tried already; both in one commit."""
        changes = [self._change(plan, position, change) for position, change in enumerate(plan.changes)]
        with self._runtime.database.write() as session:
            keep_out(session, self._lease)
            session.execute(
                delete(RunChange).where(
                    RunChange.run_id == self._lease.run_id,
                    RunChange.account_id == plan.account_id,
                    RunChange.kind != Kind.PRODUCT,
                    RunChange.outcome == Outcome.PLANNED,
                )
            )
            session.execute(
                delete(RunAccount).where(
                    RunAccount.run_id == self._lease.run_id, RunAccount.account_id == plan.account_id
                )
            )
            session.execute(insert(RunAccount), [self._account(plan)])
            if changes:
                session.execute(insert(RunChange), changes)
        return replace(plan, changes=())

    def flush(self) -> None:
        """Write what is waiting; LeaseLost (and nothing written) if another process has the run."""
        if not self._accounts and not self._changes:
            return
        with self._runtime.database.write() as session:
            keep_out(session, self._lease)
            if self._accounts:
                session.execute(insert(RunAccount), self._accounts)
            if self._changes:
                session.execute(insert(RunChange), self._changes)
        self._accounts, self._changes = [], []

    def _account(self, plan: AccountPlan) -> dict[str, Any]:
        return {
            "run_id": self._lease.run_id,
            "account_id": plan.account_id,
            "partner_id": self._lease.partner_id,
            "cw_agreement_id": plan.agreement_id,
            "plan_state": plan.state,
            "state": AccountState.SKIPPED,
            "digest": plan.digest,
            "findings": [finding_json(finding) for finding in plan.findings],
            "money": money_json(plan.money),
            "unchanged": plan.unchanged,
            "error": None,
            "changes": len(plan.changes),
            "delta_cents": _cents(plan.money.price_after - plan.money.price_before),
            "loudest": _loudest(plan.findings),
            "asks": asks(plan),
        }

    def _change(self, plan: AccountPlan, position: int, change: Change) -> dict[str, Any]:
        return self._row(plan.account_id, plan.agreement_id, position, change)

    def _row(self, account_id: str, agreement_id: int | None, position: int, change: Change) -> dict[str, Any]:
        return {
            "run_id": self._lease.run_id,
            "partner_id": self._lease.partner_id,
            "tenant": self._lease.tenant,
            "account_id": account_id,
            "position": position,
            "kind": change.kind,
            "action": change.action,
            "part_number": change.part_number,
            "cw_agreement_id": agreement_id,
            "cw_addition_id": change.addition_id,
            "cw_product_id": change.product_id,
            "key": ledger.key_json(change.key),
            "price_delta": change.price_delta,
            "before": dict(change.before),
            "after": dict(change.after),
            "reason": change.reason,
            "outcome": Outcome.PLANNED,
        }


def planned(session: Session, run_id: int, *, account_id: str | None = None, products: bool = False) -> list[Stored]:
    """Changes that are still only planned, in order: of one account but for its list of users, or all product changes."""
    query = _STORED.where(RunChange.run_id == run_id, RunChange.outcome == Outcome.PLANNED)
    if products:
        query = query.where(RunChange.kind == Kind.PRODUCT)
    else:
        query = query.where(RunChange.account_id == account_id, RunChange.kind.not_in([Kind.PRODUCT, Kind.USERS]))
    found = session.execute(query.order_by(RunChange.position, RunChange.id))
    return [Stored(row.id, change_of(row)) for row in found]


_STORED = select(
    RunChange.id,
    RunChange.kind,
    RunChange.action,
    RunChange.part_number,
    RunChange.reason,
    RunChange.before,
    RunChange.after,
    RunChange.cw_addition_id,
    RunChange.cw_product_id,
    RunChange.key,
    RunChange.price_delta,
)
"""What a change is made from; whole objects of the mapper take three times as long to load."""


_MOST_CENTS = 2**63 - 1


def change_of(row: RunChange | SQLRow[Any]) -> Change:
    """A stored change as the core's value."""
    return Change(
        kind=Kind(row.kind),
        action=Action(row.action),
        part_number=row.part_number,
        reason=row.reason,
        before=ledger.decoded(row.before),
        after=ledger.decoded(row.after),
        addition_id=row.cw_addition_id,
        product_id=row.cw_product_id,
        key=ledger.key_of(row.key) if row.key is not None else None,
        price_delta=row.price_delta,
    )


def _cents(amount: Decimal) -> int:
    """For sorting only: what a database's integer cannot hold is its largest."""
    return max(-_MOST_CENTS, min(int((amount * 100).to_integral_value(ROUND_HALF_UP)), _MOST_CENTS))


def _loudest(findings: Iterable[Finding]) -> Severity | None:
    there = {finding.severity for finding in findings}
    return next((severity for severity in _LOUDEST_FIRST if severity in there), None)


def finding_json(finding: Finding) -> dict[str, Any]:
    """A finding for the database and for `--json`."""
    return {
        "code": finding.code,
        "severity": finding.severity.value,
        "message": finding.message,
        "part_number": finding.part_number,
        "addition_id": finding.addition_id,
        "amount": None if finding.amount is None else format(finding.amount, "f"),
        "effect": finding.effect.value,
        "command": finding.command,
    }


def money_json(money: Money) -> dict[str, str]:
    """Amounts as decimal strings."""
    return {name: format(getattr(money, name), "f") for name in Money.__slots__}


def money_of(stored: Mapping[str, str]) -> Money:
    """Amounts from the database."""
    return Money(**{name: Decimal(value) for name, value in stored.items()})


def by_first_account(changes: Iterable[Change], first: Mapping[str, str]) -> dict[str, list[Change]]:
    """Product changes under the first account that needs each."""
    grouped: dict[str, list[Change]] = {}
    for change in changes:
        grouped.setdefault(first[change.part_number], []).append(change)
    return grouped


def keep_newest_preview(runtime: Runtime, partner_id: str) -> None:
    """Of the partner's previews only the newest complete one keeps its plan. What cannot be deleted now goes the next time."""
    try:
        with runtime.database.read() as session:
            mine = (Run.partner_id == partner_id, Run.trigger == Trigger.PREVIEW, Run.state.not_in(ACTIVE_RUN_STATES))
            newest = session.scalar(select(Run.id).where(*mine, Run.planned_at.is_not(None)).order_by(Run.id.desc()))
            old = select(RunAccount.run_id).join(Run, Run.id == RunAccount.run_id).where(*mine).distinct()
            ids = sorted(set(session.scalars(old)) - {newest})
        if not ids:
            return
        some = select(RunChange.id).where(RunChange.run_id.in_(ids)).limit(_DELETED_AT_ONCE)
        more = True
        while more:
            with runtime.database.write() as session:
                more = bool(
                    list(session.scalars(delete(RunChange).where(RunChange.id.in_(some)).returning(RunChange.id)))
                )
        with runtime.database.write() as session:
            session.execute(delete(RunAccount).where(RunAccount.run_id.in_(ids)))
    except SQLAlchemyError:
        _log.warning("Older previews of partner %s stay for now.", partner_id, exc_info=True)


def first_needs(plans: Iterable[AccountPlan]) -> dict[str, str]:
    """Part number -> the first account whose plan needs its product."""
    first: dict[str, str] = {}
    for plan in plans:
        for part_number in plan.products:
            first.setdefault(part_number, plan.account_id)
    return first
