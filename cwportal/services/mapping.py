"""Which company and agreement each account is billed on: import and export as CSV, checked against ConnectWise before anything is kept."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from cwportal.errors import BadFile, UsageError
from cwportal.models import Mapping
from cwportal.runtime import Runtime
from cwportal.services import audit, connection
from cwportal.services.connection import Client, open_client
from cwportal.services.mapping_file import COLUMNS, NAME_COLUMNS, NEW, Line, lines_of
from cwportal.services.mapping_places import Chosen, resolve


@dataclass(frozen=True, slots=True)
class Imported:
    """What an import did."""

    mapped: int
    unmapped: int
    exporting: int


def import_file(runtime: Runtime, partner_id: str, text: str, *, actor: str) -> Imported:
    """Replace the mapping of every account named in the file, all or nothing.

    Columns `account_id,company,agreement,export` (those of `map export` are accepted and its name columns ignored). company and agreement:
    a bare integer = ConnectWise id, `identifier:X` (companies), `name:X`, or `new`; both empty = unmap. `BadFile` names every bad row.
    What `new` stands for is created by the next export; the same `new` given again later means what was created then.
    """
    accounts = {account.id: account for account in runtime.source.accounts(partner_id)}
    problems: list[str] = []
    lines = list(lines_of(text, accounts, problems))
    with open_client(runtime, partner_id, draft=True) as client:
        chosen = resolve(client.read, lines, problems)
        _same_agreement_twice(chosen, problems)
        if problems:
            raise BadFile(problems)
        return _save(runtime, partner_id, client, chosen, actor)


def export_rows(runtime: Runtime, partner_id: str) -> Iterator[list[str]]:
    """Header and one row per account of the partner, mapped or not, in the columns of the import plus names.

    What is mapped into another ConnectWise than the present one is not: the same numbers would be imported as other companies.
    """
    tenant = connection.tenants_in_use(runtime, partner_id)
    accounts = sorted(runtime.source.accounts(partner_id), key=lambda account: account.id)
    with runtime.database.read() as session:
        mapped = {
            row.account_id: row for row in session.scalars(select(Mapping).where(Mapping.partner_id == partner_id))
        }
    yield [*COLUMNS, *NAME_COLUMNS]
    for account in accounts:
        row = mapped.get(account.id)
        if row is None or not row.mapped or tenant not in (None, row.tenant):
            yield [account.id, "", "", "no", account.name, "", ""]
        else:
            yield [
                account.id,
                NEW if row.cw_company_id is None else str(row.cw_company_id),
                NEW if row.cw_agreement_id is None else str(row.cw_agreement_id),
                "yes" if row.export else "no",
                account.name,
                row.company_name,
                row.agreement_name,
            ]


def confirm_per_cycle(runtime: Runtime, partner_id: str, account_id: str, *, actor: str) -> None:
    """A person confirms that the account's prices are per billing cycle of its agreement, not per month (rule 2)."""
    with runtime.database.write() as session:
        row = session.get(Mapping, (partner_id, account_id))
        if row is None or row.cw_agreement_id is None:
            raise UsageError(
                f"Account {account_id} is not mapped to an agreement. Map it first, then confirm its cycle."
            )
        row.per_cycle_confirmed = True
        audit.record(session, runtime, partner_id, actor, "per_cycle_confirmed", account=account_id)


def _same_agreement_twice(chosen: list[Chosen], problems: list[str]) -> None:
    seen: dict[int, Line] = {}
    for item in chosen:
        if item.agreement is None:
            continue
        first = seen.setdefault(item.agreement.id, item.line)
        if first is not item.line:
            problems.append(
                f"line {item.line.number}, column agreement: agreement {item.agreement.id} is used for account {first.account_id} "
                f"in line {first.number}. An agreement belongs to one account."
            )


