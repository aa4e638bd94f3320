"""What waits for a person: who waits and why, what an approval carries, and what a rejection remembers."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import ColumnElement, and_, case, exists, func, select
from sqlalchemy.orm import Session

from cwportal.billing.digest import change_digest
from cwportal.billing.money import text
from cwportal.billing.values import Money
from cwportal.errors import UsageError
from cwportal.models import LineDecision, Rejection, Run, RunAccount, RunChange
from cwportal.runtime import Runtime
from cwportal.services import audit, connection, rejections, runs
from cwportal.services.apply.store import change_of, money_of
from cwportal.services.history import Page, place
from cwportal.vocabulary import ACTIVE_RUN_STATES, AccountState, Kind, Outcome, PlanState, RunState, Severity, Trigger

WAITING_A_PAGE = 10
_LATER = 20
"""So many later runs are looked at for one with the same approval."""

_REJECTED = exists().where(
    Rejection.partner_id == RunAccount.partner_id,
    Rejection.account_id == RunAccount.account_id,
    Rejection.digest == RunAccount.digest,
)
_OPEN = and_(
    RunAccount.plan_state.in_([PlanState.READY, PlanState.HELD]),
    RunAccount.state.in_([AccountState.HELD, AccountState.SKIPPED]),
)
WAITS = and_(_OPEN, RunAccount.state == AccountState.HELD, ~_REJECTED)
"""A plan that stays unwritten until somebody answers."""

CATEGORY = case(
    (and_(_OPEN, _REJECTED), "rejected"),
    (and_(WAITS, RunAccount.asks), "decide"),
    (WAITS, "wait"),
    (_OPEN, "ready"),
    (RunAccount.plan_state == PlanState.BLOCKED, "blocked"),
    (RunAccount.plan_state == PlanState.EMPTY, "same"),
    else_="done",
)
"""Where an account of a finished run stands: `decide` needs answers about single lines, `done` was written by the run itself."""


def decided_since(planned_at: datetime) -> ColumnElement[bool]:
    """Whether a line of the account was decided after its plan was made: that plan is no longer the one to approve."""
    return exists().where(
        LineDecision.partner_id == RunAccount.partner_id,
        LineDecision.account_id == RunAccount.account_id,
        LineDecision.decided_at > planned_at,
    )


def approvable(planned_at: datetime) -> ColumnElement[bool]:
    """Accounts whose plan may be approved as it is."""
    return and_(_OPEN, ~RunAccount.asks, ~_REJECTED, ~decided_since(planned_at))


@dataclass(frozen=True, slots=True)
class Reason:
    """Why an account waits. `code` is a finding's, `limit_partner` for the whole run, or `changed` since it was approved."""

    code: str
    message: str
    amount: Decimal | None = None


@dataclass(frozen=True, slots=True)
class WaitingAccount:
    """One account that waits. `asks`: single lines must be decided on the preview's page before it can be approved."""

    account_id: str
    name: str
    money: Money
    reasons: tuple[Reason, ...]
    asks: bool
    approvable: bool
    meanwhile: str

    @property
    def price_delta(self) -> Decimal:
        """By how much the monthly price would move."""
        return self.money.price_after - self.money.price_before


@dataclass(frozen=True, slots=True)
class Waiting:
    """What waits after the newest run that read everything. `run_id` is the page to look at and approve on, None if there is none.

    `held`: why the whole run waits, if it is over its limits. `asking`: accounts that need decisions on lines; `approvable`: those that
    can be approved now; `total` has both. `money` is of all that wait. `decisions`: answers given after it was read.
    """

    run_id: int | None = None
    preview: bool = False
    read_at: datetime | None = None
    total: int = 0
    approvable: int = 0
    asking: int = 0
    money: Money = field(default_factory=Money)
    held: tuple[Reason, ...] = ()
    decisions: int = 0
    accounts: Page = field(default_factory=lambda: Page([], 1, 1, 1, 0))

    @property
    def count(self) -> int:
        """How many accounts wait."""
        return self.total

    def __bool__(self) -> bool:
        return self.total > 0


def waiting(runtime: Runtime, partner_id: str, number: int = 1) -> Waiting:
    """Accounts that wait and were not rejected, largest change of the monthly price first, WAITING_A_PAGE a page.

    Looks at the newest finished run (export or preview) that read everything; nothing waits where there is none.
    """
    tenant = connection.tenants_in_use(runtime, partner_id)
    with runtime.database.read() as session:
        run = newest(session, partner_id, tenant)
        if run is None or run.planned_at is None:
            return Waiting()
        mine = and_(RunAccount.run_id == run.id, WAITS)
        may = approvable(run.planned_at)
        money, asking, ready, total = Money(), 0, 0, 0
        for stored, asks, free in session.execute(select(RunAccount.money, RunAccount.asks, may).where(mine)):
            money += money_of(stored)
            asking, ready, total = asking + bool(asks), ready + bool(free), total + 1
        number, pages, offset = place(number, total, WAITING_A_PAGE)
        query = select(RunAccount, may).where(mine).order_by(*LARGEST_FIRST).limit(WAITING_A_PAGE).offset(offset)
        rows = [(row, bool(free)) for row, free in session.execute(query)] if total else []
        decisions = decisions_since(session, run)
    held = tuple(_reason(one) for one in run.findings)
    names = {account.id: account.name for account in runtime.source.accounts(partner_id)} if rows else {}
    currency = runtime.source.partner(partner_id).currency if rows else ""
    shown = [_account(row, names.get(row.account_id, row.account_id), free, held, currency) for row, free in rows]
    return Waiting(
        run_id=run.id,
        preview=run.trigger == Trigger.PREVIEW,
        read_at=run.planned_at,
        total=total,
        approvable=ready,
        asking=asking,
        money=money,
        held=held if total else (),
        decisions=decisions,
        accounts=Page(shown, number, pages, offset + 1, total),
    )


