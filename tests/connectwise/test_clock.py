"""How far the other clock is, by the header alone."""

from __future__ import annotations

from datetime import timedelta

import pytest

from cwportal.connectwise import errors
from cwportal.connectwise.clock import clock_ahead
from cwportal.connectwise.guard import AddressGuard
from cwportal.connectwise.site import parse_site

from .support import FakeTime, ScriptedServer, answer, hang_up

ALLOWED = frozenset({"127.0.0.1"})


def ahead(server: ScriptedServer, time: FakeTime) -> timedelta | None:
    """FakeTime begins at 2026-03-01 12:00:00 UTC."""
    site = parse_site(server.url, ALLOWED)
    return clock_ahead(site, "acme", guard=AddressGuard(ALLOWED), clock=time.now, timeout=2)


@pytest.mark.parametrize(
    ("date", "seconds"),
    [
        ("Sun, 01 Mar 2026 12:00:00 GMT", 0.5),
        ("Sun, 01 Mar 2026 12:01:30 GMT", 90.5),
        ("Sun, 01 Mar 2026 11:58:00 GMT", -119.5),
        ("Sun, 01 Mar 2026 14:00:00 +0200", 0.5),
        ("Sun, 01 Mar 2026 12:00:00 -0000", 0.5),
    ],
)
def test_the_header_tells(server: ScriptedServer, fake_time: FakeTime, date: str, seconds: float) -> None:
    server.scripts = [answer(200, b"null", f"Date: {date}")]
    assert ahead(server, fake_time) == timedelta(seconds=seconds)
    (request,) = server.requests
    assert request.startswith(b"GET /login/companyinfo/acme ")
    assert b"Authorization" not in request


def test_whatever_the_status(server: ScriptedServer, fake_time: FakeTime) -> None:
    server.scripts = [answer(404, b"<html>", "Date: Sun, 01 Mar 2026 12:00:00 GMT")]
    assert ahead(server, fake_time) == timedelta(seconds=0.5)


def test_half_of_the_way_is_taken_off(server: ScriptedServer, fake_time: FakeTime) -> None:
    slow = answer(200, b"null", "Date: Sun, 01 Mar 2026 12:00:05 GMT")

    def script(talk: object, request: bytes) -> None:
        fake_time.sleep(10)
        slow(talk, request)  # type: ignore[arg-type]

    server.scripts = [script]
    assert ahead(server, fake_time) == timedelta(seconds=0.5)


@pytest.mark.parametrize("headers", [(), ("Date: yesterday",), ("Date: Sun, 41 Mar 2026 12:00:00 GMT",)])
def test_a_server_that_does_not_tell(server: ScriptedServer, fake_time: FakeTime, headers: tuple[str, ...]) -> None:
    server.scripts = [answer(200, b"null", *headers)]
    assert ahead(server, fake_time) is None


def test_no_answer(server: ScriptedServer, fake_time: FakeTime) -> None:
    server.scripts = [hang_up]
    with pytest.raises(errors.Interrupted):
        ahead(server, fake_time)
