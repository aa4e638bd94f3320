"""What people and suggestions choose from: the directory of the tenant that a partner is connected to now, with reasons.

Everything is read as of the last complete refresh; nothing here asks ConnectWise. Reasons are computed for the partner's present day.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import Select, and_, select
from sqlalchemy.orm import aliased

from cwportal.billing.choosable import Unfit, agreement_reasons, company_reasons
from cwportal.billing.values import AgreementFacts
from cwportal.models import Directory, DirectoryAgreement, DirectoryCompany, DirectoryEntry
from cwportal.runtime import Runtime
from cwportal.services import connection, settings
from cwportal.services.directory_rows import Table, searchable

_STREAM = {"yield_per": 1000}


@dataclass(frozen=True, slots=True)
class Standing:
    """How the directory stands. `refreshed_at` None: never read completely. `error`: why the last refresh failed, None if it did not."""

    refreshed_at: datetime | None
    full_at: datetime | None
    failed_at: datetime | None
    error: str | None


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
        else Standing(row.refreshed_at, row.full_at, row.failed_at, row.error)
    )


def companies(runtime: Runtime, partner_id: str) -> Iterator[CompanyChoice]:
    """All of them by id, streamed; a read transaction is open until the last one is taken."""
    yield from _companies(runtime, _company_query(runtime, partner_id).order_by(DirectoryCompany.cw_company_id))


def find_companies(runtime: Runtime, partner_id: str, text: str, *, limit: int = 50) -> list[CompanyChoice]:
    """Companies whose name or identifier holds the text, whatever its case, by name."""
    query = _company_query(runtime, partner_id)
    for word in searchable(text).split():
        query = query.where(DirectoryCompany.search.contains(word, autoescape=True))
    return list(_companies(runtime, query.order_by(DirectoryCompany.search).limit(limit)))


def agreements(runtime: Runtime, partner_id: str, *, company_id: int | None = None) -> Iterator[AgreementChoice]:
    """Agreements by id, of one company or all of them, streamed."""
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
    with runtime.database.read() as session, session.execute(query, execution_options=_STREAM) as rows:
        for row, type_name, cycle_name, option in rows:
            facts = _facts(row, option)
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


def _company_query(runtime: Runtime, partner_id: str) -> Select[Any]:
    status = aliased(DirectoryEntry)
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


def _facts(row: DirectoryAgreement, billing_option: str | None) -> AgreementFacts:
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
