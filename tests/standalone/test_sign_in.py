"""Signing in to the portal and out of it."""

from __future__ import annotations

import re
import stat
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from cryptography.fernet import Fernet
from flask.testing import FlaskClient
from sqlalchemy import delete, select, update

from cwportal.standalone import attempts
from cwportal.standalone.auth import KEY_FILE, local
from cwportal.standalone.staff import add_staff
from cwportal.standalone.tables import AttemptRow, StaffRow
from tests.blueprints.portal import MINE, PREFIX, Portal, opened, token

EMAIL, PASSWORD = "ann@msp.example", "correct horse"
HOME = f"{PREFIX}/"


@pytest.fixture
def portal(tmp_path: Path, empty_url: str) -> Iterator[Portal]:
    """A portal with one person who has a password, on both databases."""
    with opened(tmp_path / "instance", CWPORTAL_DATABASE_URL=empty_url) as portal:
        add_staff(portal.own.engine, EMAIL, MINE, "billing", PASSWORD)
        yield portal


@pytest.fixture
def here(tmp_path: Path) -> Iterator[Portal]:
    """The same, for what no database decides."""
    with opened(tmp_path) as portal:
        add_staff(portal.own.engine, EMAIL, MINE, "billing", PASSWORD)
        yield portal


def _sign_in(
    client: FlaskClient, password: str = PASSWORD, email: str = EMAIL, *, query: str = "", ip: str = ""
) -> int:
    sent = {"email": email, "password": password, "csrf_token": token(client, "/sign-in")}
    around = {"REMOTE_ADDR": ip} if ip else {}
    return client.post(f"/sign-in{query}", data=sent, environ_overrides=around).status_code


def _is_in(client: FlaskClient) -> bool:
    return client.get("/accounts").status_code == 200


def test_in_and_out(portal: Portal) -> None:
    client = portal.client(None)
    assert _sign_in(client, "wrong password") == 401
    assert not _is_in(client)
    assert _sign_in(client, email=" ANN@msp.example ") == 303
    assert _is_in(client)
    assert client.post("/sign-out", data={}).status_code == 303
    assert _is_in(client)  # without our token nothing happens
    client.post("/sign-out", data={"csrf_token": token(client, "/accounts")})
    assert not _is_in(client)


def test_unknown_and_wrong_look_the_same(here: Portal) -> None:
    pages = []
    for email in (EMAIL, "nobody@msp.example"):
        client = here.client(None)
        sent = {"email": email, "password": "wrong", "csrf_token": token(client, "/sign-in")}
        page = client.post("/sign-in", data=sent).text.replace(email, "…")
        pages.append(re.sub(r'value="[^"]{30,}"', "", page))
    assert pages[0] == pages[1]


def test_sign_in_needs_our_token(here: Portal) -> None:
    client = here.client(None)
    assert client.post("/sign-in", data={"email": EMAIL, "password": PASSWORD}).status_code == 400
    assert not _is_in(client)


def test_the_password_is_never_given_back(here: Portal) -> None:
    client = here.client(None)
    sent = {"email": "", "password": "my secret word", "csrf_token": token(client, "/sign-in")}
    answer = client.post("/sign-in", data=sent)
    assert answer.status_code == 400
    assert "Type your e-mail address." in answer.text
    assert "my secret word" not in answer.text


def test_somebody_who_is_no_longer_there_is_signed_out_and_a_new_role_counts_at_once(here: Portal) -> None:
    client = here.client(None)
    _sign_in(client)
    assert "Save prices" in client.get("/pricing/retail").text
    with here.own.engine.begin() as connection:
        connection.execute(update(StaffRow).where(StaffRow.email == EMAIL).values(role="viewer"))
    assert "Save prices" not in client.get("/pricing/retail").text
    with here.own.engine.begin() as connection:
        connection.execute(delete(StaffRow).where(StaffRow.email == EMAIL))
    assert not _is_in(client)


@pytest.mark.parametrize(
    ("target", "kept"),
    [
        (f"{PREFIX}/exports/7?page=2", True),
        ("/", True),
        ("/pricing/retail?q=a", True),
        ("/pricing/retail/upload", False),  # only for a button
        ("https://evil.example/", False),
        ("//evil.example/", False),
        ("/\\evil.example", False),
        ("\\\\evil.example", False),
        ("/\t/evil.example", False),
        ("\n//evil.example", False),
        ("/ok\r\nSet-Cookie: a=b", False),
        ("javascript:alert(1)", False),
        ("evil.example", False),
        ("", False),
    ],
)
def test_only_local_places_follow(here: Portal, target: str, kept: bool) -> None:
    with here.app.test_request_context():
        assert local(target) == (target if kept else None)
    client = here.client(None)
    sent = {"email": EMAIL, "password": PASSWORD, "csrf_token": token(client, "/sign-in")}
    answer = client.post("/sign-in", query_string={"next": target}, data=sent)
    assert answer.headers["Location"] == (target if kept else HOME)


