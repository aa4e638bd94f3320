"""Answers fit the OpenAPI document, hold what real ones hold, and leave out what real ones leave out."""

from __future__ import annotations

import re
from decimal import Decimal

import pytest
import requests

from cwportal.sandbox import Sandbox
from tests.openapi import require_openapi, validate_request, validate_response

from .support import Api, Control

LISTS = [
    "company/companies",
    "company/companies/statuses",
    "company/companies/types",
    "company/contacts",
    "company/communicationTypes",
    "company/states",
    "company/countries",
    "finance/agreements",
    "finance/agreements/1/additions",
    "finance/agreements/types",
    "finance/billingCycles",
    "finance/billingStatuses",
    "finance/billingTerms",
    "finance/currencies",
    "finance/taxCodes",
    "procurement/catalog",
    "procurement/categories",
    "procurement/subcategories",
    "procurement/types",
    "procurement/unitOfMeasures",
    "system/documents",
    "system/info/locations",
    "system/info/departments",
]
LIGHT = [
    "company/companies/info",
    "company/communicationTypes/info",
    "company/states/info",
    "company/countries/info",
    "finance/agreements/types/info",
    "finance/billingCycles/info",
    "finance/billingStatuses/info",
    "finance/billingTerms/info",
    "finance/currencies/info",
    "finance/taxCodes/info",
    "procurement/catalog/info",
    "procurement/categories/info",
    "procurement/types/info",
    "procurement/subcategories/info",
]


@pytest.mark.parametrize("path", LISTS)
def test_list_count_and_item(api: Api, path: str) -> None:
    require_openapi()
    items = api.get(path, pageSize=1000)
    if path != "system/documents":
        assert items, "an empty list would prove nothing"
        assert api.get(f"{path}/{items[0]['id']}") == items[0]
    assert api.get(f"{path}/count") == {"count": len(items)}


@pytest.mark.parametrize("path", LIGHT)
def test_light_lists_hold_less(api: Api, path: str) -> None:
    require_openapi()
    light = api.get(path, pageSize=1000)
    full = api.get(path.removesuffix("/info"), pageSize=1000)
    assert [item["id"] for item in light] == [item["id"] for item in full]
    for short, long in zip(light, full, strict=True):
        assert short.items() <= long.items()
    number = light[0]["id"]
    if path not in {"company/companies/info", "company/communicationTypes/info", "company/states/info"} | {
        "company/countries/info"
    }:
        assert api.get(f"{path.removesuffix('/info')}/{number}/info") == light[0]


def test_document_types_and_nested_subcategories(api: Api) -> None:
    assert {item["fileExtension"] for item in api.get("system/documentTypes/info")} >= {"csv", "txt"}
    assert [item["name"] for item in api.session.get(api.url("procurement/categories/1/subcategories/")).json()] == [
        "Cloud Subscriptions",
        "Support Plans",
    ]
    assert api.call("GET", "procurement/categories/77/subcategories").status_code == 404


def test_nulls_are_omitted_and_info_is_text(api: Api) -> None:
    for item in api.get("finance/agreements"):
        assert None not in item.values()
        assert all(isinstance(value, str) for value in item["_info"].values())
        assert {"lastUpdated", "updatedBy", "dateEntered", "enteredBy", "additions_href"} <= item["_info"].keys()
        assert "endDate" not in item


def test_references_are_filled_in(api: Api) -> None:
    agreement = api.get("finance/agreements/1")
    company = agreement["company"]
    assert (company["id"], company["identifier"], company["name"]) == (1, "AcmeCorp", "Acme Corp")
    assert api.get("company/companies/1")["defaultContact"]["name"] == "Ann Lee"
    assert agreement["type"]["name"] == "Managed Services"
    assert agreement["billingCycle"]["name"] == "Monthly"
    assert agreement["currency"]["currencyIdentifier"] == "USD"
    assert agreement["agreementStatus"] == "Active"
    assert api.session.get(company["_info"]["company_href"], timeout=60).json()["name"] == "Acme Corp"


def test_a_renamed_company_is_renamed_everywhere(api: Api) -> None:
    assert api.get("finance/agreements/1")["company"]["name"] == "Acme Corp"
    api.patch("company/companies/1", name="Acme Ltd")
    assert api.get("finance/agreements/1")["company"]["name"] == "Acme Ltd"


