"""Somebody of every role at the demo partner, and the administrator of the one that has not connected yet."""

from __future__ import annotations

from contextlib import suppress

from cwportal.config import Config
from cwportal.dev.demo import NEWCOMER, PARTNER
from cwportal.errors import UsageError
from cwportal.plugin import open_engine
from cwportal.standalone import staff
from cwportal.vocabulary import Role

PASSWORD = "northwind-demo"  # noqa: S105  # nosec B105 - printed by `make run`, on 127.0.0.1 only
LOGINS = {role: f"{role}@{PARTNER}.example" for role in Role}
FIRST_VISIT = f"{Role.ADMIN}@{NEWCOMER}.example"


def add_logins(config: Config) -> None:
    """Add those that are missing to the portal's database; one that is there already is left as it is."""
    engine = open_engine(config)
    try:
        people = [(email, PARTNER, role) for role, email in LOGINS.items()]
        for email, partner, role in (*people, (FIRST_VISIT, NEWCOMER, Role.ADMIN)):
            with suppress(UsageError):  # it is there already, perhaps with a password of its own
                staff.add_staff(engine, email, partner, role, PASSWORD)
    finally:
        engine.dispose()
