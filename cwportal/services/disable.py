"""Forget a partner's ConnectWise: credentials and settings go, what was exported stays where it is."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from sqlalchemy import ColumnElement, Select, String, and_, delete, func, or_, select, type_coerce, update
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
    """Our lines on one agreement. `price` is a month's, as far as prices are known; `unpriced` as in `Stays`."""

    agreement_id: int
    account_id: str
    company: str
    agreement: str
    count: int
    price: Decimal
    unpriced: int


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
        ours = _ours(session, partner_id)
        return _stays(session, ours, _by_agreement(session, ours))


def lines(runtime: Runtime, partner_id: str, number: int) -> tuple[Stays, Page]:
    """The same with a page of the agreements, by company; those whose account is not mapped any more last."""
    with runtime.database.read() as session:
        ours = _ours(session, partner_id)
        counts = _by_agreement(session, ours)
        named = _names(session, partner_id, counts)
        number, pages, offset = place(number, len(counts), A_PAGE)
        shown = _ordered(named)[offset : offset + A_PAGE]
        items: list[Any] = _lines(
            session, and_(ours, LedgerAddition.cw_agreement_id.in_(shown)), {one: counts[one] for one in shown}, named
        )
        return _stays(session, ours, counts), Page(items, number, pages, offset + 1, len(counts))


def all_lines(runtime: Runtime, partner_id: str) -> list[Lines]:
    """All agreements, in the order of the pages. Raises NotConnected: whose lines they are is known by the connection."""
    with runtime.database.read() as session:
        row = session.get(Connection, partner_id)
        if row is None or not row.active:
            raise NotConnected("ConnectWise is not connected; there is nothing to disable.")
        ours = _ours(session, partner_id)
        counts = _by_agreement(session, ours)
        named = _names(session, partner_id, counts)
        return _lines(session, ours, {one: counts[one] for one in _ordered(named)}, named)


def disable(runtime: Runtime, partner_id: str, *, actor: str) -> Disabled:
    """Everything in one transaction; after it no write begins. Raises UnknownPartner, NotConnected.

    A run at work is asked to stop: it finishes the write it is in, records it, and ends as cancelled. A queued one ends at once.
    """
    runtime.source.partner(partner_id)
    with runtime.database.durable() as session:
        row = session.get(Connection, partner_id, with_for_update=True)
        if row is None or not row.active:
            raise NotConnected("ConnectWise is not connected; there is nothing to disable.")
        ours = _ours(session, partner_id)
        left = _stays(session, ours, _by_agreement(session, ours))
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


def _tenant(partner_id: str) -> Select[Any]:
    return select(Connection.tenant).where(Connection.partner_id == partner_id)


def _ours(session: Session, partner_id: str) -> ColumnElement[bool]:
    """Lines of ours that bill: not given up, not ended, and with a quantity (or one that people set)."""
    tenant = session.scalar(_tenant(partner_id))
    return and_(
        LedgerAddition.partner_id == partner_id,
        LedgerAddition.tenant == (tenant or ""),
        LedgerAddition.closed_at.is_(None),
        LedgerAddition.echoed_cancelled.is_(None),
        or_(
            _QUANTITY.is_(None), func.ltrim(type_coerce(_QUANTITY, String), "0.") != ""
        ),  # as text: no amount passes through a float,
    )


def _by_agreement(session: Session, ours: ColumnElement[bool]) -> dict[int, tuple[int, str]]:
    """Agreement -> how many lines, and an account they are for."""
    columns = (LedgerAddition.cw_agreement_id, func.count(), func.min(LedgerAddition.account_id))
    found = session.execute(select(*columns).where(ours).group_by(LedgerAddition.cw_agreement_id))
    return {agreement_id: (number, account_id) for agreement_id, number, account_id in found}


def _names(session: Session, partner_id: str, counts: dict[int, tuple[int, str]]) -> dict[int, tuple[str, str]]:
    """Company and agreement as the mapping calls them, empty where it does not know the agreement any more."""
    tenant = session.scalar(_tenant(partner_id))
    columns = (Mapping.cw_agreement_id, Mapping.company_name, Mapping.agreement_name)
    found = session.execute(select(*columns).where(Mapping.partner_id == partner_id, Mapping.tenant == tenant))
    known = {agreement_id: (company, agreement) for agreement_id, company, agreement in found}
    return {agreement_id: known.get(agreement_id, ("", "")) for agreement_id in counts}


def _ordered(named: dict[int, tuple[str, str]]) -> list[int]:
    """Agreements by company; those that the mapping does not know last."""
    return sorted(named, key=lambda one: (not named[one][0], named[one][0].casefold(), one))


def _lines(
    session: Session, which: ColumnElement[bool], counts: dict[int, tuple[int, str]], named: dict[int, tuple[str, str]]
) -> list[Lines]:
    """One for every agreement in `counts`, in that order; `which`: the rows of these."""
    amounts: dict[int, list[tuple[Any, ...]]] = {agreement_id: [] for agreement_id in counts}
    columns = (LedgerAddition.cw_agreement_id, *_AMOUNTS)
    for agreement_id, *amount in session.execute(select(*columns).where(which).group_by(*columns[:3])):
        amounts[agreement_id].append(tuple(amount))
    return [
        Lines(one, account_id, *named[one], count=count, price=_price(amounts[one]), unpriced=_unpriced(amounts[one]))
        for one, (count, account_id) in counts.items()
    ]


def _stays(session: Session, ours: ColumnElement[bool], counts: dict[int, tuple[int, str]]) -> Stays:
    found = session.execute(select(*_AMOUNTS).where(ours).group_by(*_AMOUNTS[:2]))
    amounts: list[tuple[Any, ...]] = [tuple(row) for row in found]
    return Stays(sum(number for number, _ in counts.values()), len(counts), _price(amounts), _unpriced(amounts))


def _unpriced(amounts: Iterable[tuple[Any, ...]]) -> int:
    return sum(number for quantity, price, number in amounts if quantity is None or price is None)


def _price(amounts: Iterable[tuple[Any, ...]]) -> Decimal:
    """Exact: equal lines are counted by the database, and added up here."""
    total = Decimal(0)
    for quantity, price, number in amounts:
        if quantity is not None and price is not None:
            total += quantity * price * number
    return total
