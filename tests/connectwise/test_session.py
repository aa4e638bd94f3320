"""Repeats, the gate, and a codebase that changes."""

from __future__ import annotations

import json
from typing import Any

import pytest
import requests
import responses

from cwportal.connectwise import errors
from cwportal.connectwise.gate import LocalGate
from cwportal.connectwise.session import Transport

from .support import API, BASE, FakeTime, TransportMaker, failure

INFO = f"{BASE}/login/companyinfo/training"
HTML = "<html>404</html>"
ITEMS = f"{API}/procurement/catalog"


def write_with(transport: Transport, method: str) -> object:
    if method == "POST":
        return transport.post("/procurement/catalog", {"identifier": "A"})
    if method == "PATCH":
        return transport.patch("/procurement/catalog", {"cost": 1})
    if method == "upload":
        return transport.upload("/procurement/catalog", {"title": "t"}, {"file": ("u.csv", b"x", "text/csv")})
    return transport.delete("/procurement/catalog")


WRITES = ["POST", "PATCH", "DELETE", "upload"]
PASSING: list[dict[str, Any]] = [
    {"status": 500, "json": {"code": "E"}},
    {"status": 503, "body": HTML},
    {"status": 200, "body": HTML},
    {"status": 200, "body": '[{"id": 1'},
    {"status": 408, "json": {}},
    {"status": 403, "body": HTML},
    {"body": requests.ConnectionError("reset")},
    {"body": requests.ReadTimeout("late")},
    {"body": requests.exceptions.ChunkedEncodingError("short")},
]


@pytest.mark.parametrize("problem", PASSING)
def test_a_read_is_repeated_until_it_succeeds(
    web: responses.RequestsMock, make_transport: TransportMaker, fake_time: FakeTime, problem: dict[str, Any]
) -> None:
    for _ in range(3):
        web.add("GET", ITEMS, **problem)
    web.add("GET", ITEMS, json=[{"id": 1}])
    transport = make_transport()
    assert transport.get("/procurement/catalog").data == [{"id": 1}]
    assert transport.requests == 4
    assert fake_time.sleeps == [1.0, 2.0, 4.0]


@pytest.mark.parametrize("problem", PASSING)
def test_a_read_gives_up_after_four_tries(
    web: responses.RequestsMock, make_transport: TransportMaker, fake_time: FakeTime, problem: dict[str, Any]
) -> None:
    web.add("GET", ITEMS, **problem)
    transport = make_transport(random=lambda: 0.5)
    failure(lambda: transport.get("/procurement/catalog"))
    assert transport.requests == 4
    assert fake_time.sleeps == [1.25, 2.5, 5.0]


@pytest.mark.parametrize("method", WRITES)
@pytest.mark.parametrize("problem", PASSING)
def test_a_write_that_may_be_done_is_sent_once(
    web: responses.RequestsMock, make_transport: TransportMaker, problem: dict[str, Any], method: str
) -> None:
    web.add("POST" if method == "upload" else method, ITEMS, **problem)
    transport = make_transport()
    found = failure(lambda: write_with(transport, method))
    assert found.certainty == "unknown"
    assert transport.requests == 1


@pytest.mark.parametrize("method", [*WRITES, "GET"])
@pytest.mark.parametrize("status", [400, 401, 403, 404, 405, 409, 415])
def test_a_refusal_is_final(
    web: responses.RequestsMock, make_transport: TransportMaker, status: int, method: str
) -> None:
    web.add("POST" if method == "upload" else method, ITEMS, status=status, json={"code": "X", "message": "no"})
    transport = make_transport()
    call = (lambda: transport.get("/procurement/catalog")) if method == "GET" else lambda: write_with(transport, method)
    assert failure(call).certainty == "refused"
    assert transport.requests == 1


