"""Repeats, the gate, and a codebase that changes."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator

import pytest
import requests
import responses

from cwportal.connectwise import errors
from cwportal.connectwise.gate import LocalGate
from cwportal.connectwise.guard import AddressGuard
from cwportal.connectwise.protocol import Endpoint
from cwportal.connectwise.session import Transport, company_info
from cwportal.connectwise.site import parse_site

from .support import API, BASE, FakeTime, TransportMaker

INFO = f"{BASE}/login/companyinfo/training"
HTML = "<html>404</html>"
ITEMS = f"{API}/procurement/catalog"


@pytest.fixture
def web() -> Iterator[responses.RequestsMock]:
    with responses.RequestsMock(assert_all_requests_are_fired=True) as mock:
        yield mock


def failure(call: Callable[[], object]) -> errors.ConnectWiseError:
    with pytest.raises(errors.ConnectWiseError) as caught:
        call()
    return caught.value


def write_with(transport: Transport, method: str) -> object:
    if method == "POST":
        return transport.post("/procurement/catalog", {"identifier": "A"})
    if method == "PATCH":
        return transport.patch("/procurement/catalog", {"cost": 1})
    if method == "upload":
        return transport.upload("/procurement/catalog", {"title": "t"}, {"file": ("u.csv", b"x", "text/csv")})
    return transport.delete("/procurement/catalog")


WRITES = ["POST", "PATCH", "DELETE", "upload"]
PASSING = [
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
    web: responses.RequestsMock, make_transport: TransportMaker, fake_time: FakeTime, problem: dict[str, object]
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
    web: responses.RequestsMock, make_transport: TransportMaker, fake_time: FakeTime, problem: dict[str, object]
) -> None:
    web.add("GET", ITEMS, **problem)
    transport = make_transport(random=lambda: 0.5)
    failure(lambda: transport.get("/procurement/catalog"))
    assert transport.requests == 4
    assert fake_time.sleeps == [1.25, 2.5, 5.0]


@pytest.mark.parametrize("method", WRITES)
@pytest.mark.parametrize("problem", PASSING)
def test_a_write_that_may_be_done_is_sent_once(
    web: responses.RequestsMock, make_transport: TransportMaker, problem: dict[str, object], method: str
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
    bodies = {bytes(call.request.body or b"") for call in web.calls}
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


# A codebase that changed, and a 404 that means the keys.


def test_a_changed_codebase_is_found_and_told(web: responses.RequestsMock, make_transport: TransportMaker) -> None:
    web.add("POST", ITEMS, status=404, body=HTML)
    web.add("GET", INFO, json={"Codebase": "v2026_2/", "CompanyID": "training"})
    web.add("POST", f"{BASE}/v2026_2/apis/3.0/procurement/catalog", status=201, json={"id": 5})
    told: list[str] = []
    transport = make_transport(on_codebase=told.append)
    assert transport.post("/procurement/catalog", {}).data == {"id": 5}
    assert told == ["v2026_2/"]
    assert transport.endpoint == Endpoint(BASE, "v2026_2/")
    assert "Authorization" not in web.calls[1].request.headers
    assert "clientId" not in web.calls[1].request.headers


def test_the_look_up_goes_to_the_login_host(web: responses.RequestsMock, make_transport: TransportMaker) -> None:
    login = "https://na.myconnectwise.net"
    web.add("GET", ITEMS, status=404)
    web.add("GET", f"{login}/login/companyinfo/training", json={"Codebase": "v2026_2/"})
    web.add("GET", f"{BASE}/v2026_2/apis/3.0/procurement/catalog", json=[])
    transport = make_transport(endpoint=Endpoint(BASE, "v4_6_release/", login))
    assert transport.get("/procurement/catalog").data == []
    assert transport.endpoint == Endpoint(BASE, "v2026_2/", login)


def test_it_is_repeated_once_only(web: responses.RequestsMock, make_transport: TransportMaker) -> None:
    web.add("POST", ITEMS, status=404, body=HTML)
    web.add("GET", INFO, json={"Codebase": "v2026_2/"})
    web.add("POST", f"{BASE}/v2026_2/apis/3.0/procurement/catalog", status=404, body=HTML)
    transport = make_transport()
    found = failure(lambda: transport.post("/procurement/catalog", {}))
    assert type(found) is errors.Rejected
    assert transport.requests == 3


@pytest.mark.parametrize(
    "info", [{"json": {"Codebase": "v4_6_release/"}}, {"json": None}, {"status": 500}, {"body": HTML}]
)
@pytest.mark.parametrize("known", [{"status": 404, "body": HTML}, {"status": 401, "json": {"code": "Unauthorized"}}])
def test_a_404_by_routing_means_the_keys(
    web: responses.RequestsMock, make_transport: TransportMaker, info: dict[str, object], known: dict[str, object]
) -> None:
    web.add("POST", ITEMS, status=404, body=HTML)
    web.add("GET", INFO, **info)
    web.add("GET", f"{API}/system/info", **known)
    found = failure(lambda: make_transport().post("/procurement/catalog", {}))
    assert type(found) is errors.Rejected
    assert (found.status, found.certainty) == (404, "unknown")
    assert "company ID or the API keys" in found.sentence
    assert len([call for call in web.calls if call.request.method == "POST"]) == 1


def test_a_404_of_one_path_only_is_a_missing_path(web: responses.RequestsMock, make_transport: TransportMaker) -> None:
    web.add("GET", ITEMS, status=404, body=HTML)
    web.add("GET", INFO, json={"Codebase": "v4_6_release/"})
    web.add("GET", f"{API}/system/info", json={"version": "v2019.1"})
    found = failure(lambda: make_transport().get("/procurement/catalog"))
    assert type(found) is errors.NotFound
    assert "release may be too old" in found.sentence


def test_a_404_of_the_application_is_asked_about_no_further(
    web: responses.RequestsMock, make_transport: TransportMaker
) -> None:
    web.add("GET", ITEMS, status=404, json={"code": "NotFound", "message": "gone"})
    transport = make_transport()
    assert type(failure(lambda: transport.get("/procurement/catalog"))) is errors.NotFound
    assert transport.requests == 1


# companyinfo without keys.


def ask(fake_time: FakeTime) -> object:
    site = parse_site("na.myconnectwise.net")
    return company_info(site, "training", guard=AddressGuard(), clock=fake_time.now)


LOGIN = "https://na.myconnectwise.net/login/companyinfo/training"


@pytest.mark.parametrize("codebase", ["v4_6_release/", "v2026_1", "/v4_6_release/"])
def test_company_info(web: responses.RequestsMock, fake_time: FakeTime, codebase: str) -> None:
    told = {"CompanyID": "Training", "Codebase": codebase, "IsCloud": True, "VersionNumber": "v2026.1", "SiteUrl": "x"}
    web.add("GET", LOGIN, json=told)
    found = ask(fake_time)
    assert repr(found) == (
        f"CompanyInfo(company_id='Training', codebase='{codebase.strip('/')}/', is_cloud=True, version='v2026.1')"
    )


@pytest.mark.parametrize("unknown", [{"body": "null"}, {"status": 404, "body": HTML}, {"status": 404, "json": {}}])
def test_an_unknown_company_id(web: responses.RequestsMock, fake_time: FakeTime, unknown: dict[str, object]) -> None:
    web.add("GET", LOGIN, **unknown)
    found = failure(lambda: ask(fake_time))
    assert type(found) is errors.UnknownCompany
    assert "no company ID “training”" in found.sentence


@pytest.mark.parametrize(
    "odd",
    [
        {"body": HTML},
        {"body": "[]"},
        {"body": "{}"},
        {"json": {"Codebase": "../../evil/"}},
        {"json": {"Codebase": 4}},
        {"json": {"Codebase": "a/b/"}},
        {"status": 302, "headers": {"Location": "https://example.com/"}},
        {"status": 401, "json": {}},
        {"status": 403, "body": HTML},
    ],
)
def test_something_that_is_no_connectwise(
    web: responses.RequestsMock, fake_time: FakeTime, odd: dict[str, object]
) -> None:
    web.add("GET", LOGIN, **odd)
    assert type(failure(lambda: ask(fake_time))) is errors.NotConnectWise


@pytest.mark.parametrize(("status", "kind"), [(429, errors.RateLimited), (502, errors.ServerFailed)])
def test_a_busy_site_is_not_called_a_stranger(
    web: responses.RequestsMock, fake_time: FakeTime, status: int, kind: type[errors.ConnectWiseError]
) -> None:
    web.add("GET", LOGIN, status=status)
    assert type(failure(lambda: ask(fake_time))) is kind