def test_derived_amounts(api: Api) -> None:
    line = api.post(
        "finance/agreements/1/additions",
        {"product": {"id": 1}, "billCustomer": "Billable", "quantity": 12.5, "lessIncluded": 2, "unitPrice": 1.1},
    )
    shown = ("quantity", "unitPrice", "unitCost", "extPrice", "extCost", "margin", "billedQuantity")
    assert [str(line[name]) for name in shown] == ["12.5", "1.1", "4.0", "13.75", "50.0", "-36.25", "10.5"]
    assert (line["uom"], line["agreementId"], line["agreementStatus"]) == ("Each", 1, "Active")


def test_numbers_keep_every_digit(api: Api) -> None:
    body = '{"product":{"id":1},"billCustomer":"Billable","quantity":1234567.123456789,"unitPrice":0.1}'
    headers = {"Content-Type": "application/json"}
    answer = api.call("POST", "finance/agreements/1/additions", data=body, headers=headers)
    assert '"quantity":1234567.123456789,' in answer.text
    assert '"unitPrice":0.1,' in answer.text
    assert '"extPrice":123456.7123456789,' in answer.text


def test_addition_status_follows_the_dates(api: Api, sandbox: Sandbox) -> None:
    first, second = api.get("finance/agreements/1/additions", orderBy="id")
    assert (first["additionStatus"], second["additionStatus"]) == ("Active", "Cancelled")
    later = api.post(
        "finance/agreements/1/additions",
        {"product": {"id": 1}, "billCustomer": "Billable", "effectiveDate": "2090-01-01"},
    )
    assert later["additionStatus"] == "Inactive"
    sandbox.set_variant(clock=100 * 366 * 86400.0)
    assert api.get(f"finance/agreements/1/additions/{later['id']}")["additionStatus"] == "Active"


def test_what_a_reference_shows_is_never_stale(api: Api) -> None:
    line = "finance/agreements/1/additions/1"
    assert api.get(line)["product"]["identifier"] == "MBX-50"
    api.get("company/companies/1")
    api.patch("procurement/catalog/1", identifier="MBX-51", unitOfMeasure={"id": 2})
    api.patch("company/contacts/1", lastName="Wong")
    api.patch("finance/agreements/1", cancelledFlag=True)
    assert (api.get(line)["product"]["identifier"], api.get(line)["uom"]) == ("MBX-51", "Hour")
    assert api.get("company/companies/1")["defaultContact"]["name"] == "Ann Wong"
    assert api.get(line)["agreementStatus"] == "Cancelled"
    api.patch("procurement/unitOfMeasures/2", name="Hours")
    assert api.get(line)["uom"] == "Hours"


@pytest.mark.parametrize(
    ("change", "status"),
    [
        ({"cancelledFlag": True}, "Cancelled"),
        ({"endDate": "2025-06-30"}, "Expired"),
        ({"startDate": "2090-01-01", "billStartDate": None}, "Inactive"),
        ({}, "Active"),
    ],
)
def test_agreement_status(api: Api, control: Control, change: dict[str, object], status: str) -> None:
    control.post("edit", {"kind": "agreement", "id": 1, "set": change})
    assert api.get("finance/agreements/1")["agreementStatus"] == status
    assert api.get("finance/agreements/1/additions/1")["agreementStatus"] == status


def test_headers_of_an_answer(api: Api, sandbox: Sandbox) -> None:
    response = api.call("GET", "company/companies")
    assert response.headers["api-current-version"] == "2025.1"
    assert response.headers["Content-Type"] == "application/json; charset=utf-8"
    sandbox.set_variant(clock=86400.0 * 365)
    assert response.headers["Date"] != api.call("GET", "company/companies").headers["Date"]


def test_companyinfo(sandbox: Sandbox) -> None:
    found = requests.get(f"{sandbox.url}/login/companyinfo/TRAINING", timeout=60).json()
    assert (found["CompanyID"], found["Codebase"], found["IsCloud"]) == ("training", "v4_6_release/", False)
    unknown = requests.get(f"{sandbox.url}/login/companyinfo/nobody", timeout=60)
    assert (unknown.status_code, unknown.text) == (200, "null")
    sandbox.set_variant(codebase="v2026_1", cloud=True)
    found = requests.get(f"{sandbox.url}/login/companyinfo/training", timeout=60).json()
    assert (found["Codebase"], found["IsCloud"]) == ("v2026_1/", True)


