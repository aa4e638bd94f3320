"""A database server that goes away, and one whose connections are all taken: what is said, and that the same again succeeds."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import QueuePool, make_url
from sqlalchemy.exc import DBAPIError, OperationalError

from cwportal.db import is_away, is_busy
from cwportal.forms.press import Press
from tests.blueprints.portal import MINE, PREFIX, Portal, opened
from tests.support.databases import PostgreSQL

START = f"{PREFIX}/exports"


@pytest.fixture
def served(tmp_path: Path, postgresql: PostgreSQL) -> Iterator[Portal]:
    """A portal on PostgreSQL."""
    with opened(tmp_path, CWPORTAL_DATABASE_URL=postgresql.create(migrated=True)) as portal:
        portal.connect(MINE)
        yield portal


def token(client: FlaskClient, app: Flask) -> str:
    """As a form of ours has it."""
    with app.test_request_context(), client.session_transaction() as session:
        from flask import session as other

        value = str(Press().csrf_token.current_token)
        session.update(other)
    return value


def test_a_server_that_takes_no_connections(served: Portal, postgresql: PostgreSQL) -> None:
    name = make_url(served.runtime.config.url).database
    client = served.client("admin")
    sent = {"csrf_token": token(client, served.app)}
    postgresql.command(
        f"ALTER DATABASE {name} ALLOW_CONNECTIONS false",
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname LIKE 'test%'",
    )
    answer = client.post(START, data=sent)
    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "30")
    assert "The portal cannot reach its database" in answer.text
    assert "Your last press may have been done already" in answer.text
    assert "Press again" in answer.text
    postgresql.command(f"ALTER DATABASE {name} ALLOW_CONNECTIONS true")
    assert client.post(START, data=sent).status_code == 303


def test_no_connection_is_free(portal: Portal) -> None:
    client = portal.client("viewer")
    pool = portal.runtime.database.engine.pool
    assert isinstance(pool, QueuePool)
    pool._timeout = 0
    taken = [portal.runtime.database.engine.connect() for _ in range(15)]
    answer = client.get(f"{PREFIX}/")
    assert (answer.status_code, "The portal is busy" in answer.text) == (503, True)
    for connection in taken:
        connection.close()
    assert client.get(f"{PREFIX}/").status_code == 200


class Psycopg2Error(Exception):
    """What the other driver for PostgreSQL says: the same codes under another name."""

    def __init__(self, code: str | None) -> None:
        super().__init__(code)
        self.pgcode = code


@pytest.mark.parametrize(
    ("code", "busy", "away"),
    [
        ("40P01", True, False),
        ("55P03", True, False),
        ("57P01", False, True),
        ("53300", False, True),
        (None, False, True),
        ("42P01", False, False),
    ],
)
def test_the_other_driver(code: str | None, busy: bool, away: bool) -> None:
    error = OperationalError("SELECT 1", {}, Psycopg2Error(code))
    assert (is_busy(error), is_away(error)) == (busy, away)
    assert not is_away(DBAPIError("SELECT 1", {}, Psycopg2Error(None)))


def test_a_host_with_another_name_for_the_token(portal: Portal) -> None:
    """WTF_CSRF_FIELD_NAME: without the token in it no form of ours could be sent."""
    portal.app.config["WTF_CSRF_FIELD_NAME"] = "_token"
    client = portal.client("admin")
    with portal.app.test_request_context():
        assert 'name="_token" type="hidden" value="' in Press().csrf_token(id=False)
        assert not hasattr(Press(), "anything_else")
    assert client.post(START, data={"_token": token(client, portal.app)}).status_code == 303
