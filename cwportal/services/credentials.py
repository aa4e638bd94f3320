"""Credentials of a ConnectWise: tested without keeping anything, and kept without asking anybody."""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from contextlib import nullcontext, suppress
from dataclasses import dataclass, field

from sqlalchemy import delete, update
from sqlalchemy.orm import Session

from cwportal.connectwise.errors import Forbidden, SiteRefused
from cwportal.connectwise.gate import Gate, LocalGate
from cwportal.connectwise.guard import AddressGuard
from cwportal.connectwise.protocol import Credentials, Endpoint
from cwportal.connectwise.reader import Reader
from cwportal.connectwise.rights import ALL, MY, RightRow, check_rights
from cwportal.connectwise.session import TRIES, Transport, company_info
from cwportal.connectwise.site import Site, parse_site
from cwportal.errors import UsageError
from cwportal.models import Connection, Draft, Mapping
from cwportal.runtime import Runtime
from cwportal.services import hurry, settings, way_in
from cwportal.services.secrets import Keyring

MISSING = "missing"


@dataclass(frozen=True, slots=True)
class Typed:
    """What somebody typed; the private key shows in no repr."""

    site: str
    company_id: str
    public_key: str
    private_key: str = field(repr=False)

    def stripped(self) -> Typed:
        """Without spaces around, which come along when one copies."""
        return Typed(self.site.strip(), self.company_id.strip(), self.public_key.strip(), self.private_key.strip())


@dataclass(frozen=True, slots=True)
class Proven:
    """Credentials that ConnectWise has accepted, and what it told."""

    tenant: str
    site: str
    company_id: str
    public_key: str
    private_key: str = field(repr=False)
    codebase: str
    is_cloud: bool
    companies: int
    rights: tuple[RightRow, ...]


class RightsLacking(Forbidden):
    """A right is missing without which nothing can be done at all, or reaches own records only. `rights`: all of them, to be shown."""

    def __init__(self, sentence: str, *, right: str, rights: tuple[RightRow, ...]) -> None:
        super().__init__(sentence, right=right)
        self.rights = rights


def tenant_of(site: Site, company_id: str) -> str:
    """Canonical API host + company ID as confirmed by companyinfo: the space in which ConnectWise's ids mean something."""
    return f"{site.canonical}/{company_id}"


def same_host(one: str, other: str, allowed: frozenset[str]) -> bool:
    """Whether two sites as typed are one ConnectWise host; what is no site is like itself only."""

    def host(text: str) -> str:
        try:
            return parse_site(text, allowed).canonical
        except SiteRefused:
            return text.strip().lower()

    return host(one) == host(other)


def prove(runtime: Runtime, typed: Typed, *, gate: Gate | None = None, patience: float | None = None) -> Proven:
    """Ask ConnectWise whether it accepts them. Nothing is kept, and no transaction is open.

    `gate`: that of the connection, where it is the same ConnectWise. `patience`: a person waits for the page (see `hurry`), and so many seconds
    at most where ConnectWise asks us to wait. Raises UsageError for empty fields, `connectwise.errors.ConnectWiseError` with a sentence for
    everything ConnectWise says.
    """
    with nullcontext() if patience is None else hurry.page():
        return _prove(runtime, typed, gate, patience)


def _prove(runtime: Runtime, typed: Typed, gate: Gate | None, patience: float | None) -> Proven:
    typed = typed.stripped()
    fields = {
        "Site": typed.site,
        "Company ID": typed.company_id,
        "Public key": typed.public_key,
        "Private key": typed.private_key,
    }
    for name, value in fields.items():
        if not value:
            raise UsageError(f"{name} is empty. Type it and try again.")
    config = runtime.config
    site = parse_site(typed.site, config.allowed_sites)
    if gate is None:
        longest = {} if patience is None else {"longest": patience}
        gate = LocalGate(time.monotonic, runtime.sleep, **longest)
    hurried = patience is not None
    if hurried:
        gate = hurry.HurriedGate(gate)
    gate.wait()
    info = company_info(
        site,
        typed.company_id,
        guard=AddressGuard(config.allowed_sites),
        clock=runtime.clock,
        timeout=min(config.timeout, hurry.ONE_ANSWER) if hurried else config.timeout,
        ca_bundle=config.ca_bundle,
    )
    credentials = Credentials(info.company_id, typed.public_key, typed.private_key)
    with transport(runtime, credentials, site.endpoint(info.codebase), gate, hurried=hurried) as opened:
        reader = Reader(opened)
        with suppress(Forbidden):  # whoever may not see the version may be able to do everything that exports need
            reader.system_info()
        companies, rights = _seen(reader)
        codebase = opened.endpoint.codebase
    return Proven(
        tenant=tenant_of(site, info.company_id),
        site=site.login_url if site.scheme == "http" else site.login_url.removeprefix("https://"),
        company_id=info.company_id,
        public_key=typed.public_key,
        private_key=typed.private_key,
        codebase=codebase,
        is_cloud=info.is_cloud,
        companies=companies,
        rights=rights,
    )


