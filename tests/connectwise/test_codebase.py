"""companyinfo: a codebase that changes, a 404 that means the keys, and the look-up before there are any."""

from __future__ import annotations

from typing import Any

import pytest
import responses

from cwportal.connectwise import errors
from cwportal.connectwise.guard import AddressGuard
from cwportal.connectwise.protocol import Endpoint
from cwportal.connectwise.session import company_info
from cwportal.connectwise.site import parse_site

from .support import API, BASE, FakeTime, TransportMaker, failure

INFO = f"{BASE}/login/companyinfo/training"
HTML = "<html>404</html>"
ITEMS = f"{API}/procurement/catalog"


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
    web: responses.RequestsMock, make_transport: TransportMaker, info: dict[str, Any], known: dict[str, Any]
) -> None:
    web.add("POST", ITEMS, status=404, body=HTML)
    web.add("GET", INFO, **info)
    web.add("GET", f"{API}/company/companies", **known)
    found = failure(lambda: make_transport().post("/procurement/catalog", {}))
    assert type(found) is errors.Rejected
    assert (found.status, found.certainty) == (404, "unknown")
    assert "company ID or the API keys" in found.sentence
    assert len([call for call in web.calls if call.request.method == "POST"]) == 1


@pytest.mark.parametrize("known", [{"status": 503}, {"body": responses.ConnectionError("lost")}])
def test_a_404_while_nothing_else_is_answered_blames_no_keys(
    web: responses.RequestsMock, make_transport: TransportMaker, known: dict[str, Any]
) -> None:
    web.add("POST", ITEMS, status=404, body=HTML)
    web.add("GET", INFO, json={"Codebase": "v4_6_release/"})
    web.add("GET", f"{API}/company/companies", **known)
    found = failure(lambda: make_transport().post("/procurement/catalog", {}))
    assert (type(found), found.status, found.certainty) == (errors.NotJson, 404, "unknown")
    assert "asking again failed too" in found.sentence
    assert "API keys" not in found.sentence


@pytest.mark.parametrize("known", [{"json": [{"id": 2}]}, {"status": 403, "json": {"code": "Security"}}])
def test_a_404_of_one_path_only_is_a_missing_path(
    web: responses.RequestsMock, make_transport: TransportMaker, known: dict[str, Any]
) -> None:
    web.add("GET", ITEMS, status=404, body=HTML)
    web.add("GET", INFO, json={"Codebase": "v4_6_release/"})
    web.add("GET", f"{API}/company/companies", **known)
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
def test_an_unknown_company_id(web: responses.RequestsMock, fake_time: FakeTime, unknown: dict[str, Any]) -> None:
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
    web: responses.RequestsMock, fake_time: FakeTime, odd: dict[str, Any]
) -> None:
    web.add("GET", LOGIN, **odd)
    assert type(failure(lambda: ask(fake_time))) is errors.NotConnectWise


@pytest.mark.parametrize(("status", "kind"), [(429, errors.RateLimited), (502, errors.ServerFailed)])
def test_a_busy_site_is_not_called_a_stranger(
    web: responses.RequestsMock, fake_time: FakeTime, status: int, kind: type[errors.ConnectWiseError]
) -> None:
    web.add("GET", LOGIN, status=status)
    assert type(failure(lambda: ask(fake_time))) is kind
