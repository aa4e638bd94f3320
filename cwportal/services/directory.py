"""Refresh the directory: what a partner's ConnectWise has to choose from, read into our tables, all of it or nothing.

A refresh stages its rows under a generation number of its own, in short transactions between the requests, and one last transaction makes
them count. So readers see the old directory until the new one is complete, and a refresh that fails or dies changes nothing.
Of two refreshes at once the later one goes on; the earlier one notices before it writes again, and stops.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import islice
from typing import Any

from sqlalchemy import and_, delete, insert, not_, select, update
from sqlalchemy.dialects.postgresql import insert as postgresql_insert
from sqlalchemy.dialects.sqlite import insert as sqlite_insert
from sqlalchemy.orm import Session

from cwportal.connectwise.clock import clock_ahead
from cwportal.connectwise.errors import Forbidden, Invalid
from cwportal.connectwise.guard import AddressGuard
from cwportal.connectwise.site import parse_site
from cwportal.errors import CWPortalError
from cwportal.models import Directory, DirectoryAgreement, DirectoryCompany, DirectoryEntry
from cwportal.runtime import Runtime
from cwportal.services import connection, directory_rows
from cwportal.services.connection import Client, open_client
from cwportal.services.directory_left_out import LeftOut
from cwportal.services.directory_rows import Table
from cwportal.services.gate import ConnectionGate

FULL_EVERY = timedelta(days=7)
"""After this long a refresh reads everything again, since a record that was deleted is not among those that changed."""
OVERLAP = timedelta(minutes=15)
"""Changes are asked for from so long before the last refresh: a change may become visible later than the time it bears."""
_BATCH = 1000
_PORTAL_ERROR = "An error of the portal itself stopped it; its log says more. Try again, and tell the people who run the portal if it stays."

Progress = Callable[[str, int], None]
"""Told what is being read, and how many of them so far."""
_Tables = type[DirectoryCompany] | type[DirectoryAgreement] | type[DirectoryEntry]
_TABLES: tuple[_Tables, ...] = (DirectoryCompany, DirectoryAgreement, DirectoryEntry)


class Overtaken(CWPortalError):
    """A later refresh of the same directory has taken the place of this one."""


@dataclass(frozen=True, slots=True)
class Refreshed:
    """What a refresh did. `companies` and `agreements` were read now: all of them if `full`, else those that changed.

    `unread`: why small tables could not be read; what they say of companies and agreements is as it was before, or not known.
    `left_out`: about records that could not be read and are as they were known before, or not known; "" if there are none.
    """

    full: bool
    companies: int
    agreements: int
    requests: int
    unread: tuple[str, ...] = ()
    left_out: str = ""


@dataclass(frozen=True, slots=True)
class _Pass:
    """One reading, begun at `began`. `since` is None for everything."""

    partner_id: str
    tenant: str
    staging: int
    current: int | None
    since: datetime | None
    began: datetime

    def owned(self, table: _Tables, *generations: int) -> Any:
        """The condition for our rows of these generations."""
        return and_(table.partner_id == self.partner_id, table.tenant == self.tenant, table.generation.in_(generations))


def _silent(what: str, count: int) -> None:
    """Tell nobody."""


def refresh(runtime: Runtime, partner_id: str, *, full: bool = False, progress: Progress = _silent) -> Refreshed:
    """Read companies, agreements and tables: what changed since the last time, or everything once a week and with `full`.

    Raises UnknownPartner, NotConnected, Overtaken, and what ConnectWise or the network says; then the directory is as it was,
    and `Directory.error` tells why.
    """
    runtime.source.partner(partner_id)
    with open_client(runtime, partner_id, draft=True) as client:
        work = _begin(runtime, partner_id, client.tenant, full=full)
        try:
            return _run(runtime, client, work, progress)
        except Invalid:
            if work.since is None:
                raise
            # A release that cannot be asked for changes; what everybody can answer is the whole list.
            work = _begin(runtime, partner_id, client.tenant, full=True)
            return _run(runtime, client, work, progress)


def asked(
    runtime: Runtime, partner_id: str, at: datetime, *, failure: str | None = None, everything: bool = False
) -> None:
    """Note that a refresh was asked for; pages say so until it has ended. `failure`: why it cannot begin.

    `everything`: the next refresh that begins is a full one. NotConnected where there is nothing to read.
    """
    tenant = connection.get(runtime, partner_id, draft=True).tenant
    with runtime.database.write() as session:
        row = _locked(session, partner_id, tenant)
        row.asked_at = max(at, row.asked_at or at)
        if everything:
            row.read_to = None
        if failure is not None:
            row.failed_at, row.error = row.asked_at, failure


def _begin(runtime: Runtime, partner_id: str, tenant: str, *, full: bool) -> _Pass:
    """Take a generation number; whoever reads under an earlier one is overtaken. What no directory shows is removed."""
    now = runtime.clock()
    keys_since = connection.get(runtime, partner_id, draft=True).connected_at
    with runtime.database.write() as session:
        row = _locked(session, partner_id, tenant)
        row.last_generation += 1
        row.staging = row.last_generation
        row.asked_at = now
        everything = full or row.generation is None or row.full_at is None or now - row.full_at >= FULL_EVERY
        # What other keys see now did not change in ConnectWise, so it is not among what changed.
        everything = everything or row.full_at is None or row.full_at < keys_since
        work = _Pass(partner_id, tenant, row.staging, row.generation, None if everything else row.read_to, now)
        session.execute(
            update(Directory)
            .where(Directory.partner_id == partner_id, Directory.tenant != tenant)
            .values(generation=None, staging=None, read_to=None, full_at=None, refreshed_at=None)
        )
    _sweep(runtime, work, keep=(work.staging, *(() if work.current is None else (work.current,))))
    return work


def _run(runtime: Runtime, client: Client, work: _Pass, progress: Progress) -> Refreshed:
    try:
        read_to = _clock_there(runtime, work.partner_id) - OVERLAP
        unread, left_out = dict[Table, str](), LeftOut()
        for table, read in directory_rows.tables(client.read):
            try:
                rows = [directory_rows.entry(table, item) for item in read(left_out.of(table))]
            except Forbidden as error:
                unread[table] = str(error)
                continue
            _stage(runtime, work, DirectoryEntry, rows, table.value, progress)
        companies = client.read.iterate_companies(work.since, left_out.companies)
        company_count = _stage(
            runtime, work, DirectoryCompany, map(directory_rows.company, companies), "companies", progress
        )
        agreements = client.read.iterate_agreements(work.since, left_out.agreements)
        agreement_count = _stage(
            runtime, work, DirectoryAgreement, map(directory_rows.agreement, agreements), "agreements", progress
        )
        _publish(runtime, work, read_to, unread, left_out)
    except Overtaken:
        raise
    except CWPortalError as error:
        _failed(runtime, work, str(error))
        raise
    except Exception:
        with suppress(Exception):
            _failed(runtime, work, _PORTAL_ERROR)
        raise
    requests = client.transport.requests + 1
    return Refreshed(
        work.since is None, company_count, agreement_count, requests, tuple(unread.values()), left_out.sentence
    )


def _clock_there(runtime: Runtime, partner_id: str) -> datetime:
    """Now, by ConnectWise's clock, which stamps `lastUpdated`; by ours where it does not tell its time."""
    row, config = connection.get(runtime, partner_id, draft=True), runtime.config
    ConnectionGate(runtime, partner_id).wait()
    ahead = clock_ahead(
        parse_site(row.site, config.allowed_sites),
        row.company_id,
        guard=AddressGuard(config.allowed_sites),
        clock=runtime.clock,
        timeout=config.timeout,
        ca_bundle=config.ca_bundle,
    )
    return runtime.clock() + (ahead or timedelta())


