"""The additions of one account, one after the other, in the order the core gave them.

Per change: commit `started` -> write -> commit outcome and ledger together with the next intent. A change that fails stops only
what depends on it: what raises the bill waits for what lowers it, and a lost creation stops further creations of that product.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from sqlalchemy.orm import Session

from cwportal.billing import lookup
from cwportal.billing.money import is_billed, price_of
from cwportal.billing.order import may_apply
from cwportal.billing.values import AccountPlan, Change, GroupKey, Row
from cwportal.connectwise.errors import ConnectWiseError, Forbidden, Malformed, OtherRecord
from cwportal.models import LedgerAddition
from cwportal.runtime import Runtime
from cwportal.services import ledger
from cwportal.services.apply.journal import Done, Intent
from cwportal.services.apply.products import note_product
from cwportal.services.apply.store import Stored
from cwportal.services.apply.work import Work
from cwportal.services.runs import confirm
from cwportal.vocabulary import Action, Kind, Outcome


@dataclass(slots=True)
class _Account:
    """Where one account stands while its changes are applied. `bill`: the monthly price at worst."""

    plan: AccountPlan
    rows: dict[int, Row]
    bill: Decimal
    lowering_lost: bool = False
    lost_creations: set[str] = field(default_factory=set)
    refused: dict[tuple[Kind, Action], str] = field(default_factory=dict)
    done: Done | None = None


def apply_account(work: Work, plan: AccountPlan, changes: list[Stored], rows: tuple[Row, ...]) -> None:
    """Apply what is planned for one account. `rows`: its agreement's additions as last read.

    Raises LeaseLost or Cancelled; errors of ConnectWise become outcomes, and `work.stopped` where the run must end.
    """
    account = _Account(plan, {row.id: row for row in rows}, plan.money.price_before)
    if not rows and (changes or plan.closed):
        try:
            if work.stopped is not None:  # met by another account just now: no request more, and nothing is concluded
                raise work.stopped
            work.client.read.no_additions(plan.agreement_id or 0)
        except ConnectWiseError as error:
            work.journal.skip([stored.id for stored in changes], f"Not tried: {error.sentence}")
            work.failed(error)
            return
    _ledger_only(work, plan)
    try:
        for stored in changes:
            why = _not_now(work, account, stored.change)
            if why is None:
                _apply(work, account, stored)
            else:
                work.journal.skip([stored.id], why)
                if stored.change.price_delta is None or stored.change.price_delta < 0:
                    account.lowering_lost = True
    finally:
        if account.done is not None:
            work.journal.finish(account.done)


def _not_now(work: Work, account: _Account, change: Change) -> str | None:
    if work.stopped is not None:
        return f"Not tried: the export stopped before. {work.stopped.sentence}"
    if change.part_number in work.failed_products and change.action is Action.CREATE:
        return f"Not tried: {work.failed_products[change.part_number]}."
    refused = account.refused.get((change.kind, change.action)) or work.refused.get((change.kind, change.action))
    if refused is not None:
        return f"Not tried: {refused}"
    if change.action is Action.CREATE and change.part_number in account.lost_creations:
        return "Not tried: another new line of this product was not confirmed by ConnectWise; it is checked first."
    if not may_apply(
        change,
        before=account.plan.money.price_before,
        desired=account.plan.money.price_after,
        worst_case_now=account.bill,
        lowering_lost=account.lowering_lost,
    ):
        return "Not tried: a write that lowers the bill failed before, and this one would bill too much meanwhile."
    return None


def _apply(work: Work, account: _Account, stored: Stored) -> None:
    change = stored.change
    product_id = change.product_id or work.new_products.get(change.part_number)
    if product_id is None:
        work.journal.skip([stored.id], "Not tried: its product is not there.")
        return
    fields = dict(change.after)
    if change.action is Action.CREATE:
        fields = {"product": {"id": product_id}, "billCustomer": "Billable", **fields}
    elif not fields:  # an existing line that is right already: only our ledger changes
        _flush(work, account)
        account.done = _applied(work, account, stored, account.rows[change.addition_id or 0])
        return
    known = tuple(sorted(row.id for row in account.rows.values() if row.product_id == product_id))
    started = work.journal.start(Intent(stored.id, change.after, known, product_id), account.done)
    account.done = None
    try:
        echo = work.send(stored.id, started, lambda: _write(work, account, change, fields))
    except ConnectWiseError as error:
        _failed(work, account, stored, error)
        return
    work.succeeded()
    work.permitted((change.kind, change.action))
    echo = _as_it_is(work, account, change, echo)
    _bill(account, change, echo)
    account.rows[echo.id] = echo
    account.done = _applied(work, account, stored, echo)


def _as_it_is(work: Work, account: _Account, change: Change, echo: Row) -> Row:
    """The line after a write. An answer with other values than were sent may be the line as it was before, so it is read once more."""
    if not lookup.not_taken(echo, change.after):
        return echo
    try:
        several = work.client.read.additions(account.plan.agreement_id or 0)
    except ConnectWiseError:
        return echo
    return next((ledger.row_of(one) for one in several if one.id == echo.id), echo)


def _bill(account: _Account, change: Change, echo: Row) -> None:
    """The bill after an answer: as planned, or as the line now is where ConnectWise did not take what was sent."""
    planned = change.price_delta or Decimal(0)
    if not lookup.not_taken(echo, change.after):
        account.bill += planned
        return
    before = account.rows.get(echo.id)
    now = Decimal(0) if echo.cancelled is not None else price_of(echo)
    moved = now - (Decimal(0) if before is None else price_of(before))
    account.bill += max(planned, moved)
    if moved > planned:
        account.lowering_lost = True


def _applied(work: Work, account: _Account, stored: Stored, echo: Row) -> Done:
    keep = written(
        work.runtime,
        work.lease.owner,
        account_id=account.plan.account_id,
        agreement_id=account.plan.agreement_id or 0,
        change=stored.change,
        echo=echo,
    )
    error = _not_right(stored.change, echo)
    return Done(
        stored.id,
        Outcome.FAILED if error else Outcome.APPLIED,
        error,
        ledger=keep,
        addition_id=echo.id,
        product_id=echo.product_id,
    )


def _not_right(change: Change, echo: Row) -> str | None:
    """What is not as it was sent, although ConnectWise accepted the write; None if everything is."""
    other = lookup.not_taken(echo, change.after)
    if other:
        told = "; ".join(f"{name} {change.after[name]} was sent, it now says {value}" for name, value in other.items())
        return (
            f"ConnectWise accepted the write and shows other values on line {echo.id}: {told}. "
            "Look at the line in ConnectWise: a rule or workflow there may change it. The next export tries again."
        )
    if change.action is Action.CREATE and not is_billed(echo):
        return (
            f"ConnectWise made line {echo.id} with Bill Customer on {echo.bill_customer!r} although Billable was sent, so no invoice "
            "asks for it. A rule or workflow there may do that. Set the line to Billable in ConnectWise; the portal never changes that "
            "afterwards."
        )
    return None


def _write(work: Work, account: _Account, change: Change, fields: dict[str, Any]) -> Row:
    agreement_id = account.plan.agreement_id or 0
    if change.action is Action.CREATE:
        made = ledger.row_of(work.writer.create_addition(agreement_id, fields))
        if made.id in account.rows:
            raise Malformed(
                f"ConnectWise answered a new line of agreement {agreement_id} with line {made.id}, which was there before, so nobody knows "
                "what it did."
            )
        return made
    return ledger.row_of(work.writer.patch_addition(agreement_id, change.addition_id or 0, fields))


def _failed(work: Work, account: _Account, stored: Stored, error: ConnectWiseError) -> None:
    change, outcome = stored.change, work.outcome(error)
    made = error.record_id if isinstance(error, OtherRecord) and error.record_id not in account.rows else None
    account.done = Done(stored.id, outcome, error.sentence, addition_id=made)
    raises = change.price_delta is None or change.price_delta > 0
    if outcome is Outcome.UNKNOWN and raises:
        account.bill += change.price_delta or Decimal(0)
    if not raises or (outcome is Outcome.UNKNOWN and change.price_delta is None):
        account.lowering_lost = True
    if outcome is Outcome.UNKNOWN and change.action is Action.CREATE:
        account.lost_creations.add(change.part_number)
    if isinstance(error, Forbidden):
        account.refused[change.kind, change.action] = error.sentence
        work.forbidden((change.kind, change.action), account.plan.account_id, error.sentence)
    work.failed(error)


def _flush(work: Work, account: _Account) -> None:
    if account.done is not None:
        work.journal.finish(account.done)
        account.done = None


def written(
    runtime: Runtime, owner: ledger.Owner, *, account_id: str, agreement_id: int, change: Change, echo: Row
) -> Callable[[Session], None]:
    """What a successful write means for the ledger: sent and echoed values, key, owner.

    A field that ConnectWise did not take does not count as sent, so that the next plan sees that it is not right.
    """
    other = lookup.not_taken(echo, change.after)
    sent = {name: value for name, value in change.after.items() if name not in other}

    def keep(session: Session) -> None:
        if change.key is None:  # ended by a person's decision: not ours, or no longer ours to bill
            ledger.keep_echo(session, owner.tenant, agreement_id, sent=sent, echo=echo)
            return
        if change.action in (Action.UPDATE, Action.END) and ledger.keep_echo(
            session,
            owner.tenant,
            agreement_id,
            sent=sent,
            echo=echo,
            key=change.key,
            part_number=change.part_number,
        ):
            return
        ledger.put(
            session,
            partner_id=owner.partner_id,
            tenant=owner.tenant,
            account_id=account_id,
            agreement_id=agreement_id,
            part_number=change.part_number,
            key=change.key,
            echo=echo,
            sent=sent,
            origin=change.action,
            now=runtime.clock(),
        )
        note_product(session, runtime, owner, change.part_number, echo.product_id)

    return keep


def keeps_books(plan: AccountPlan) -> bool:
    """Whether something changes in the ledger alone: rows that stand for another key, move to this account, or stand for nothing any more."""
    return bool(plan.rekeys or plan.taken_over or plan.closed)


def _ledger_only(work: Work, plan: AccountPlan) -> None:
    if not keeps_books(plan):
        return
    keys: dict[int, GroupKey] = {rekey.addition_id: rekey.key for rekey in plan.rekeys}
    with work.runtime.database.durable() as session:
        confirm(session, work.lease, work.runtime.clock())
        for addition_id in {*keys, *plan.taken_over, *plan.closed}:
            row: LedgerAddition | None = ledger.find(session, work.lease.tenant, plan.agreement_id or 0, addition_id)
            if row is None:
                continue
            if addition_id in plan.taken_over:
                row.partner_id, row.account_id = work.lease.partner_id, plan.account_id
            if addition_id in keys:
                row.key_price, row.key_cost = keys[addition_id].unit_price, keys[addition_id].unit_cost
            if addition_id in plan.closed:
                row.closed_at = work.runtime.clock()
