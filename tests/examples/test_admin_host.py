"""The integration in the menu of a portal made with Flask-Admin."""

from __future__ import annotations

import re

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import func, select

from cwportal.models import Run
from tests.examples.conftest import LINES, PASSWORD, Host

PLACE = "/integration/connectwise/"
MENU = f'href="{PLACE}"'


def signed_in(app: Flask, name: str, domain: str = "blue-river.example") -> FlaskClient:
    """A browser in which this person has signed in."""
    browser = app.test_client()
    sent = {
        "email": f"{name}@{domain}",
        "password": PASSWORD,
        "csrf_token": token(browser.get("/sign-in").text),
    }
    assert browser.post("/sign-in", data=sent).headers["Location"] == "/admin/"
    return browser


def token(page: str) -> str:
    found = re.search(r'name="csrf_token"[^>]*value="([^"]+)"', page)
    assert found
    return found[1]


def test_both_migrations_live_side_by_side(admin_host: Host) -> None:
    admin_host.run("alembic", "upgrade", "head")
    admin_host.cwportal("init")
    assert "No new upgrade operations" in admin_host.run("alembic", "check")
    admin_host.run("alembic", "upgrade", "head")
    admin_host.cwportal("init")


def test_from_the_menu_to_an_export(admin_app: Flask, admin_host: Host) -> None:
    browser = signed_in(admin_app, "ben")
    home = browser.get("/admin/").text
    assert MENU in home
    page = browser.get(PLACE).text
    assert "Cloud portal" in page
    assert 'class="navbar' in page
    assert f'class="dropdown-item active" {MENU}' in page  # where one is, in the portal's menu
    assert page.count("<h1") == 1
    assert page.count("<main") == 1
    assert browser.post(f"{PLACE}exports").status_code == 400  # no token
    assert browser.post(f"{PLACE}exports", data={"csrf_token": token(page)}).status_code == 303
    page = browser.get(PLACE).text
    assert page.count("Export 1 was started.") == 1  # said once, in the integration's way
    said = admin_host.cwportal("worker", "--burst")
    assert "Run 1: ended" in said
    assert admin_host.lines() == LINES
    assert f"{PLACE}exports/1" in browser.get(PLACE).text
    with admin_app.extensions["cwportal"].database.read() as session:
        assert session.get_one(Run, 1).actor == "ben@blue-river.example"


@pytest.mark.parametrize(
    ("name", "domain", "in_menu", "seen", "started"),
    [
        ("ann", "blue-river.example", True, 200, 303),
        ("ben", "blue-river.example", True, 200, 303),
        ("cleo", "blue-river.example", True, 200, 403),
        ("support", "cloud.example", False, 403, 403),
    ],
)
def test_rights(admin_app: Flask, name: str, domain: str, in_menu: bool, seen: int, started: int) -> None:
    browser = signed_in(admin_app, name, domain)
    home = browser.get("/admin/").text
    assert (MENU in home) == in_menu
    assert browser.get(PLACE).status_code == seen
    assert browser.get("/admin/connectwise/").status_code == (302 if in_menu else 403)
    assert browser.post(f"{PLACE}exports", data={"csrf_token": token(home)}).status_code == started


def test_who_is_not_signed_in_is_asked_to(admin_app: Flask) -> None:
    for path in (PLACE, "/admin/", "/admin/customer/", "/admin/connectwise/"):
        answer = admin_app.test_client().get(path)
        assert (answer.status_code, answer.headers["Location"].partition("?")[0]) == (302, "/sign-in"), path


def test_our_headers_are_on_our_pages_only(admin_app: Flask) -> None:
    browser = signed_in(admin_app, "ann")
    policy = browser.get(PLACE).headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "font-src 'self'" in policy  # as this host widens it
    assert "unsafe" not in policy
    for path in ("/admin/", "/admin/customer/", "/sign-in"):
        answer = browser.get(path)
        assert answer.status_code == 200, path
        assert "Content-Security-Policy" not in answer.headers, path


def test_the_portals_own_pages_show_a_reseller_its_own_rows(admin_app: Flask) -> None:
    from admin_host.tables import Customer, Reseller, Subscription, db

    with admin_app.app_context():
        rival = Reseller(slug="rival", name="Rival", timezone="UTC", currency="EUR")
        db.session.add(rival)
        db.session.flush()
        theirs = Customer(reseller_id=rival.id, name="Their customer")
        theirs.subscriptions = [Subscription(code="MAIL", seats=77, price=None)]
        db.session.add(theirs)
        db.session.commit()
        number = theirs.subscriptions[0].id
    clerk, ours = signed_in(admin_app, "ben"), signed_in(admin_app, "support", "cloud.example")
    assert "Their customer" not in clerk.get("/admin/customer/").text
    assert "Their customer" in ours.get("/admin/customer/").text
    assert clerk.get(f"/admin/subscription/edit/?id={number}").status_code == 302
    with admin_app.app_context():
        assert db.session.scalar(select(func.count()).select_from(Customer)) == 3


def test_unsaved_work_of_the_host_stays_unsaved(admin_app: Flask, admin_host: Host) -> None:
    from admin_host.tables import Customer, db

    from cwportal.plugin import request_export

    with admin_app.app_context():
        pending = Customer(reseller_id=1, name="Not saved")
        db.session.add(pending)
        asked = request_export(admin_app, "blue-river", actor="test")
        assert list(db.session.new) == [pending]
        db.session.rollback()
        assert db.session.scalar(select(func.count()).select_from(Customer)) == 2
    assert "ended" in admin_host.cwportal("worker", "--burst")
    with admin_app.extensions["cwportal"].database.read() as session:
        assert session.get_one(Run, asked.run_id).state == "succeeded"
