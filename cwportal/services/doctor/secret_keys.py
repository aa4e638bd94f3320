"""Whether what is encrypted in the database can be read."""

from __future__ import annotations

from collections.abc import Sequence

from cwportal.config import Config
from cwportal.errors import ConfigurationError
from cwportal.models import Connection
from cwportal.services import secrets
from cwportal.services.doctor.check import Check, Health
from cwportal.services.secrets import Keyring


def secret_keys(config: Config, rows: Sequence[Connection]) -> Check:
    """The check."""
    name, connect_again = "secret keys", "Put the former key back into CWPORTAL_SECRET_KEYS, or connect again."
    try:
        keyring = _keyring(config)
    except (ConfigurationError, OSError) as error:
        return Check(name, Health.PROBLEM, str(error), "Stored ConnectWise keys cannot be read.", "Correct the keys.")
    if keyring is None:
        if rows:
            return Check(
                name,
                Health.PROBLEM,
                f"There is no secret key, but {len(rows)} stored connections need one.",
                f"CWPORTAL_SECRET_KEYS is empty and {config.instance / secrets.FILE} is gone.",
                connect_again,
            )
        return Check(name, Health.OK, "No secret key is needed yet; one is generated with the first connection.")
    unreadable = [row.partner_id for row in rows if not _can_read(keyring, row)]
    if unreadable:
        shown = ", ".join(unreadable[:5]) + (", …" if len(unreadable) > 5 else "")
        return Check(
            name,
            Health.PROBLEM,
            f"The stored ConnectWise keys of {len(unreadable)} of {len(rows)} partners cannot be read ({shown}).",
            "They were encrypted with another key, so these partners cannot be exported.",
            connect_again,
        )
    if not config.secret_keys and config.database_url and not config.database_url.startswith("sqlite"):
        return Check(
            name,
            Health.WARNING,
            "The secret key is a generated one in the instance folder, while the database is on a server.",
            "Another machine on the same database would generate another key and could not read the stored ones.",
            f"Put the content of {config.instance / secrets.FILE} into CWPORTAL_SECRET_KEYS on every machine.",
        )
    return Check(name, Health.OK, f"Stored ConnectWise keys can be read ({len(rows)} partners).")


def _keyring(config: Config) -> Keyring | None:
    """The keys that services use, but never a generated one."""
    if config.secret_keys:
        return Keyring(config.secret_keys)
    path = config.instance / secrets.FILE
    if not path.exists():
        return None
    try:
        return Keyring((path.read_text().strip(),))
    except ConfigurationError:
        raise ConfigurationError(f"The file {path} does not hold a secret key.") from None


def _can_read(keyring: Keyring, row: Connection) -> bool:
    try:
        keyring.decrypt(row.partner_id, row.public_key)
        keyring.decrypt(row.partner_id, row.private_key)
    except ConfigurationError:
        return False
    return True
