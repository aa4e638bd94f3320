"""Every account of a partner with its saved mapping and what the directory knows of it: two reads, whatever their number."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum
from zoneinfo import ZoneInfo

from sqlalchemy import and_, select
from sqlalchemy.orm import Session, aliased

from cwportal.billing.choosable import Unfit, agreement_reasons, company_reasons
from cwportal.billing.values import AgreementFacts
from cwportal.models import Directory, DirectoryAgreement, DirectoryCompany, DirectoryEntry
from cwportal.models import Mapping as MappingRow
from cwportal.portal import Partner
from cwportal.runtime import Runtime
from cwportal.services import connection, mapping_words, settings
from cwportal.services.directory_rows import Table
from cwportal.services.mapping_row import UNMAPPED, Choice, saved
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
    """A mapping beside what the directory has. `read_at`: when the directory was read."""

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
        seen = self.read_at is not None and self.changed_at is not None and self.changed_at < self.read_at
        if self.choice.company is not None:
            if not self.company_known and seen:
                return (
                    f"The company “{self.company_name}” was not found in ConnectWise. Choose another one.",
                    "",
                )
            if self.company_against:
                sentence = mapping_words.company_problem(self.company_name, self.company_against[0])
                return (sentence, "") if Unfit.RECYCLE_BIN in self.company_against else ("", sentence)
        if self.choice.agreement is None:
            return "", ""
        if self.facts is None:
            sentence = f"The agreement “{self.agreement_name}” was not found in ConnectWise. Choose another one."
            return (sentence, "") if seen else ("", "")
        if self.facts.company_id != self.choice.company:
            return (
                f"The agreement “{self.facts.name}” belongs to another company in ConnectWise now. Look at it there and choose again.",
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


def _rows(session: Session, where: Place) -> dict[str, _Row]:
    m, d, a, c = MappingRow, Directory, DirectoryAgreement, DirectoryCompany
    cycle, status = aliased(DirectoryEntry), aliased(DirectoryEntry)
    at = and_(d.partner_id == m.partner_id, d.tenant == m.tenant)

    def same(table: type[DirectoryAgreement] | type[DirectoryCompany] | type[DirectoryEntry]) -> list[object]:
        return [table.partner_id == m.partner_id, table.tenant == m.tenant, table.generation == d.generation]

    query = (
        select(m, d.refreshed_at, a, cycle.billing_options, c.name, c.deleted, status.inactive)
        .outerjoin(d, at)
        .outerjoin(a, and_(*same(a), a.cw_agreement_id == m.cw_agreement_id))  # type: ignore[arg-type]
        .outerjoin(cycle, and_(*same(cycle), cycle.kind == Table.BILLING_CYCLE, cycle.cw_id == a.cw_cycle_id))  # type: ignore[arg-type]
        .outerjoin(c, and_(*same(c), c.cw_company_id == m.cw_company_id))  # type: ignore[arg-type]
        .outerjoin(status, and_(*same(status), status.kind == Table.COMPANY_STATUS, status.cw_id == c.cw_status_id))  # type: ignore[arg-type]
        .where(m.partner_id == where.partner.id)
    )
    found = {}
    for row, read_at, agreement, option, company, deleted, inactive in session.execute(query):
        choice = saved(row, where.tenant)
        if not choice.mapped:
            found[row.account_id] = _Row(changed_at=row.changed_at, changed_by=row.changed_by)
            continue
        facts = None if agreement is None else _facts(agreement, option)
        found[row.account_id] = _Row(
            choice,
            row.company_name if company is None else company,
            row.agreement_name if facts is None else facts.name,
            row.changed_at,
            row.changed_by,
            read_at,
            facts,
            company is not None,
            company_reasons(deleted=bool(deleted), inactive_status=bool(inactive)),
        )
    return found


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
