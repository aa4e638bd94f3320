"""The people who sign in to the portal."""

from __future__ import annotations

import re
import secrets
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Connection, Engine, Select, Update, delete, insert, select, update
from sqlalchemy.exc import IntegrityError
from werkzeug.security import check_password_hash, generate_password_hash

from cwportal.errors import UnknownPartner, UsageError
from cwportal.standalone.source import reader
from cwportal.standalone.tables import PartnerRow, StaffRow
from cwportal.vocabulary import Role

SHORTEST_PASSWORD = 10
LONGEST_PASSWORD = 1000
"""Characters. Hashing takes longer with the length; nobody types more."""

_EMAIL = re.compile(r"[^@\s,;<>\"]+@[^@\s,;<>\"]+\.[^@\s,;<>\".]+")
_LONGEST_EMAIL = 200


@dataclass(frozen=True, slots=True)
class Staff:
    """Somebody who signs in: what they may do, and for which partner.

    `generation` counts on when a session of theirs must end; `must_change`: somebody else chose their password.
    """

    email: str
    partner_id: str
    role: Role
    id: int = field(default=0, compare=False)
    partner_name: str = field(default="", compare=False)
    generation: int = field(default=0, compare=False)
    must_change: bool = field(default=False, compare=False)


def add_staff(
    engine: Engine, email: str, partner_id: str, role: str, password: str, *, must_change: bool = False
) -> Staff:
    """A new login. The address is kept in lower case and is one login in the whole portal.

    `must_change`: they choose a password of their own after signing in. Raises UnknownPartner, or UsageError with what
    is wrong with the address, role or password.
    """
    address = email.strip().lower()
    if not _EMAIL.fullmatch(address) or len(address) > _LONGEST_EMAIL or not address.isprintable():
        raise UsageError(f"{email!r} is not an e-mail address; write it like ann@example.com.")
    values = {
        "email": address,
        "role": _role(role).value,
        "password_hash": _hashed(password),
        "partner_id": partner_id,
        "generation": _generation(),
        "must_change": must_change,
    }
    try:
        with engine.begin() as connection:
            if connection.scalar(select(PartnerRow.id).where(PartnerRow.id == partner_id)) is None:
                raise UnknownPartner(f'There is no partner "{partner_id}" in the portal.')
            connection.execute(insert(StaffRow).values(values))
    except IntegrityError as error:
        raise UsageError(f"There is a login {address} already; choose another address.") from error
    return Staff(address, partner_id, Role(role))


def verify(engine: Engine, email: str, password: str) -> Staff | None:
    """Who signs in with these, or None; it takes as long for an unknown address as for a wrong password."""
    query = _people(StaffRow.password_hash).where(StaffRow.email == email.strip().lower())
    with reader(engine).connect() as connection:
        row = connection.execute(query).one_or_none()
    if len(password) > LONGEST_PASSWORD:
        return None
    if row is None:
        generate_password_hash(password)
        return None
    return _staff(row) if check_password_hash(row.password_hash, password) else None


def find(engine: Engine, email: str) -> Staff | None:
    """Whose login it is."""
    with reader(engine).connect() as connection:
        row = connection.execute(_people().where(StaffRow.email == email)).one_or_none()
    return None if row is None else _staff(row)


def of_partner(engine: Engine, partner_id: str) -> Sequence[Staff]:
    """Everybody of the partner by e-mail address."""
    query = _people().where(StaffRow.partner_id == partner_id).order_by(StaffRow.email)
    with reader(engine).connect() as connection:
        return [_staff(row) for row in connection.execute(query)]


def one(engine: Engine, partner_id: str, staff_id: int) -> Staff | None:
    """Somebody of the partner."""
    query = _people().where(StaffRow.partner_id == partner_id, StaffRow.id == staff_id)
    with reader(engine).connect() as connection:
        row = connection.execute(query).one_or_none()
    return None if row is None else _staff(row)


def set_role(engine: Engine, partner_id: str, staff_id: int, role: str) -> None:
    """Counts from their next request on. UsageError for the partner's last administrator."""
    with engine.begin() as connection:
        if _role(role) is not Role.ADMIN:
            _not_the_last(connection, partner_id, staff_id)
        connection.execute(_change(partner_id, staff_id).values(role=role))


def set_password(engine: Engine, partner_id: str, staff_id: int, password: str, *, must_change: bool) -> Staff | None:
    """A new password; every session of the person ends. What they are now, to sign them in again, None if they are gone.

    `must_change`: somebody else chose it. UsageError if it is too short or too long.
    """
    values = {"password_hash": _hashed(password), "must_change": must_change, "generation": _generation()}
    with engine.begin() as connection:
        connection.execute(_change(partner_id, staff_id).values(values))
    return one(engine, partner_id, staff_id)


def remove(engine: Engine, partner_id: str, staff_id: int) -> None:
    """They are signed out with their next request. UsageError for the partner's last administrator."""
    with engine.begin() as connection:
        _not_the_last(connection, partner_id, staff_id)
        connection.execute(delete(StaffRow).where(StaffRow.partner_id == partner_id, StaffRow.id == staff_id))


def _not_the_last(connection: Connection, partner_id: str, staff_id: int) -> None:
    query = (
        select(StaffRow.id)
        .where(StaffRow.partner_id == partner_id, StaffRow.role == Role.ADMIN)
        .order_by(StaffRow.id)
        .with_for_update()  # two administrators who demote each other: the second waits, and is refused
    )
    if list(connection.scalars(query)) == [staff_id]:
        raise UsageError(
            "This is the only administrator. Give somebody else the role Administrator first: "
            "without one, nobody could manage staff and settings any more."
        )


def _change(partner_id: str, staff_id: int) -> Update:
    return update(StaffRow).where(StaffRow.partner_id == partner_id, StaffRow.id == staff_id)


def _people(*more: Any) -> Select[Any]:
    columns = (StaffRow.id, StaffRow.email, StaffRow.partner_id, StaffRow.role, StaffRow.generation)
    named = PartnerRow.name.label("partner_name")
    return select(*columns, StaffRow.must_change, named, *more).join(PartnerRow, PartnerRow.id == StaffRow.partner_id)


def _staff(row: Any) -> Staff:
    return Staff(
        row.email, row.partner_id, Role(row.role), row.id, row.partner_name, row.generation, bool(row.must_change)
    )


def _role(role: str) -> Role:
    if role not in set(Role):
        raise UsageError(f"{role!r} is not a role; choose one of {', '.join(Role)}.")
    return Role(role)


def _hashed(password: str) -> str:
    if not SHORTEST_PASSWORD <= len(password) <= LONGEST_PASSWORD:
        raise UsageError(
            f"The password has {len(password)} characters; it needs {SHORTEST_PASSWORD} to {LONGEST_PASSWORD}."
        )
    return generate_password_hash(password)


def _generation() -> int:
    """Never one that the address had before, also not when somebody was removed and is added again."""
    return secrets.randbits(62)