@pytest.mark.parametrize("method", WRITES)
def test_a_write_refused_by_the_rate_limit_is_repeated(
    web: responses.RequestsMock, make_transport: TransportMaker, fake_time: FakeTime, method: str
) -> None:
    verb = "POST" if method == "upload" else method
    web.add(verb, ITEMS, status=429, headers={"Retry-After": "7"}, json={"error": "ConnectWiseAPI"})
    web.add(verb, ITEMS, status=429, headers={"Retry-After": "Sun, 01 Mar 2026 12:00:12 GMT"}, body=HTML)
    web.add(verb, ITEMS, status=429)
    web.add(verb, ITEMS, json={"id": 5})
    transport = make_transport()
    write_with(transport, method)
    assert transport.requests == 4
    assert fake_time.sleeps == [7.0, 5.0, 4.0]
    bodies = {call.request.body for call in web.calls}
    assert len(bodies) == 1 or method == "upload"


def test_the_rate_limit_is_given_up_after_four_tries(
    web: responses.RequestsMock, make_transport: TransportMaker
) -> None:
    web.add("POST", ITEMS, status=429, headers={"Retry-After": "1"})
    transport = make_transport()
    found = failure(lambda: transport.post("/procurement/catalog", {}))
    assert type(found) is errors.RateLimited
    assert (found.certainty, transport.requests) == ("refused", 4)


def test_the_hold_of_a_last_try_still_reaches_others(
    web: responses.RequestsMock, make_transport: TransportMaker, gate: LocalGate, fake_time: FakeTime
) -> None:
    web.add("POST", ITEMS, status=429, headers={"Retry-After": "30"})
    failure(lambda: make_transport(tries=1).post("/procurement/catalog", {}))
    assert fake_time.sleeps == []
    gate.wait()
    assert fake_time.sleeps == [30.0]


def test_a_wait_of_no_time_backs_off_all_the_same(
    web: responses.RequestsMock, make_transport: TransportMaker, fake_time: FakeTime
) -> None:
    web.add("GET", ITEMS, status=429, headers={"Retry-After": "0"})
    failure(lambda: make_transport().get("/procurement/catalog"))
    assert fake_time.sleeps == [1.0, 2.0, 4.0]


def test_a_long_wait_ends_it_at_once(
    web: responses.RequestsMock, make_transport: TransportMaker, fake_time: FakeTime
) -> None:
    web.add("GET", ITEMS, status=429, headers={"Retry-After": "3600"})
    transport = make_transport()
    found = failure(lambda: transport.get("/procurement/catalog"))
    assert type(found) is errors.RateLimitedLong
    assert "60 minutes" in found.sentence
    assert found.retry_after == 3600.0
    again = failure(lambda: transport.get("/procurement/catalog"))
    assert type(again) is errors.RateLimitedLong
    assert (transport.requests, fake_time.sleeps) == (1, [])


def test_retry_after_of_a_5xx_shuts_the_gate_too(
    web: responses.RequestsMock, make_transport: TransportMaker, fake_time: FakeTime
) -> None:
    web.add("GET", ITEMS, status=503, headers={"Retry-After": "20"})
    web.add("GET", ITEMS, json=[])
    make_transport().get("/procurement/catalog")
    assert sum(fake_time.sleeps) == 20.0


def test_the_gate_is_waited_at_before_every_request(
    web: responses.RequestsMock, make_transport: TransportMaker, gate: LocalGate, fake_time: FakeTime
) -> None:
    web.add("GET", ITEMS, json=[])
    gate.hold(3)
    gate.hold(2)
    make_transport().get("/procurement/catalog")
    assert fake_time.sleeps == [3.0]


def test_a_hold_that_comes_while_waiting_counts() -> None:
    fake = FakeTime()

    def sleep(seconds: float) -> None:
        fake.sleep(seconds)
        if len(fake.sleeps) == 1:
            local.hold(4)

    local = LocalGate(fake.monotonic, sleep)
    local.hold(2)
    local.wait()
    assert fake.sleeps == [2.0, 4.0]


def test_writes_say_what_they_send(web: responses.RequestsMock, make_transport: TransportMaker) -> None:
    web.add("PATCH", ITEMS, json={"id": 5})
    make_transport().patch("/procurement/catalog", {"cost": 3})
    sent = web.calls[0].request
    assert sent.headers["Content-Type"] == "application/json"
    assert json.loads(sent.body or b"") == [{"op": "replace", "path": "cost", "value": 3}]