def test_system_info(sandbox: Sandbox, api: Api) -> None:
    assert re.fullmatch(r"v\d{4}\.\d+\.\d+", api.get("system/info")["version"])
    api.session.auth = ("training+AdminPublicKey01", "wrong")
    assert api.call("GET", "system/info").status_code == 401
    sandbox.set_variant(open_info=True)
    assert api.call("GET", "system/info").status_code == 200
    assert api.call("GET", "company/companies").status_code == 401


def test_paths_ignore_case_and_trailing_slashes(api: Api) -> None:
    for path in ("Finance/Agreements/1/Additions/", "FINANCE/agreements/1/ADDITIONS", "procurement/subCategories"):
        assert api.call("GET", path).status_code == 200
    root = api.sandbox.url
    assert api.session.get(f"{root}/V4_6_Release/APIS/3.0/finance/agreements", timeout=60).status_code == 200


def test_the_openapi_check_can_fail(api: Api) -> None:
    require_openapi()
    good = api.call("GET", "finance/agreements/1").json()
    validate_response("GET", "finance/agreements/1", 200, good)
    for wrong in (
        {**good, "name": 5},
        {**good, "billTime": "Free"},
        {**good, "startDate": "2025-01-01"},
        {**good, "company": {"id": "1"}},
        {**good, "unheardOf": 1},
        [good],
    ):
        with pytest.raises(AssertionError, match="does not fit"):
            validate_response("GET", "finance/agreements/1", 200, wrong)
    with pytest.raises(AssertionError, match="not in the OpenAPI"):
        validate_response("GET", "finance/nothing", 200, {})
    validate_request("POST", "/finance/agreements/1/additions", {"product": {"id": 1}, "billCustomer": "Billable"})
    validate_request("PATCH", "/finance/agreements/1", [{"op": "replace", "path": "name", "value": "x"}])
    for method, body in (
        ("POST", {"product": {"id": 1}}),
        ("POST", {"product": {"id": 1}, "billCustomer": "Billable", "quantity": "5"}),
        ("POST", {"product": {"id": 1}, "billCustomer": "Billable", "serialNumber": "s" * 51}),
    ):
        with pytest.raises(AssertionError, match="does not fit"):
            validate_request(method, "/finance/agreements/1/additions", body)
    with pytest.raises(AssertionError, match="does not fit"):
        validate_request("PATCH", "/finance/agreements/1", {"op": "replace"})
    without = {"name": "n", "type": {"id": 1}, "company": {"id": 1}}
    with pytest.raises(AssertionError, match="contact"):
        validate_request("POST", "/finance/agreements", without)
    validate_request("POST", "/finance/agreements", without, allow_missing=frozenset({"contact"}))


def test_amounts_are_stored_rounded_with_that_variant(sandbox: Sandbox, api: Api) -> None:
    sandbox.tenant().edit({"kind": "catalog", "id": 2, "set": {"price": "7.125"}})
    sandbox.set_variant(round_money=2)
    taken = api.post("finance/agreements/1/additions", {"product": {"id": 2}, "billCustomer": "Billable"})
    assert taken["unitPrice"] == Decimal("7.13")
    sandbox.tenant().edit({"kind": "addition", "id": 1, "set": {"unitPrice": "1.005"}})
    assert api.get("finance/agreements/1/additions/1")["unitPrice"] == Decimal("1.01")
    values = {"product": {"id": 1}, "billCustomer": "Billable", "quantity": 1.23456, "unitPrice": 1.005}
    line = api.post("finance/agreements/1/additions", values)
    assert (line["unitPrice"], line["quantity"]) == (Decimal("1.01"), Decimal("1.23456"))
    assert api.patch(f"finance/agreements/1/additions/{line['id']}", unitCost=0.0049)["unitCost"] == 0
    assert api.patch("procurement/catalog/1", price=9.999)["price"] == 10
