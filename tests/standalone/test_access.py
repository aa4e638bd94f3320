"""Every route of the portal x everybody; nothing changes without our token; strict headers everywhere."""

from __future__ import annotations

import io
import time

import pytest
from flask import Flask, url_for
from itsdangerous import TimestampSigner

from tests.blueprints.portal import MINE, PREFIX, Portal
from tests.standalone.data import rows
from tests.standalone.portal import id_of, post, put, token

ROUTES = {
    # (endpoint, method): path, viewer, billing, admin, other partner (billing)
    ("home", "GET"): ("/", 302, 302, 302, 302),
    ("sign_in", "GET"): ("/sign-in", 302, 302, 302, 302),
    ("sign_in", "POST"): ("/sign-in", 302, 302, 302, 302),
    ("sign_out", "POST"): ("/sign-out", 303, 303, 303, 303),
    ("accounts_list", "GET"): ("/accounts", 200, 200, 200, 200),
    ("account", "GET"): ("/accounts/a2", 200, 200, 200, 404),
    ("pricing", "GET"): ("/pricing", 302, 302, 302, 302),
    ("retail", "GET"): ("/pricing/retail", 200, 200, 200, 200),
    ("retail_save", "POST"): ("/pricing/retail", 403, 303, 303, 303),
    ("retail_csv", "GET"): ("/pricing/retail.csv", 200, 200, 200, 200),
    ("retail_upload", "POST"): ("/pricing/retail/upload", 403, 400, 400, 400),
    ("retail_upload_save", "POST"): ("/pricing/retail/upload/save", 403, 400, 400, 400),
    ("retail_history", "GET"): ("/pricing/retail/history", 200, 200, 200, 200),
    ("staff_list", "GET"): ("/staff", 403, 403, 200, 403),
    ("staff_add", "GET"): ("/staff/add", 403, 403, 200, 403),
    ("staff_add", "POST"): ("/staff/add", 403, 403, 400, 403),
    ("staff_one", "GET"): ("/staff/{viewer}", 403, 403, 200, 403),
    ("staff_role", "POST"): ("/staff/{viewer}/role", 403, 403, 400, 403),
    ("staff_password", "POST"): ("/staff/{viewer}/password", 403, 403, 400, 403),
    ("staff_remove", "POST"): ("/staff/{viewer}/remove", 403, 403, 303, 403),
    ("password", "GET"): ("/password", 200, 200, 200, 200),
    ("password", "POST"): ("/password", 400, 400, 400, 400),
    ("imports", "GET"): ("/import", 403, 403, 200, 403),
    ("imports", "POST"): ("/import", 403, 403, 400, 403),
}
OPEN = {"home", "sign_in", "sign_out"}
CHANGING = [key for key in ROUTES if key[1] == "POST" and key[0] not in OPEN]


def _ours(app: Flask) -> set[tuple[str, str]]:
    return {
        (rule.endpoint.removeprefix("portal."), method)
        for rule in app.url_map.iter_rules()
        if rule.endpoint.startswith("portal.")
        for method in (rule.methods or set()) & {"GET", "POST"}
    }


def test_the_table_has_every_route(portal: Portal) -> None:
    assert _ours(portal.app) == set(ROUTES)


@pytest.mark.parametrize("route", ROUTES, ids="-".join)
def test_everybody_on(portal_on_both: Portal, route: tuple[str, str]) -> None:
    portal, method = portal_on_both, route[1]
    path, *expected = ROUTES[route]
    path = path.format(viewer=id_of(portal, "viewer"))
    for who, status in zip(("viewer", "billing", "admin", "other"), expected, strict=True):
        client = portal.client(who)
        with client.open(path, method=method, data={"csrf_token": token(client)} if method == "POST" else None) as got:
            assert got.status_code == status, who
    if route[0] not in OPEN:
        with portal.client(None).open(path, method=method) as answer:
            assert answer.status_code in (302, 303)
            assert answer.headers["Location"].startswith("/sign-in")


@pytest.mark.parametrize("route", CHANGING, ids="-".join)
@pytest.mark.parametrize("sent", [{}, {"csrf_token": ""}, {"csrf_token": "of.another.site"}])
def test_without_our_token_nothing_changes(portal: Portal, route: tuple[str, str], sent: dict[str, str]) -> None:
    portal.app.config["WTF_CSRF_ENABLED"] = False  # a host's switch does not open the portal
    before = rows(portal.own.engine)
    path = ROUTES[route][0].format(viewer=id_of(portal, "viewer"))
    data = {"row": "MBX", "price": "1", "was": "7.50", "go": "save", "role": "admin", "sure": "yes", **sent}
    answer = portal.client("admin").post(path, data=data)
    assert answer.status_code == 400
    assert rows(portal.own.engine) == before


def test_a_view_that_names_no_role_is_refused(portal: Portal) -> None:
    portal.app.view_functions["portal.accounts_list"] = lambda: "seen"
    assert portal.client("admin").get("/accounts").status_code == 403


