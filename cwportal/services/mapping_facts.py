"""Every account of a partner with its saved mapping and what the directory knows of it: two reads, whatever their number."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum
from functools import cache
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import Select, and_, bindparam, select
from sqlalchemy.orm import Session, aliased

from cwportal.billing.choosable import Unfit, agreement_reasons, company_reasons
from cwportal.billing.values import AgreementFacts
from cwportal.models import Directory, DirectoryAgreement, DirectoryCompany, DirectoryEntry
from cwportal.models import Mapping as MappingRow
from cwportal.portal import Partner
from cwportal.runtime import Runtime
from cwportal.services import connection, mapping_words, settings
from cwportal.services.directory_rows import Table
from cwportal.services.mapping_row import UNMAPPED, Choice, chosen
from cwportal.vocabulary import AccountStatus


class Group(StrEnum):
    """What is saved for an account, the most urgent first."""

    PROBLEM = "problem"
    UNMAPPED = "unmapped"
    EXCLUDED = "excluded"
    MAPPED = "mapped"
    CLOSED = "closed"


@dataclass(frozen=True, slots=True)
class Place:
    """Where a mapping page works: partner, its present ConnectWise, its present day."""

    partner: Partner
    tenant: str
    today: date
    zone: str

    @property
    def token(self) -> str:
        """Says to which partner and ConnectWise a form belongs: ids in it mean nothing elsewhere."""
        return hashlib.sha256(f"{self.partner.id}\n{self.tenant}".encode()).hexdigest()[:16]


@dataclass(frozen=True, slots=True)
class Known:
    """One account. `gone`: mapped, but no longer in the portal. `facts`: its saved agreement, where the directory has it."""

    account_id: str
    name: str
    status: AccountStatus
    gone: bool
    choice: Choice
    company_name: str
    agreement_name: str
    changed_at: datetime | None
    changed_by: str
    facts: AgreementFacts | None
    problem: str
    warning: str

    @property
    def group(self) -> Group:
        """Its filter and its place in the order."""
        if self.problem:
            return Group.PROBLEM
        if not self.choice.mapped:
            return Group.CLOSED if self.status is AccountStatus.CLOSED else Group.UNMAPPED
        return Group.MAPPED if self.choice.export else Group.EXCLUDED


def place(runtime: Runtime, partner_id: str) -> Place | None:
    """None where there is no connection, not even one that the wizard has tested."""
    tenant = connection.tenants_in_use(runtime, partner_id)
    if tenant is None:
        return None
    zone = settings.get(runtime, partner_id).timezone
    today = runtime.clock().astimezone(ZoneInfo(zone)).date()
    return Place(runtime.source.partner(partner_id), tenant, today, zone)


def known(runtime: Runtime, where: Place) -> dict[str, Known]:
    """Every account of the portal, and those that are mapped and no longer there, by id."""
    accounts = {account.id: account for account in runtime.source.accounts(where.partner.id)}
    with runtime.database.read() as session:
        rows = _rows(session, where)
    found = {
        account.id: rows.get(account.id, _Row()).known(account.id, account.name, account.status, where, gone=False)
        for account in accounts.values()
    }
    for account_id, row in rows.items():
        if account_id not in found and row.choice.mapped:
            found[account_id] = row.known(account_id, account_id, AccountStatus.CLOSED, where, gone=True)
    return found


def holders(everything: Mapping[str, Known]) -> dict[int, str]:
    """Agreement -> the account of this partner that it belongs to."""
    return {one.choice.agreement: key for key, one in everything.items() if one.choice.agreement is not None}


@dataclass(frozen=True, slots=True)
class _Row:
    """A mapping beside what the directory has. `read_at`: when the last reading of everything began."""

    choice: Choice = UNMAPPED
    company_name: str = ""
    agreement_name: str = ""
    changed_at: datetime | None = None
    changed_by: str = ""
    read_at: datetime | None = None
    facts: AgreementFacts | None = None
    company_known: bool = False
    company_against: tuple[Unfit, ...] = ()

    def known(self, account_id: str, name: str, status: AccountStatus, where: Place, *, gone: bool) -> Known:
        problem, warning = self._sentences(where, gone=gone)
        return Known(
            account_id,
            name,
            status,
            gone,
            self.choice,
            self.company_name,
            self.agreement_name,
            self.changed_at,
            self.changed_by,
            self.facts,
            problem,
            warning,
        )

    def _sentences(self, where: Place, *, gone: bool) -> tuple[str, str]:
        """(problem, warning), at most one of them."""
        if not self.choice.mapped:
            return "", ""
        if gone:
            return (
                "This account is no longer in the portal, so nothing is exported for it. Its lines in ConnectWise stay. Unmap it.",
                "",
            )
        return self._of_company() or self._of_agreement(where)

    @property
    def _must_be_known(self) -> bool:
        """Whether everything was read after this was chosen. What an export creates while others read is not there yet, and not gone."""
        return self.read_at is not None and self.changed_at is not None and self.changed_at < self.read_at

    def _of_company(self) -> tuple[str, str] | None:
        if self.choice.company is None:
            return None
        if not self.company_known and self._must_be_known:
            return f"The company “{self.company_name}” was not found in ConnectWise. Choose another one.", ""
        if not self.company_against:
            return None
        sentence = mapping_words.company_problem(self.company_name, self.company_against[0])
        return (sentence, "") if Unfit.RECYCLE_BIN in self.company_against else ("", sentence)

    def _of_agreement(self, where: Place) -> tuple[str, str]:
        if self.choice.agreement is None:
            return "", ""
        if self.facts is None:
            sentence = f"The agreement “{self.agreement_name}” was not found in ConnectWise. Choose another one."
            return (sentence if self._must_be_known else ""), ""
        if self.facts.company_id != self.choice.company:
            name = self.facts.name
            return (
                f"The agreement “{name}” belongs to another company in ConnectWise now. Look at it there and choose again.",
                "",
            )
        against = agreement_reasons(self.facts, today=where.today, currency=where.partner.currency)
        if against:
            return mapping_words.agreement_problem(self.facts, against[0], where.partner.currency), ""
        return _cycle(self.facts, self.choice)


def _cycle(facts: AgreementFacts, choice: Choice) -> tuple[str, str]:
    if choice.per_cycle:
        return "", ""
    word = mapping_words.cycle_word(facts)
    if word is not None:
        sentence = (
            f"The agreement “{facts.name}” bills {word}, not monthly, so nothing is exported. Choose one that bills monthly, or confirm "
            "that the portal's prices are per billing cycle."
        )
        return sentence, ""
    if facts.billing_option is None:
        return (
            "",
            f"How often the agreement “{facts.name}” bills is not known. Prices are exported as monthly prices: check that it bills monthly.",
        )
    return "", ""


@cache
def _query() -> Select[*tuple[Any, ...]]:
    """Columns and no objects: this is read for every page, for every account. Put together once; `partner` is to be given."""
    m, d, a, c = MappingRow, Directory, DirectoryAgreement, DirectoryCompany
    cycle, status = aliased(DirectoryEntry), aliased(DirectoryEntry)
    at = and_(d.partner_id == m.partner_id, d.tenant == m.tenant)

    def same(table: type[DirectoryAgreement] | type[DirectoryCompany] | type[DirectoryEntry]) -> list[object]:
        return [table.partner_id == m.partner_id, table.tenant == m.tenant, table.generation == d.generation]

    return (
        select(
            m.account_id,
            m.tenant,
            m.company_name,
            m.agreement_name,
            m.changed_at,
            m.changed_by,
            d.full_at,
            c.name,
            c.deleted,
            status.inactive,
            a.cw_agreement_id,
            m.cw_company_id,
            m.cw_agreement_id,
            m.new_company,
            m.new_agreement,
            m.export,
            m.per_cycle_confirmed,
            a.name,
            a.cw_company_id,
            a.cancelled,
            a.status,
            a.starts_on,
            a.ends_on,
            a.bills_from,
            cycle.billing_options,
            a.currency,
            a.cw_parent_id,
        )
        .select_from(m)
        .outerjoin(d, at)
        .outerjoin(a, and_(*same(a), a.cw_agreement_id == m.cw_agreement_id))  # type: ignore[arg-type]
        .outerjoin(cycle, and_(*same(cycle), cycle.kind == Table.BILLING_CYCLE, cycle.cw_id == a.cw_cycle_id))  # type: ignore[arg-type]
        .outerjoin(c, and_(*same(c), c.cw_company_id == m.cw_company_id))  # type: ignore[arg-type]
        .outerjoin(status, and_(*same(status), status.kind == Table.COMPANY_STATUS, status.cw_id == c.cw_status_id))  # type: ignore[arg-type]
        .where(m.partner_id == bindparam("partner"))
    )


def _rows(session: Session, where: Place) -> dict[str, _Row]:
    found = {}
    for values in session.execute(_query(), {"partner": where.partner.id}):
        (
            account_id,
            tenant,
            company_name,
            agreement_name,
            at_,
            by,
            read_at,
            company,
            deleted,
            inactive,
            agreement,
            *rest,
        ) = values
        choice = chosen(*rest[:6]) if tenant == where.tenant else UNMAPPED
        if not choice.mapped:
            found[account_id] = _Row(changed_at=at_, changed_by=by)
            continue
        facts = None
        if agreement is not None:
            name, of_company, *others = rest[6:]
            facts = AgreementFacts(agreement, name, of_company or 0, *others)
        found[account_id] = _Row(
            choice,
            company_name if company is None else company,
            agreement_name if facts is None else facts.name,
            at_,
            by,
            read_at,
            facts,
            company is not None,
            company_reasons(deleted=bool(deleted), inactive_status=bool(inactive)),
        )
    return found