def _save(runtime: Runtime, partner_id: str, client: Client, chosen: list[Chosen], actor: str) -> Imported:
    try:
        with runtime.database.write() as session:
            return _write(session, runtime, partner_id, client.tenant, chosen, actor)
    except IntegrityError:
        raise BadFile(["One of the agreements was mapped by somebody else at the same moment. Try again."]) from None


def _write(
    session: Session, runtime: Runtime, partner_id: str, tenant: str, chosen: list[Chosen], actor: str
) -> Imported:
    connection.hold(session, partner_id, tenant)
    named = {item.line.account_id for item in chosen}
    mine = select(Mapping).where(Mapping.partner_id == partner_id).order_by(Mapping.account_id)
    rows = {
        row.account_id: row
        for row in session.scalars(mine.with_for_update())  # two imports at once: one after the other
        if row.account_id in named
    }
    before = {key: (row.tenant, row.cw_agreement_id) for key, row in rows.items()}
    kept = {item.line.account_id for item in chosen if _asked_before(rows.get(item.line.account_id), tenant, item)}
    _kept_twice(kept, rows, chosen)
    for row in rows.values():  # clear first, so that two accounts can be swapped in one save
        row.cw_agreement_id = None
    session.flush()
    _taken(session, partner_id, tenant, chosen)
    now = runtime.clock()
    for item in chosen:
        account_id = item.line.account_id
        row = rows.get(account_id) or Mapping(partner_id=partner_id, account_id=account_id)
        session.add(row)
        row.export = item.line.export
        row.changed_at, row.changed_by = now, actor[:200]
        if account_id in kept:
            row.cw_agreement_id = before[account_id][1]
            continue
        agreement_id = item.agreement.id if item.agreement else None
        if before.get(account_id) != (tenant, agreement_id):
            row.per_cycle_confirmed = False
        row.tenant = tenant
        row.new_company, row.new_agreement = item.line.company == NEW, item.line.agreement == NEW
        row.cw_contact_id = None
        row.cw_company_id = item.company.id if item.company else None
        row.cw_agreement_id = agreement_id
        row.company_name = item.company.name if item.company else ""
        row.agreement_name = item.agreement.name if item.agreement else ""
    result = Imported(
        mapped=sum(item.mapped for item in chosen),
        unmapped=sum(not item.mapped for item in chosen),
        exporting=sum(item.line.export for item in chosen),
    )
    audit.record(session, runtime, partner_id, actor, "map_import", mapped=result.mapped, unmapped=result.unmapped)
    return result


def _asked_before(row: Mapping | None, tenant: str, item: Chosen) -> bool:
    """Whether the same `new` was asked for before: then what was created for it since stays."""
    if row is None or row.tenant != tenant or item.line.agreement != NEW or not row.new_agreement:
        return False
    if item.company is None:
        return row.new_company
    return not row.new_company and row.cw_company_id == item.company.id


def _kept_twice(kept: set[str], rows: dict[str, Mapping], chosen: list[Chosen]) -> None:
    created = {rows[account_id].cw_agreement_id: account_id for account_id in kept}
    problems = [
        f"line {item.line.number}, column agreement: agreement {item.agreement.id} was created for account {created[item.agreement.id]}."
        for item in chosen
        if item.agreement is not None and item.agreement.id in created
    ]
    if problems:
        raise BadFile(problems)


def _taken(session: Session, partner_id: str, tenant: str, chosen: list[Chosen]) -> None:
    wanted = {item.agreement.id: item.line for item in chosen if item.agreement}
    query = select(Mapping).where(Mapping.tenant == tenant, Mapping.cw_agreement_id.is_not(None))
    problems = []
    for row in session.scalars(query):
        line = wanted.get(row.cw_agreement_id or 0)
        if line is None:
            continue
        by = f"account {row.account_id}" if row.partner_id == partner_id else "another account that you cannot see"
        problems.append(
            f"line {line.number}, column agreement: agreement {row.cw_agreement_id} is already used by {by}."
        )
    if problems:
        raise BadFile(problems)