@pytest.mark.parametrize(
    "path", ["/accounts", "/pricing/retail", "/staff", "/import", "/nowhere", "/staff/99", "/sign-out"]
)
def test_headers(portal: Portal, path: str) -> None:
    answer = portal.client("admin").get(path)
    policy = answer.headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert answer.headers["Cache-Control"] == "no-store"
    assert " style=" not in answer.text
    assert " onclick=" not in answer.text
    assert answer.text.count("<h1") == 1


def test_the_bar_shows_where_one_is_and_what_one_may(portal: Portal) -> None:
    for path, label, mark in (
        ("/accounts", "Accounts", "page"),
        ("/accounts/a1", "Accounts", "true"),
        ("/pricing/retail/history", "Products &amp; Pricing", "true"),
        ("/staff/add", "Staff", "true"),
        ("/integration/connectwise/exports/99", "Integration", "true"),
    ):
        text = portal.client("admin").get(path).text
        assert f'aria-current="{mark}">{label}</a>' in text
        assert "Partner msp" in text
    assert 'href="/staff"' not in portal.client("billing").get("/accounts").text


def test_a_form_is_no_place_for_megabytes(portal: Portal) -> None:
    client = portal.client("admin")
    answer = client.post("/password", data={"csrf_token": token(client), "old": "x" * (2 << 20)})
    assert answer.status_code == 413
    assert "Nothing was changed" in answer.text


@pytest.mark.parametrize("path", ["/import", "/pricing/retail/upload/save"])
def test_what_somebody_sends_who_may_not_is_not_even_read(portal: Portal, path: str) -> None:
    for who, status in ((None, 302), ("viewer", 403)):
        sent = io.BytesIO(b"prices=" + b"x" * (2 << 20))
        kind = "application/x-www-form-urlencoded"
        answer = portal.client(who).post(
            path, input_stream=sent, content_length=len(sent.getvalue()), content_type=kind
        )
        assert (answer.status_code, sent.tell()) == (status, 0)


@pytest.mark.parametrize(
    "name", ["<script>alert(1)</script>", '"><img src=x onerror=alert(1)>', "\u202egnirts", "ä" * 200, "a/b c?d#e%"]
)
def test_nasty_names_are_harmless(portal: Portal, tmp_path_factory: pytest.TempPathFactory, name: str) -> None:
    cell = '"' + name.replace('"', '""') + '"'
    put(
        portal,
        tmp_path_factory.mktemp("nasty"),
        accounts=f"partner_id,account_id,name,status\nmsp,{cell},{cell},active\n",
        products=f"sku,name\n{cell},{cell}\n",
        charges=f"partner_id,account_id,sku,quantity,unit_cost,unit_price\nmsp,{cell},{cell},1,1,\n",
        users=f"partner_id,account_id,email,display_name,status,services\nmsp,{cell},x@y.example,{cell},{cell},{cell}\n",
    )
    client = portal.client("admin")
    with portal.app.test_request_context():
        address = url_for("portal.account", account_id=name)
        price = url_for("portal.retail", sku=name)
    post(client, "/pricing/retail", {"row": name, "price": "-1", "was": "", "go": "save"})
    post(client, "/pricing/retail", {"row": name, "price": "2", "was": "", "go": "save"})
    for path in ("/accounts", address, price, "/pricing/retail/history", "/pricing/retail.csv"):
        answer = client.get(path)
        assert answer.status_code == 200, path
        if not path.endswith(".csv"):
            assert "<script>alert" not in answer.text
            assert "<img" not in answer.text


def test_a_character_that_postgresql_does_not_take_is_no_error_of_ours(portal_on_both: Portal) -> None:
    client, stranger = portal_on_both.client("admin"), portal_on_both.client(None)
    for path in ("/accounts/%00", "/pricing/retail/history?sku=%00", f"{PREFIX}/exports/1?page=%00"):
        assert client.get(path).status_code == 400, path
    sent = {"email": "a\0@b.example", "password": "long enough", "csrf_token": token(stranger, "/sign-in")}
    assert stranger.post("/sign-in", data=sent).status_code == 400
    assert post(client, f"{PREFIX}/settings", {"a": "\0"}).status_code == 400


@pytest.mark.parametrize(
    ("path", "status"), [("/pricing/retail", 303), ("/staff/add", 400), (f"{PREFIX}/exports", 303)]
)
def test_a_page_that_was_open_all_morning_still_works(
    portal: Portal, monkeypatch: pytest.MonkeyPatch, path: str, status: int
) -> None:
    client = portal.client("admin")
    portal.connect(MINE)
    old, now = token(client), time.time()
    monkeypatch.setattr(TimestampSigner, "get_timestamp", lambda self: int(now) + 4 * 3600)
    answer = client.post(path, data={"csrf_token": old})
    assert (answer.status_code, "open too long" in answer.text) == (status, False)
