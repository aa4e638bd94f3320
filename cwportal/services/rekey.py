"""Other credentials for a connection that is active: other keys of the same ConnectWise, or another ConnectWise."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session

from cwportal.errors import NotConnected, UsageError
from cwportal.models import Connection, Draft, Run
from cwportal.runtime import Runtime
from cwportal.services import audit, connection, credentials, way_in
from cwportal.services.credentials import Proven, Typed, same_host
from cwportal.services.gate import ConnectionGate
from cwportal.services.secrets import Keyring
from cwportal.vocabulary import ACTIVE_RUN_STATES

_DECIDES = timedelta(hours=1)
"""How long somebody may think about another ConnectWise before the private key has to be typed again."""


@dataclass(frozen=True, slots=True)
class Now:
    """What the page shows. `version` changes with the credentials, and tells nothing about them."""

    site: str
    company_id: str
    public_key: str
    version: str
    rights: Mapping[str, str]
    companies: int | None
    checked_at: datetime | None


@dataclass(frozen=True, slots=True)
class Changed:
    """What the test said. `moved`: it is another ConnectWise now."""

    company_id: str
    companies: int
    changed: bool
    moved: bool


class Refused(UsageError):
    """Not now: somebody else has changed them, or an export runs."""


class KeyNeeded(UsageError):
    """The private key has to be typed: the stored one is not sent to another site."""


class Elsewhere(UsageError):
    """The credentials are good, and belong to another ConnectWise: a person has to say that this is meant."""

    def __init__(self, proven: Proven) -> None:
        super().__init__("These credentials belong to another ConnectWise.")
        self.site, self.company_id, self.companies = proven.site, proven.company_id, proven.companies


def now(runtime: Runtime, partner_id: str) -> Now:
    """The credentials as they are, without the private key. Raises NotConnected."""
    row = connection.get(runtime, partner_id)
    return Now(
        row.site,
        row.company_id,
        _readable(runtime, partner_id, row.public_key),
        _version(row),
        dict(row.rights),
        row.companies,
        row.checked_at,
    )


def change(
    runtime: Runtime,
    partner_id: str,
    typed: Typed,
    *,
    version: str,
    elsewhere: bool,
    patience: float,
    actor: str,
) -> Changed:
    """Test what was typed, and keep it. An empty private key means the kept one; `elsewhere`: another ConnectWise is meant.

    Raises Elsewhere (ask, and call again), KeyNeeded, Refused, NotConnected, and what ConnectWise says; then everything is as it was.
    """
    row = connection.get(runtime, partner_id)
    _same_version(row, version)
    public_key, private_key = (_readable(runtime, partner_id, key) for key in (row.public_key, row.private_key))
    kept = Typed(row.site, row.company_id, public_key, private_key)
    typed = typed.stripped()
    here = same_host(typed.site, row.site, runtime.config.allowed_sites)
    if not typed.private_key:
        typed = replace(typed, private_key=_waiting(runtime, partner_id, typed) or (kept.private_key if here else ""))
    if not typed.private_key and here:
        raise KeyNeeded("Type the private key, too: the saved one cannot be read any more.")
    if not typed.private_key:
        raise KeyNeeded(
            "Type the private key, too: the saved one belongs to another site, and is not sent to this one."
        )
    gate = ConnectionGate(runtime, partner_id, patience) if here else None
    proven = credentials.prove(runtime, typed, gate=gate, patience=patience)
    moved = proven.tenant != row.tenant
    if moved and not elsewhere:
        _let_wait(runtime, partner_id, typed, actor)
        raise Elsewhere(proven)
    after = Typed(proven.site, proven.company_id, proven.public_key, proven.private_key)
    with runtime.database.write() as session:
        present = way_in.locked(session, partner_id).connection
        if present is None or not present.active:
            raise NotConnected("ConnectWise was disabled in the meantime; nothing was changed.")
        _same_version(present, version)
        if moved:
            _refuse_while_running(session, partner_id)
        credentials.keep(session, runtime, partner_id, proven, active=True, actor=actor)
        if after != kept:
            deed = "connect_elsewhere" if moved else "credentials"
            audit.record(
                session,
                runtime,
                partner_id,
                actor,
                deed,
                site=proven.site,
                company_id=proven.company_id,
                public_key_changed=proven.public_key != kept.public_key,
                private_key_changed=proven.private_key != kept.private_key,
            )
    return Changed(proven.company_id, proven.companies, after != kept, moved)


def _readable(runtime: Runtime, partner_id: str, stored: str) -> str:
    return Keyring.of(runtime.config).readable(partner_id, stored)


def _let_wait(runtime: Runtime, partner_id: str, typed: Typed, actor: str) -> None:
    """Keep the keys, encrypted, while a person decides whether another ConnectWise is meant."""
    keyring = Keyring.of(runtime.config)
    with runtime.database.write() as session:
        present = way_in.locked(session, partner_id)
        if present.connection is None or not present.connection.active:
            raise NotConnected("ConnectWise was disabled in the meantime; nothing was kept.")
        row = present.draft or Draft(
            partner_id=partner_id, version=0, step=1, tested=False, settings={}, not_before=None
        )
        row.site, row.company_id = typed.site, typed.company_id
        row.public_key = keyring.encrypt(partner_id, typed.public_key)
        row.private_key = keyring.encrypt(partner_id, typed.private_key)
        row.key_by = row.changed_by = actor
        row.changed_at = runtime.clock()
        row.version += 1
        session.add(row)


def _waiting(runtime: Runtime, partner_id: str, typed: Typed) -> str:
    """The private key that was typed for exactly these values a short while ago, "" if none was."""
    keyring = Keyring.of(runtime.config)
    with runtime.database.read() as session:
        row = session.get(Draft, partner_id)
    if row is None or not row.private_key or runtime.clock() - row.changed_at > _DECIDES:
        return ""
    same = (row.site, row.company_id, keyring.readable(partner_id, row.public_key)) == (
        typed.site,
        typed.company_id,
        typed.public_key,
    )
    return keyring.readable(partner_id, row.private_key) if same else ""


def _version(row: Connection) -> str:
    """The stored text of a key is new whenever it is written, also for the same key."""
    return hashlib.sha256(f"{row.tenant}\n{row.private_key}".encode()).hexdigest()[:16]


def _same_version(row: Connection, version: str) -> None:
    if version != _version(row):
        raise Refused(
            "Somebody else has changed or tested the credentials while this page was open. The fields show what you typed; "
            "look at what is stored below, and press the button again to use yours."
        )


def _refuse_while_running(session: Session, partner_id: str) -> None:
    run = session.scalar(select(Run).where(Run.partner_id == partner_id, Run.state.in_(ACTIVE_RUN_STATES)))
    if run is not None:
        raise Refused(
            f"An export is under way (no. {run.id}), and it writes to the present ConnectWise. Wait until it has ended, or cancel it on "
            "the page Export status; then change Site or Company ID. Nothing was changed."
        )
