"""What a created company, contact or agreement means for the mapping, and creations whose answer was lost (rules 12 and 13).

A new id goes into the mapping in the same commit as the outcome of its creation. Where a person has mapped the account otherwise
meanwhile, the mapping stays as that person wants it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from cwportal.billing.values import Unconfirmed
from cwportal.connectwise import roles
from cwportal.connectwise.errors import Forbidden, Incomplete
from cwportal.connectwise.reader import same_text
from cwportal.connectwise.records import Agreement, NamedItem
from cwportal.models import Mapping as MappingRow
from cwportal.models import RunAccount, RunChange
from cwportal.runtime import Runtime
from cwportal.services import audit, ledger
from cwportal.services.apply.lost import Close, Lost, companies_of_others, hidden, in_doubt
from cwportal.services.apply.present import waits_for_agreement, waits_for_company
from cwportal.services.connection import Client
from cwportal.services.planning.creation import mapped_agreements
from cwportal.vocabulary import Kind, Outcome

KINDS = frozenset({Kind.COMPANY, Kind.CONTACT, Kind.AGREEMENT, Kind.PRODUCT_TABLE})


def keep_company(
    session: Session, runtime: Runtime, owner: ledger.Owner, account_id: str, *, company_id: int, name: str, by: str
) -> bool:
    """The account is billed at this company from now on; False if it no longer waits for a new one."""
    row = session.get(MappingRow, (owner.partner_id, account_id), with_for_update=True)
    if row is None or not waits_for_company(row, owner):
        return False
    row.cw_company_id, row.company_name, row.changed_at = company_id, name, runtime.clock()
    audit.record(session, runtime, owner.partner_id, by, "company_created", account=account_id, company=company_id)
    return True


def keep_contact(session: Session, owner: ledger.Owner, account_id: str, *, company_id: int, contact_id: int) -> bool:
    """The contact for the account's new agreement; False if the account no longer waits for one at this company."""
    row = _waits_for_agreement(session, owner, account_id, company_id)
    if row is None:
        return False
    row.cw_contact_id = contact_id
    return True


def forget_contact(session: Session, owner: ledger.Owner, account_id: str, *, company_id: int) -> None:
    """The contact of an earlier run is not taken for the agreement; the next plan looks for another one."""
    row = _waits_for_agreement(session, owner, account_id, company_id)
    if row is not None:
        row.cw_contact_id = None


def keep_agreement(
    session: Session,
    runtime: Runtime,
    owner: ledger.Owner,
    account_id: str,
    *,
    company_id: int,
    agreement_id: int,
    name: str,
    by: str,
) -> bool:
    """The account is billed on this agreement from now on; False if it no longer waits for one, or somebody else has this one."""
    row = _waits_for_agreement(session, owner, account_id, company_id)
    used = select(MappingRow.account_id).where(
        MappingRow.tenant == owner.tenant, MappingRow.cw_agreement_id == agreement_id
    )
    if row is None or session.scalar(used) is not None:
        return False
    row.cw_agreement_id, row.agreement_name, row.changed_at = agreement_id, name, runtime.clock()
    audit.record(
        session, runtime, owner.partner_id, by, "agreement_created", account=account_id, agreement=agreement_id
    )
    return True


def point_run_at(session: Session, run_id: int, account_id: str, change_id: int, agreement_id: int) -> None:
    """What the run still has to write for the account belongs to its new agreement."""
    session.execute(
        update(RunChange)
        .where(
            RunChange.run_id == run_id,
            RunChange.account_id == account_id,
            (RunChange.id == change_id)
            | (RunChange.kind.not_in([Kind.PRODUCT, *KINDS]) & (RunChange.outcome == Outcome.PLANNED)),
        )
        .values(cw_agreement_id=agreement_id)
    )
    session.execute(
        update(RunAccount)
        .where(RunAccount.run_id == run_id, RunAccount.account_id == account_id)
        .values(cw_agreement_id=agreement_id)
    )


def _waits_for_agreement(session: Session, owner: ledger.Owner, account_id: str, company_id: int) -> MappingRow | None:
    row = session.get(MappingRow, (owner.partner_id, account_id), with_for_update=True)
    return row if waits_for_agreement(row, owner, company_id) else None


def settle(runtime: Runtime, client: Client, change: RunChange, close: Close) -> Unconfirmed | None:
    """Look a lost creation up by what was sent. None when it is settled; else why a person must look. Reads only."""
    lost = Lost(runtime, client, change, close)
    try:
        return _SETTLE[Kind(change.kind)](lost)
    except Incomplete as error:
        return in_doubt(lost, error)


