"""Every CWPORTAL_* key: name, type, default and meaning. Read from the environment or from a host's Flask configuration."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from cwportal.errors import ConfigurationError

LONGEST_WAIT = 900.0
"""Seconds: a Retry-After beyond this ends the run as partial (design section 8)."""

READ_FRESH = 60.0
"""Seconds: an agreement read longer ago is read again before its first write (design section 4)."""


@dataclass(frozen=True, slots=True)
class Key:
    """One configuration key. `field` is the attribute of `Config`; `secret` values are never printed."""

    name: str
    field: str
    default: str
    meaning: str
    parse: Callable[[str], Any]
    secret: bool = False


def _words(text: str) -> tuple[str, ...]:
    return tuple(word.strip() for word in text.split(",") if word.strip())


def _sites(text: str) -> frozenset[str]:
    return frozenset(word.lower() for word in _words(text))


def _whole(least: int) -> Callable[[str], int]:
    def parse(text: str) -> int:
        value = int(text)
        if value < least:
            raise ValueError(f"at least {least}")
        return value

    return parse


def _seconds(text: str) -> float:
    value = float(text)
    if not 0 <= value < 86_400:
        raise ValueError("between 0 and 86400 seconds")
    return value


def _optional(text: str) -> str | None:
    return text or None


def _path(text: str) -> Path:
    return Path(text).expanduser().absolute()


KEYS = (
    Key("CWPORTAL_INSTANCE", "instance", "instance", "Folder for the SQLite database and generated secrets", _path),
    Key(
        "CWPORTAL_DATABASE_URL",
        "database_url",
        "",
        "SQLAlchemy URL; empty = SQLite file `cwportal.sqlite` in the instance folder; `postgresql+psycopg://…` with the extra `postgres`",
        _optional,
        secret=True,
    ),
    Key(
        "CWPORTAL_REDIS_URL",
        "redis_url",
        "",
        "URL of the Redis or Valkey of the queue, `redis://…`, `rediss://…` or `unix://…`; empty = a server of our own in the instance folder",
        _optional,
        secret=True,
    ),
    Key(
        "CWPORTAL_SECRET_KEYS",
        "secret_keys",
        "",
        "Fernet keys separated by commas, newest first; empty = one is generated into the instance folder with mode 600",
        _words,
        secret=True,
    ),
    Key(
        "CWPORTAL_CLIENT_ID",
        "client_id",
        "00000000-0000-4000-8000-000000000000",
        "The vendor's ConnectWise clientId (a GUID from developer.connectwise.com); the default only works with the simulator",
        str.strip,
    ),
    Key(
        "CWPORTAL_BRAND",
        "brand",
        "Partner Portal",
        "The vendor's name as it appears in ConnectWise and on pages",
        str.strip,
    ),
    Key(
        "CWPORTAL_ALLOWED_SITES",
        "allowed_sites",
        "",
        "host or host:port entries, separated by commas, that are exempt from the public-https rule, e.g. `127.0.0.1:8780`",
        _sites,
    ),
    Key(
        "CWPORTAL_CA_BUNDLE",
        "ca_bundle",
        "",
        "PEM file with the certificate authorities to trust (a private CA on-premise)",
        _optional,
    ),
    Key("CWPORTAL_CONCURRENCY", "concurrency", "4", "Requests in flight per run", _whole(1)),
    Key("CWPORTAL_TIMEOUT", "timeout", "30", "Seconds to wait for an answer of ConnectWise", _seconds),
    Key("CWPORTAL_SETTLE", "settle", "60", "Seconds after which a write without an answer may be looked up", _seconds),
    Key("CWPORTAL_RUN_LIMIT", "run_limit", "21600", "Seconds one run may take before it ends as partial", _seconds),
    Key("CWPORTAL_LEASE", "lease", "60", "Seconds without heartbeat after which a run is taken up again", _seconds),
)


@dataclass(frozen=True, slots=True)
class Config:
    """The keys above, parsed."""

    instance: Path
    database_url: str | None
    redis_url: str | None
    secret_keys: tuple[str, ...]
    client_id: str
    brand: str
    allowed_sites: frozenset[str]
    ca_bundle: str | None
    concurrency: int
    timeout: float
    settle: float
    run_limit: float
    lease: float

    @classmethod
    def load(cls, values: Mapping[str, Any] | None = None) -> Config:
        """From `values` (a host's configuration) over the environment over the defaults; `ConfigurationError` names the key."""
        parsed: dict[str, Any] = {}
        for key in KEYS:
            given = (values or {}).get(key.name)
            text = str(given) if given is not None else os.environ.get(key.name, key.default)
            try:
                parsed[key.field] = key.parse(text.strip() or key.default)
            except ValueError as error:
                shown = "(secret)" if key.secret else repr(text)
                raise ConfigurationError(
                    f"{key.name} is {shown}, which cannot be used ({error}). It means: {key.meaning}. Correct it and start again."
                ) from None
        return cls(**parsed)

    @property
    def url(self) -> str:
        """The database URL in use."""
        path = str(self.instance / "cwportal.sqlite")
        # In a URL these mean something else: the database would be beside the instance folder, open to everybody.
        return self.database_url or f"sqlite:///{path.replace('%', '%25').replace('?', '%3F')}"


if {key.field for key in KEYS} != {
    item.name for item in fields(Config)
}:  # pragma: no cover - a slip while editing this file
    raise RuntimeError("KEYS and Config differ")
