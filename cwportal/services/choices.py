"""What people and suggestions choose from: the directory of the tenant that a partner is connected to now, with reasons.

Everything is read as of the last complete refresh; nothing here asks ConnectWise. Reasons are computed for the partner's present day.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import Select, and_, case, or_, select, true
from sqlalchemy.orm import aliased

from cwportal.billing.choosable import Unfit, agreement_reasons, company_reasons
from cwportal.billing.values import AgreementFacts
from cwportal.models import Directory, DirectoryAgreement, DirectoryCompany, DirectoryEntry
from cwportal.runtime import Runtime
from cwportal.services import connection, settings
from cwportal.services.directory_rows import Table, searchable

LARGEST_ID = 2**31 - 1
_STREAM = {"yield_per": 1000}


@dataclass(frozen=True, slots=True)
class Standing:
    """How the directory stands. `refreshed_at` None: never read completely. `error`: why the last refresh failed, or without
    `failed_at` what it could not read; None if it read everything.

    `asked_at`: when a refresh was last asked for or begun; `begun`: whether one is being done, as far as the database knows.
    """

    refreshed_at: datetime | None
    full_at: datetime | None
    failed_at: datetime | None
    error: str | None
    asked_at: datetime | None = None
    begun: bool = False

    @property
    def waits(self) -> bool:
        """Whether what was asked for has not ended, well or badly."""
        ended = max((at for at in (self.refreshed_at, self.failed_at) if at is not None), default=None)
        return self.asked_at is not None and (ended is None or ended < self.asked_at)


@dataclass(frozen=True, slots=True)
class CompanyChoice:
    """A company; it can be chosen if there is no reason against it. `contact_id` is its default contact."""

    id: int
    identifier: str
    name: str
    status: str
    contact_id: int | None
    reasons: tuple[Unfit, ...]


@dataclass(frozen=True, slots=True)
class AgreementChoice:
    """An agreement; it can be chosen if there is no reason against it (its company may have reasons of its own)."""

    facts: AgreementFacts
    type_name: str
    cycle_name: str
    reasons: tuple[Unfit, ...]


@dataclass(frozen=True, slots=True)
class Entry:
    """A row of a small table; `preset` is ConnectWise's own default among them."""

    id: int
    name: str
    inactive: bool
    preset: bool


@dataclass(frozen=True, slots=True)
class Totals:
    """How much there is, and what cannot be chosen: reason -> how many (a record may have several)."""

    companies: int
    choosable_companies: int
    company_reasons: dict[Unfit, int]
    agreements: int
    choosable_agreements: int
    agreement_reasons: dict[Unfit, int]


def standing(runtime: Runtime, partner_id: str) -> Standing:
    """When the directory was read, and whether the last try failed."""
    with runtime.database.read() as session:
        row = session.get(Directory, (partner_id, connection.tenants_in_use(runtime, partner_id) or ""))
    return (
        Standing(None, None, None, None)
        if row is None
        else Standing(
            row.refreshed_at, row.full_at, row.failed_at, row.error, row.asked_at, begun=row.staging is not None
        )
    )


def companies(runtime: Runtime, partner_id: str) -> Iterator[CompanyChoice]:
    """All of them by id, streamed; a read transaction is open until the last one is taken."""
    yield from _companies(runtime, _company_query(runtime, partner_id).order_by(DirectoryCompany.cw_company_id))


def find_companies(runtime: Runtime, partner_id: str, text: str, *, limit: int = 50) -> list[CompanyChoice]:
    """Companies whose name or identifier holds all words of the text, whatever its case, and the one with that id.

    Best first: the id, the identifier, the name; then those that can be chosen, and of them a name that begins so; then by name. So a
    list that is not full holds everything that can be chosen.
    """
    wanted, column = " ".join(searchable(text).split()), DirectoryCompany.search
    words = [column.contains(word, autoescape=True) for word in wanted.split()]
    found: Any = and_(true(), *words)
    ranks: list[Any] = [
        (column.endswith(f"\n{wanted}", autoescape=True), 1),
        (column.startswith(f"{wanted}\n", autoescape=True), 2),
    ]
    if _is_id(wanted):
        same_id = DirectoryCompany.cw_company_id == int(wanted)
        found = or_(found, same_id)
        ranks.insert(0, (same_id, 0))
    status = aliased(DirectoryEntry)
    unfit = case((or_(DirectoryCompany.deleted, status.inactive), 1), else_=0)
    begins = case((column.startswith(wanted, autoescape=True), 0), else_=1)
    query = _company_query(runtime, partner_id, status).where(found)
    ordered = query.order_by(case(*ranks, else_=3), unfit, begins, column, DirectoryCompany.cw_company_id)
    return list(_companies(runtime, ordered.limit(limit)))


def companies_by_id(
    runtime: Runtime, partner_id: str, ids: Iterable[int], *, namesakes: bool = False
) -> dict[int, CompanyChoice]:
    """Those of these companies that the directory has, and with `namesakes` all others that have the name of one of them."""
    wanted = sorted(set(ids))
    if not wanted:
        return {}
    asked: Any = DirectoryCompany.cw_company_id.in_(wanted)
    if namesakes:
        other, at = aliased(DirectoryCompany), aliased(Directory)
        here = and_(at.partner_id == other.partner_id, at.tenant == other.tenant, at.generation == other.generation)
        names = select(other.name).join(at, here)
        names = names.where(other.partner_id == partner_id, other.cw_company_id.in_(wanted))
        asked = or_(asked, DirectoryCompany.name.in_(names))
    query = _company_query(runtime, partner_id).where(asked)
    return {company.id: company for company in _companies(runtime, query)}


