"""Forget a partner's ConnectWise: credentials and settings go, what was exported stays where it is."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from sqlalchemy import ColumnElement, Float, and_, cast, delete, func, or_, select, update
from sqlalchemy.orm import Session

from cwportal.errors import NotConnected
from cwportal.models import Connection, Draft, LedgerAddition, Mapping, MappingDraft, Run, Settings
from cwportal.runtime import Runtime
from cwportal.services import audit
from cwportal.services.history import Page, place
from cwportal.vocabulary import ACTIVE_RUN_STATES, RunState

A_PAGE = 50
_STOPPED = "ConnectWise was disabled before this began; nothing was written."
_QUANTITY = func.coalesce(LedgerAddition.echoed_quantity, LedgerAddition.sent_quantity)


@dataclass(frozen=True, slots=True)
class Lines:
    """Our lines on one agreement. `price` is a month's, as far as prices are known."""

    agreement_id: int
    account_id: str
    company: str
    agreement: str
    count: int
    price: Decimal


@dataclass(frozen=True, slots=True)
class Stays:
    """What stays in ConnectWise and will be invoiced: how many lines on how many agreements, and their price a month.

    `unpriced`: lines whose price we do not know, because it was never exported.
    """

    lines: int
    agreements: int
    price: Decimal
    unpriced: int


@dataclass(frozen=True, slots=True)
class Disabled:
    """What was stopped and what stays. `stopping`: the run that ends before its next write; `cancelled`: one that never began."""

    stays: Stays
    stopping: int | None
    cancelled: int | None


def stays(runtime: Runtime, partner_id: str) -> Stays:
    """From our own record; ConnectWise is not asked."""
    with runtime.database.read() as session:
        return _stays(session, partner_id)


def lines(runtime: Runtime, partner_id: str, number: int) -> Page:
    """The agreements with lines of ours, by company."""
    with runtime.database.read() as session:
        ours = _ours(session, partner_id)
        total = session.scalar(select(func.count(LedgerAddition.cw_agreement_id.distinct())).where(ours)) or 0
        number, pages, offset = place(number, total, A_PAGE)
        here = and_(
            Mapping.tenant == LedgerAddition.tenant,
            Mapping.cw_agreement_id == LedgerAddition.cw_agreement_id,
            Mapping.partner_id == partner_id,
        )
        company, agreement = func.coalesce(Mapping.company_name, ""), func.coalesce(Mapping.agreement_name, "")
        found = session.execute(
            select(LedgerAddition.cw_agreement_id, func.min(LedgerAddition.account_id), company, agreement)
            .join(Mapping, here, isouter=True)
            .where(ours)
            .group_by(LedgerAddition.cw_agreement_id, company, agreement)
            .order_by(company == "", func.lower(company), LedgerAddition.cw_agreement_id)
            .limit(A_PAGE)
            .offset(offset)
        ).all()
        amounts: dict[int, list[tuple[Any, ...]]] = {}
        for agreement_id, *amount in session.execute(
            select(LedgerAddition.cw_agreement_id, *_AMOUNTS)
            .where(ours, LedgerAddition.cw_agreement_id.in_([row[0] for row in found]))
            .group_by(LedgerAddition.cw_agreement_id, *_AMOUNTS[:2])
        ):
            amounts.setdefault(agreement_id, []).append(tuple(amount))
    items: list[Any] = [
        Lines(*row, count=sum(n for _, _, n in amounts[row[0]]), price=_price(amounts[row[0]])) for row in found
    ]
    return Page(items, number, pages, offset + 1, total)


def disable(runtime: Runtime, partner_id: str, *, actor: str) -> Disabled:
    """Everything in one transaction; after it no write begins. Raises UnknownPartner, NotConnected.

    A run at work is asked to stop: it finishes the write it is in, records it, and ends as cancelled. A queued one ends at once.
    """
    runtime.source.partner(partner_id)
    with runtime.database.durable() as session:
        row = session.get(Connection, partner_id, with_for_update=True)
        if row is None or not row.active:
            raise NotConnected("ConnectWise is not connected; there is nothing to disable.")
        left = _stays(session, partner_id)
        stopping, cancelled = _stop(session, runtime, partner_id)
        for table in (Draft, Settings, MappingDraft):
            session.execute(delete(table).where(table.partner_id == partner_id))
        session.execute(update(Mapping).where(Mapping.partner_id == partner_id).values(export=False))
        audit.record(
            session,
            runtime,
            partner_id,
            actor,
            "disable",
            site=row.site,
            company_id=row.company_id,
            lines=left.lines,
            agreements=left.agreements,
        )
        session.delete(row)
    return Disabled(left, stopping, cancelled)


def _stop(session: Session, runtime: Runtime, partner_id: str) -> tuple[int | None, int | None]:
    run = session.scalar(
        select(Run).where(Run.partner_id == partner_id, Run.state.in_(ACTIVE_RUN_STATES)).with_for_update()
    )
    if run is None:
        return None, None
    run.cancel_requested = True
    if run.state != RunState.QUEUED:
        return run.id, None
    run.state, run.finished_at, run.error = RunState.CANCELLED, runtime.clock(), _STOPPED
    return None, run.id


_AMOUNTS = (_QUANTITY, LedgerAddition.echoed_price, func.count())


def _ours(session: Session, partner_id: str) -> ColumnElement[bool]:
    """Lines of ours that bill: not given up, not ended, and with a quantity (or one that people set)."""
    tenant = session.scalar(select(Connection.tenant).where(Connection.partner_id == partner_id))
    return and_(
        LedgerAddition.partner_id == partner_id,
        LedgerAddition.tenant == (tenant or ""),
        LedgerAddition.closed_at.is_(None),
        LedgerAddition.echoed_cancelled.is_(None),
        or_(_QUANTITY.is_(None), cast(_QUANTITY, Float) != 0),
    )


def _stays(session: Session, partner_id: str) -> Stays:
    ours = _ours(session, partner_id)
    agreements = session.scalar(select(func.count(LedgerAddition.cw_agreement_id.distinct())).where(ours)) or 0
    amounts: list[tuple[Any, ...]] = [
        tuple(row) for row in session.execute(select(*_AMOUNTS).where(ours).group_by(*_AMOUNTS[:2]))
    ]
    unpriced: int = sum(number for quantity, price, number in amounts if quantity is None or price is None)
    return Stays(sum(number for _, _, number in amounts), agreements, _price(amounts), unpriced)


def _price(amounts: Iterable[tuple[Any, ...]]) -> Decimal:
    """Exact: equal lines are counted by the database, and added up here."""
    total = Decimal(0)
    for quantity, price, number in amounts:
        if quantity is not None and price is not None:
            total += quantity * price * number
    return total