def _company(lost: Lost) -> Unconfirmed | None:
    identifier, name = str(lost.sent["identifier"]), str(lost.sent["name"])
    others = companies_of_others(lost)
    hits = [
        company
        for company in sorted(
            lost.client.read.find_company(identifier=identifier, counted=True), key=lambda company: company.id
        )
        if company.id not in others or same_text(company.name, name)
    ]
    ours = next((company for company in hits if company.id not in others and same_text(company.name, name)), None)
    if ours is not None:
        lost.found(
            lambda session: keep_company(
                session,
                lost.runtime,
                lost.owner,
                lost.change.account_id,
                company_id=ours.id,
                name=ours.name,
                by=lost.by,
            )
        )
        return None
    if not waits_for_company(lost.mapping(), lost.owner):
        lost.free("Checked in ConnectWise: the company was not created, or is not the account's any more.")
        return None
    if hits:
        return Unconfirmed(
            f"A new company {name!r} was sent in run {lost.change.run_id} and not confirmed. ConnectWise now has a company "
            f"{hits[0].name!r} (id {hits[0].id}) with its identifier {identifier}. Map account {lost.change.account_id} to that company "
            "if it is the same customer, else to another one."
        )
    why = hidden(lost, f"company {name!r}", roles.COMPANIES)
    if why is None:
        lost.free("Checked in ConnectWise: the company was not created.")
    return why


def _contact(lost: Lost) -> Unconfirmed | None:
    try:
        hits = lost.client.read.find_contacts(
            lost.company_id, str(lost.sent["firstName"]), str(lost.sent.get("lastName", ""))
        )
    except Forbidden as error:
        lost.free(f"It could not be checked whether the contact was created: the right {error.right} is missing.")
        return None
    if hits:
        lost.found(
            lambda session: keep_contact(
                session, lost.owner, lost.change.account_id, company_id=lost.company_id, contact_id=min(hits)
            )
        )
    else:
        lost.free("Checked in ConnectWise: the contact was not created.")
    return None


def _agreement(lost: Lost) -> Unconfirmed | None:
    """Looked up among all agreements of the company, since a rule in ConnectWise may have given it another name."""
    known = set(lost.change.known_ids or ()) | mapped_agreements(lost.runtime, lost.change.tenant)
    name, kind = str(lost.sent["name"]), dict(lost.sent.get("type") or {}).get("id")
    new = [item for item in lost.client.read.agreements_of(lost.company_id) if item.id not in known]
    hits = [item for item in new if same_text(item.name, name)]
    if len(hits) == 1:
        lost.found(partial(_keep_found, lost, hits[0]))
        return None
    candidates = hits or [item for item in new if item.type_id == kind]
    if not waits_for_agreement(lost.mapping(), lost.owner, lost.company_id):
        lost.free("Checked in ConnectWise: the agreement was not created, or is not the account's any more.")
        return None
    if candidates:
        shown = ", ".join(f"{item.name!r} (id {item.id})" for item in sorted(candidates, key=lambda item: item.id))
        return Unconfirmed(
            f"A new agreement {name!r} was sent in run {lost.change.run_id} and not confirmed. ConnectWise now has on that company "
            f"{shown}, which nobody uses yet. Map account {lost.change.account_id} to the right one, or to another agreement."
        )
    why = hidden(lost, f"agreement {name!r}", roles.AGREEMENTS)
    if why is None:
        lost.free("Checked in ConnectWise: the agreement was not created.")
    return why


def _keep_found(lost: Lost, ours: Agreement, session: Session) -> None:
    keep_agreement(
        session,
        lost.runtime,
        lost.owner,
        lost.change.account_id,
        company_id=lost.company_id,
        agreement_id=ours.id,
        name=ours.name,
        by=lost.by,
    )
    session.execute(update(RunChange).where(RunChange.id == lost.change.id).values(cw_agreement_id=ours.id))


def _product_table(lost: Lost) -> Unconfirmed | None:
    read = lost.client.read
    tables: Mapping[str, Callable[[], list[NamedItem]]] = {
        "type": read.product_types,
        "category": read.categories,
        "subcategory": read.subcategories,
    }
    rows = tables[str(lost.change.before["table"])]()
    if any(same_text(row.name, str(lost.sent["name"])) for row in rows):
        lost.found()
    else:
        lost.free("Checked in ConnectWise: it was not created.")
    return None


_SETTLE: Mapping[Kind, Callable[[Lost], Unconfirmed | None]] = {
    Kind.COMPANY: _company,
    Kind.CONTACT: _contact,
    Kind.AGREEMENT: _agreement,
    Kind.PRODUCT_TABLE: _product_table,
}
