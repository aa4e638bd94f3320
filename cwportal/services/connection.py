"""Connect a partner to its ConnectWise, check rights, and open clients for everything that reads."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, nullcontext, suppress
from dataclasses import dataclass

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from cwportal.config import LONGEST_WAIT
from cwportal.connectwise.errors import Forbidden, TimedOut
from cwportal.connectwise.protocol import Credentials
from cwportal.connectwise.reader import Reader
from cwportal.connectwise.rights import RightRow, check_rights
from cwportal.connectwise.session import Transport
from cwportal.connectwise.site import parse_site
from cwportal.errors import NotConnected
from cwportal.models import Connection
from cwportal.runtime import Runtime
from cwportal.services import audit, credentials, hurry
from cwportal.services.credentials import MISSING, Typed
from cwportal.services.gate import ConnectionGate
from cwportal.services.secrets import Keyring


@dataclass(frozen=True, slots=True)
class Client:
    """An open client: the reader for everyone, the transport for counting and, in apply, for the writer with its gate."""

    tenant: str
    read: Reader
    transport: Transport
    gate: ConnectionGate


@dataclass(frozen=True, slots=True)
class Connected:
    """What `connect` says back."""

    site: str
    company_id: str
    companies: int
    rights: tuple[RightRow, ...]


def connect(
    runtime: Runtime, partner_id: str, *, site: str, company_id: str, public_key: str, private_key: str, actor: str
) -> Connected:
    """Test the credentials against ConnectWise, keep them, and let exports use them. Nothing is stored unless the test passes.

    Raises UsageError for empty fields, `connectwise.errors.ConnectWiseError` with a sentence for everything ConnectWise says.
    """
    runtime.source.partner(partner_id)
    proven = credentials.prove(runtime, Typed(site, company_id, public_key, private_key))
    with runtime.database.write() as session:
        credentials.keep(session, runtime, partner_id, proven, active=True, actor=actor)
        audit.record(session, runtime, partner_id, actor, "connect", site=proven.site, company_id=proven.company_id)
    return Connected(proven.site, proven.company_id, proven.companies, proven.rights)


def check(runtime: Runtime, partner_id: str, *, patience: float | None = None) -> Connected:
    """Test the stored connection and say which rights are there, one row per needed right. `patience` as in `credentials.prove`."""
    with open_client(runtime, partner_id, patience=patience) as client:
        with suppress(Forbidden):  # as in `credentials.prove`
            client.read.system_info()
        companies = client.read.company_count()
        rights = check_rights(client.read)
    with runtime.database.write() as session:
        row = hold(session, partner_id, client.tenant)
        row.rights = credentials.stored(rights)
        row.companies = companies
        row.checked_at = runtime.clock()
        return Connected(row.site, row.company_id, companies, rights)


def get(runtime: Runtime, partner_id: str, *, draft: bool = False) -> Connection:
    """The connection row (detached), or NotConnected. `draft`: also one that the wizard has tested and nobody has finished."""
    with runtime.database.read() as session:
        row = session.get(Connection, partner_id)
    if row is None or not (row.active or draft):
        raise NotConnected(
            f"{runtime.source.partner(partner_id).name} is not connected to ConnectWise yet. Connect first: "
            f"cwportal connect --partner {partner_id} --site … --company-id … --public-key …"
        )
    return row


@contextmanager
def open_client(
    runtime: Runtime, partner_id: str, *, draft: bool = False, patience: float | None = None
) -> Iterator[Client]:
    """A client with the partner's keys, its gate and its site guard; closed at the end of the block. `draft` as in `get`.

    `patience` as in `credentials.prove`; then it may raise `hurry.Crowded`, and later `hurry.TookLong`.
    """
    row = get(runtime, partner_id, draft=draft)
    keyring = Keyring.of(runtime.config)
    keys = Credentials(
        row.company_id, keyring.decrypt(partner_id, row.public_key), keyring.decrypt(partner_id, row.private_key)
    )

    def remember(codebase: str) -> None:
        with runtime.database.write() as session:
            here = (Connection.partner_id == partner_id, Connection.tenant == row.tenant)
            session.execute(update(Connection).where(*here).values(codebase=codebase))

    endpoint = parse_site(row.site, runtime.config.allowed_sites).endpoint(row.codebase)
    gate = ConnectionGate(runtime, partner_id, LONGEST_WAIT if patience is None else patience)
    hurried = patience is not None
    with (
        hurry.page() if hurried else nullcontext(),
        credentials.transport(
            runtime, keys, endpoint, hurry.HurriedGate(gate) if hurried else gate, on_codebase=remember, hurried=hurried
        ) as transport,
    ):
        try:
            yield Client(row.tenant, Reader(transport), transport, gate)
        except TimedOut as error:
            if hurried:  # what it says is for operators, and about another time
                raise TimedOut(hurry.NO_ANSWER, certainty=error.certainty) from None
            raise


def tenants_in_use(runtime: Runtime, partner_id: str) -> str | None:
    """The tenant of the partner's connection, also of one in the wizard; None where there is none."""
    with runtime.database.read() as session:
        return session.scalar(select(Connection.tenant).where(Connection.partner_id == partner_id))


def hold(session: Session, partner_id: str, tenant: str) -> Connection:
    """Keep the partner connected to this ConnectWise until the transaction ends. NotConnected if it is not any more."""
    row = session.get(Connection, partner_id, with_for_update=True)
    if row is None:
        raise NotConnected("ConnectWise was disconnected in the meantime.")
    if row.tenant != tenant:
        raise NotConnected("The connection was changed to another ConnectWise in the meantime.")
    return row


def where(site: str, company_id: str) -> str:
    """A connection in the words of a page's head."""
    return f"{site.removeprefix('https://')} · {company_id}"


def refresh_rights(runtime: Runtime, partner_id: str, client: Client) -> dict[str, str]:
    """The rights as last seen, `module > function > level` -> state; looked up again only while one is known to be missing."""
    row = get(runtime, partner_id)
    if MISSING not in row.rights.values():
        return dict(row.rights)
    rights = credentials.stored(check_rights(client.read))
    with runtime.database.write() as session:
        # Nothing is kept where ConnectWise was disabled meanwhile: the run that asks sees that by itself.
        here = (Connection.partner_id == partner_id, Connection.tenant == client.tenant)
        session.execute(update(Connection).where(*here).values(rights=rights))
    return rights