def _stage(
    runtime: Runtime, work: _Pass, table: _Tables, rows: Iterable[dict[str, Any]], what: str, progress: Progress
) -> int:
    """Write rows under the staged generation as they come, a page at a time; how many they were."""
    owner = {"partner_id": work.partner_id, "tenant": work.tenant, "generation": work.staging}
    stream, count = iter(rows), 0
    progress(what, count)
    while batch := [{**owner, **row} for row in islice(stream, _BATCH)]:
        with runtime.database.write() as session:
            _still_ours(session, work)
            session.execute(insert(table), batch)
        count += len(batch)
        progress(what, count)
    return count


def _publish(
    runtime: Runtime, work: _Pass, read_to: datetime | None, unread: Collection[Table], left_out: LeftOut
) -> None:
    """Make the staged rows count; of tables and records that could not be read, those that were known before.

    Where that is not all of them, not everything was read, and who is missing need not be gone.
    """
    now = runtime.clock()
    with runtime.database.write() as session:
        row = _still_ours(session, work)
        if unread and work.current is not None:
            known = (work.owned(DirectoryEntry, work.current), DirectoryEntry.kind.in_(unread))
            session.execute(update(DirectoryEntry).where(*known).values(generation=work.staging))
        all_known = left_out.keep(
            session, work.partner_id, work.tenant, work.current, work.staging, full=work.since is None
        )
        if work.since is None or work.current is None:
            row.generation, row.full_at = work.staging, work.began if all_known else row.full_at
        else:
            _merge(session, work, work.current)
            if row.read_to is None or left_out.companies or left_out.agreements:
                read_to = (
                    row.read_to
                )  # everything was asked for meanwhile; or what could not be read is asked for again
        row.staging, row.read_to, row.refreshed_at, row.failed_at = None, read_to, now, None
        row.error = left_out.sentence or None
        keep = row.generation
    if keep != work.current and keep is not None:
        _sweep(runtime, work, keep=(keep,))


