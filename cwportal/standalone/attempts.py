"""How often somebody may try to sign in: counted in the database, so that it holds over all processes."""

from __future__ import annotations

import hashlib
import ipaddress
from collections.abc import Sequence

from sqlalchemy import Engine, delete, func, insert, select, text

from cwportal.standalone.tables import AttemptRow

MOST = 10
"""Attempts that fail, per e-mail address and per network address, within WINDOW."""
WINDOW = 15 * 60
"""Seconds."""

_LOCK = 7_406_215_002
"""Advisory lock of PostgreSQL, so that attempts at the same moment count each other; SQLite writes one after the other anyway."""


def subjects(email: str, address: str | None) -> tuple[str, ...]:
    """What attempts are counted under. Of IPv6 it is the network of 64 bits, which is one customer's."""
    typed = hashlib.sha256(email.strip().lower().encode(errors="replace")).hexdigest()
    return (f"email:{typed}", f"network:{_network(address)}") if address else (f"email:{typed}",)


def admit(engine: Engine, who: Sequence[str], now: int) -> bool:
    """Count an attempt before its password is looked at; False (and not counted) if there were too many. `now`: seconds since 1970."""
    with engine.begin() as connection:
        if connection.dialect.name == "postgresql":
            connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _LOCK})
        connection.execute(delete(AttemptRow).where(AttemptRow.at <= now - WINDOW))
        counted = connection.execute(
            select(func.count()).where(AttemptRow.subject.in_(who)).group_by(AttemptRow.subject)
        ).scalars()
        if any(number >= MOST for number in counted):
            return False
        connection.execute(insert(AttemptRow), [{"subject": subject, "at": now} for subject in who])
    return True


def forget(engine: Engine, who: Sequence[str]) -> None:
    """The attempt succeeded: its address starts afresh, and the network gets this one attempt back."""
    email, *others = who
    with engine.begin() as connection:
        connection.execute(delete(AttemptRow).where(AttemptRow.subject == email))
        for subject in others:
            newest = select(func.max(AttemptRow.id)).where(AttemptRow.subject == subject).scalar_subquery()
            connection.execute(delete(AttemptRow).where(AttemptRow.id == newest))


def _network(address: str) -> str:
    try:
        found = ipaddress.ip_address(address)
    except ValueError:
        return "unknown"
    return str(found) if found.version == 4 else str(ipaddress.ip_network((found, 64), strict=False))
