"""Writes of earlier runs whose outcome was never learnt: looked up before anything is planned, never sent again (rule 12)."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from cwportal.billing import lookup
from cwportal.billing.findings import decide
from cwportal.billing.scale import to_scale
from cwportal.billing.values import AccountCharges, Row, Unconfirmed
from cwportal.connectwise.errors import ConnectWiseError, NotFound
from cwportal.models import UNSETTLED, LedgerAddition, LineDecision, RunChange
from cwportal.models import Mapping as MappingRow
from cwportal.runtime import Runtime
from cwportal.services import ledger, runs
from cwportal.services.apply import created, users_lookup
from cwportal.services.apply.additions import written
from cwportal.services.apply.products import put as put_product
from cwportal.services.apply.store import change_of
from cwportal.services.connection import Client
from cwportal.services.planning.stream import STOPPING
from cwportal.services.runs import Lease
from cwportal.vocabulary import Action, Answer, Kind, Outcome

_OPEN = (Outcome.STARTED, Outcome.UNKNOWN)


@dataclass(slots=True)
class Pending:
    """What is still not confirmed, by account and by part number of a product. `ready_at`: when all of it may be looked up."""

    accounts: dict[str, tuple[Unconfirmed, ...]] = field(default_factory=dict)
    products: dict[str, Unconfirmed] = field(default_factory=dict)
    ready_at: datetime | None = None

    def of(self, charges: Mapping[str, AccountCharges]) -> dict[str, tuple[Unconfirmed, ...]]:
        """What every account waits for: its own writes, and products that it needs."""
        waiting = dict(self.accounts)
        if self.products:
            for account_id, several in charges.items():
                needed = sorted(self.products.keys() & {group.part_number for group in several.groups})
                if needed:
                    waiting[account_id] = (*waiting.get(account_id, ()), *(self.products[part] for part in needed))
        return waiting


def look_up(runtime: Runtime, client: Client, partner_id: str, lease: Lease | None) -> Pending:
    """Settle every open intent that ConnectWise has had CWPORTAL_SETTLE seconds for; say which ones remain.

    Intents of a run that another process is working on are left alone. Reads only; what is found goes into the ledger.
    """
    with runtime.database.read() as session:
        opened = list(
            session.scalars(
                select(RunChange)
                .where(
                    RunChange.partner_id == partner_id,
                    RunChange.tenant == client.tenant,
                    UNSETTLED,
                    RunChange.resolved_at.is_(None),
                )
                .order_by(RunChange.id)
            )
        )
        theirs = {
            run_id
            for run_id in {change.run_id for change in opened}
            if (lease is None or run_id != lease.run_id) and runs.is_alive(session, runtime, run_id)
        }
    waiting: dict[str, list[Unconfirmed]] = defaultdict(list)
    products, ready = dict[str, Unconfirmed](), list[datetime]()
    lookups = _LookUps(runtime, client, lease)
    for change in opened:
        given_up = change.finished_at or change.attempted_at or runtime.clock()
        settled_at = given_up + timedelta(seconds=runtime.config.settle)
        if change.run_id in theirs:
            found = Unconfirmed(
                "An export under way is writing this line. Look again when it has ended.", change.part_number or None
            )
        elif change.sent is None:
            lookups.never_sent(change)
            continue
        elif settled_at > runtime.clock():
            ready.append(settled_at)
            found = Unconfirmed(
                f"A write of run {change.run_id} was not confirmed by ConnectWise. It will be checked after "
                f"{settled_at:%H:%M:%S} UTC and is never sent twice. Start the export again then.",
                change.part_number or None,
            )
        else:
            unresolved = lookups.settle(change)
            if unresolved is None:
                continue
            found = unresolved
        if change.kind == Kind.PRODUCT:
            products[change.part_number] = found
        elif change.kind != Kind.PRODUCT_TABLE:
            waiting[change.account_id].append(replace(found, users=change.kind == Kind.USERS))
    return Pending({key: tuple(value) for key, value in waiting.items()}, products, max(ready, default=None))


class _LookUps:
    """Looks intents up one by one; each agreement is read once."""

    def __init__(self, runtime: Runtime, client: Client, lease: Lease | None) -> None:
        self._runtime = runtime
        self._client = client
        self._lease = lease
        self._rows: dict[int, tuple[Row, ...]] = {}

    def settle(self, change: RunChange) -> Unconfirmed | None:
        """None when the intent is settled; else why it is not."""
        try:
            if change.kind == Kind.USERS:
                users_lookup.settle(self._runtime, self._client, change, self._close)
                return None
            if change.kind in created.KINDS:
                return created.settle(self._runtime, self._client, change, self._close)
            return self._product(change) if change.kind == Kind.PRODUCT else self._addition(change)
        except STOPPING:
            raise
        except NotFound as error:
            if not self._hangs_on_agreement(change) or self._still_mapped(change):
                return self._unread(change, error)  # hidden is not gone: it may be seen again
            self._free(change, "ConnectWise no longer has the agreement.")
            return None
        except ConnectWiseError as error:
            return self._unread(change, error)

    def never_sent(self, change: RunChange) -> None:
        """Nothing was noted as sent, so nothing was: there is nothing to look for."""
        self._free(change, "It was not sent.")

    def _unread(self, change: RunChange, error: ConnectWiseError) -> Unconfirmed:
        return Unconfirmed(
            f"A write of run {change.run_id} was not confirmed by ConnectWise, and checking it failed: {error.sentence}",
            change.part_number or None,
        )

    def _hangs_on_agreement(self, change: RunChange) -> bool:
        """Whether it is looked up among what an agreement has. Other lists are always there: a 404 says nothing of what is in them."""
        return change.kind in (Kind.ADDITION, Kind.USERS)

    def _still_mapped(self, change: RunChange) -> bool:
        with self._runtime.database.read() as session:
            row = session.get(MappingRow, (change.partner_id, change.account_id))
        return row is not None and (row.tenant, row.cw_agreement_id) == (change.tenant, change.cw_agreement_id)

    def _addition(self, change: RunChange) -> Unconfirmed | None:
        agreement_id = change.cw_agreement_id or 0
        if agreement_id not in self._rows:
            self._rows[agreement_id] = tuple(ledger.row_of(a) for a in self._client.read.additions(agreement_id))
        rows, sent = self._rows[agreement_id], ledger.decoded(change.sent)
        if change.action != Action.CREATE:
            row = next((row for row in rows if row.id == change.cw_addition_id), None)
            if row is not None and lookup.was_written(row, sent, before=ledger.decoded(change.before)):
                self._ours(change, row)
            else:
                self._free(change, "Checked in ConnectWise: the line does not have the values that were sent.")
            return None
        with self._runtime.database.read() as session:
            taken = set(
                session.scalars(
                    select(LedgerAddition.cw_addition_id).where(
                        LedgerAddition.tenant == change.tenant, LedgerAddition.cw_agreement_id == agreement_id
                    )
                )
            )
            answered = _answered(session, change)
        found = lookup.find_created(
            rows,
            sent,
            product_id=change.cw_product_id or 0,
            known=frozenset(change.known_ids or ()) | taken,
            answered=change.cw_addition_id,
        )
        if found.ours is not None:
            self._ours(change, found.ours)
            return None
        used = [row for row in found.others if answered.get(row.id) is Answer.USE]
        if used:  # a person says that this is the line: from now on it is ours, with the values it has
            self._ours(change, used[0], sent=False)
            return None
        undecided = [row.id for row in found.others if row.id not in answered]
        if undecided:
            return Unconfirmed(
                f"A new line of {change.part_number} was sent in run {change.run_id} and not confirmed. ConnectWise now has "
                f"{'a line' if len(undecided) == 1 else 'lines'} {', '.join(map(str, undecided))} of that product with other values"
                f"{', or of another product' if change.cw_addition_id in undecided else ''}. "
                "Look at it in ConnectWise, then use it, end it at a date, or leave it as it is.",
                change.part_number,
                tuple(undecided),
                command=decide(change.account_id, undecided[0], "use|end:DATE|leave"),
            )
        decided = ", ".join(str(row.id) for row in found.others)
        if not decided:
            self._client.read.all_additions(agreement_id, len(rows))
        self._free(
            change,
            f"Not confirmed by ConnectWise; a person decided about line {decided}, which may be it."
            if decided
            else "Checked in ConnectWise: the line was not created.",
        )
        return None

    def _product(self, change: RunChange) -> Unconfirmed | None:
        sent = ledger.decoded(change.sent)
        if change.action == Action.CREATE:
            hits = self._client.read.products_by_identifier([change.part_number])[change.part_number]
            if not hits and not self._client.read.missing_products([change.part_number]):  # there, says the second list
                hits = self._client.read.products_by_identifier([change.part_number])[change.part_number]
            if len(hits) != 1:
                self._free(change, f"Checked in ConnectWise: it has {len(hits)} products {change.part_number!r}.")
                return None
            product = hits[0]
            created = product.description == sent.get("description")
        else:
            several = self._client.read.products_by_id([change.cw_product_id or 0])
            changed = several.get(change.cw_product_id or 0)
            if changed is None or not _cost_written(to_scale(changed.cost), sent, ledger.decoded(change.before)):
                self._free(change, "Checked in ConnectWise: the product does not have the cost that was sent.")
                return None
            product, created = changed, False
        with self._runtime.database.durable() as session:
            if self._close(
                session, change, Outcome.APPLIED, "Checked in ConnectWise: it was written.", product_id=product.id
            ):
                put_product(
                    session,
                    partner_id=change.partner_id,
                    tenant=change.tenant,
                    part_number=change.part_number,
                    product=product,
                    created=created,
                    sent_cost=sent.get("cost"),
                    runtime=self._runtime,
                )
        return None

    def _ours(self, change: RunChange, row: Row, *, sent: bool = True) -> None:
        """Into the ledger. `sent` False: nothing of what it holds now counts as sent, so the next plan compares every field."""
        owner = ledger.Owner(change.partner_id, change.tenant)
        written_change = change_of(change) if sent else replace(change_of(change), after={})
        keep = written(
            self._runtime,
            owner,
            account_id=change.account_id,
            agreement_id=change.cw_agreement_id or 0,
            change=written_change,
            echo=row,
        )
        with self._runtime.database.durable() as session:
            if self._close(
                session, change, Outcome.APPLIED, "Checked in ConnectWise: it was written.", addition_id=row.id
            ):
                keep(session)

    def _free(self, change: RunChange, why: str) -> None:
        with self._runtime.database.durable() as session:
            self._close(session, change, Outcome.FAILED, why)

    def _close(self, session: Session, change: RunChange, outcome: Outcome, why: str, **columns: Any) -> bool:
        if self._lease is not None:
            runs.keep_out(session, self._lease)
        row = session.get(RunChange, change.id, with_for_update=True)
        if row is None or row.resolved_at is not None or row.outcome not in _OPEN:
            return False
        row.outcome = outcome
        row.error = why if outcome is Outcome.FAILED else None
        row.resolved_at = row.finished_at = self._runtime.clock()
        row.resolved_by_run = self._lease.run_id if self._lease else None
        if "addition_id" in columns:
            row.cw_addition_id = columns["addition_id"]
        if "product_id" in columns:
            row.cw_product_id = columns["product_id"]
        return True


def _cost_written(cost: Decimal, sent: Mapping[str, Any], before: Mapping[str, Any]) -> bool:
    """Whether a lost change of a product was done: it has the cost sent, rounded or not, and not merely the one it had before."""
    wanted = sent.get("cost")
    return wanted is not None and (cost == wanted or (cost != before.get("cost") and lookup.same_amount(cost, wanted)))


def _answered(session: Session, change: RunChange) -> Mapping[int, Answer]:
    query = select(LineDecision).where(
        LineDecision.partner_id == change.partner_id,
        LineDecision.tenant == change.tenant,
        LineDecision.account_id == change.account_id,
    )
    return {row.cw_addition_id: Answer(row.answer) for row in session.scalars(query)}
