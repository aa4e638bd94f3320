"""A press that meets a busy database, one that is not set up, and an error of our own: what is said, and what is kept."""

from __future__ import annotations

import io
import re
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from html import unescape
from pathlib import Path
from typing import Any
from urllib.parse import urljoin

import pytest
from sqlalchemy import Engine, QueuePool, event, text
from sqlalchemy.exc import OperationalError

from cwportal.app import create_app
from cwportal.commands.context import OWN_PORTAL
from cwportal.errors import ConfigurationError
from cwportal.plugin import is_busy
from cwportal.standalone.access import needs
from cwportal.vocabulary import Role, RunState
from tests.blueprints.portal import MINE, NOWHERE, PREFIX, Portal
from tests.standalone.data import rows
from tests.standalone.portal import id_of, token, words

PRICE = {"row": ["MBX", "PBX"], "price": ["8.25", "1"], "was": ["7.50", ""], "go": "save"}
NEW = "new password"
PRESSES: dict[str, tuple[str, dict[str, Any], bool]] = {
    # who presses what: path, form, whether a button sends it again (never a password)
    "prices": ("/pricing/retail", PRICE, True),
    "role": ("/staff/{viewer}/role", {"role": "billing"}, True),
    "remove": ("/staff/{viewer}/remove", {"sure": "yes"}, True),
    "somebody": ("/staff/add", {"email": "x@msp.example", "role": "viewer", "password": NEW}, False),
    "reset": ("/staff/{viewer}/password", {"password": NEW}, False),
    "password": ("/password", {"old": "the present one", "new": NEW, "again": NEW}, False),
    "cancel": (f"{PREFIX}/exports/{{run}}/cancel", {}, True),
}


