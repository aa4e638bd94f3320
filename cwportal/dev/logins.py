"""Somebody of every role at the demo partner."""

from __future__ import annotations

from cwportal.config import Config
from cwportal.dev.demo import PARTNER
from cwportal.errors import UsageError
from cwportal.plugin import open_engine
from cwportal.standalone import staff
from cwportal.vocabulary import Role

PASSWORD = "northwind-demo"  # noqa: S105  # nosec B105 - printed by `make run`, on 127.0.0.1 only
LOGINS = {role: f"{role}@{PARTNER}.example" for role in Role}


def add_logins(config: Config) -> None:
    """Add those that are missing to the portal's database; one that is there already is left as it is."""
    engine = open_engine(config)
    try:
        for role, email in LOGINS.items():
            try:
                staff.add_staff(engine, email, PARTNER, role, PASSWORD)
            except UsageError:
                if staff.verify(engine, email, PASSWORD) is None:
                    raise
    finally:
        engine.dispose()
