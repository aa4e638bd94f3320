"""The filter grammar as a table: what it finds, and what it refuses."""

from __future__ import annotations

import pytest

from cwportal.sandbox import Sandbox

from .support import Api

AGREEMENTS, COMPANIES, ADDITIONS = "finance/agreements", "company/companies", "finance/agreements/1/additions"
CATALOG = "procurement/catalog"

FOUND = [
    (AGREEMENTS, "", [1, 2, 3]),
    (AGREEMENTS, "id = 2", [2]),
    (AGREEMENTS, "id=2", [2]),
    (AGREEMENTS, "id != 2", [1, 3]),
    (AGREEMENTS, "id > 1 and id <= 3", [2, 3]),
    (AGREEMENTS, "id < 2 or id >= 3", [1, 3]),
    (AGREEMENTS, "id in (1,3,99)", [1, 3]),
    (AGREEMENTS, "id in (1, 3) and cancelledFlag = false", [1, 3]),
    (AGREEMENTS, "id not in (1,3)", [2]),
    (AGREEMENTS, "not id in (1,3)", [2]),
    (AGREEMENTS, "cancelledFlag = true", [2]),
    (AGREEMENTS, "cancelledFlag = False", [1, 3]),
    (AGREEMENTS, "company/id = 1", [1, 2]),
    (AGREEMENTS, "company/id = 1 AND cancelledFlag=false", [1]),
    (AGREEMENTS, 'company/identifier="ONeil"', [3]),
    (AGREEMENTS, "type/name = 'Managed Services'", [1, 2, 3]),
    (AGREEMENTS, "name = 'acme cloud'", [1]),
    (AGREEMENTS, 'name like "Acme*"', [1, 2]),
    (AGREEMENTS, 'name like "%cloud"', [1, 3]),
    (AGREEMENTS, 'name not like "Acme*"', [3]),
    (AGREEMENTS, 'name contains "me clo"', [1]),
    (AGREEMENTS, 'name not contains "cloud"', [2]),
    (AGREEMENTS, 'name in ("Acme Cloud", "ONeil Cloud")', [1, 3]),
    (AGREEMENTS, "(id=1 or id=2) and cancelledFlag=true", [2]),
    (AGREEMENTS, "id=1 or id=2 and cancelledFlag=true", [1, 2]),
    (AGREEMENTS, "id=1 or (id=2 and cancelledFlag=false)", [1]),
    (AGREEMENTS, "not (id=1 or id=2)", [3]),
    (AGREEMENTS, "startDate >= [2025-01-01T00:00:00Z]", [1]),
    (AGREEMENTS, "startDate < [2025-01-01]", [2, 3]),
    (AGREEMENTS, "endDate = null", [1, 2, 3]),
    (AGREEMENTS, "endDate != null", []),
    (AGREEMENTS, "endDate != [2025-01-01]", []),
    (AGREEMENTS, "lastUpdated > [2020-01-01T00:00:00Z]", [1, 2, 3]),
    (AGREEMENTS, "_info/lastUpdated > [2090-01-01T00:00:00Z]", []),
    (AGREEMENTS, "agreementStatus = 'Cancelled'", [2]),
    (AGREEMENTS, "  id   =   '2'  ", [2]),
    (COMPANIES, """name = 'O''Neil "Q" & Söhne'""", [2]),
    (COMPANIES, '''name = "O'Neil ""Q"" & Söhne"''', [2]),
    (COMPANIES, "deletedFlag = false and status/id = 1", [1, 2]),
    (COMPANIES, "city = null", [2]),
    (ADDITIONS, "product/id = 1", [1]),
    (ADDITIONS, "cancelledDate = null", [1]),
    (ADDITIONS, "unitPrice = 19.99", [2]),
    (ADDITIONS, "quantity > 2.5", [1]),
    (ADDITIONS, "product/identifier = 'BKP-1'", [2]),
    (ADDITIONS, "extPrice < 35", [1]),
    (CATALOG, 'identifier = "mbx-50"', [1]),
    (CATALOG, 'identifier in ("MBX-50","BKP-1") and inactiveFlag = false', [1, 2]),
    (CATALOG, 'productClass != "Bundle"', [1, 2]),
]


