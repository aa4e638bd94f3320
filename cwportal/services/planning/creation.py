"""What ConnectWise has already of what is to be created: read only for accounts that want something new (rule 13)."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from sqlalchemy import select

from cwportal.billing.creation import agreement_name, company_name, identifiers, names_to_look_for, plain_name
from cwportal.billing.values import AgreementFacts, AgreementType, CompanyFacts, Wish
from cwportal.connectwise.errors import Forbidden
from cwportal.connectwise.records import Company
from cwportal.models import Directory, DirectoryCompany
from cwportal.models import Mapping as MappingRow
from cwportal.portal import Account
from cwportal.runtime import Runtime
from cwportal.services.connection import Client
from cwportal.services.planning.facts import agreement_facts

_T = TypeVar("_T")
_AT_ONCE = 1000
"""Rows of the directory in memory at a time."""


def agreement_type(client: Client, chosen: int | None) -> AgreementType | None:
    """The type for new agreements with its state in ConnectWise; taken as it is where the role may not read Table Setup."""
    if chosen is None:
        return None
    types = _allowed(client.read.agreement_types, None)
    if types is None:
        return AgreementType(chosen)
    found = next((item for item in types if item.id == chosen), None)
    return (
        AgreementType(chosen, known=False) if found is None else AgreementType(chosen, found.name, True, found.inactive)
    )


def wishes(
    runtime: Runtime,
    client: Client,
    accounts: Mapping[str, Account],
    mappings: Mapping[str, MappingRow],
    wishing: Iterable[MappingRow],
) -> dict[str, Wish]:
    """What is to be created, by account. Two to four requests for each new company, one for each new agreement of an existing one."""
    rows = sorted(wishing, key=lambda row: row.account_id)
    if not rows:
        return {}
    addresses = [accounts[row.account_id].address for row in rows]
    countries: dict[str, int] = _allowed(client.read.countries, {}) if any(one.country for one in addresses) else {}
    email_type = _allowed(client.read.email_type, None) if any(one.contact_email for one in addresses) else None
    alike = _alike(accounts, mappings)
    known = _known_companies(runtime, rows, accounts)

    def wish(row: MappingRow) -> Wish:
        account = accounts[row.account_id]
        same_name: tuple[CompanyFacts, ...] = ()
        taken = frozenset[str]()
        if row.cw_company_id is None:
            same_name, taken = _companies(
                client, account, {number for name in _plain(account.name) for number in known[name]}
            )
        return Wish(
            company=row.cw_company_id is None,
            address=account.address,
            twins=tuple(one for one in alike.get(row.account_id, ()) if one != row.account_id),
            same_name=same_name,
            taken=taken,
            agreements=_agreements(runtime, client, account, row),
            country_id=countries.get(account.address.country.strip().casefold()),
            email_type_id=email_type,
            contact_id=row.cw_contact_id,
        )

    with ThreadPoolExecutor(runtime.config.concurrency, thread_name_prefix="wishes") as pool:
        futures = {row.account_id: pool.submit(wish, row) for row in rows}
        try:
            return {account_id: future.result() for account_id, future in futures.items()}
        except BaseException:
            pool.shutdown(cancel_futures=True)
            raise


def _known_companies(
    runtime: Runtime, rows: Sequence[MappingRow], accounts: Mapping[str, Account]
) -> Mapping[str, Collection[int]]:
    """Names of accounts that want a new company, as `plain_name` -> companies that were read with such a name before.

    ConnectWise compares texts by its own rules; here a company is found that differs in punctuation, too.
    """
    wanted = {
        name: set[int]() for row in rows if row.cw_company_id is None for name in _plain(accounts[row.account_id].name)
    }
    if not wanted:
        return wanted
    query = (
        select(DirectoryCompany.cw_company_id, DirectoryCompany.name)
        .join(
            Directory,
            (Directory.partner_id == DirectoryCompany.partner_id)
            & (Directory.tenant == DirectoryCompany.tenant)
            & (Directory.generation == DirectoryCompany.generation),
        )
        .where(
            DirectoryCompany.partner_id == rows[0].partner_id,
            DirectoryCompany.tenant == rows[0].tenant,
            DirectoryCompany.deleted.is_(False),
        )
    )
    with runtime.database.read() as session:
        for number, name in session.execute(query.execution_options(yield_per=_AT_ONCE)):
            if (ids := wanted.get(plain_name(name))) is not None:
                ids.add(number)
    return wanted


def _alike(accounts: Mapping[str, Account], mappings: Mapping[str, MappingRow]) -> dict[str, Sequence[str]]:
    """Accounts that still want a new company -> all such accounts of equal name."""
    by_name: dict[str, list[str]] = defaultdict(list)
    for account_id in sorted(accounts):
        row = mappings.get(account_id)
        if row is not None and row.new_company and row.cw_company_id is None:
            by_name[plain_name(accounts[account_id].name)].append(account_id)
    return {account_id: several for several in by_name.values() for account_id in several}


def _companies(
    client: Client, account: Account, known: Collection[int]
) -> tuple[tuple[CompanyFacts, ...], frozenset[str]]:
    """Companies of the account's name, and identifiers in use among those that would be tried. `known`: ids that are read again."""
    found = {
        company.id: company
        for name in names_to_look_for(account.name)
        for company in client.read.find_company(name=name)
    }
    if unseen := set(known) - found.keys():
        again = client.read.companies(unseen).values()
        found |= {company.id: company for company in again if not company.deleted and bears(company, account.name)}
    taken = set()
    for identifier in identifiers(account.id, account.name):
        hits = client.read.find_company(identifier=identifier)
        if not hits:
            break
        taken.add(identifier.casefold())
        found |= {company.id: company for company in hits if bears(company, account.name)}
    same = tuple(CompanyFacts(one.id, one.name) for _, one in sorted(found.items()))
    return same, frozenset(taken)


def bears(company: Company, name: str) -> bool:
    """Whether the company has the account's name, as far as names can be compared."""
    return plain_name(company.name) in _plain(name)


def _plain(name: str) -> tuple[str, str]:
    """What the names of companies are compared with: the account's, whole and cut."""
    return plain_name(name), plain_name(company_name(name))


def _agreements(runtime: Runtime, client: Client, account: Account, row: MappingRow) -> tuple[AgreementFacts, ...]:
    """Agreements of the existing company that have the name of the new one and are nobody's yet."""
    if row.cw_company_id is None:
        return ()
    hits = client.read.find_agreement(agreement_name(runtime.config.brand, account.name), row.cw_company_id)
    used = mapped_agreements(runtime, row.tenant) if hits else frozenset()
    return tuple(agreement_facts(item, {}) for item in hits if item.id not in used)


def mapped_agreements(runtime: Runtime, tenant: str) -> frozenset[int]:
    """Every agreement of the tenant that belongs to an account of anybody."""
    with runtime.database.read() as session:
        ids = session.scalars(select(MappingRow.cw_agreement_id).where(MappingRow.tenant == tenant))
        return frozenset(number for number in ids if number is not None)


def _allowed(read: Callable[[], _T], otherwise: _T) -> _T:
    """What is read, or `otherwise` where the role may not read that table."""
    try:
        return read()
    except Forbidden:
        return otherwise
