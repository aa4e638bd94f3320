"""Everything read once for a plan: the partner, its charges, mappings, ledger, agreements, companies and catalog."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import Executor, ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from datetime import date
from functools import partial
from typing import TypeVar
from zoneinfo import ZoneInfo

from sqlalchemy import select

from cwportal.billing.charges import group_charges, twins
from cwportal.billing.users_file import UsersInput
from cwportal.billing.values import (
    AccountCharges,
    AccountInput,
    AgreementFacts,
    CompanyFacts,
    Context,
    Decision,
    Row,
    Sku,
    Unconfirmed,
    Wish,
)
from cwportal.connectwise.conditions import MAX_VALUES
from cwportal.connectwise.errors import ConnectWiseError, Malformed
from cwportal.errors import SourceIncomplete
from cwportal.models import LineDecision
from cwportal.models import Mapping as MappingRow
from cwportal.portal import Account, Partner
from cwportal.runtime import Runtime
from cwportal.services import ledger, settings
from cwportal.services.connection import Client, refresh_rights
from cwportal.services.credentials import MISSING
from cwportal.services.planning import users
from cwportal.services.planning.catalog import catalog
from cwportal.services.planning.facts import agreement_facts, billing_options
from cwportal.services.planning.moment import Frame, read_at_one_moment
from cwportal.services.planning.unread import Unread
from cwportal.vocabulary import Action, Answer, Data, Kind

_T = TypeVar("_T")
_K = TypeVar("_K", int, str)
_RIGHTS = {
    "Finance > Agreements > Add": ((Kind.ADDITION, Action.CREATE), (Kind.AGREEMENT, Action.CREATE)),
    "Finance > Agreements > Edit": (
        (Kind.ADDITION, Action.UPDATE),
        (Kind.ADDITION, Action.END),
        (Kind.ADDITION, Action.ADOPT),
    ),
    "Company > Company Maintenance > Add": ((Kind.COMPANY, Action.CREATE),),
    "Company > Manage Attachments > Inquire": ((Kind.USERS, Action.CREATE), (Kind.USERS, Action.UPDATE)),
    "Company > Manage Attachments > Add": ((Kind.USERS, Action.CREATE), (Kind.USERS, Action.UPDATE)),
    "Company > Manage Attachments > Delete": ((Kind.USERS, Action.END),),
    "Procurement > Product Catalog > Add": ((Kind.PRODUCT, Action.CREATE),),
    "Procurement > Product Catalog > Edit": ((Kind.PRODUCT, Action.UPDATE),),
}


@dataclass(frozen=True, slots=True)
class Portal:
    """What the host's data says, read completely."""

    partner: Partner
    today: date
    chosen: settings.Chosen
    skus: Mapping[str, Sku]
    accounts: Mapping[str, Account]
    charges: Mapping[str, AccountCharges]


