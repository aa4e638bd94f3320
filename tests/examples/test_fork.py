"""A worker's children share no database connection of the host with it."""

from __future__ import annotations

from collections import defaultdict

import pytest
from flask import Flask

from cwportal.plugin import request_export
from tests.examples.conftest import PARTNER, ROOT, Host
from tests.support.databases import PostgreSQL


@pytest.fixture
def empty_url(postgresql: PostgreSQL) -> str:
    """Only a connection to a server can be shared by mistake."""
    return postgresql.create()


def test_children_open_connections_of_their_own(app: Flask, host: Host) -> None:
    request_export(app, PARTNER, actor="test")
    host.env["PYTHONPATH"] = str(ROOT)
    said = host.run("flask", "--app", "tests.examples.forking", "cwportal", "worker", "--burst")
    assert "Run 1: ended" in said
    assert host.lines()
    users: dict[str, set[str]] = defaultdict(set)
    for line in (host.folder / "connections").read_text().splitlines():
        process, backend = line.split()
        users[backend].add(process)
    assert len({process for several in users.values() for process in several}) == 2
    assert all(len(several) == 1 for several in users.values())
