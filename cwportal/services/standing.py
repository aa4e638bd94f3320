"""Where the accounts of a finished run stand: what waits for a person, what can be approved, what was written."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields
from datetime import datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import ColumnElement, Text, and_, case, cast, exists, func, or_, select
from sqlalchemy.orm import Session

from cwportal.billing.values import Money
from cwportal.models import LineDecision, Rejection, Run, RunAccount
from cwportal.models import Mapping as MappingRow
from cwportal.vocabulary import ACTIVE_RUN_STATES, AccountState, PlanState, Trigger

REJECTED = exists().where(
    Rejection.partner_id == RunAccount.partner_id,
    Rejection.account_id == RunAccount.account_id,
    Rejection.digest == RunAccount.digest,
)
"""A plan that a person has rejected."""
_IN_PREVIEW = exists().where(Run.id == RunAccount.run_id, Run.trigger == Trigger.PREVIEW)
_OPEN = and_(
    RunAccount.plan_state.in_([PlanState.READY, PlanState.HELD]),
    or_(
        RunAccount.state.in_([AccountState.HELD, AccountState.SKIPPED]),
        # a preview writes nothing: an account that has failed there has changes, and charges that cannot be billed beside them
        and_(RunAccount.state == AccountState.FAILED, _IN_PREVIEW),
    ),
)
WAITS = and_(_OPEN, RunAccount.state == AccountState.HELD, ~REJECTED)
"""A plan that stays unwritten until somebody answers."""
REJECTABLE = and_(_OPEN, ~REJECTED)
"""A plan that nobody has written or rejected."""
_EXPORTED = exists().where(
    MappingRow.partner_id == RunAccount.partner_id,
    MappingRow.account_id == RunAccount.account_id,
    MappingRow.export,
)

CATEGORY = case(
    (and_(_OPEN, REJECTED), "rejected"),
    (and_(WAITS, RunAccount.asks), "decide"),
    (WAITS, "wait"),
    (_OPEN, "ready"),
    (RunAccount.plan_state == PlanState.BLOCKED, "blocked"),
    (and_(RunAccount.plan_state == PlanState.EMPTY, _EXPORTED), "same"),
    (RunAccount.plan_state == PlanState.EMPTY, "off"),
    (RunAccount.state == AccountState.FAILED, "failed"),
    else_="done",
)
"""Where an account of a finished run stands: `decide` needs answers about single lines, `off` is not exported, `done` was written by the
run itself, `failed` was to be."""
LARGEST_FIRST = (func.abs(RunAccount.delta_cents).desc(), RunAccount.account_id)


def decided_since(planned_at: datetime) -> ColumnElement[bool]:
    """Whether a line of the account was decided after its plan was made: that plan is no longer the one to approve."""
    return exists().where(
        LineDecision.partner_id == RunAccount.partner_id,
        LineDecision.account_id == RunAccount.account_id,
        LineDecision.decided_at > planned_at,
    )


def approvable(planned_at: datetime) -> ColumnElement[bool]:
    """Accounts whose plan may be approved as it is."""
    return and_(REJECTABLE, ~RunAccount.asks, ~decided_since(planned_at))


def let_through(approval: Mapping[str, Any]) -> ColumnElement[bool]:
    """Accounts that an export with this approval writes, if nothing else comes between."""
    answered = and_(RunAccount.plan_state == PlanState.HELD, ~RunAccount.asks)
    ready = RunAccount.plan_state == PlanState.READY
    if approval.get("accounts") is not None:
        chosen = RunAccount.digest.in_(sorted(approval["accounts"].values()))
        return and_(~REJECTED, chosen, or_(ready, answered))
    return and_(~REJECTED, or_(ready, answered) if approval.get("all") else ready)


@dataclass(frozen=True, slots=True)
class Offer:
    """Plans that can be approved together: how many, their money, and a name of exactly these plans."""

    count: int
    money: Money
    name: str


def name_of(plans: Mapping[str, str]) -> str:
    """One short text for these plans (account -> digest): other accounts, or other plans of the same, have another."""
    return hashlib.sha256("\n".join(f"{key} {plans[key]}" for key in sorted(plans)).encode()).hexdigest()[:16]


MONEY = cast(RunAccount.money, Text)
"""An account's amounts as `in_all` wants them."""


def in_all(amounts: Iterable[str]) -> Money:
    """The sum of the amounts of many accounts, each as it is stored; decoded at once, which is several times as fast."""
    several = json.loads(f"[{','.join(amounts)}]")
    names = [field.name for field in fields(Money)]
    return Money(*(sum((Decimal(one[name]) for one in several if name in one), Decimal(0)) for name in names))


def offer(session: Session, run: Run) -> Offer:
    """What can be approved of the run's plan."""
    free = approvable(run.planned_at or run.created_at)
    query = select(RunAccount.account_id, RunAccount.digest, MONEY).where(RunAccount.run_id == run.id, free)
    found = session.execute(query).all()
    return Offer(len(found), in_all(row[2] for row in found), name_of({row[0]: row[1] for row in found}))


def newest(session: Session, partner_id: str, tenant: str | None) -> Run | None:
    """The newest finished run of the partner that read everything."""
    return session.scalar(
        select(Run)
        .where(Run.partner_id == partner_id, Run.tenant == tenant, Run.planned_at.is_not(None))
        .where(Run.state.not_in(ACTIVE_RUN_STATES))
        .order_by(Run.id.desc())
        .limit(1)
    )


def decisions_since(session: Session, run: Run) -> int:
    """How many answers about lines were given after the run read them."""
    if run.planned_at is None:
        return 0
    mine = (LineDecision.partner_id == run.partner_id, LineDecision.tenant == run.tenant)
    query = select(func.count()).select_from(LineDecision).where(*mine, LineDecision.decided_at > run.planned_at)
    return session.scalar(query) or 0
