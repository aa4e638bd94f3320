"""Keys that were typed in the wizard and are not in use yet: encrypted, read back, and never sent to another site unasked."""

from __future__ import annotations

from cwportal.errors import UsageError
from cwportal.models import Draft
from cwportal.runtime import Runtime
from cwportal.services.credentials import Typed, same_host
from cwportal.services.secrets import Keyring


class KeyNeeded(UsageError):
    """The private key has to be typed again."""


def encrypted(runtime: Runtime, partner_id: str, key: str) -> str:
    """As it is stored; nothing where nothing was typed."""
    return Keyring.of(runtime.config).encrypt(partner_id, key) if key else ""


def read(runtime: Runtime, row: Draft) -> Typed:
    """What was typed. A key that the present secret keys do not open is "", and typed again."""
    keyring = Keyring.of(runtime.config)
    public_key, private_key = (keyring.readable(row.partner_id, value) for value in (row.public_key, row.private_key))
    return Typed(row.site, row.company_id, public_key, private_key)


def refuse_elsewhere(runtime: Runtime, row: Draft, site: str) -> None:
    """KeyNeeded if this is another ConnectWise host than the one that the private key was typed for."""
    if not same_host(site, row.site, runtime.config.allowed_sites):
        raise KeyNeeded(
            f"Type the private key again: {row.key_by} typed the saved one for {row.site}, and it is not sent to another site."
        )
