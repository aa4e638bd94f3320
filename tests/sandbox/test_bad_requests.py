"""Bad requests get exactly the status and code of contract.md section 5."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pytest

from cwportal.sandbox import Sandbox
from tests.openapi import location, validate_response

from .support import Api

AGREEMENT = "finance/agreements"
ADDITIONS = "finance/agreements/1/additions"
ADDITION = "finance/agreements/1/additions/1"
COMPANIES = "company/companies"
CATALOG = "procurement/catalog"

GOOD_ADDITION = {"product": {"id": 1}, "billCustomer": "Billable", "quantity": 1}
GOOD_ITEM = {
    "identifier": "NEW",
    "description": "New",
    "customerDescription": "New",
    "type": {"id": 1},
    "subcategory": {"id": 1},
}
GOOD_AGREEMENT = {"name": "New", "type": {"id": 1}, "company": {"id": 1}}


def replace(path: str, value: Any) -> list[dict[str, Any]]:
    return [{"op": "replace", "path": path, "value": value}]


@dataclass(frozen=True)
class Refusal:
    """A request with the status and code it must get, and the `code field` of each of its errors."""

    method: str
    path: str
    body: Any
    status: int
    code: str
    flaws: tuple[str, ...] = ()

    def __str__(self) -> str:
        return f"{self.method} {self.path} {' '.join(self.flaws) or self.code}"


def refused(method: str, path: str, body: Any, *flaws: str) -> Refusal:
    return Refusal(method, path, body, 400, "InvalidObject", flaws)


TABLE = [
    refused("POST", COMPANIES, {"name": "X"}, "MissingRequiredField identifier"),
    refused("POST", COMPANIES, {"identifier": "X"}, "MissingRequiredField name"),
    refused("POST", COMPANIES, {"identifier": "X", "name": ""}, "MissingRequiredField name"),
    refused("POST", COMPANIES, {"identifier": "X", "name": "n" * 157}, "MaxLengthField name"),
    refused("POST", COMPANIES, {"identifier": "i" * 157, "name": "n"}, "MaxLengthField identifier"),
    refused("POST", COMPANIES, {"identifier": "AcmeCorp", "name": "n"}, "ObjectExists identifier"),
    refused("POST", COMPANIES, {"identifier": "ACMECORP", "name": "n"}, "ObjectExists identifier"),
    refused("POST", COMPANIES, {"identifier": "a/b", "name": "n"}, "InvalidField identifier"),
    refused("POST", COMPANIES, {"identifier": "X", "name": "n", "status": {"id": 17}}, "NotFound status/id"),
    refused("POST", COMPANIES, {"identifier": "X", "name": "n", "state": "Atlantis"}, "NotFound state"),
    refused("POST", COMPANIES, {"identifier": "X", "name": "n", "types": [{"id": 99}]}, "NotFound types/id"),
    refused("POST", COMPANIES, {"identifier": "X", "name": "n", "yearEstablished": 12}, "OutOfRange yearEstablished"),
    refused("POST", COMPANIES, {"identifier": "X", "name": "n", "zip": "1234567890123"}, "MaxLengthField zip"),
    refused("POST", COMPANIES, {"identifier": 5, "name": "n"}, "InvalidField identifier"),
    Refusal("POST", COMPANIES, [], 400, "ConnectWiseApi"),
    refused(
        "POST",
        AGREEMENT,
        {},
        "MissingRequiredField name",
        "MissingRequiredField type/id",
        "MissingRequiredField company/id",
    ),
    refused("POST", AGREEMENT, {**GOOD_AGREEMENT, "name": "n" * 101}, "MaxLengthField name"),
    refused("POST", AGREEMENT, {**GOOD_AGREEMENT, "company": {"id": 77}}, "NotFound company/id"),
    refused("POST", AGREEMENT, {**GOOD_AGREEMENT, "type": {"id": 77}}, "NotFound type/id"),
    refused("POST", AGREEMENT, {**GOOD_AGREEMENT, "billTime": "Free"}, "InvalidField billTime"),
    refused(
        "POST", AGREEMENT, {**GOOD_AGREEMENT, "startDate": "2025-02-01", "endDate": "2025-01-01"}, "OutOfRange endDate"
    ),
    refused("POST", AGREEMENT, {**GOOD_AGREEMENT, "startDate": "01/02/2025"}, "InvalidField startDate"),
    refused(
        "PUT",
        "finance/agreements/1",
        GOOD_AGREEMENT,
        "MissingRequiredField employeeCompRate",
        "MissingRequiredField invoicingCycle",
        "MissingRequiredField billTime",
        "MissingRequiredField billExpenses",
        "MissingRequiredField billProducts",
    ),
    refused("POST", ADDITIONS, {"billCustomer": "Billable"}, "MissingRequiredField product/id"),
    refused("POST", ADDITIONS, {"product": {"id": 1}}, "MissingRequiredField billCustomer"),
    refused(
        "POST", ADDITIONS, {**GOOD_ADDITION, "product": {"identifier": "MBX-50"}}, "MissingRequiredField product/id"
    ),
    refused("POST", ADDITIONS, {**GOOD_ADDITION, "product": {"id": 99}}, "NotFound product/id"),
    refused("POST", ADDITIONS, {**GOOD_ADDITION, "product": {"id": 3}}, "InvalidField product/id"),
    refused("POST", ADDITIONS, {**GOOD_ADDITION, "billCustomer": "billable"}, "InvalidField billCustomer"),
    refused("POST", ADDITIONS, {**GOOD_ADDITION, "quantity": "many"}, "InvalidField quantity"),
    refused("POST", ADDITIONS, {**GOOD_ADDITION, "quantity": True}, "InvalidField quantity"),
    refused("POST", ADDITIONS, {**GOOD_ADDITION, "unitPrice": 10000000000000.0}, "OutOfRange unitPrice"),
    refused("POST", ADDITIONS, {**GOOD_ADDITION, "effectiveDate": "2024-12-31T00:00:00Z"}, "OutOfRange effectiveDate"),
    refused(
        "POST", ADDITIONS, {**GOOD_ADDITION, "effectiveDate": "2025-03-01T00:00:00+01:00"}, "InvalidField effectiveDate"
    ),
    refused(
        "POST",
        ADDITIONS,
        {**GOOD_ADDITION, "effectiveDate": "2025-03-01", "cancelledDate": "2025-02-01"},
        "OutOfRange cancelledDate",
    ),
    refused("POST", ADDITIONS, {**GOOD_ADDITION, "serialNumber": "s" * 51}, "MaxLengthField serialNumber"),
    Refusal("POST", "finance/agreements/99/additions", GOOD_ADDITION, 404, "NotFound"),
    Refusal("PATCH", ADDITION, {"quantity": 5}, 400, "ConnectWiseApi"),
    Refusal("PATCH", ADDITION, [], 400, "ConnectWiseApi"),
    Refusal("PATCH", ADDITION, [{"op": "Replace", "path": "quantity", "value": 5}], 400, "ConnectWiseApi"),
    Refusal("PATCH", ADDITION, [{"op": "replace", "value": 5}], 400, "ConnectWiseApi"),
    Refusal("PATCH", ADDITION, [{"op": "replace", "path": "quantity"}], 400, "ConnectWiseApi"),
    Refusal("PATCH", ADDITION, replace("Quantity", 5), 400, "ConnectWiseApi"),
    refused("PATCH", ADDITION, replace("quantity", "x"), "InvalidField quantity"),
    refused("PATCH", ADDITION, replace("product", {"id": 42}), "NotFound product/id"),
    refused("PATCH", ADDITION, [{"op": "remove", "path": "billCustomer"}], "MissingRequiredField billCustomer"),
    Refusal("PATCH", "finance/agreements/1/additions/99", replace("quantity", 5), 404, "NotFound"),
    Refusal("PATCH", "finance/agreements/3/additions/1", replace("quantity", 5), 404, "NotFound"),
    refused(
        "POST",
        CATALOG,
        {},
        "MissingRequiredField identifier",
        "MissingRequiredField description",
        "MissingRequiredField subcategory/id",
        "MissingRequiredField type/id",
        "MissingRequiredField customerDescription",
    ),
    refused("POST", CATALOG, {**GOOD_ITEM, "identifier": "mbx-50"}, "ObjectExists identifier"),
    refused("POST", CATALOG, {**GOOD_ITEM, "identifier": "i" * 76}, "MaxLengthField identifier"),
    refused("POST", CATALOG, {**GOOD_ITEM, "description": "d" * 61}, "MaxLengthField description"),
    refused("POST", CATALOG, {**GOOD_ITEM, "productClass": "Thing"}, "InvalidField productClass"),
    refused("POST", CATALOG, {**GOOD_ITEM, "subcategory": {"id": 88}}, "NotFound subcategory/id"),
    refused(
        "PATCH",
        "procurement/catalog/1",
        replace("recurringFlag", True),
        "MissingRequiredField recurringOneTimeFlag",
        "MissingRequiredField recurringBillCycle/id",
    ),
    refused("POST", "procurement/categories", {"name": "Hardware"}, "ObjectExists name"),
    refused("POST", "procurement/subcategories", {"name": "X"}, "MissingRequiredField category/id"),
    refused("POST", "procurement/types", {"name": "n" * 51}, "MaxLengthField name"),
    refused("POST", "company/contacts", {"lastName": "X"}, "MissingRequiredField firstName"),
    Refusal(
        "POST", "company/contacts", {"firstName": "Ann", "lastName": "Lee", "company": {"id": 1}}, 400, "ContactApi"
    ),
    refused(
        "POST",
        "company/contacts",
        {"firstName": "Bo", "communicationItems": [{"type": {"id": 44}, "value": "x"}]},
        "NotFound communicationItems/type/id",
    ),
    Refusal("GET", f"{AGREEMENT}?conditions=bogus=1", None, 400, "ConnectWiseApi"),
    Refusal("GET", f"{AGREEMENT}?conditions=name='x", None, 400, "ConnectWiseApi"),
    Refusal("GET", f"{AGREEMENT}?orderBy=bogus", None, 400, "ConnectWiseApi"),
    Refusal("GET", f"{AGREEMENT}?page=0", None, 400, "ConnectWiseApi"),
    Refusal("GET", f"{AGREEMENT}?pageSize=ten", None, 400, "ConnectWiseApi"),
    Refusal("GET", "company/companies/99", None, 404, "NotFound"),
    Refusal("GET", "company/nothing", None, 404, "NotFound"),
    Refusal("GET", "procurement/catalog/abc", None, 404, "NotFound"),
    Refusal("DELETE", AGREEMENT, None, 405, "MethodNotAllowed"),
    Refusal("POST", ADDITION, {}, 405, "MethodNotAllowed"),
    Refusal("POST", "system/info", {}, 405, "MethodNotAllowed"),
    Refusal("DELETE", "procurement/catalog/1", None, 409, "Conflict"),
    Refusal("DELETE", "company/companies/1", None, 409, "Conflict"),
    Refusal("POST", "system/documents", {"recordType": "Agreement"}, 415, "UnsupportedMediaType"),
]


@pytest.mark.parametrize("case", TABLE, ids=str)
def test_bad_request(api: Api, case: Refusal) -> None:
    tables = api.sandbox.tenant().tables
    before = {kind: len(table.rows) for kind, table in tables.items()}
    options = {} if case.body is None else {"json": case.body}
    response = api.call(case.method, case.path, **options)
    answer = response.json()
    assert (response.status_code, answer["code"]) == (case.status, case.code), response.text
    assert tuple(f"{error['code']} {error['field']}" for error in answer.get("errors") or []) == case.flaws
    assert isinstance(answer["message"], str)
    assert answer["message"]
    if location().is_file() and "nothing" not in case.path and case.status != 405:
        validate_response(case.method, case.path, case.status, answer)
    assert {kind: len(table.rows) for kind, table in tables.items()} == before, "a refused request changed something"


def test_there_are_at_least_forty() -> None:
    assert len({(case.method, case.path, str(case.body)) for case in TABLE}) >= 40


def test_body_texts_are_those_seen_in_practice(api: Api) -> None:
    too_long = api.call("POST", AGREEMENT, json={**GOOD_AGREEMENT, "name": "n" * 101}).json()
    assert too_long["message"] == "agreement object is invalid"
    assert too_long["errors"][0]["message"] == "The field name must be a string with a maximum length of 100."
    assert too_long["errors"][0]["resource"] == "agreement"
    year = api.call("POST", COMPANIES, json={"identifier": "X", "name": "n", "yearEstablished": 12}).json()
    assert year["errors"][0]["message"] == "The field yearEstablished must be between 1900 and 9999."
    item = api.call("POST", CATALOG, json={}).json()
    assert item["message"] == "catalogItem object is invalid"


@pytest.mark.parametrize("content_type", ["text/plain", "application/x-www-form-urlencoded", "application/xml", ""])
def test_bodies_must_be_json(api: Api, content_type: str) -> None:
    response = api.call("POST", ADDITIONS, data=b"{}", headers={"Content-Type": content_type})
    assert response.status_code == 415


@pytest.mark.parametrize("body", [b"", b"{", b'{"quantity": NaN}', b'{"quantity": 1e999999999}', b"\xff\xfe"])
def test_unreadable_json(api: Api, body: bytes) -> None:
    response = api.call("POST", ADDITIONS, data=body, headers={"Content-Type": "application/json"})
    assert (response.status_code, response.json()["code"]) == (400, "ConnectWiseApi")


def test_method_not_allowed_says_what_is(api: Api) -> None:
    response = api.call("DELETE", AGREEMENT)
    assert response.headers["Allow"] == "GET, POST"


@pytest.mark.parametrize(("length", "status"), [(9_500, 200), (10_100, 414)])
def test_long_urls(api: Api, length: int, status: int) -> None:
    ids = ",".join(["1"] * (length // 2))
    prepared = f"{api.url(AGREEMENT)}?conditions=id in ({ids})"
    response = api.session.get(prepared.replace(" ", "+"), timeout=60)
    assert response.status_code == status


@pytest.mark.parametrize(
    ("user", "key"),
    [
        ("training+AdminPublicKey01", "wrong"),
        ("training+wrong", "AdminPrivateKey1"),
        ("Training+AdminPublicKey01", "AdminPrivateKey1"),
        ("nobody+AdminPublicKey01", "AdminPrivateKey1"),
        ("AdminPublicKey01", "AdminPrivateKey1"),
    ],
)
@pytest.mark.parametrize("cloud", [False, True])
def test_bad_keys(sandbox: Sandbox, api: Api, user: str, key: str, cloud: bool) -> None:
    sandbox.set_variant(cloud=cloud)
    api.session.auth = (user, key)
    response = api.call("GET", COMPANIES)
    if cloud:
        assert (response.status_code, response.headers["Content-Type"]) == (404, "text/html; charset=utf-8")
    else:
        assert (response.status_code, response.json()["code"]) == (401, "Unauthorized")


def test_no_keys_at_all(api: Api) -> None:
    api.session.auth = None
    assert api.call("GET", COMPANIES).status_code == 401
    assert api.call("GET", COMPANIES, headers={"Authorization": "Basic %%%"}).status_code == 401
    assert api.call("GET", COMPANIES, headers={"Authorization": "Bearer abc"}).status_code == 401


@pytest.mark.parametrize("status", [400, 401, 403])
def test_client_id(sandbox: Sandbox, api: Api, status: int) -> None:
    sandbox.set_variant(client_id_status=status)
    response = api.call("GET", COMPANIES, headers={"clientId": None})
    assert response.status_code == status
    assert "clientId" in response.json()["message"]
    sandbox.set_variant(client_ids=["another"])
    assert api.call("GET", COMPANIES).status_code == status


@pytest.mark.parametrize("codebase", ["v2026_1", "apis/3.0", "v4_6_releases"])
def test_wrong_codebase_is_the_web_servers_404(api: Api, codebase: str) -> None:
    response = api.session.get(f"{api.sandbox.url}/{codebase}/apis/3.0/{COMPANIES}", timeout=60)
    assert response.status_code == 404
    assert response.headers["Content-Type"].startswith("text/html")


def test_old_limits_are_shorter(sandbox: Sandbox, api: Api) -> None:
    sandbox.set_variant(old_limits=True)
    for body, field in (
        ({"identifier": "i" * 26, "name": "n"}, "identifier"),
        ({"identifier": "i", "name": "n" * 51}, "name"),
    ):
        answer = api.call("POST", COMPANIES, json=body).json()
        assert [(e["code"], e["field"]) for e in answer["errors"]] == [("MaxLengthField", field)]
    answer = api.call("POST", CATALOG, json={**GOOD_ITEM, "identifier": "i" * 61}).json()
    assert [(e["code"], e["field"]) for e in answer["errors"]] == [("MaxLengthField", "identifier")]
    api.post(COMPANIES, {"identifier": "i" * 25, "name": "n" * 50})


def test_contact_required(sandbox: Sandbox, api: Api) -> None:
    sandbox.set_variant(contact_required=True)
    answer = api.call("POST", AGREEMENT, json=GOOD_AGREEMENT).json()
    assert [(e["code"], e["field"]) for e in answer["errors"]] == [("MissingRequiredField", "contact/id")]
    assert api.post(AGREEMENT, {**GOOD_AGREEMENT, "contact": {"id": 1}})["contact"]["name"] == "Ann Lee"


def test_address_required(sandbox: Sandbox, api: Api) -> None:
    sandbox.set_variant(address_required=True)
    assert api.call("POST", COMPANIES, json={"identifier": "X", "name": "n"}).status_code == 400
    api.post(COMPANIES, {"identifier": "X", "name": "n", "city": "Tampa"})
