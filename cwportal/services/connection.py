"""Connect a partner to its ConnectWise, check rights, and open clients for everything that reads."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from sqlalchemy import select, update

from cwportal.connectwise.errors import Forbidden
from cwportal.connectwise.gate import Gate, LocalGate
from cwportal.connectwise.guard import AddressGuard
from cwportal.connectwise.protocol import Credentials, Endpoint
from cwportal.connectwise.reader import Reader
from cwportal.connectwise.rights import RightRow, check_rights
from cwportal.connectwise.session import Transport, company_info
from cwportal.connectwise.site import Site, parse_site
from cwportal.errors import NotConnected, UsageError
from cwportal.models import Connection
from cwportal.runtime import Runtime
from cwportal.services import audit
from cwportal.services.gate import ConnectionGate
from cwportal.services.secrets import Keyring

MISSING = "missing"


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


def tenant_of(site: Site, company_id: str) -> str:
    """Canonical API host + company ID as confirmed by companyinfo: the space in which ConnectWise's ids mean something."""
    return f"{site.canonical}/{company_id}"


def connect(
    runtime: Runtime, partner_id: str, *, site: str, company_id: str, public_key: str, private_key: str, actor: str
) -> Connected:
    """Test the credentials against ConnectWise and keep them. Nothing is stored unless the test passes.

    Raises UsageError for empty fields, `connectwise.errors.ConnectWiseError` with a sentence for everything ConnectWise says.
    """
    runtime.source.partner(partner_id)
    fields = {"Site": site, "Company ID": company_id, "Public key": public_key, "Private key": private_key}
    for name, value in fields.items():
        if not value.strip():
            raise UsageError(f"{name} is empty. Type it and try again.")
    config = runtime.config
    parsed = parse_site(site, config.allowed_sites)
    guard = AddressGuard(config.allowed_sites)
    info = company_info(
        parsed, company_id.strip(), guard=guard, clock=runtime.clock, timeout=config.timeout, ca_bundle=config.ca_bundle
    )
    credentials = Credentials(info.company_id, public_key.strip(), private_key.strip())
    gate = LocalGate(time.monotonic, runtime.sleep)
    with _transport(runtime, credentials, parsed.endpoint(info.codebase), gate) as transport:
        reader = Reader(transport)
        reader.system_info()
        companies = reader.company_count()
        rights = check_rights(reader)
        _refuse_without(rights)
        codebase = transport.endpoint.codebase
    keyring = Keyring.of(runtime.config)
    now = runtime.clock()
    with runtime.database.write() as session:
        row = session.get(Connection, partner_id)
        if row is None:
            row = Connection(partner_id=partner_id, not_before=None)
            session.add(row)
        row.tenant = tenant_of(parsed, info.company_id)
        row.site = parsed.login_url if parsed.scheme == "http" else parsed.login_url.removeprefix("https://")
        row.company_id = info.company_id
        row.public_key = keyring.encrypt(partner_id, public_key.strip())
        row.private_key = keyring.encrypt(partner_id, private_key.strip())
        row.codebase = codebase
        row.is_cloud = info.is_cloud
        row.rights = _stored(rights)
        row.connected_at = now
        row.checked_at = now
        audit.record(session, runtime, partner_id, actor, "connect", site=row.site, company_id=info.company_id)
        shown = row.site
    return Connected(shown, info.company_id, companies, rights)


def _refuse_without(rights: tuple[RightRow, ...]) -> None:
    """Forbidden if a right is missing without which nothing can be done at all."""
    for row in rights:
        if row.need.blocking and row.state == MISSING:
            right = _name(row)
            raise Forbidden(
                f"The API member's role lacks the right {right}, and nothing works without it. In ConnectWise: System > Security Roles > the "
                f"role of the API member > {right}: All. Then connect again.",
                right=right,
            )


def check(runtime: Runtime, partner_id: str) -> Connected:
    """Test the stored connection and say which rights are there, one row per needed right."""
    with open_client(runtime, partner_id) as client:
        client.read.system_info()
        companies = client.read.company_count()
        rights = check_rights(client.read)
    with runtime.database.write() as session:
        row = session.get_one(Connection, partner_id)
        row.rights = _stored(rights)
        row.checked_at = runtime.clock()
        return Connected(row.site, row.company_id, companies, rights)


def get(runtime: Runtime, partner_id: str) -> Connection:
    """The connection row (detached), or NotConnected."""
    with runtime.database.read() as session:
        row = session.get(Connection, partner_id)
    if row is None:
        raise NotConnected(
            f"{runtime.source.partner(partner_id).name} is not connected to ConnectWise yet. Connect first: "
            f"cwportal connect --partner {partner_id} --site … --company-id … --public-key …"
        )
    return row


@contextmanager
def open_client(runtime: Runtime, partner_id: str) -> Iterator[Client]:
    """A client with the partner's keys, its gate and its site guard; closed at the end of the block."""
    row = get(runtime, partner_id)
    keyring = Keyring.of(runtime.config)
    credentials = Credentials(
        row.company_id, keyring.decrypt(partner_id, row.public_key), keyring.decrypt(partner_id, row.private_key)
    )

    def remember(codebase: str) -> None:
        with runtime.database.write() as session:
            session.execute(update(Connection).where(Connection.partner_id == partner_id).values(codebase=codebase))

    endpoint = parse_site(row.site, runtime.config.allowed_sites).endpoint(row.codebase)
    gate = ConnectionGate(runtime, partner_id)
    with _transport(runtime, credentials, endpoint, gate, on_codebase=remember) as transport:
        yield Client(row.tenant, Reader(transport), transport, gate)


def tenants_in_use(runtime: Runtime, partner_id: str) -> str | None:
    """The tenant of the partner's connection, None where there is none."""
    with runtime.database.read() as session:
        return session.scalar(select(Connection.tenant).where(Connection.partner_id == partner_id))


def refresh_rights(runtime: Runtime, partner_id: str, client: Client) -> dict[str, str]:
    """The rights as last seen, `module > function > level` -> state; looked up again only while one is known to be missing."""
    row = get(runtime, partner_id)
    if MISSING not in row.rights.values():
        return dict(row.rights)
    rights = _stored(check_rights(client.read))
    with runtime.database.write() as session:
        session.get_one(Connection, partner_id).rights = rights
    return rights


def _stored(rights: tuple[RightRow, ...]) -> dict[str, str]:
    return {_name(row): row.state for row in rights}


def _name(row: RightRow) -> str:
    return f"{row.need.module} > {row.need.function} > {row.need.level.capitalize()}"


def _transport(
    runtime: Runtime,
    credentials: Credentials,
    endpoint: Endpoint,
    gate: Gate,
    *,
    on_codebase: Callable[[str], None] | None = None,
) -> Transport:
    return Transport(
        credentials,
        endpoint=endpoint,
        client_id=runtime.config.client_id,
        guard=AddressGuard(runtime.config.allowed_sites),
        gate=gate,
        clock=runtime.clock,
        sleep=runtime.sleep,
        random=random.random,
        timeout=runtime.config.timeout,
        ca_bundle=runtime.config.ca_bundle,
        on_codebase=on_codebase,
        in_flight=runtime.config.concurrency,
    )