LARGEST_FIRST = (func.abs(RunAccount.delta_cents).desc(), RunAccount.account_id)


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


def _account(row: RunAccount, name: str, free: bool, held: tuple[Reason, ...], currency: str) -> WaitingAccount:
    reasons = tuple(_reason(one) for one in row.findings if one["severity"] == Severity.HOLD)
    if not reasons:
        reasons = held or (Reason("changed", "It changed after it was approved. Look at it again, then approve it."),)
    money = money_of(row.money)
    return WaitingAccount(row.account_id, name, money, reasons, bool(row.asks), free, _meanwhile(money, currency))


def _reason(stored: Mapping[str, Any]) -> Reason:
    amount = stored.get("amount")
    return Reason(stored["code"], stored["message"], None if amount is None else Decimal(amount))


def _meanwhile(money: Money, currency: str) -> str:
    """What happens if nobody answers."""
    if money.price_before == money.price_after:
        return "If you do nothing: it stays as it is in ConnectWise, and is asked again after every export."
    return (
        f"If you do nothing: ConnectWise goes on billing {text(money.price_before)} {currency} a month instead of "
        f"{text(money.price_after)} {currency}, and it is asked again after every export."
    )


class AlreadyApproved(UsageError):
    """The same approval has its export."""


def approve(
    runtime: Runtime, partner_id: str, run_id: int, account_ids: Collection[str] | None, *, shown: int | None = None
) -> dict[str, Any]:
    """The approval of exactly the plans that this run showed, for `jobs.queue.request_export`: of these accounts, or of all (None).

    `shown`: how many "all" were when the person saw them. Changes of products are pinned to those that were shown, too. Raises UsageError
    with a sentence where it is not what was seen any more, AlreadyApproved where an export of the same approval has been asked for.
    """
    with runtime.database.read() as session:
        run = shown_run(session, partner_id, run_id)
        chosen = _chosen(session, run, account_ids, approvable(run.planned_at or run.created_at), shown)
        _refuse_twice(session, run, chosen)
        products = session.scalars(
            select(RunChange).where(
                RunChange.run_id == run.id, RunChange.kind == Kind.PRODUCT, RunChange.outcome != Outcome.APPLIED
            )
        )
        seen = sorted(change_digest(change_of(change)) for change in products)
    return {"accounts": chosen, "products": seen, "run": run_id}


def reject(
    runtime: Runtime,
    partner_id: str,
    run_id: int,
    account_ids: Collection[str] | None,
    *,
    actor: str,
    shown: int | None = None,
) -> int:
    """Remember these plans (None: all that could be approved) as rejected; how many. UsageError as `approve`."""
    with runtime.database.write() as session:
        run = shown_run(session, partner_id, run_id)
        which = approvable(run.planned_at or run.created_at) if account_ids is None else and_(_OPEN, ~_REJECTED)
        chosen = _chosen(session, run, account_ids, which, shown)
        rejections.reject(session, runtime, partner_id, chosen, run_id=run_id, actor=actor)
    return len(chosen)


def note_approval(runtime: Runtime, partner_id: str, run_id: int, export_id: int, count: int, *, actor: str) -> None:
    """Write into the history who approved what, and with which export."""
    with runtime.database.write() as session:
        audit.record(session, runtime, partner_id, actor, "approve", run=run_id, export=export_id, accounts=count)


def shown_run(session: Session, partner_id: str, run_id: int) -> Run:
    """The finished run whose plan a person looks at. UsageError if there is none of this partner, or nothing to look at."""
    run = runs.find(session, partner_id, run_id)
    if run.state in ACTIVE_RUN_STATES:
        raise UsageError("It has not ended yet. Wait until it has, then look at it again.")
    there = session.scalar(select(exists().where(RunAccount.run_id == run_id)))
    if run.planned_at is None or not there:
        raise UsageError(
            "A newer preview has taken its place, so nothing was done. Look at the newest one and choose there."
        )
    return run


def _chosen(
    session: Session, run: Run, account_ids: Collection[str] | None, which: ColumnElement[bool], shown: int | None
) -> dict[str, str]:
    query = select(RunAccount.account_id, RunAccount.digest).where(RunAccount.run_id == run.id, which)
    possible: dict[str, str] = {row[0]: row[1] for row in session.execute(query)}
    chosen = possible if account_ids is None else {key: possible[key] for key in set(account_ids) & possible.keys()}
    wanted = (shown if shown is not None else len(possible)) if account_ids is None else len(set(account_ids))
    if not wanted:
        raise UsageError("No account was chosen, so nothing was done. Tick the accounts first.")
    if len(chosen) != wanted:
        raise UsageError(
            "Nothing was done: meanwhile somebody rejected or decided something of what was shown. Look at it as it is now, then choose again."
        )
    return chosen


def _refuse_twice(session: Session, run: Run, chosen: Mapping[str, str]) -> None:
    later = session.scalars(
        select(Run)
        .where(Run.partner_id == run.partner_id, Run.id > run.id, Run.trigger != Trigger.PREVIEW)
        .where(Run.state.not_in([RunState.FAILED, RunState.CANCELLED]))
        .order_by(Run.id)
        .limit(_LATER)
    )
    for one in later:
        if one.approval.get("run") == run.id and chosen.keys() <= dict(one.approval.get("accounts", {})).keys():
            raise AlreadyApproved(
                f"This was approved already by {one.actor}: export {one.id} writes it, or has done so. Nothing was started a second time."
            )
