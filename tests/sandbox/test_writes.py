"""What POST, PATCH, PUT and DELETE do, with the peculiarities of contract.md sections 4 and 8."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from cwportal.sandbox import Sandbox

from .support import Api, Control

LINES = "finance/agreements/1/additions"
LINE = f"{LINES}/1"


def operate(api: Api, path: str, *operations: dict[str, Any]) -> Any:
    response = api.call("PATCH", path, json=list(operations))
    assert response.status_code == 200, response.text
    return response.json(parse_float=Decimal)


def test_addition_takes_price_cost_and_texts_from_the_product(api: Api) -> None:
    line = api.post(LINES, {"product": {"id": 2}, "billCustomer": "NoCharge"})
    assert (line["unitPrice"], line["unitCost"], line["quantity"]) == (20, Decimal("7.25"), 1)
    assert (line["description"], line["invoiceDescription"]) == ("Backup", "Hosted mailbox")
    assert line["taxableFlag"] is False
    given = api.post(LINES, {"product": {"id": 2}, "billCustomer": "NoCharge", "unitPrice": 0, "quantity": 0})
    assert (given["unitPrice"], given["unitCost"], given["quantity"]) == (0, Decimal("7.25"), 0)


def test_bare_dates_are_midnight_utc(api: Api) -> None:
    line = api.post(LINES, {"product": {"id": 1}, "billCustomer": "Billable", "effectiveDate": "2025-03-01"})
    assert line["effectiveDate"] == "2025-03-01T00:00:00Z"
    dated = api.patch(f"{LINES}/{line['id']}", cancelledDate="2025-03-31T00:00:00Z")
    assert dated["cancelledDate"] == "2025-03-31T00:00:00Z"
    assert "cancelledDate" not in api.patch(f"{LINES}/{line['id']}", cancelledDate="")


def test_effective_date_defaults_to_the_later_of_today_and_the_start(api: Api, control: Control) -> None:
    control.post("edit", {"kind": "agreement", "id": 1, "set": {"billStartDate": "2090-05-01"}})
    line = api.post(LINES, {"product": {"id": 1}, "billCustomer": "Billable"})
    assert line["effectiveDate"] == "2090-05-01T00:00:00Z"


def test_two_additions_of_one_product_are_legal(api: Api) -> None:
    body = {"product": {"id": 1}, "billCustomer": "Billable", "unitPrice": 10.5, "unitCost": 4}
    assert api.post(LINES, body)["id"] != api.post(LINES, body)["id"]


@pytest.mark.parametrize("path", ["quantity", "/quantity"])
@pytest.mark.parametrize("op", ["add", "replace"])
def test_patch_paths_with_and_without_slash(api: Api, path: str, op: str) -> None:
    assert operate(api, LINE, {"op": op, "path": path, "value": 7})["quantity"] == 7


def test_patch_changes_only_what_it_names(api: Api) -> None:
    before = api.get(LINE)
    after = operate(api, LINE, {"op": "replace", "path": "quantity", "value": 7})
    changed = {name for name in after if before[name] != after[name]} - {"_info"}
    assert changed == {"quantity", "billedQuantity", "extPrice", "extCost", "margin"}
    assert after["_info"]["updatedBy"] == "portaladmin"
    assert before["_info"]["enteredBy"] == after["_info"]["enteredBy"] == "byhand"


def test_patch_remove(api: Api) -> None:
    api.patch(LINE, serialNumber="abc")
    assert "serialNumber" not in operate(api, LINE, {"op": "remove", "path": "serialNumber"})


def test_a_sub_path_answers_200_and_changes_nothing(api: Api) -> None:
    before = api.get("finance/agreements/1")
    after = operate(api, "finance/agreements/1", {"op": "replace", "path": "company/identifier", "value": "ONeil"})
    assert before["company"] == after["company"]


def test_derived_fields_cannot_be_written(api: Api) -> None:
    before = api.get(LINE)
    after = api.patch(LINE, extPrice=99, agreementStatus="Cancelled", id=77)
    assert [after[name] for name in ("id", "extPrice", "agreementStatus")] == [
        before[name] for name in ("id", "extPrice", "agreementStatus")
    ]


def test_decimal_strings_are_accepted_as_numbers(api: Api) -> None:
    assert api.patch(LINE, unitPrice="12.345")["unitPrice"] == Decimal("12.345")


def test_changing_the_product_takes_everything_from_the_new_one(api: Api) -> None:
    api.patch(LINE, unitPrice=99, unitCost=98, description="by hand")
    line = api.patch(LINE, product={"id": 2})
    assert (line["unitPrice"], line["unitCost"], line["description"]) == (20, Decimal("7.25"), "Backup")


def test_unless_it_is_sent_again_in_the_same_patch(api: Api) -> None:
    api.patch(LINE, unitPrice=99, unitCost=98)
    line = api.patch(LINE, product={"id": 2}, unitPrice=99)
    assert (line["unitPrice"], line["unitCost"]) == (99, Decimal("7.25"))


def test_catalog_changes_do_not_touch_existing_additions(api: Api) -> None:
    api.patch("procurement/catalog/1", price=77, cost=66)
    line = api.get(LINE)
    assert (line["unitPrice"], line["unitCost"]) == (Decimal("10.5"), 4)


def test_patch_revalidates_the_whole_record(api: Api, control: Control) -> None:
    control.post("edit", {"kind": "company", "id": 1, "set": {"yearEstablished": 12}})
    body = [{"op": "replace", "path": "city", "value": "Miami"}]
    refused = api.call("PATCH", "company/companies/1", json=body)
    assert refused.status_code == 400
    assert [error["field"] for error in refused.json()["errors"]] == ["yearEstablished"]
    assert api.get("company/companies/1")["city"] == "Tampa"


def test_an_old_effective_date_does_not_hinder_other_changes(api: Api, control: Control) -> None:
    control.post("edit", {"kind": "agreement", "id": 1, "set": {"startDate": "2026-01-01"}})
    assert api.patch(LINE, quantity=5)["quantity"] == 5


def test_put_replaces(api: Api) -> None:
    api.patch(LINE, serialNumber="abc", quantity=9, cancelledDate="2026-01-31")
    line = api.put(LINE, {"product": {"id": 1}, "billCustomer": "DoNotBill"})
    assert (line["billCustomer"], line["quantity"]) == ("DoNotBill", 1)
    assert "serialNumber" not in line
    assert "cancelledDate" not in line


def test_put_of_what_was_read(api: Api) -> None:
    before = api.call("GET", "finance/agreements/1").json()
    after = api.call("PUT", "finance/agreements/1", json=before).json()
    assert {k: v for k, v in before.items() if k != "_info"} == {k: v for k, v in after.items() if k != "_info"}


def test_delete(api: Api) -> None:
    api.delete(LINE)
    assert api.call("GET", LINE).status_code == 404
    assert api.call("DELETE", LINE).status_code == 404
    assert api.ids(LINES) == [2]


def test_delete_of_an_agreement_takes_its_additions_along(api: Api, sandbox: Sandbox) -> None:
    api.delete("finance/agreements/1")
    assert api.call("GET", LINES).status_code == 404
    assert len(sandbox.tenant().tables["addition"].rows) == 1


def test_ids_are_never_used_again(api: Api) -> None:
    body = {"product": {"id": 1}, "billCustomer": "Billable"}
    first = api.post(LINES, body)["id"]
    api.delete(f"{LINES}/{first}")
    assert api.post(LINES, body)["id"] > first


def test_new_company(api: Api) -> None:
    company = api.post(
        "company/companies",
        {"identifier": "NewCo", "name": "New Co", "types": [{"id": 1}], "site": {"name": "Main"}, "state": "fl"},
    )
    assert (company["status"]["name"], company["types"][0]["name"]) == ("Active", "Client")
    assert (company["site"]["name"], company["currency"]["currencyIdentifier"]) == ("Main", "USD")
    assert company["deletedFlag"] is False
    assert api.patch(f"company/companies/{company['id']}", types=[])["types"] == company["types"]


def test_new_agreement_takes_its_billing_from_the_type(api: Api) -> None:
    agreement = api.post("finance/agreements", {"name": "N", "type": {"id": 3}, "company": {"id": 1}})
    assert agreement["billingCycle"]["name"] == "One Time"
    assert agreement["applicationUnits"] == "Hours"
    assert agreement["startDate"] == agreement["billStartDate"]
    assert "contact" not in agreement


def test_references_by_name_and_identifier(api: Api) -> None:
    agreement = api.post(
        "finance/agreements", {"name": "N", "type": {"name": "cloud services"}, "company": {"identifier": "ONEIL"}}
    )
    assert (agreement["type"]["id"], agreement["company"]["id"]) == (2, 2)


def test_new_contact_becomes_the_companys_first_default(api: Api) -> None:
    email = {"type": {"id": 1}, "value": "bo@oneil.example", "defaultFlag": True}
    body = {"firstName": "Bo", "lastName": "Neil", "company": {"id": 2}, "communicationItems": [email]}
    contact = api.post("company/contacts", body)
    assert contact["communicationItems"][0]["communicationType"] == "Email"
    assert api.get("company/companies/2")["defaultContact"]["name"] == "Bo Neil"
    assert api.call("POST", "company/contacts", json=body).status_code == 400
    api.post("company/contacts", {**body, "ignoreDuplicates": True})


def test_category_follows_the_subcategory(api: Api) -> None:
    body = {"identifier": "N", "description": "N", "customerDescription": "N", "type": {"id": 1}}
    item = api.post("procurement/catalog", {**body, "subcategory": {"id": 3}, "category": {"id": 1}})
    assert item["category"]["name"] == "Hardware"
    assert (item["productClass"], item["inactiveFlag"], item["price"]) == ("NonInventory", False, 0)


def test_dependent_fields_go_in_one_patch(api: Api) -> None:
    item = api.patch(
        "procurement/catalog/1", recurringFlag=True, recurringOneTimeFlag=False, recurringBillCycle={"id": 1}
    )
    assert item["recurringBillCycle"]["name"] == "Monthly"


def test_table_rows_come_and_go(api: Api) -> None:
    category = api.post("procurement/categories", {"name": "Portal"})
    first = api.post("procurement/subcategories", {"name": "Portal", "category": {"id": category["id"]}})
    other = api.post("procurement/subcategories", {"name": "Portal", "category": {"id": 1}})
    assert api.call("DELETE", f"procurement/categories/{category['id']}").status_code == 409
    api.delete(f"procurement/subcategories/{first['id']}")
    api.delete(f"procurement/categories/{category['id']}")
    assert api.get(f"procurement/subcategories/{other['id']}")["category"]["id"] == 1
    assert api.patch("finance/billingCycles/1", name="Per month")["name"] == "Per month"
    assert api.get("finance/agreements/1")["billingCycle"]["name"] == "Per month"
