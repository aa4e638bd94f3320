"""One way into what connects a partner: its connection, the wizard's draft and the first settings, locked in one order by everybody.

A row that is not there yet cannot be locked. PostgreSQL would let two people make the first one at once, or make them wait for each other;
SQLite lets nobody write beside another, so nothing more is needed there.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from cwportal.models import Connection, Draft


@dataclass(frozen=True, slots=True)
class WayIn:
    """Both rows as they are now, None where there is none; nobody changes them before the transaction ends."""

    connection: Connection | None
    draft: Draft | None


def enter(session: Session, partner_id: str) -> None:
    """Wait until nobody else is in, and keep others out until the transaction ends. Before any lock of a row."""
    if session.get_bind().dialect.name == "postgresql":
        number = hashlib.sha256(f"cwportal way in\n{partner_id}".encode()).digest()[:8]
        session.execute(select(func.pg_advisory_xact_lock(int.from_bytes(number, signed=True))))


def locked(session: Session, partner_id: str) -> WayIn:
    """The connection, then the draft. Also where the transaction is in already."""
    enter(session, partner_id)
    return WayIn(
        session.get(Connection, partner_id, with_for_update=True), session.get(Draft, partner_id, with_for_update=True)
    )
