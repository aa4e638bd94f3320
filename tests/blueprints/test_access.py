"""Every route x everybody; nothing changes without our token; strict headers everywhere."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from flask import Blueprint, Flask
from flask_login import LoginManager, UserMixin
from sqlalchemy import inspect, select, table, text
from werkzeug.test import TestResponse

from cwportal.blueprints import access
from cwportal.errors import ConfigurationError
from cwportal.plugin import CWPortal
from cwportal.services import connection
from cwportal.vocabulary import RunState
from tests.blueprints.portal import MINE, OTHER, PREFIX, Portal, token
from tests.support.portal import MemorySource

ROUTES = {
    # method and endpoint: (path, what is sent, viewer, billing, admin, other partner's billing); both partners are connected
    "GET cwportal.exports.status": ("/", None, 200, 200, 200, 200),
    "POST cwportal.exports.start": ("/exports", {}, 403, 303, 303, 303),
    "GET cwportal.exports.progress": ("/exports/{run}/progress", None, 200, 200, 200, 404),
    "POST cwportal.exports.cancel": ("/exports/{run}/cancel", {}, 403, 303, 303, 404),
    "GET cwportal.log.page": ("/exports/{run}", None, 200, 200, 200, 404),
    "GET cwportal.log.csv": ("/exports/{run}/log.csv", None, 200, 200, 200, 404),
    "POST cwportal.preview.start": ("/preview", {}, 403, 303, 303, 303),
    "GET cwportal.preview.latest": ("/preview", None, 303, 303, 303, 200),
    "GET cwportal.preview.page": ("/preview/{preview}", None, 200, 200, 200, 404),
    "GET cwportal.preview.progress": ("/preview/{preview}/progress", None, 200, 200, 200, 404),
    "POST cwportal.preview.approve": ("/preview/{preview}/approve", {}, 403, 303, 303, 404),
    "POST cwportal.preview.reject": ("/preview/{preview}/reject", {}, 403, 303, 303, 404),
    "POST cwportal.preview.decide": ("/preview/{preview}/decide", {}, 403, 303, 303, 404),
    "GET cwportal.mapping.page": ("/mapping", None, 200, 200, 200, 200),
    "POST cwportal.mapping.page": ("/mapping", {}, 403, 303, 303, 303),
    "GET cwportal.mapping.companies": ("/mapping/companies?q=a", None, 200, 200, 200, 200),
    "GET cwportal.mapping.wizard": ("/connect/mapping", None, 403, 403, 303, 403),
    "POST cwportal.mapping.wizard": ("/connect/mapping", {}, 403, 403, 303, 403),
    "GET cwportal.settings.page": ("/settings", None, 200, 200, 200, 200),
    "POST cwportal.settings.page": ("/settings", {}, 403, 403, 422, 403),
    "GET cwportal.settings.next_export": ("/settings/next", None, 200, 200, 200, 200),
    "GET cwportal.settings.wizard": ("/connect/settings", None, 403, 403, 303, 403),
    "POST cwportal.settings.wizard": ("/connect/settings", {}, 403, 403, 303, 403),
    "GET cwportal.settings.credentials": ("/settings/credentials", None, 403, 403, 200, 403),
    "POST cwportal.settings.credentials": ("/settings/credentials", {}, 403, 403, 422, 403),
    "GET cwportal.wizard.entry": ("/start", None, 303, 303, 303, 303),
    "POST cwportal.wizard.begin": ("/connect", {}, 403, 403, 303, 403),
    "GET cwportal.wizard.credentials": ("/connect/credentials", None, 403, 403, 303, 403),
    "POST cwportal.wizard.credentials": ("/connect/credentials", {}, 403, 403, 303, 403),
    "POST cwportal.wizard.finish": ("/connect/finish", {}, 403, 403, 303, 403),
    "GET cwportal.disable.page": ("/disable", None, 403, 403, 200, 403),
    "GET cwportal.disable.csv": ("/disable/lines.csv", None, 403, 403, 200, 403),
    "POST cwportal.disable.page": ("/disable", {}, 403, 403, 422, 403),
}
CHANGING = [name for name in ROUTES if name.startswith("POST ")]
WHO = ("viewer", "billing", "admin", "other")


def _ours(app: Flask) -> list[str]:
    """Method and endpoint of every page."""
    return sorted(
        f"{method} {rule.endpoint}"
        for rule in app.url_map.iter_rules()
        if rule.endpoint.startswith("cwportal.")
        for method in (rule.methods or set()) - {"HEAD", "OPTIONS"}
    )


def _address(portal: Portal, path: str) -> str:
    """The path with a run under way and a preview of MINE, in its ConnectWise."""
    tenant = connection.get(portal.runtime, MINE).tenant
    run = portal.run(state=RunState.READING)
    return PREFIX + path.format(run=run, preview=portal.run(trigger="preview", tenant=tenant))


def _rows(portal: Portal) -> dict[str, list[Any]]:
    """Everything in the database."""
    with portal.runtime.database.engine.connect() as connection:
        names = inspect(connection).get_table_names()
        return {
            name: [tuple(row) for row in connection.execute(select(text("*")).select_from(table(name)))]
            for name in names
        }


def test_the_table_has_every_route(portal: Portal) -> None:
    assert _ours(portal.app) == sorted(ROUTES)


@pytest.mark.parametrize("name", ROUTES)
def test_everybody_on(portal_on_both: Portal, name: str) -> None:
    portal = portal_on_both
    path, sent, *expected = ROUTES[name]
    address = _address(portal, path)
    method = name.partition(" ")[0]
    for who, status in zip(WHO, expected, strict=True):
        client = portal.client(who)
        data = None if sent is None else {"csrf_token": token(client), **sent}
        before = _rows(portal)
        with client.open(address, method=method, data=data) as answer:
            assert answer.status_code == status, (who, answer.text)
        if method == "GET" or status in {403, 404}:
            assert _rows(portal) == before, who
    before = _rows(portal)
    with portal.client(None).open(address, method=method) as answer:
        assert answer.status_code == 302
        assert answer.headers["Location"].startswith("/sign-in?next=")
    assert _rows(portal) == before


@pytest.mark.parametrize("name", CHANGING)
@pytest.mark.parametrize("sent", [{}, {"csrf_token": ""}, {"csrf_token": "of.another.site"}])
def test_without_our_token_nothing_changes(portal: Portal, name: str, sent: dict[str, str]) -> None:
    path, more, *_ = ROUTES[name]
    address = _address(portal, path)
    before = _rows(portal)
    answer = portal.client("admin").post(address, data={**(more or {}), **sent})
    assert answer.status_code == 400
    assert "Nothing was changed" in answer.text
    assert _rows(portal) == before


def test_the_token_is_demanded_where_the_host_has_switched_its_own_off(portal: Portal) -> None:
    portal.app.config["WTF_CSRF_ENABLED"] = False
    assert portal.client("admin").post(f"{PREFIX}/exports").status_code == 400
    assert portal.runs() == []


@pytest.mark.parametrize("name", [name for name in ROUTES if name.startswith("GET ")])
def test_headers(portal: Portal, name: str) -> None:
    address = _address(portal, ROUTES[name][0])
    for who in ("admin", None):
        with portal.client(who).get(address) as answer:
            _is_strict(answer)


@pytest.mark.parametrize("path", ["/sign-in", f"{PREFIX}/exports/99"])
def test_headers_around(portal: Portal, path: str) -> None:
    with portal.client(None if path == "/sign-in" else "viewer").get(path) as answer:
        _is_strict(answer)


def _is_strict(answer: TestResponse) -> None:
    policy = answer.headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert "frame-ancestors 'none'" in policy
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert answer.headers["Cache-Control"] == "no-store"
    assert " style=" not in answer.text
    assert not re.search(r"<[^>]* on[a-z]+=", answer.text)
    assert not re.search(r"<script(?![^>]* src=)", answer.text)


@pytest.mark.parametrize("number", ["0", "99", "-1", "2147483648", "99999999999999999999", "1e3", "one"])
def test_runs_that_are_not_there(portal: Portal, number: str) -> None:
    assert portal.client("admin").get(f"{PREFIX}/exports/{number}").status_code == 404


def test_the_other_partner_sees_and_starts_only_its_own(portal: Portal) -> None:
    portal.run(MINE, actor="secret.name@msp.example")
    client = portal.client("other")
    assert "secret.name" not in client.get(f"{PREFIX}/").text
    client.post(f"{PREFIX}/exports", data={"csrf_token": token(client)})
    assert len(portal.runs(MINE)) == 1
    assert [run.actor for run in portal.runs(OTHER)] == ["billing@rival.example"]


def test_files_need_nobody_and_are_ours_only(portal: Portal) -> None:
    client = portal.client(None)
    for name in ("bootstrap.min.css", "cwportal.css", "cwportal.js", "icons.svg"):
        with client.get(f"{PREFIX}/static/{name}") as answer:
            assert answer.status_code == 200, name
    for name in ("../plugin.py", "..%2fplugin.py", "nothing.css"):
        assert client.get(f"{PREFIX}/static/{name}").status_code == 404, name


def test_a_view_that_names_no_role_is_refused() -> None:
    app = Flask(__name__, template_folder=None)
    app.secret_key = "test"
    pages = Blueprint("pages", __name__)
    pages.before_request(lambda: access.guard(access.Access(lambda: "msp", lambda role: True, lambda: "ann")))
    pages.get("/open", endpoint="open")(access.needs(access.Role.VIEWER)(lambda: "seen"))
    pages.get("/forgotten", endpoint="forgotten")(lambda: "seen")
    app.register_blueprint(pages)
    assert app.test_client().get("/open").text == "seen"
    assert app.test_client().get("/forgotten").status_code == 403


class _Host:
    """A plain host; `who` is the partner of the person of every request."""

    def __init__(self, folder: Path, **given: object) -> None:
        self.app = Flask("host", instance_path=str(folder))
        self.app.secret_key = "test"
        self.who: str | None = None
        functions = {"partner_of": lambda: self.who, "may": lambda role: True, "actor_of": lambda: "ann", **given}
        named = {name: value for name, value in functions.items() if value is not None}
        CWPortal(self.app, source=MemorySource(), **named)  # type: ignore[arg-type]

    def close(self) -> None:
        self.app.extensions["cwportal"].database.dispose()


def test_a_host_that_names_nobody_has_commands_and_no_pages(tmp_path: Path) -> None:
    host = _Host(tmp_path, partner_of=None, may=None, actor_of=None)
    assert _ours(host.app) == []
    assert "cwportal" in host.app.cli.commands
    host.close()


def test_a_host_must_name_all_three(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="partner_of"):
        _Host(tmp_path, actor_of=None)


def test_a_host_without_flask_login_says_401_its_own_way(tmp_path: Path) -> None:
    host = _Host(tmp_path, url_prefix="/billing")
    host.app.register_error_handler(401, lambda error: ("the host's sign-in", 401))
    answer = host.app.test_client().get("/billing/")
    assert (answer.status_code, answer.text) == (401, "the host's sign-in")
    host.close()


def test_somebody_without_a_partner_is_refused_and_not_sent_in_circles(tmp_path: Path) -> None:
    host = _Host(tmp_path)
    manager = LoginManager(host.app)
    user = UserMixin()
    manager.request_loader(lambda request: user)
    assert host.app.test_client().get(f"{PREFIX}/").status_code == 403
    host.close()
