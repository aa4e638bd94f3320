"""What belongs to the accounts on a page of a plan: their changes, decisions, rejections, and where they are mapped to."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from cwportal.models import LineDecision, Run, RunChange
from cwportal.models import Mapping as MappingRow
from cwportal.services import ledger, rejections
from cwportal.services.log import places
from cwportal.services.rejections import Rejected
from cwportal.vocabulary import Kind

PRODUCTS_SHOWN = 20


@dataclass(frozen=True, slots=True)
class Rows:
    """By account."""

    places: Mapping[str, MappingRow]
    changes: Mapping[str, list[Mapping[str, Any]]]
    decisions: Mapping[str, Mapping[int, LineDecision]]
    rejected: Mapping[str, Rejected] = field(default_factory=dict)


def read(session: Session, run: Run, ids: Sequence[str], at_most: int) -> Rows:
    """Of these accounts in the run's plan, `at_most` changes of each."""
    if not ids:
        return Rows({}, {}, {})
    answered = select(LineDecision).where(
        LineDecision.partner_id == run.partner_id,
        LineDecision.tenant == run.tenant,
        LineDecision.account_id.in_(ids),
    )
    decisions: dict[str, dict[int, LineDecision]] = defaultdict(dict)
    for decision in session.scalars(answered):
        decisions[decision.account_id][decision.cw_addition_id] = decision
    return Rows(
        places(session, run, ids),
        _changes(session, run.id, ids, at_most),
        decisions,
        rejections.of(session, run.partner_id),
    )


def _changes(session: Session, run_id: int, ids: Sequence[str], at_most: int) -> dict[str, list[Mapping[str, Any]]]:
    query = (
        select(*_COLUMNS)
        .where(RunChange.run_id == run_id, RunChange.account_id.in_(ids), RunChange.kind != Kind.PRODUCT)
        .where(RunChange.position < at_most)
        .order_by(RunChange.account_id, RunChange.position, RunChange.id)
    )
    changes: dict[str, list[Mapping[str, Any]]] = defaultdict(list)
    for row in session.execute(query):
        changes[row.account_id].append(_change(row))
    return changes


_COLUMNS = (
    RunChange.account_id,
    RunChange.kind,
    RunChange.action,
    RunChange.part_number,
    RunChange.cw_addition_id,
    RunChange.before,
    RunChange.after,
    RunChange.price_delta,
    RunChange.reason,
)


def _change(row: Any) -> dict[str, Any]:
    return {
        "account_id": row.account_id,
        "kind": row.kind,
        "action": row.action,
        "part_number": row.part_number,
        "addition_id": row.cw_addition_id,
        "before": ledger.decoded(row.before),
        "after": ledger.decoded(row.after),
        "price_delta": row.price_delta,
        "reason": row.reason,
    }


def products(session: Session, run_id: int) -> list[Mapping[str, Any]]:
    """The first PRODUCTS_SHOWN + 1 changes of the catalog; their positions are before those of an account's own (see `apply.store`)."""
    query = (
        select(*_COLUMNS)
        .where(RunChange.run_id == run_id, RunChange.position < 0, RunChange.kind == Kind.PRODUCT)
        .order_by(RunChange.part_number)
        .limit(PRODUCTS_SHOWN + 1)
    )
    return [_change(row) for row in session.execute(query)]
