"""What the page of the settings shows beside them: contacts, ConnectWise's tables, missing rights, the connection."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import lru_cache
from zoneinfo import available_timezones

from sqlalchemy import select

from cwportal.billing.values import Limits
from cwportal.errors import NotConnected
from cwportal.models import Connection, Run
from cwportal.portal import Contact, Partner
from cwportal.runtime import Runtime
from cwportal.services import rights, settings_tables
from cwportal.services.credentials import MISSING
from cwportal.services.secrets import Keyring
from cwportal.services.settings_tables import Tables
from cwportal.vocabulary import ACTIVE_RUN_STATES, Data

DEFAULTS = Limits()
_REGIONS = ("Africa", "America", "Antarctica", "Arctic", "Asia", "Atlantic", "Australia", "Europe", "Indian", "Pacific")
_SHOWN = 4
"""Last letters of the public key that are shown."""


@dataclass(frozen=True, slots=True)
class Surroundings:
    """`lacking`: selected data -> rights that it needs and that are known to be missing. `running`: an export is under way."""

    partner: Partner
    contacts: tuple[Contact, ...]
    tables: Tables
    site: str
    company_id: str
    key_end: str
    checked_at: datetime | None
    running: bool
    lacking: Mapping[Data, tuple[str, ...]] = field(default_factory=dict)
    zones: Mapping[str, tuple[str, ...]] = field(default_factory=dict)


def surroundings(runtime: Runtime, partner_id: str) -> Surroundings:
    """Of a connection that is active, or tested in the wizard. Nothing here asks ConnectWise. Raises NotConnected."""
    with runtime.database.read() as session:
        connection = session.get(Connection, partner_id)
        if connection is None:
            raise NotConnected("ConnectWise is not connected any more.")
        tables = settings_tables.read(session, partner_id)
        under_way = select(Run.id).where(Run.partner_id == partner_id, Run.state.in_(ACTIVE_RUN_STATES))
        running = session.scalar(under_way) is not None
    public_key = Keyring.of(runtime.config).readable(partner_id, connection.public_key)
    return Surroundings(
        runtime.source.partner(partner_id),
        _contacts(runtime, partner_id),
        tables,
        connection.site.removeprefix("https://"),
        connection.company_id,
        public_key[-_SHOWN:] if len(public_key) > 2 * _SHOWN else "",
        connection.checked_at,
        running,
        _lacking(connection.rights),
        zones(),
    )


@lru_cache(maxsize=1)
def zones() -> Mapping[str, tuple[str, ...]]:
    """Time zones by region; names that are kept only for old times' sake are left out."""
    names = sorted(available_timezones())
    regions = {region: tuple(name for name in names if name.startswith(f"{region}/")) for region in _REGIONS}
    return {"": ("UTC",), **{region: found for region, found in regions.items() if found}}


def _contacts(runtime: Runtime, partner_id: str) -> tuple[Contact, ...]:
    """Everybody once, by address."""
    found: dict[str, Contact] = {}
    for contact in runtime.source.contacts(partner_id):
        if contact.email.strip():
            found.setdefault(contact.email.strip().casefold(), contact)
    return tuple(found.values())


def _lacking(stored: Mapping[str, str]) -> dict[Data, tuple[str, ...]]:
    missing = [right for right in rights.of_stored(stored, tuple(Data)) if right.state == MISSING]
    return {data: names for data in Data if (names := tuple(right.name for right in missing if data in right.data))}
