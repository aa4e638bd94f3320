"""Every route x everybody; nothing changes without our token; strict headers everywhere."""

from __future__ import annotations

from pathlib import Path

import pytest
from flask import Blueprint, Flask
from flask_login import LoginManager, UserMixin

from cwportal.blueprints import access
from cwportal.errors import ConfigurationError
from cwportal.plugin import CWPortal
from cwportal.vocabulary import RunState
from tests.blueprints.portal import MINE, OTHER, PREFIX, Portal, token
from tests.support.portal import MemorySource

ROUTES = {
    # endpoint: (method, path, viewer, billing, admin, other partner)
    "cwportal.exports.status": ("GET", "/", 200, 200, 200, 200),
    "cwportal.exports.start": ("POST", "/exports", 403, 303, 303, 303),
    "cwportal.exports.log": ("GET", "/exports/{run}", 200, 200, 200, 404),
    "cwportal.exports.progress": ("GET", "/exports/{run}/progress", 200, 200, 200, 404),
    "cwportal.exports.log_csv": ("GET", "/exports/{run}/log.csv", 200, 200, 200, 404),
    "cwportal.exports.cancel": ("POST", "/exports/{run}/cancel", 403, 303, 303, 404),
}
CHANGING = [name for name, row in ROUTES.items() if row[0] == "POST"]


def _ours(app: Flask) -> list[str]:
    return sorted(rule.endpoint for rule in app.url_map.iter_rules() if rule.endpoint.startswith("cwportal."))


def test_the_table_has_every_route(portal: Portal) -> None:
    assert _ours(portal.app) == sorted(ROUTES)


@pytest.mark.parametrize("endpoint", ROUTES)
def test_everybody_on(portal_on_both: Portal, endpoint: str) -> None:
    portal = portal_on_both
    run = portal.run(state=RunState.READING)
    method, path, *expected = ROUTES[endpoint]
    address = PREFIX + path.format(run=run)
    for who, status in zip(("viewer", "billing", "admin", "other"), expected, strict=True):
        client = portal.client(who)
        data = {"csrf_token": token(client)} if method == "POST" else None
        with client.open(address, method=method, data=data) as answer:
            assert answer.status_code == status, who
    with portal.client(None).open(address, method=method) as answer:
        assert answer.status_code == 302
        assert answer.headers["Location"].startswith("/sign-in?next=")


@pytest.mark.parametrize("endpoint", CHANGING)
@pytest.mark.parametrize("sent", [{}, {"csrf_token": ""}, {"csrf_token": "of.another.site"}])
def test_without_our_token_nothing_changes(portal: Portal, endpoint: str, sent: dict[str, str]) -> None:
    run = portal.run(state=RunState.READING)
    before = [(one.id, one.cancel_requested) for one in portal.runs()]
    answer = portal.client("admin").post(PREFIX + ROUTES[endpoint][1].format(run=run), data=sent)
    assert answer.status_code == 400
    assert "Nothing was changed" in answer.text
    assert [(one.id, one.cancel_requested) for one in portal.runs()] == before


def test_the_token_is_demanded_where_the_host_has_switched_its_own_off(portal: Portal) -> None:
    portal.app.config["WTF_CSRF_ENABLED"] = False
    assert portal.client("admin").post(f"{PREFIX}/exports").status_code == 400
    assert portal.runs() == []


@pytest.mark.parametrize(
    "path", ["/", "/exports/1", "/exports/1/progress", "/exports/1/log.csv", "/exports/99", "/sign-in"]
)
def test_headers(portal: Portal, path: str) -> None:
    portal.run(state=RunState.READING)
    where = path if path == "/sign-in" else PREFIX + path
    with portal.client(None if path == "/sign-in" else "viewer").get(where) as answer:
        policy = answer.headers["Content-Security-Policy"]
        assert "default-src 'none'" in policy
        assert "unsafe" not in policy
        assert "frame-ancestors 'none'" in policy
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert answer.headers["Cache-Control"] == "no-store"
        assert " style=" not in answer.text
        assert " onclick=" not in answer.text


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