@contextmanager
def _taken(portal: Portal) -> Iterator[None]:
    """Another process writes, for longer than anybody waits here."""

    def hurry(connection: Any, *_: object) -> None:
        connection.execute("PRAGMA busy_timeout = 0")

    for engine in (portal.own.engine, portal.runtime.database.engine):
        event.listen(engine, "checkout", hurry)
    with closing(sqlite3.connect(portal.own.engine.url.database, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        yield
        other.execute("ROLLBACK")


@pytest.mark.parametrize("name", PRESSES)
def test_a_press_while_the_database_is_busy(portal: Portal, name: str) -> None:
    path, form, again = PRESSES[name]
    portal.connect(MINE)
    path = path.format(viewer=id_of(portal, "viewer"), run=portal.run(state=RunState.READING))
    client = portal.client("admin")
    sent = {"csrf_token": token(client), **form}
    before = rows(portal.own.engine)
    with _taken(portal):
        answer = client.post(path, data=sent)
        assert answer.status_code == 503
        assert answer.headers["Retry-After"]
        assert answer.headers["Cache-Control"] == "no-store"
        assert "The portal is busy" in words(answer)
        assert ("what you typed is kept on this page" in words(answer)) is again
        assert NEW not in answer.text
        quick = client.post(path, data=sent, headers={"X-Requested-With": "fetch"})
        assert (quick.status_code, quick.mimetype) == (503, "text/plain")
    assert rows(portal.own.engine) == before
    main = answer.text[answer.text.index("<main") :]
    kept = [(unescape(key), unescape(value)) for key, value in re.findall(r'name="(\w+)" value="([^"]*)"', main)]
    assert ("Press again" in main) is again
    if again:
        assert kept == [
            (key, one) for key, value in sent.items() for one in (value if isinstance(value, list) else [value])
        ]
        repeated: dict[str, list[str]] = {}
        for key, value in kept:
            repeated.setdefault(key, []).append(value)
        assert client.post(path, data=repeated).status_code == 303
    else:
        assert not kept


@pytest.mark.parametrize(("name", "again"), [("newPassword", False), ("password_confirm", False), ("passport", True)])
def test_a_password_of_a_host_is_not_given_back_either(portal: Portal, name: str, again: bool) -> None:
    """A host's own pages have the page too (`plugin.unready_page`), and its fields have names of its own."""
    client = portal.client("billing")
    sent = {"csrf_token": token(client), **PRICE, name: "secret word"}
    with _taken(portal):
        answer = client.post("/pricing/retail", data=sent)
    assert answer.status_code == 503
    assert ("secret word" in answer.text) is again


def test_no_connection_is_free(portal: Portal) -> None:
    """Neither to look at a page nor to change something: it is said, as where the database is busy."""
    client, sent = portal.client("billing"), {"csrf_token": "", **PRICE}
    sent["csrf_token"] = token(client)
    pool = portal.own.engine.pool
    assert isinstance(pool, QueuePool)
    pool._timeout = 0
    taken = [portal.own.engine.connect() for _ in range(15)]
    looked, pressed = client.get("/pricing/retail"), client.post("/pricing/retail", data=sent)
    assert (looked.status_code, "The portal is busy" in words(looked)) == (503, True)
    assert (pressed.status_code, "what you typed is kept on this page" in words(pressed)) == (503, True)
    for connection in taken:
        connection.close()
    assert client.post("/pricing/retail", data=sent).status_code == 303


def test_an_import_says_so(portal: Portal) -> None:
    client = portal.client("admin")
    file = (io.BytesIO(b"partner_id,sku,unit_price\nmsp,MBX,9\n"), "prices.csv")
    with _taken(portal):
        answer = client.post("/import", data={"csrf_token": token(client), "prices": file})
    assert answer.status_code == 400
    assert "Something else is being written; try again in a minute." in words(answer)


def test_signing_in(portal: Portal) -> None:
    client = portal.client(None)
    sent = {"email": "a@b.example", "password": "secret word", "csrf_token": token(client, "/sign-in")}
    with _taken(portal):
        answer = client.post("/sign-in", data=sent)
    assert answer.status_code == 503
    assert "go back to the page before" in words(answer)
    assert "secret word" not in answer.text


def test_another_error_of_the_database_is_not_called_busy(portal: Portal) -> None:
    with portal.own.engine.begin() as connection:
        connection.exec_driver_sql("DROP TABLE portal_price")
    with pytest.raises(OperationalError, match="no such table"):
        portal.client("billing").get("/pricing/retail")


@pytest.mark.parametrize("path", ["/sign-in", "/pricing/retail", f"{PREFIX}/"])
def test_a_database_that_is_not_set_up(tmp_path: Path, path: str) -> None:
    app = create_app({"CWPORTAL_INSTANCE": str(tmp_path), "CWPORTAL_REDIS_URL": NOWHERE})
    client = app.test_client()
    if path == "/sign-in":
        sent = {"email": "a@b.example", "password": "secret word", "csrf_token": token(client, path)}
        answer = client.post(path, data=sent)
    else:
        with client.session_transaction() as session:
            session["_user_id"] = "a@b.example"
        answer = client.get(path)
    app.extensions["cwportal"].database.dispose()
    app.extensions[OWN_PORTAL].dispose()
    assert answer.status_code == 503
    assert "The portal is not ready yet" in words(answer)
    assert "cwportal init" in words(answer)
    assert "secret word" not in answer.text


@pytest.mark.parametrize("query", ["", "?sku=a%26b"])
def test_loading_the_page_again_leads_back_to_it(tmp_path: Path, query: str) -> None:
    """Also where the portal is mounted below another path, as behind a proxy."""
    app = create_app({"CWPORTAL_INSTANCE": str(tmp_path), "CWPORTAL_REDIS_URL": NOWHERE})
    client, base = app.test_client(), "http://localhost/mounted"
    with client.session_transaction(base_url=base) as session:
        session["_user_id"] = "a@b.example"
    answer = client.get(f"/accounts/a%3Fb%20c{query}", base_url=base)
    app.extensions["cwportal"].database.dispose()
    app.extensions[OWN_PORTAL].dispose()
    assert answer.status_code == 503
    link = re.search(r'href="([^"]*)">Load this page again', answer.text)
    assert link is not None
    assert urljoin(f"{base}/accounts/a%3Fb%20c{query}", unescape(link[1])) == f"{base}/accounts/a%3Fb%20c{query}"


@pytest.mark.parametrize("is_frame_broken", [False, True])
def test_an_error_of_our_own_has_a_page_with_a_reference(
    portal: Portal, caplog: pytest.LogCaptureFixture, is_frame_broken: bool
) -> None:
    portal.app.config.update(TESTING=False, PROPAGATE_EXCEPTIONS=False)

    def broken() -> str:
        if is_frame_broken:
            portal.app.jinja_env.globals["url_for"] = None
        raise ZeroDivisionError

    portal.app.view_functions["portal.accounts_list"] = needs(Role.VIEWER)(broken)
    answer = portal.client("viewer").get("/accounts")
    assert answer.status_code == 500
    assert "This page has failed" in words(answer)
    assert answer.headers["Cache-Control"] == "no-store"
    reference = re.search(r"Reference: (\w{8})", words(answer))
    assert reference is not None
    assert reference[1] in caplog.text


def test_an_instance_folder_that_cannot_be_one(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    for wrong in (tmp_path / "file", tmp_path / "file" / "below"):
        with pytest.raises(ConfigurationError, match=r"CWPORTAL_INSTANCE is .* cannot be used .* Choose one"):
            create_app({"CWPORTAL_INSTANCE": str(wrong)})


def test_what_is_busy(engine: Engine) -> None:
    lock, impatient = {
        "sqlite": ("SELECT 1", "PRAGMA busy_timeout = 0"),
        "postgresql": ("LOCK TABLE portal_price", "SET lock_timeout = 1"),
    }[engine.dialect.name]
    with engine.begin() as one:
        one.execute(text(lock))
        other = engine.connect()
        other.connection.cursor().execute(impatient)
        with pytest.raises(OperationalError) as failed:
            other.execute(text(lock))
        other.invalidate()
        other.close()
    assert is_busy(failed.value)