@dataclass(frozen=True, slots=True)
class Material:
    """Values for the planner. `pending`: writes of earlier runs that are not confirmed; `wishes`: what is to be created;
    `users`: lists of users, where they are exported; `unread`: what could not be read of what is needed; by account.
    """

    portal: Portal
    context: Context
    mappings: Mapping[str, MappingRow]
    agreements: Mapping[int, AgreementFacts]
    companies: Mapping[int, CompanyFacts]
    lines: ledger.Lines
    decisions: Mapping[str, Mapping[int, Decision]]
    exported_before: frozenset[str]
    billing_options: Mapping[int, str] = field(default_factory=dict)
    pending: Mapping[str, tuple[Unconfirmed, ...]] = field(default_factory=dict)
    wishes: Mapping[str, Wish] = field(default_factory=dict)
    users: Mapping[str, UsersInput] = field(default_factory=dict)
    unread: Mapping[str, ConnectWiseError] = field(default_factory=dict)

    def is_exported(self, account_id: str) -> bool:
        """Mapped and Export checked (rule 0)."""
        mapping = self.mappings.get(account_id)
        return mapping is not None and mapping.export and mapping.mapped

    def with_agreement(self, agreement_id: int | None, facts: AgreementFacts | None) -> Material:
        """For planning its account alone: the state of this agreement read anew (None = gone), and no other."""
        return replace(self, agreements={} if agreement_id is None or facts is None else {agreement_id: facts})

    def account_input(self, account_id: str, rows: tuple[Row, ...]) -> AccountInput:
        """One account for the core."""
        account, mapping = self.portal.accounts[account_id], self.mappings.get(account_id)
        agreement_id = mapping.cw_agreement_id if mapping else None
        company_id = mapping.cw_company_id if mapping else None
        return AccountInput(
            account_id=account_id,
            name=account.name,
            status=account.status,
            export=mapping is not None and mapping.export,
            charges=self.portal.charges[account_id],
            company_id=company_id,
            agreement_id=agreement_id,
            per_cycle_confirmed=mapping is not None and mapping.per_cycle_confirmed,
            company=self.companies.get(company_id or 0),
            agreement=self.agreements.get(agreement_id or 0),
            rows=rows,
            lines=self.lines.of(account_id, agreement_id),
            stray_lines=self.lines.stray(account_id, agreement_id),
            other_lines=self.lines.others(account_id, agreement_id),
            decisions=self.decisions.get(account_id, {}),
            unconfirmed=self.pending.get(account_id, ()),
            users=self.users.get(account_id),
            exported_before=account_id in self.exported_before,
            wish=self.wishes.get(account_id),
        )


def read_portal(runtime: Runtime, partner_id: str) -> Portal:
    """The host's data, all of one moment; `SourceIncomplete` where it gives less than was asked for."""
    chosen = settings.get(runtime, partner_id)
    return read_at_one_moment(runtime.source, partner_id, partial(_portal, runtime, partner_id, chosen))


def _portal(runtime: Runtime, partner_id: str, chosen: settings.Chosen, frame: Frame) -> Portal:
    skus = {sku.part_number: sku for sku in (Sku(p.sku.strip(), p.name, p.list_cost) for p in frame.products)}
    accounts = {account.id: account for account in frame.accounts}
    alike = twins(product.sku for product in frame.products)
    for_core = chosen.for_core()
    charges: dict[str, AccountCharges] = {}
    for account_id, rows in frame.source.charges(partner_id, sorted(accounts)):
        if account_id in charges:
            raise SourceIncomplete(
                f"The portal gave the charges of account {account_id} in several pieces, so they may not be complete. "
                "Nothing was planned. Tell the portal's operator."
            )
        charges[account_id] = group_charges(account_id, rows, skus=skus, twins=alike, settings=for_core)
    missing = accounts.keys() - charges.keys()
    if missing:
        raise SourceIncomplete(
            f"The portal gave no answer about the charges of {len(missing)} accounts ({', '.join(sorted(missing)[:5])}, …). "
            "Nothing was planned. Try again; if it stays, tell the portal's operator."
        )
    today = runtime.clock().astimezone(ZoneInfo(chosen.timezone)).date()
    return Portal(frame.partner, today, chosen, skus, accounts, charges)


