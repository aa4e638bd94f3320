"""A creation whose answer was lost, and why a list that does not show it may prove nothing (rule 12)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

from sqlalchemy import select
from sqlalchemy.orm import Session

from cwportal.billing.values import Unconfirmed
from cwportal.connectwise import rights
from cwportal.connectwise.errors import Incomplete
from cwportal.models import Mapping as MappingRow
from cwportal.models import RunChange
from cwportal.runtime import Runtime
from cwportal.services import ledger
from cwportal.services.apply.present import waits_for_agreement, waits_for_company
from cwportal.services.connection import Client
from cwportal.vocabulary import Kind, Outcome

_FOUND = "Checked in ConnectWise: it was written."


class Close(Protocol):
    """Sets the outcome of an open intent; False if another process has done so."""

    def __call__(self, session: Session, change: RunChange, outcome: Outcome, why: str, **columns: Any) -> bool: ...


class Lost:
    """One creation without an answer."""

    def __init__(self, runtime: Runtime, client: Client, change: RunChange, close: Close) -> None:
        self.runtime = runtime
        self.client = client
        self.change = change
        self.sent = dict(change.sent or {})
        self.owner = ledger.Owner(change.partner_id, change.tenant)
        self.by = f"run {change.run_id}"
        self._close = close

    @property
    def company_id(self) -> int:
        return int(self.sent["company"]["id"])

    def found(self, keep: Callable[[Session], object] | None = None) -> None:
        with self.runtime.database.durable() as session:
            if self._close(session, self.change, Outcome.APPLIED, _FOUND) and keep is not None:
                keep(session)

    def free(self, why: str) -> None:
        with self.runtime.database.durable() as session:
            self._close(session, self.change, Outcome.FAILED, why)

    def mapping(self) -> MappingRow | None:
        with self.runtime.database.read() as session:
            return session.get(MappingRow, (self.change.partner_id, self.change.account_id))


def in_doubt(lost: Lost, error: Incomplete) -> Unconfirmed | None:
    """The list does not agree with its count. Who has mapped the account waits for it no more, and anybody can do that."""
    kind, row = Kind(lost.change.kind), lost.mapping()
    if kind is Kind.PRODUCT_TABLE:
        raise error
    if waits_for_company(row, lost.owner) if kind is Kind.COMPANY else _waits(row, lost):
        return Unconfirmed(
            f"A new {kind} was sent in run {lost.change.run_id} and not confirmed, and looking for it failed. {error.sentence} Or look in "
            f"ConnectWise and map account {lost.change.account_id} by hand."
        )
    lost.free(f"It could not be checked whether the {kind} was created; the account does not wait for it any more.")
    return None


def _waits(row: MappingRow | None, lost: Lost) -> bool:
    return waits_for_agreement(row, lost.owner, lost.company_id)


def companies_of_others(lost: Lost) -> frozenset[int]:
    """Companies that other accounts are billed at: one of another name cannot be what was sent for this account."""
    query = select(MappingRow.cw_company_id).where(
        MappingRow.tenant == lost.owner.tenant,
        MappingRow.cw_company_id.is_not(None),
        (MappingRow.partner_id != lost.owner.partner_id) | (MappingRow.account_id != lost.change.account_id),
    )
    with lost.runtime.database.read() as session:
        return frozenset(number for number in session.scalars(query) if number is not None)


def hidden(lost: Lost, what: str, area: rights.Area) -> Unconfirmed | None:
    """Why a list without it proves nothing: at level My it may hide what the API member created just as well. None where it does not."""
    for row in rights.check_rights(lost.client.read):
        need = row.need
        if (need.module, need.function) == area and need.level == "inquire" and row.is_own_only:
            return Unconfirmed(
                f"A new {what} was sent in run {lost.change.run_id} and not confirmed. ConnectWise shows none, but the API member's role has "
                f"{need.module} > {need.function} > Inquire at level My, which may hide it. Set it to All, then start the export again."
            )
    return None