def agreements(
    runtime: Runtime, partner_id: str, *, company_id: int | None = None, company_ids: Iterable[int] | None = None
) -> Iterator[AgreementChoice]:
    """Agreements by id, of one company, of several or all of them, streamed."""
    currency = runtime.source.partner(partner_id).currency
    today = runtime.clock().astimezone(ZoneInfo(settings.get(runtime, partner_id).timezone)).date()
    kind, cycle = aliased(DirectoryEntry), aliased(DirectoryEntry)
    query = (
        _current(
            runtime, partner_id, DirectoryAgreement, DirectoryAgreement, kind.name, cycle.name, cycle.billing_options
        )
        .outerjoin(kind, _entry_of(DirectoryAgreement, kind, Table.AGREEMENT_TYPE, DirectoryAgreement.cw_type_id))
        .outerjoin(cycle, _entry_of(DirectoryAgreement, cycle, Table.BILLING_CYCLE, DirectoryAgreement.cw_cycle_id))
        .order_by(DirectoryAgreement.cw_agreement_id)
    )
    if company_id is not None:
        query = query.where(DirectoryAgreement.cw_company_id == company_id)
    if company_ids is not None:
        query = query.where(DirectoryAgreement.cw_company_id.in_(sorted(set(company_ids))))
    with runtime.database.read() as session, session.execute(query, execution_options=_STREAM) as rows:
        for row, type_name, cycle_name, option in rows:
            facts = facts_of(row, option)
            reasons = agreement_reasons(facts, today=today, currency=currency)
            yield AgreementChoice(facts, type_name or "", cycle_name or "", reasons)


def entries(runtime: Runtime, partner_id: str, table: Table) -> list[Entry]:
    """A small table by name, inactive rows too."""
    query = _current(runtime, partner_id, DirectoryEntry, DirectoryEntry).where(DirectoryEntry.kind == table)
    with runtime.database.read() as session:
        rows = list(session.scalars(query))
    found = [Entry(row.cw_id, row.name, row.inactive, row.preset) for row in rows]
    return sorted(found, key=lambda entry: (searchable(entry.name), entry.id))


def totals(runtime: Runtime, partner_id: str) -> Totals:
    """Everything counted."""
    against_companies, against_agreements = Counter[Unfit](), Counter[Unfit]()
    counts = Counter[str]()
    for company in companies(runtime, partner_id):
        counts["companies"] += 1
        counts["choosable_companies"] += not company.reasons
        against_companies.update(company.reasons)
    for agreement in agreements(runtime, partner_id):
        counts["agreements"] += 1
        counts["choosable_agreements"] += not agreement.reasons
        against_agreements.update(agreement.reasons)
    return Totals(
        counts["companies"],
        counts["choosable_companies"],
        dict(against_companies),
        counts["agreements"],
        counts["choosable_agreements"],
        dict(against_agreements),
    )


def _is_id(text: str) -> bool:
    """Whether it is written like an id of ConnectWise; 007 is not, it may be somebody's identifier."""
    return text.isascii() and text.isdigit() and str(int(text)) == text and int(text) <= LARGEST_ID


def _company_query(runtime: Runtime, partner_id: str, status: Any = None) -> Select[Any]:
    status = aliased(DirectoryEntry) if status is None else status
    return _current(runtime, partner_id, DirectoryCompany, DirectoryCompany, status.name, status.inactive).outerjoin(
        status, _entry_of(DirectoryCompany, status, Table.COMPANY_STATUS, DirectoryCompany.cw_status_id)
    )


def _companies(runtime: Runtime, query: Select[Any]) -> Iterator[CompanyChoice]:
    with runtime.database.read() as session, session.execute(query, execution_options=_STREAM) as rows:
        for row, status, inactive in rows:
            reasons = company_reasons(deleted=row.deleted, inactive_status=bool(inactive))
            yield CompanyChoice(row.cw_company_id, row.identifier, row.name, status or "", row.cw_contact_id, reasons)


def _current(runtime: Runtime, partner_id: str, table: Any, *columns: Any) -> Select[Any]:
    """Rows that count: those of the partner's present tenant and of the generation that its directory names."""
    tenant = connection.tenants_in_use(runtime, partner_id) or ""
    here = and_(
        Directory.partner_id == table.partner_id,
        Directory.tenant == table.tenant,
        Directory.generation == table.generation,
    )
    return (
        select(*columns)
        .select_from(table)
        .join(Directory, here)
        .where(table.partner_id == partner_id, table.tenant == tenant)
    )


def _entry_of(table: Any, entry: Any, kind: Table, number: Any) -> Any:
    return and_(
        entry.partner_id == table.partner_id,
        entry.tenant == table.tenant,
        entry.generation == table.generation,
        entry.kind == kind,
        entry.cw_id == number,
    )


def facts_of(row: DirectoryAgreement, billing_option: str | None) -> AgreementFacts:
    """An agreement of the directory as the core sees it."""
    return AgreementFacts(
        id=row.cw_agreement_id,
        name=row.name,
        company_id=row.cw_company_id or 0,
        cancelled=row.cancelled,
        status=row.status,
        start=row.starts_on,
        end=row.ends_on,
        bill_start=row.bills_from,
        billing_option=billing_option,
        currency=row.currency,
        parent_id=row.cw_parent_id,
    )
