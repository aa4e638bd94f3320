"""The people who sign in to the portal."""

from __future__ import annotations

import re
from dataclasses import dataclass

from sqlalchemy import Engine, insert, select
from sqlalchemy.exc import IntegrityError
from werkzeug.security import check_password_hash, generate_password_hash

from cwportal.errors import UnknownPartner, UsageError
from cwportal.standalone.source import READ_ONLY
from cwportal.standalone.tables import PartnerRow, StaffRow
from cwportal.vocabulary import Role

SHORTEST_PASSWORD = 10
LONGEST_PASSWORD = 1000
"""Characters. Hashing takes longer with the length; nobody types more."""

_EMAIL = re.compile(r"[^@\s,;<>\"]+@[^@\s,;<>\"]+\.[^@\s,;<>\".]+")
_LONGEST_EMAIL = 200


@dataclass(frozen=True, slots=True)
class Staff:
    """Somebody who is signed in: what they may do, and for which partner."""

    email: str
    partner_id: str
    role: Role


def add_staff(engine: Engine, email: str, partner_id: str, role: str, password: str) -> Staff:
    """A new login. The address is kept in lower case and is one login in the whole portal.

    Raises UnknownPartner, or UsageError with what is wrong with the address, role or password.
    """
    address = email.strip().lower()
    if not _EMAIL.fullmatch(address) or len(address) > _LONGEST_EMAIL or not address.isprintable():
        raise UsageError(f"{email!r} is not an e-mail address; write it like ann@example.com.")
    if role not in set(Role):
        raise UsageError(f"{role!r} is not a role; choose one of {', '.join(Role)}.")
    if not SHORTEST_PASSWORD <= len(password) <= LONGEST_PASSWORD:
        raise UsageError(
            f"The password has {len(password)} characters; it needs {SHORTEST_PASSWORD} to {LONGEST_PASSWORD}."
        )
    hashed = generate_password_hash(password)
    try:
        with engine.begin() as connection:
            if connection.scalar(select(PartnerRow.id).where(PartnerRow.id == partner_id)) is None:
                raise UnknownPartner(f'There is no partner "{partner_id}" in the portal.')
            connection.execute(
                insert(StaffRow).values(email=address, password_hash=hashed, partner_id=partner_id, role=role)
            )
    except IntegrityError as error:
        raise UsageError(f"There is a login {address} already; choose another address.") from error
    return Staff(address, partner_id, Role(role))


def verify(engine: Engine, email: str, password: str) -> Staff | None:
    """Who signs in with these, or None; it takes as long for an unknown address as for a wrong password."""
    query = select(StaffRow.email, StaffRow.partner_id, StaffRow.role, StaffRow.password_hash).where(
        StaffRow.email == email.strip().lower()
    )
    with engine.execution_options(**READ_ONLY).connect() as connection:
        row = connection.execute(query).one_or_none()
    if len(password) > LONGEST_PASSWORD:
        return None
    if row is None:
        generate_password_hash(password)
        return None
    return (
        Staff(row.email, row.partner_id, Role(row.role)) if check_password_hash(row.password_hash, password) else None
    )