def _merge(session: Session, work: _Pass, current: int) -> None:
    """The staged rows take the place of those of the same id; small tables were read in full and are replaced."""
    session.execute(delete(DirectoryEntry).where(work.owned(DirectoryEntry, current)))
    read_again = select(DirectoryCompany.cw_company_id).where(work.owned(DirectoryCompany, work.staging))
    session.execute(
        delete(DirectoryCompany).where(
            work.owned(DirectoryCompany, current), DirectoryCompany.cw_company_id.in_(read_again)
        )
    )
    read_again = select(DirectoryAgreement.cw_agreement_id).where(work.owned(DirectoryAgreement, work.staging))
    session.execute(
        delete(DirectoryAgreement).where(
            work.owned(DirectoryAgreement, current), DirectoryAgreement.cw_agreement_id.in_(read_again)
        )
    )
    for table in _TABLES:
        session.execute(update(table).where(work.owned(table, work.staging)).values(generation=current))


def _failed(runtime: Runtime, work: _Pass, error: str) -> None:
    with runtime.database.write() as session:
        row = _locked(session, work.partner_id, work.tenant)
        if row.staging == work.staging:
            row.staging, row.failed_at, row.error = None, runtime.clock(), error
    _forget(runtime, work)


def _forget(runtime: Runtime, work: _Pass) -> None:
    """Remove what was staged."""
    for table in _TABLES:
        with runtime.database.write() as session:
            session.execute(delete(table).where(work.owned(table, work.staging)))


def _sweep(runtime: Runtime, work: _Pass, *, keep: tuple[int, ...]) -> None:
    """Remove the partner's rows of other tenants and of all generations but these."""
    for table in _TABLES:
        with runtime.database.write() as session:
            session.execute(delete(table).where(table.partner_id == work.partner_id, not_(work.owned(table, *keep))))


def _locked(session: Session, partner_id: str, tenant: str) -> Directory:
    """The directory's row, made if there is none, held until the end of the transaction."""
    make = postgresql_insert if session.get_bind().dialect.name == "postgresql" else sqlite_insert
    fresh = make(Directory).values(partner_id=partner_id, tenant=tenant, last_generation=0)
    session.execute(fresh.on_conflict_do_nothing())
    return session.get_one(Directory, (partner_id, tenant), with_for_update=True)


def _still_ours(session: Session, work: _Pass) -> Directory:
    row = session.get(Directory, (work.partner_id, work.tenant), with_for_update=True)
    if row is None or row.staging != work.staging:
        raise Overtaken(
            "Another refresh of this directory was started in the meantime and goes on; this one has stopped and changed nothing."
        )
    return row
