"""Staff and passwords: who comes, who goes, and that sessions end with it."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest
from flask.testing import FlaskClient

from cwportal.errors import UsageError
from cwportal.standalone import attempts, staff
from tests.blueprints.portal import MINE, OTHER, PEOPLE, Portal
from tests.standalone.portal import id_of, post, token, words

NEW, FIRST, OWN = "new@msp.example", "first password", "own password 1"


def _sign_in(portal: Portal, email: str, password: str) -> FlaskClient:
    client = portal.client(None)
    answer = client.post(
        "/sign-in", data={"email": email, "password": password, "csrf_token": token(client, "/sign-in")}
    )
    assert answer.status_code == 303
    return client


def _is_in(client: FlaskClient) -> bool:
    return client.get("/accounts").status_code == 200


def _add(portal: Portal, role: str = "billing") -> int:
    return post(portal.client("admin"), "/staff/add", {"email": NEW, "role": role, "password": FIRST}).status_code


def test_somebody_new_chooses_a_password_before_anything_else(portal_on_both: Portal) -> None:
    portal = portal_on_both
    assert _add(portal) == 303
    client = _sign_in(portal, NEW, FIRST)
    for path in ("/", "/accounts", "/pricing/retail", "/integration/connectwise/"):
        assert client.get(path).headers["Location"] == "/password"
    assert client.post("/integration/connectwise/exports").headers["Location"] == "/password"
    assert post(client, "/password", {"old": FIRST, "new": OWN, "again": OWN}).status_code == 303
    assert _is_in(client)
    assert staff.verify(portal.own.engine, NEW, FIRST) is None
    assert staff.verify(portal.own.engine, NEW, OWN) is not None


@pytest.mark.parametrize(
    ("sent", "reason"),
    [
        ({"email": "nobody", "password": FIRST, "role": "viewer"}, "is not an e-mail address"),
        ({"email": PEOPLE["other"][0], "password": FIRST, "role": "viewer"}, "There is a login"),
        ({"email": NEW, "password": "short", "role": "viewer"}, "Use 10 to 1000 characters."),
        ({"email": NEW, "password": FIRST, "role": "owner"}, "Choose a role."),
        ({}, "Type an e-mail address."),
    ],
)
def test_nobody_is_added_with_something_wrong(portal: Portal, sent: dict[str, str], reason: str) -> None:
    answer = post(portal.client("admin"), "/staff/add", sent)
    assert answer.status_code == 400
    assert reason in words(answer)
    assert FIRST not in answer.text
    assert len(staff.of_partner(portal.own.engine, MINE)) == 3


def test_a_new_password_ends_all_other_sessions(portal: Portal) -> None:
    _add(portal)
    post(_sign_in(portal, NEW, FIRST), "/password", {"old": FIRST, "new": OWN, "again": OWN})
    here, there = _sign_in(portal, NEW, OWN), _sign_in(portal, NEW, OWN)
    assert post(here, "/password", {"old": "wrong", "new": FIRST, "again": FIRST}).status_code == 400
    assert post(here, "/password", {"old": OWN, "new": FIRST, "again": "other one!"}).status_code == 400
    assert _is_in(there)
    assert post(here, "/password", {"old": OWN, "new": FIRST, "again": FIRST}).status_code == 303
    assert _is_in(here)
    assert not _is_in(there)
    assert post(portal.client("admin"), f"/staff/{_id(portal)}/password", {"password": OWN}).status_code == 303
    assert not _is_in(here)


def _id(portal: Portal) -> int:
    found = staff.find(portal.own.engine, NEW)
    assert found is not None
    return found.id


def test_the_present_password_cannot_be_guessed_from_an_open_session(portal: Portal) -> None:
    _add(portal)
    client = _sign_in(portal, NEW, FIRST)
    sent = {"old": "wrong", "new": OWN, "again": OWN}
    answers = [post(client, "/password", sent).status_code for _ in range(attempts.MOST + 1)]
    assert answers == [400] * attempts.MOST + [429]
    assert post(client, "/password", {**sent, "old": FIRST}).status_code == 429


def test_who_is_removed_or_demoted_loses_access_at_once_and_for_good(portal: Portal) -> None:
    _add(portal, "admin")
    client = _sign_in(portal, NEW, FIRST)
    post(client, "/password", {"old": FIRST, "new": OWN, "again": OWN})
    assert client.get("/staff").status_code == 200
    admin = portal.client("admin")
    assert post(admin, f"/staff/{_id(portal)}/role", {"role": "viewer"}).status_code == 303
    assert client.get("/staff").status_code == 403
    assert post(admin, f"/staff/{_id(portal)}/remove").status_code == 303
    assert _is_in(client)  # without the tick nothing happens
    post(admin, f"/staff/{_id(portal)}/remove", {"sure": "yes"})
    assert not _is_in(client)
    staff.add_staff(portal.own.engine, NEW, OTHER, "admin", OWN)
    assert not _is_in(client)  # a session of before is not one of the new login


def test_the_last_administrator_stays(portal_on_both: Portal) -> None:
    portal = portal_on_both
    admin, last = portal.client("admin"), id_of(portal, "admin")
    for action, sent in (("role", {"role": "billing"}), ("remove", {"sure": "yes"})):
        assert post(admin, f"/staff/{last}/{action}", sent).status_code == 303
        assert "This is the only administrator." in words(admin.get("/staff"))
    _add(portal, "admin")
    ids = (last, _id(portal))

    def demote(staff_id: int) -> bool:
        try:
            staff.set_role(portal.own.engine, MINE, staff_id, "viewer")
        except UsageError:
            return False
        return True

    with ThreadPoolExecutor(2) as pool:
        assert sorted(pool.map(demote, ids)) == [False, True]
    assert sum(one.role == "admin" for one in staff.of_partner(portal.own.engine, MINE)) == 1


def test_nobody_of_another_partner_is_seen_or_touched(portal: Portal) -> None:
    admin, other = portal.client("admin"), id_of(portal, "other")
    assert "rival" not in admin.get("/staff").text
    assert admin.get(f"/staff/{other}").status_code == 404
    for action, sent in (("role", {"role": "viewer"}), ("password", {"password": OWN}), ("remove", {"sure": "yes"})):
        assert post(admin, f"/staff/{other}/{action}", sent).status_code == 404
    assert [one.role for one in staff.of_partner(portal.own.engine, OTHER)] == ["billing"]
    assert admin.get("/staff/99999999999999999999").status_code == 404


def test_the_page_of_somebody_names_that_person(portal: Portal) -> None:
    text = words(portal.client("admin").get(f"/staff/{id_of(portal, 'viewer')}"))
    assert "Remove viewer@msp.example" in text
    assert "Viewer" in text
    assert "Partner msp · admin@msp.example (Administrator)" in text