def keep(
    session: Session, runtime: Runtime, partner_id: str, proven: Proven, *, active: bool, actor: str
) -> str | None:
    """Make them the partner's connection. Returns the tenant it had before, None if there was no connection.

    Where that was another ConnectWise, what belongs to it is let go: Export marks, and the choices whose ids mean nothing here.
    """
    keyring = Keyring.of(runtime.config)
    now = runtime.clock()
    row = way_in.locked(session, partner_id).connection
    before = None if row is None else row.tenant
    if row is None:
        row = Connection(partner_id=partner_id, not_before=None)
    elif before != proven.tenant:
        row.not_before = None
        forget_choices_of_others(session, runtime, partner_id, proven.tenant, actor=actor)
    row.connected_at = now
    row.tenant = proven.tenant
    row.site = proven.site
    row.company_id = proven.company_id
    row.public_key = keyring.encrypt(partner_id, proven.public_key)
    row.private_key = keyring.encrypt(partner_id, proven.private_key)
    row.codebase = proven.codebase
    row.is_cloud = proven.is_cloud
    row.active = active
    row.rights = stored(proven.rights)
    row.companies = proven.companies
    row.checked_at = now
    session.add(row)
    if active:
        session.execute(delete(Draft).where(Draft.partner_id == partner_id))
    return before


def forget_choices_of_others(session: Session, runtime: Runtime, partner_id: str, tenant: str, *, actor: str) -> None:
    """Let go what only means something in another ConnectWise: Export marks of its mapping, ids among the settings."""
    session.execute(
        update(Mapping).where(Mapping.partner_id == partner_id, Mapping.tenant != tenant).values(export=False)
    )
    settings.forget_numbers(session, runtime, partner_id, actor=actor)


def stored(rights: tuple[RightRow, ...]) -> dict[str, str]:
    """As the connection keeps them: "Company > Company Maintenance > Add" -> state, with the level of what is there: "has (All)"."""
    return {
        _name(row): f"{row.state} ({row.granted})" if row.state == "has" and row.granted in {MY, ALL} else row.state
        for row in rights
    }


def read_state(text: str) -> tuple[str, str]:
    """State and level of a right as it is kept, "" where the level is not known."""
    state, _, level = text.partition(" (")
    return state, level.removesuffix(")")


def transport(
    runtime: Runtime,
    credentials: Credentials,
    endpoint: Endpoint,
    gate: Gate,
    *,
    on_codebase: Callable[[str], None] | None = None,
    hurried: bool = False,
) -> Transport:
    """All requests go through one of these. `hurried`: a person waits, so fewer tries and shorter ones; `gate` is to be a HurriedGate."""
    return Transport(
        credentials,
        endpoint=endpoint,
        client_id=runtime.config.client_id,
        guard=AddressGuard(runtime.config.allowed_sites),
        gate=gate,
        clock=runtime.clock,
        sleep=runtime.sleep,
        random=random.random,
        timeout=min(runtime.config.timeout, hurry.ONE_ANSWER) if hurried else runtime.config.timeout,
        ca_bundle=runtime.config.ca_bundle,
        on_codebase=on_codebase,
        tries=hurry.TRIES if hurried else TRIES,
        in_flight=runtime.config.concurrency,
    )


def _seen(reader: Reader) -> tuple[int, tuple[RightRow, ...]]:
    """How many companies the API member sees, and its rights. RightsLacking, with all of them, if one is missing that nothing works without."""
    refused: Forbidden | None = None
    companies = 0
    try:
        companies = reader.company_count()
    except Forbidden as error:
        refused = error
    rights = check_rights(reader)
    _refuse_without(rights)
    if refused is not None:
        raise refused
    return companies, rights


def _refuse_without(rights: tuple[RightRow, ...]) -> None:
    """RightsLacking if a right is missing without which nothing can be done at all, or has the level My."""
    row = next((row for row in rights if row.blocks), None)
    if row is None:
        return
    right = _name(row)
    why = (
        f"gives the right {right} for its own records only (My), so that companies and agreements would look absent"
        if row.is_own_only
        else f"lacks the right {right}, and nothing works without it"
    )
    raise RightsLacking(
        f"The API member's role {why}. In ConnectWise: System > Security Roles > the role of the API member > {right}: All. "
        "Then connect again.",
        right=right,
        rights=rights,
    )


def _name(row: RightRow) -> str:
    return f"{row.need.module} > {row.need.function} > {row.need.level.capitalize()}"
