"""Writers of the portal's data, one after the other."""

from __future__ import annotations

from sqlalchemy import Connection, text

_LOCK = 7_406_215_002
"""Advisory lock of PostgreSQL: a load must see the rows that another one wrote, or both sets of charges would stay.
SQLite has one writer at a time anyway."""


def lock(connection: Connection) -> None:
    """Until the end of the transaction."""
    if connection.dialect.name == "postgresql":
        connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _LOCK})
