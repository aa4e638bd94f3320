"""Keys at rest: encrypted, rotatable, bound to their partner."""

from __future__ import annotations

import json
import os
from pathlib import Path

from cryptography.fernet import Fernet, InvalidToken, MultiFernet

from cwportal.config import Config
from cwportal.errors import ConfigurationError

FILE = "secret_keys"


class Keyring:
    """Encrypts with the newest key, decrypts with any. The partner's id is inside the value and checked on the way out."""

    def __init__(self, keys: tuple[str, ...]) -> None:
        try:
            self._fernet = MultiFernet([Fernet(key) for key in keys])
        except ValueError:
            raise ConfigurationError(
                "CWPORTAL_SECRET_KEYS holds something that is not a Fernet key (32 bytes, url-safe base64). "
                'Make one with: python -c "from cryptography.fernet import Fernet; print(Fernet.generate_key().decode())"'
            ) from None

    @classmethod
    def of(cls, config: Config) -> Keyring:
        """From the configuration, else from the instance folder, where a key is generated once with mode 600."""
        if config.secret_keys:
            return cls(config.secret_keys)
        return cls((_generated(config.instance / FILE),))

    def encrypt(self, partner_id: str, value: str) -> str:
        """Text for the database."""
        return self._fernet.encrypt(json.dumps([partner_id, value]).encode()).decode()

    def decrypt(self, partner_id: str, stored: str) -> str:
        """The value; `ConfigurationError` where no key fits or the value belongs to somebody else."""
        try:
            owner, value = json.loads(self._fernet.decrypt(stored.encode()))
        except InvalidToken:
            raise ConfigurationError(
                "The stored ConnectWise keys cannot be read with the present CWPORTAL_SECRET_KEYS. "
                "Put the former key back into the list, or connect again."
            ) from None
        if owner != partner_id:
            raise ConfigurationError(
                "The stored ConnectWise keys belong to another partner and are not used. Connect again."
            )
        return str(value)

    def readable(self, partner_id: str, stored: str) -> str:
        """The value, "" where it cannot be read: for a page on which it can be typed again."""
        try:
            return self.decrypt(partner_id, stored) if stored else ""
        except ConfigurationError:
            return ""

    def rotate(self, stored: str) -> str:
        """The same value under the newest key."""
        return self._fernet.rotate(stored.encode()).decode()


def _generated(path: Path) -> str:
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    fresh = path.with_name(f".{path.name}.{os.getpid()}")
    if not path.exists():
        descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "w") as file:
            file.write(Fernet.generate_key().decode())
        try:
            os.link(fresh, path)
        except FileExistsError:
            pass
        finally:
            fresh.unlink()
    return path.read_text().strip()
