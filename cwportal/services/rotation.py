"""Stored ConnectWise keys under the newest secret key."""

from __future__ import annotations

from sqlalchemy import select

from cwportal.models import Connection, Draft
from cwportal.runtime import Runtime
from cwportal.services import audit
from cwportal.services.secrets import Keyring


def rotate(runtime: Runtime, *, actor: str) -> int:
    """Encrypt the keys of every connection, and of what is typed in the wizard, anew; how many connections that were.

    All or nothing. ConfigurationError if one cannot be read with any of the secret keys, or is another partner's.
    """
    keyring = Keyring.of(runtime.config)
    with runtime.database.write() as session:
        rows = list(session.scalars(select(Connection).order_by(Connection.partner_id).with_for_update()))
        for row in rows:
            _anew(keyring, row)
            audit.record(session, runtime, row.partner_id, actor, "rotate_keys")
        for draft in session.scalars(select(Draft).order_by(Draft.partner_id).with_for_update()):
            _anew(keyring, draft)
    return len(rows)


def _anew(keyring: Keyring, row: Connection | Draft) -> None:
    for name in ("public_key", "private_key"):
        if stored := getattr(row, name):
            setattr(row, name, keyring.encrypt(row.partner_id, keyring.decrypt(row.partner_id, stored)))