@pytest.mark.parametrize(
    ("path", "back"), [("/pricing/retail", "/pricing/retail"), (f"{PREFIX}/exports/7/cancel", HOME)]
)
def test_a_press_after_the_session_has_ended_is_told_so_and_leads_back(here: Portal, path: str, back: str) -> None:
    client = here.client(None)
    away = client.post(path, data={"price": "9"}).headers["Location"]
    page = client.get(away)
    assert "Nothing was changed: your session had ended." in page.text
    sent = {"email": EMAIL, "password": PASSWORD, "csrf_token": token(client, away)}
    assert client.post(away, data=sent).headers["Location"] == back


def test_attempts_are_limited_for_an_address_from_everywhere(portal: Portal) -> None:
    client = portal.client(None)
    for number in range(attempts.MOST):
        assert _sign_in(client, "wrong", ip=f"192.0.2.{number}") == 401
    assert _sign_in(client, ip="192.0.2.99") == 429
    assert not _is_in(client)
    assert _sign_in(client, "wrong", "bob@msp.example", ip="192.0.2.99") == 401


@pytest.mark.parametrize(
    ("ips", "other"),
    [
        (["192.0.2.1"] * 10, "192.0.2.2"),
        ([f"2001:db8::{number}" for number in range(1, 11)], "2001:db8:0:1::1"),
    ],
)
def test_attempts_are_limited_for_a_network_on_all_addresses(here: Portal, ips: list[str], other: str) -> None:
    client = here.client(None)
    for number, ip in enumerate(ips):
        assert _sign_in(client, "wrong", f"user{number}@msp.example", ip=ip) == 401
    assert _sign_in(client, ip=ips[0]) == 429
    assert _sign_in(client, ip=other) == 303


def test_all_processes_count_together_and_a_window_ends(tmp_path: Path) -> None:
    with ExitStack() as stack:
        portals = [stack.enter_context(opened(tmp_path)) for _ in range(2)]
        add_staff(portals[0].own.engine, EMAIL, MINE, "billing", PASSWORD)
        for number in range(attempts.MOST):
            assert _sign_in(portals[number % 2].client(None), "wrong") == 401
        assert [_sign_in(portal.client(None)) for portal in portals] == [429, 429]
        with portals[0].own.engine.begin() as connection:
            connection.execute(update(AttemptRow).values(at=AttemptRow.at - attempts.WINDOW))
        assert _sign_in(portals[1].client(None)) == 303
        with portals[0].own.engine.connect() as connection:
            assert connection.execute(select(AttemptRow.id)).all() == []


def test_success_forgives_the_address_and_not_the_network(here: Portal) -> None:
    for number in range(attempts.MOST - 1):
        assert _sign_in(here.client(None), "wrong", f"user{number}@msp.example") == 401
    for _ in range(3):
        assert _sign_in(here.client(None)) == 303
    assert _sign_in(here.client(None), "wrong") == 401
    assert _sign_in(here.client(None)) == 429


def test_the_cookie(here: Portal) -> None:
    for scheme, secure in (("http", False), ("https", True)):
        client = here.client(None)
        answer = client.get("/sign-in", base_url=f"{scheme}://localhost")
        cookie = answer.headers["Set-Cookie"]
        assert cookie.startswith("cwportal_session=")
        assert "HttpOnly" in cookie
        assert "SameSite=Lax" in cookie
        assert ("Secure" in cookie) is secure


def test_the_key_is_made_once_and_is_ours_alone(tmp_path: Path) -> None:
    keys = set()
    for _ in range(2):
        with opened(tmp_path) as portal:
            keys.add(portal.app.config["SECRET_KEY"])
    assert len(keys) == 1
    assert stat.S_IMODE((tmp_path / KEY_FILE).stat().st_mode) == 0o600
    assert len(min(keys)) == 64


def test_machines_that_share_secret_keys_share_sessions_also_while_they_rotate(tmp_path: Path) -> None:
    old, new = Fernet.generate_key().decode(), Fernet.generate_key().decode()
    seen = []
    for folder, keys in (("one", old), ("two", f"{new},{old}")):
        with opened(tmp_path / folder, CWPORTAL_SECRET_KEYS=keys) as portal:
            seen.append((portal.app.config["SECRET_KEY"], portal.app.config["SECRET_KEY_FALLBACKS"]))
            assert not (tmp_path / folder / KEY_FILE).exists()
    assert seen[1][1] == [seen[0][0]]
    assert old not in seen[0][0]