@pytest.mark.parametrize(("path", "conditions", "wanted"), FOUND)
def test_found(api: Api, path: str, conditions: str, wanted: list[int]) -> None:
    assert api.ids(path, conditions=conditions, orderBy="id") == wanted


REFUSED = [
    "bogus = 1",
    "company = 1",
    "company/bogus = 1",
    "Name = 'x'",
    "name = 'x",
    'name = "x',
    "name = x",
    "name = 5",
    "name =",
    "= 5",
    "id",
    "id = ",
    "id = abc",
    "id = 'abc'",
    "id == 1",
    "id = 1 and",
    "id = 1 id = 2",
    "(id = 1",
    "id = 1)",
    "id in 1",
    "id in ()",
    "id in (1,",
    "id in (1;2)",
    "id not = 1",
    "cancelledFlag = 1",
    "cancelledFlag = 'true'",
    "startDate > '2025-01-01'",
    "startDate > 2025-01-01T00:00:00Z",
    "startDate > [yesterday]",
    "name like 5",
    "name like",
    "id > null",
    "customFields/value = 1",
]


@pytest.mark.parametrize("conditions", REFUSED)
def test_refused(api: Api, conditions: str) -> None:
    response = api.call("GET", AGREEMENTS, params={"conditions": conditions})
    assert response.status_code == 400, response.text
    assert response.json()["message"]


def test_a_raw_plus_becomes_a_space(sandbox: Sandbox, api: Api) -> None:
    sandbox.seed({"companies": [{"name": "A+B", "identifier": "AB"}]})
    url = api.url("company/companies")
    assert api.session.get(f"{url}?conditions=name='A+B'", timeout=60).json() == []
    assert len(api.session.get(f"{url}?conditions=name='A%2BB'", timeout=60).json()) == 1


@pytest.mark.parametrize(
    ("conditions", "wanted"),
    [
        ('communicationItems/value like "ANN@*" AND communicationItems/communicationType="Email"', [1]),
        ('communicationItems/value = "ann@acme.example" and communicationItems/communicationType="Phone"', []),
        ("communicationItems/type/id = 1", [1]),
        ("communicationItems/defaultFlag = true", [1]),
    ],
)
def test_child_conditions(api: Api, conditions: str, wanted: list[int]) -> None:
    assert api.ids("company/contacts", childConditions=conditions) == wanted
    assert api.ids("company/contacts", childconditions=conditions) == wanted


@pytest.mark.parametrize("conditions", ["firstName = 'Ann'", "communicationItems = 1", "bogus/value = 'x'"])
def test_child_conditions_refused(api: Api, conditions: str) -> None:
    assert api.call("GET", "company/contacts", params={"childConditions": conditions}).status_code == 400


def test_company_types_are_children(sandbox: Sandbox, api: Api) -> None:
    sandbox.seed({"companies": [{"name": "V", "types": ["Vendor", "Client"]}]})
    assert api.ids("company/companies", childConditions="types/name = 'vendor'") == [3]


def test_custom_field_conditions(api: Api) -> None:
    fields = [{"id": 7, "caption": "Portal Id", "type": "Text", "entryMethod": "EntryField", "value": "p-1"}]
    api.patch("finance/agreements/1", customFields=fields)
    for conditions, wanted in (
        ('caption="Portal Id" AND value != null', [1]),
        ('caption="Portal Id" AND value = "p-1"', [1]),
        ('caption="Portal Id" AND value = "p-2"', []),
    ):
        assert api.ids("finance/agreements", customFieldConditions=conditions) == wanted
    assert api.call("GET", "finance/agreements", params={"customFieldConditions": "name='x'"}).status_code == 400