def gather(
    runtime: Runtime,
    client: Client,
    portal: Portal,
    account_ids: Iterable[str],
    pending: Mapping[str, tuple[Unconfirmed, ...]],
) -> Material:
    """Everything but the additions, for these accounts. Any failed read raises; one record that cannot be read fails only who needs it."""
    partner_id, tenant = portal.partner.id, client.tenant
    wanted = set(account_ids)
    # More threads than requests in flight: one may ask whether this ConnectWise sends Link at all, and others wait for the answer.
    with ThreadPoolExecutor(2 * runtime.config.concurrency, thread_name_prefix="state") as pool:
        try:
            in_batches = partial(_in_batches, pool)
            with runtime.database.read() as session:
                rows = session.scalars(
                    select(MappingRow).where(MappingRow.partner_id == partner_id, MappingRow.tenant == tenant)
                )
                mappings = {row.account_id: row for row in rows}
                exported = [
                    mappings[a] for a in sorted(wanted) if a in mappings and mappings[a].export and mappings[a].mapped
                ]
                part_numbers = {
                    group.part_number
                    for row in exported
                    if row.account_id in portal.charges
                    for group in portal.charges[row.account_id].groups
                }
                # Asked for now and waited for below, when what is in the database has been read meanwhile.
                read, unread = client.read, Unread()
                agreements_read = in_batches(
                    read.agreements, {row.cw_agreement_id for row in exported}, unread.agreements
                )
                hits_read = in_batches(read.products_by_identifier, part_numbers, unread.parts)
                options_read = pool.submit(billing_options, client, unread.cycles) if exported else None
                companies_read = in_batches(read.companies, {row.cw_company_id for row in exported}, unread.companies)
                products = ledger.products(session, partner_id, tenant)
                lines = ledger.Lines(session, partner_id, tenant)
                before = ledger.exported_before(session, partner_id, tenant, now=runtime.clock())
                decisions: dict[str, dict[int, Decision]] = defaultdict(dict)
                for row in session.scalars(
                    select(LineDecision).where(LineDecision.partner_id == partner_id, LineDecision.tenant == tenant)
                ):
                    decisions[row.account_id][row.cw_addition_id] = Decision(Answer(row.answer), row.until)
            known = catalog(client, portal.skus, hits_read(), products, unread)
            options = options_read.result() if options_read is not None else {}
            agreements, companies = agreements_read(), companies_read()
        except BaseException:
            pool.shutdown(cancel_futures=True)
            raise
    facts: dict[int, AgreementFacts] = {}
    for number, record in agreements.items():
        if (broken := unread.cycle_of(record, options)) is not None:
            unread.agreements[number] = broken
        else:
            facts[number] = agreement_facts(record, options)
    rights = refresh_rights(runtime, partner_id, client)
    wishing = [row for row in exported if row.cw_agreement_id is None and row.account_id in portal.accounts]
    new_type, wishes = unread.new(
        runtime,
        client,
        chosen_type=portal.chosen.agreement_type_id,
        accounts=portal.accounts,
        mappings=mappings,
        wishing=wishing,
    )
    context = Context(
        tenant=tenant,
        today=portal.today,
        currency=portal.partner.currency,
        settings=portal.chosen.for_core(),
        catalog=known,
        missing_rights={
            pair: right for right, pairs in _RIGHTS.items() if rights.get(right) == MISSING for pair in pairs
        },
        brand=runtime.config.brand,
        agreement_type=new_type,
    )
    return Material(
        portal=portal,
        context=context,
        mappings=mappings,
        agreements=facts,
        companies={
            key: CompanyFacts(item.id, item.name, item.deleted, item.default_contact_id)
            for key, item in companies.items()
        },
        lines=lines,
        decisions=decisions,
        exported_before=before,
        billing_options=options,
        pending=pending,
        wishes=wishes,
        unread={
            row.account_id: error
            for row in exported
            if row.account_id in portal.charges
            and (error := unread.of(row, {group.part_number for group in portal.charges[row.account_id].groups}))
        },
        users=users.gather(
            runtime,
            partner_id,
            tenant,
            (portal.accounts[row.account_id] for row in exported if row.account_id in portal.accounts),
            exported=Data.USERS in portal.chosen.data,
        ),
    )


def _in_batches(
    pool: Executor,
    read: Callable[[Iterable[_K], dict[_K, Malformed]], dict[_K, _T]],
    keys: Iterable[_K | None],
    unread: dict[_K, Malformed],
) -> Callable[[], dict[_K, _T]]:
    """Records by key, their batches asked for at once; call what is returned for the records, or the first error.

    A record that cannot be read is no error of all: it is noted in `unread`.
    """
    wanted = sorted(key for key in keys if key)
    parts = [pool.submit(read, wanted[at : at + MAX_VALUES], unread) for at in range(0, len(wanted), MAX_VALUES)]
    return lambda: {key: record for part in parts for key, record in part.result().items()}
