"""Every endpoint and method against every right it needs, and against all the others."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from cwportal.sandbox import Sandbox
from cwportal.sandbox.security import RIGHTS
from cwportal.sandbox.store import ACTIONS

from .support import Api, export_api

COMPANY, CONTACT = "Companies > Company Maintenance", "Companies > Contacts"
FILES, AGREEMENT = "Companies > Manage Attachments", "Finance > Agreements"
CATALOG, TABLES = "Procurement > Product Catalog", "System > Table Setup"

_LINE = {"product": {"id": 1}, "billCustomer": "Billable"}
_ITEM = {
    "identifier": "NEW",
    "description": "New",
    "customerDescription": "New",
    "type": {"id": 1},
    "subcategory": {"id": 1},
}
_NAME = [{"op": "replace", "path": "name", "value": "Other"}]

CASES: list[tuple[str, str, Any, str, str]] = [
    ("GET", "company/companies", None, COMPANY, "inquire"),
    ("GET", "company/companies/1", None, COMPANY, "inquire"),
    ("GET", "company/companies/count", None, COMPANY, "inquire"),
    ("POST", "company/companies", {"identifier": "N", "name": "N"}, COMPANY, "add"),
    ("PATCH", "company/companies/1", _NAME, COMPANY, "edit"),
    ("GET", "company/contacts", None, CONTACT, "inquire"),
    ("POST", "company/contacts", {"firstName": "Bo"}, CONTACT, "add"),
    ("GET", "finance/agreements", None, AGREEMENT, "inquire"),
    ("GET", "finance/agreements/1/additions", None, AGREEMENT, "inquire"),
    ("POST", "finance/agreements", {"name": "N", "type": {"id": 1}, "company": {"id": 1}}, AGREEMENT, "add"),
    ("PATCH", "finance/agreements/1", _NAME, AGREEMENT, "edit"),
    ("POST", "finance/agreements/1/additions", _LINE, AGREEMENT, "add"),
    (
        "PATCH",
        "finance/agreements/1/additions/1",
        [{"op": "replace", "path": "quantity", "value": 1}],
        AGREEMENT,
        "edit",
    ),
    ("PUT", "finance/agreements/1/additions/1", _LINE, AGREEMENT, "edit"),
    ("DELETE", "finance/agreements/1/additions/1", None, AGREEMENT, "delete"),
    ("GET", "procurement/catalog", None, CATALOG, "inquire"),
    ("GET", "procurement/catalog/info", None, CATALOG, "inquire"),
    ("POST", "procurement/catalog", _ITEM, CATALOG, "add"),
    ("PATCH", "procurement/catalog/2", [{"op": "replace", "path": "cost", "value": 1}], CATALOG, "edit"),
    ("DELETE", "procurement/catalog/3", None, CATALOG, "delete"),
    ("GET", "company/companies/statuses", None, TABLES, "inquire"),
    ("GET", "company/companies/types", None, TABLES, "inquire"),
    ("GET", "finance/agreements/types", None, TABLES, "inquire"),
    ("GET", "finance/billingCycles", None, TABLES, "inquire"),
    ("GET", "procurement/types", None, TABLES, "inquire"),
    ("POST", "procurement/categories", {"name": "N"}, TABLES, "add"),
    ("POST", "procurement/subcategories", {"name": "N", "category": {"id": 1}}, TABLES, "add"),
    ("POST", "procurement/types", {"name": "N"}, TABLES, "add"),
    ("PATCH", "procurement/types/1", _NAME, TABLES, "edit"),
    ("DELETE", "procurement/types/3", None, TABLES, "delete"),
    ("GET", "system/reports", None, "System > API Reports", "inquire"),
    ("GET", "system/documents?recordType=Agreement&recordId=1", None, FILES, "inquire"),
]
FREE = ["system/info", "system/mySecurity", "system/info/locations", "system/info/departments"]


@pytest.fixture
def limited(sandbox: Sandbox) -> Iterator[Api]:
    sandbox.seed({"members": [{"public_key": "pub", "private_key": "priv", "rights": {}}]})
    made = Api(sandbox, ("pub", "priv"))
    yield made
    made.close()


def grant(sandbox: Sandbox, rights: dict[str, Any]) -> None:
    from cwportal.sandbox.seed import edit

    edit(sandbox.tenant(), {"kind": "member", "public_key": "pub", "set": {"rights": rights}})


@pytest.mark.parametrize(("method", "path", "body", "right", "action"), CASES)
def test_right(sandbox: Sandbox, limited: Api, method: str, path: str, body: Any, right: str, action: str) -> None:
    everything = {name: list(ACTIONS) for name in RIGHTS}
    without = {**everything, right: [each for each in ACTIONS if each != action]}
    grant(sandbox, without)
    refused = limited.call(method, path, json=body)
    assert refused.status_code == 403
    assert refused.json() == {
        "code": "Security",
        "message": "You do not have security permission to perform this action.",
    }
    grant(sandbox, {right: [action]})
    assert limited.call(method, path, json=body).status_code in {200, 201, 204}


def test_documents_need_their_own_rights(sandbox: Sandbox, limited: Api) -> None:
    values = {"recordType": "Agreement", "recordId": "1"}
    files = {"file": ("a.csv", b"a")}
    grant(sandbox, {FILES: ["inquire", "delete"]})
    assert limited.call("POST", "system/documents", data=values, files=files).status_code == 403
    grant(sandbox, {FILES: ["add"]})
    assert limited.call("POST", "system/documents", data=values, files=files).status_code == 201
    assert limited.call("GET", "system/documents/1/download").status_code == 403
    assert limited.call("DELETE", "system/documents/1").status_code == 403
    grant(sandbox, {FILES: ["delete"]})
    assert limited.call("DELETE", "system/documents/1").status_code == 204


@pytest.mark.parametrize("path", FREE)
def test_open_to_every_member(limited: Api, path: str) -> None:
    assert limited.call("GET", path).status_code == 200


def test_my_security_tells_the_callers_levels(sandbox: Sandbox, limited: Api) -> None:
    grant(sandbox, {AGREEMENT: {"inquire": "All", "add": "My"}, COMPANY: ["edit"]})
    rows = {f"{row['moduleName']} > {row['moduleFunctionName']}": row for row in limited.get("system/mySecurity")}
    levels = ("inquireLevel", "addLevel", "editLevel", "deleteLevel")
    assert [rows[AGREEMENT][level] for level in levels] == ["All", "My", "None", "None"]
    assert [rows[COMPANY][level] for level in levels] == ["None", "None", "All", "None"]
    assert [rows[CATALOG][level] for level in levels] == ["None"] * 4
    sandbox.set_variant(my_security="refused")
    assert limited.call("GET", "system/mySecurity").status_code == 403


def test_level_my_shows_only_what_the_member_entered(sandbox: Sandbox, limited: Api) -> None:
    grant(sandbox, {AGREEMENT: {"inquire": "My", "add": "All", "edit": "All"}})
    assert limited.get("finance/agreements") == []
    assert limited.call("GET", "finance/agreements/1").status_code == 404
    limited.post("finance/agreements", {"name": "Mine", "type": {"id": 1}, "company": {"id": 1}})
    assert [item["name"] for item in limited.get("finance/agreements")] == ["Mine"]


def test_the_role_of_the_wizard(sandbox: Sandbox) -> None:
    api = export_api(sandbox)
    line = api.post("finance/agreements/1/additions", _LINE)
    api.patch(f"finance/agreements/1/additions/{line['id']}", quantity=2)
    api.post("procurement/catalog", _ITEM)
    assert api.call("DELETE", f"finance/agreements/1/additions/{line['id']}").status_code == 403
    assert api.call("GET", "company/contacts").status_code == 403
    api.close()
