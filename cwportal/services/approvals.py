"""Approving and rejecting what a run has shown: exactly that, and what an approval carries."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from sqlalchemy import ColumnElement, and_, exists, or_, select
from sqlalchemy.orm import Session

from cwportal.billing.digest import change_digest
from cwportal.errors import UsageError
from cwportal.models import Connection, Run, RunAccount, RunChange
from cwportal.runtime import Runtime
from cwportal.services import audit, rejections, runs, standing
from cwportal.services.apply.store import change_of
from cwportal.services.standing import newest
from cwportal.services.waiting import waiting
from cwportal.vocabulary import ACTIVE_RUN_STATES, Kind, Outcome, RunState, Trigger

__all__ = ["AlreadyApproved", "approve", "newest", "note_approval", "reject", "waiting"]

_LATER = 20
"""So many later runs are looked at for one with the same approval."""


class AlreadyApproved(UsageError):
    """The same approval has its export."""


def approve(
    runtime: Runtime,
    partner_id: str,
    run_id: int,
    account_ids: Collection[str] | None,
    *,
    shown: int | None = None,
    name: str = "",
    only_waiting: bool = False,
) -> dict[str, Any]:
    """The approval of exactly the plans that this run showed, for `jobs.queue.request_export`: of these accounts, or of all (None).

    `shown`: how many "all" were when the person saw them, `name`: the name of those plans (`standing.name_of`), if it was sent;
    `only_waiting`: all of those that wait, not also those that an export would write anyway. Changes of products are pinned to those that
    were shown, too. Raises UsageError with a sentence where it is not what was seen any more, AlreadyApproved where an export of the same
    approval has been asked for.
    """
    with runtime.database.read() as session:
        run = shown_run(session, partner_id, run_id)
        which = _all(run, only_waiting=only_waiting)
        if account_ids is not None:
            _refuse_undecided(session, run, account_ids)
        chosen = _chosen(session, run, account_ids, which, shown, name)
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
    name: str = "",
    only_waiting: bool = False,
) -> int:
    """Remember these plans (None: all that could be approved) as rejected; how many. UsageError as `approve`."""
    with runtime.database.write() as session:
        run = shown_run(session, partner_id, run_id)
        which = _all(run, only_waiting=only_waiting) if account_ids is None else standing.REJECTABLE
        chosen = _chosen(session, run, account_ids, which, shown, name)
        rejections.reject(session, runtime, partner_id, chosen, run_id=run_id, actor=actor)
    return len(chosen)


def _all(run: Run, *, only_waiting: bool) -> ColumnElement[bool]:
    free = standing.approvable(run.planned_at or run.created_at)
    return and_(standing.WAITS, free) if only_waiting else free


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
    tenant = session.scalar(select(Connection.tenant).where(Connection.partner_id == partner_id))
    if tenant is not None and tenant != run.tenant:
        raise UsageError(
            "Nothing was done: this was read from another ConnectWise than the one that is connected now. Make a new preview."
        )
    if run.planned_at is None or not there:
        raise UsageError(
            "A newer preview has taken its place, so nothing was done. Look at the newest one and choose there."
        )
    return run


def _refuse_undecided(session: Session, run: Run, account_ids: Collection[str]) -> None:
    """Some of them wait for decisions on single lines, or were decided after they had been read."""
    since = standing.decided_since(run.planned_at or run.created_at)
    query = select(RunAccount.account_id).where(
        RunAccount.run_id == run.id, standing.REJECTABLE, or_(and_(standing.WAITS, RunAccount.asks), since)
    )
    number = len(set(account_ids) & set(session.scalars(query)))
    if number:
        what = "1 of the chosen accounts needs" if number == 1 else f"{number} of the chosen accounts need"
        raise UsageError(
            f"Nothing was done: {what} decisions on single lines first. Decide them and press “Read again”; or choose the other accounts "
            "only, which can be approved now."
        )


def _chosen(
    session: Session,
    run: Run,
    account_ids: Collection[str] | None,
    which: ColumnElement[bool],
    shown: int | None,
    name: str,
) -> dict[str, str]:
    query = select(RunAccount.account_id, RunAccount.digest).where(RunAccount.run_id == run.id, which)
    possible: dict[str, str] = {row[0]: row[1] for row in session.execute(query)}
    chosen = possible if account_ids is None else {key: possible[key] for key in set(account_ids) & possible.keys()}
    wanted = (shown if shown is not None else len(possible)) if account_ids is None else len(set(account_ids))
    if not wanted:
        raise UsageError("No account was chosen, so nothing was done. Tick the accounts first.")
    others = account_ids is None and bool(name) and name != standing.name_of(possible)
    if len(chosen) != wanted or others:
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
                f"This was approved already by {one.actor}: export {one.id} was started with it, and nothing was started a second time. "
                "Export status shows what it has written and what still waits."
            )
