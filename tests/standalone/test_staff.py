from __future__ import annotations

import pytest
from sqlalchemy import Engine

from cwportal.errors import UnknownPartner, UsageError
from cwportal.standalone.load import load
from cwportal.standalone.staff import Staff, add_staff, verify
from cwportal.vocabulary import Role
from tests.standalone.data import PARTNERS, Write, rows

PASSWORD = "correct horse"


@pytest.fixture
def portal(engine: Engine, write: Write) -> Engine:
    load(engine, write(partners=PARTNERS))
    return engine


def test_a_login_and_what_is_kept_of_it(portal: Engine) -> None:
    ann = Staff("ann@acme.example", "acme", Role.BILLING)
    assert add_staff(portal, "  Ann@Acme.example ", "acme", "billing", PASSWORD) == ann
    assert verify(portal, "ANN@acme.example", PASSWORD) == ann
    assert verify(portal, "ann@acme.example", PASSWORD.upper()) is None
    assert verify(portal, "ann@acme.example", "") is None
    assert verify(portal, "bob@acme.example", PASSWORD) is None
    assert verify(portal, "ann@acme.example", PASSWORD * 100) is None
    assert PASSWORD not in repr(rows(portal))


@pytest.mark.parametrize(
    ("email", "role", "password", "reason"),
    [
        ("ann", "admin", PASSWORD, "is not an e-mail address"),
        ("ann@acme", "admin", PASSWORD, "is not an e-mail address"),
        ("a nn@acme.example", "admin", PASSWORD, "is not an e-mail address"),
        ("ann@acme.example\nBcc: x@y.example", "admin", PASSWORD, "is not an e-mail address"),
        ("", "admin", PASSWORD, "is not an e-mail address"),
        ("x" * 200 + "@acme.example", "admin", PASSWORD, "is not an e-mail address"),
        ("ann@acme.example", "owner", PASSWORD, "choose one of viewer, billing, admin"),
        ("ann@acme.example", "admin", "123456789", "has 9 characters; it needs 10 to 1000"),
        ("ann@acme.example", "admin", "x" * 1001, "has 1001 characters"),
    ],
)
def test_refused(portal: Engine, email: str, role: str, password: str, reason: str) -> None:
    with pytest.raises(UsageError, match=reason) as caught:
        add_staff(portal, email, "acme", role, password)
    assert password not in str(caught.value)
    assert rows(portal)["portal_staff"] == []


def test_an_unknown_partner(portal: Engine) -> None:
    with pytest.raises(UnknownPartner, match='no partner "nobody"'):
        add_staff(portal, "ann@acme.example", "nobody", "admin", PASSWORD)


def test_one_address_is_one_login_in_the_whole_portal(portal: Engine) -> None:
    add_staff(portal, "ann@acme.example", "acme", "viewer", PASSWORD)
    with pytest.raises(UsageError, match=r"There is a login ann@acme\.example already"):
        add_staff(portal, "ANN@acme.example", "beta", "admin", PASSWORD + "!")
    assert verify(portal, "ann@acme.example", PASSWORD) == Staff("ann@acme.example", "acme", Role.VIEWER)
