"""Seeds, state, hand edits, journal, reset, variants and several companies at once."""

from __future__ import annotations

import threading
import time
from decimal import Decimal
from typing import Any

import pytest
import requests

from cwportal.sandbox import Sandbox
from cwportal.sandbox.defaults import EXPORT_KEYS

from .support import PRODUCT, Api, Control

LINES = "finance/agreements/1/additions"
BODY = {"product": {"id": 1}, "billCustomer": "Billable", "quantity": 9}


def test_seed_gives_ids_back(control: Control) -> None:
    given = control.post(
        "seed",
        {
            "catalog": [{**PRODUCT, "identifier": "X", "id": 500}],
            "companies": [
                {
                    "id": 250,
                    "name": "Later Co",
                    "agreements": [{"name": "L", "additions": [{"product": 500, "quantity": "2.5"}]}],
                },
            ],
            "additions": [{"agreement": 1, "product": {"identifier": "X"}, "unitPrice": 3}],
        },
    )
    assert given["catalog"] == [{"id": 500, "identifier": "X"}]
    assert given["companies"][0]["id"] == 250
    assert given["companies"][0]["identifier"] == "LaterCo"
    agreement = given["companies"][0]["agreements"][0]
    state = control.get("state")
    (line,) = state["additions"][str(agreement["id"])]
    assert (line["id"], line["quantity"], line["unitPrice"]) == (
        agreement["additions"][0],
        Decimal("2.5"),
        Decimal("10.5"),
    )
    assert state["additions"]["1"][-1]["id"] == given["additions"][0]


@pytest.mark.parametrize(
    "seed",
    [
        {"bogus": []},
        {"companies": [{"name": "A", "bogus": 1}]},
        {"companies": [{"name": "A", "id": 1}]},
        {"companies": [{"name": "A", "status": "Nowhere"}]},
        {"companies": [{"name": "A", "agreements": [{"name": "A", "startDate": "soon"}]}]},
        {"companies": [{"name": "A", "agreements": [{"name": "A", "billTime": "Free"}]}]},
        {"additions": [{"agreement": 99, "product": 1}]},
        {"members": [{"public_key": "x"}]},
        {"members": [{"public_key": "x", "private_key": "y", "rights": {"Finance > Nothing": ["add"]}}]},
        {"members": [{"public_key": "x", "private_key": "y", "rights": {"Finance > Agreements": ["see"]}}]},
        {"tables": {"bogus": []}},
    ],
)
def test_wrong_seeds_are_refused(control: Control, seed: dict[str, Any]) -> None:
    assert control.refused("seed", seed)


def test_seeds_may_hold_what_the_api_refuses(control: Control, api: Api) -> None:
    control.post("seed", {"catalog": [PRODUCT], "companies": [{"name": "Old", "yearEstablished": 12}]})
    assert len(api.get("procurement/catalog", conditions='identifier="MBX-50"')) == 2


def test_rights_may_be_spelled_as_on_the_role_screen(control: Control, sandbox: Sandbox) -> None:
    rights = {"Company > Company Maintenance": ["inquire"]}
    control.post("seed", {"members": [{"public_key": "p", "private_key": "q", "rights": rights}]})
    api = Api(sandbox, ("p", "q"))
    assert api.call("GET", "company/companies").status_code == 200
    api.close()


def test_edit_and_delete_by_hand(control: Control, api: Api) -> None:
    control.post("edit", {"kind": "addition", "id": 1, "set": {"unitPrice": 9.99, "cancelledDate": "2026-01-31"}})
    line = api.get(f"{LINES}/1")
    assert (line["unitPrice"], line["cancelledDate"]) == (Decimal("9.99"), "2026-01-31T00:00:00Z")
    assert line["_info"]["updatedBy"] == "byhand"
    control.post("edit", {"kind": "addition", "id": 1, "set": {"cancelledDate": None}})
    assert "cancelledDate" not in api.get(f"{LINES}/1")
    control.post("edit", {"kind": "addition", "id": 1, "set": {"product": "BKP-1"}})
    assert api.get(f"{LINES}/1")["product"]["identifier"] == "BKP-1"
    control.post("edit", {"kind": "addition", "id": 1, "delete": True})
    assert api.ids(LINES) == [2]
    for wrong in (
        {"kind": "addition", "id": 1, "set": {}},
        {"kind": "addition", "id": 2},
        {"kind": "bogus", "id": 2, "set": {}},
        {"kind": "addition", "id": 2, "set": {"bogus": 1}},
        {"kind": "member", "identifier": "nobody", "set": {}},
        {"kind": "member", "identifier": "portaladmin", "set": {"bogus": 1}},
    ):
        assert control.refused("edit", wrong)


def test_members_can_be_changed(control: Control, sandbox: Sandbox) -> None:
    member = {"kind": "member", "public_key": EXPORT_KEYS[0]}
    api = Api(sandbox, (EXPORT_KEYS[0], "new-key"))
    assert api.call("GET", "company/companies").status_code == 401
    control.post("edit", {**member, "set": {"private_key": "new-key", "rights": "admin"}})
    assert api.call("GET", "company/contacts").status_code == 200
    control.post("edit", {**member, "delete": True})
    assert api.call("GET", "company/companies").status_code == 401
    api.close()


def test_journal(control: Control, api: Api) -> None:
    control.post("journal/clear")
    api.get("finance/agreements", conditions="id = 1")
    made = api.post(LINES, {**BODY, "unitPrice": 1.25})
    api.patch(f"{LINES}/{made['id']}", quantity=2)
    api.call("GET", "finance/agreements/99")
    read, posted, patched, missing = control.get("journal")
    assert (read["method"], read["status"], read["query"]) == ("GET", 200, "conditions=id+=+1")
    assert read["path"] == "/v4_6_release/apis/3.0/finance/agreements"
    assert (posted["status"], posted["entity_id"], posted["member"]) == (201, made["id"], "portaladmin")
    assert posted["body"] == {**BODY, "unitPrice": Decimal("1.25")}
    assert posted["client_id"] == api.session.headers["clientId"]
    assert patched["body"] == [{"op": "replace", "path": "quantity", "value": 2}]
    assert (missing["status"], missing["entity_id"]) == (404, None)
    assert [entry["n"] for entry in control.get("journal", since=posted["n"])] == [patched["n"], missing["n"]]
    assert read["started"] <= read["finished"] <= posted["started"]
    assert read["at"].endswith("Z")


def test_what_the_simulator_takes_itself_is_part_of_the_latency(
    sandbox: Sandbox, control: Control, api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    control.fault("latency", match={"method": "GET"}, seconds=0.2)
    sandbox.set_variant(latency=60)
    waited: list[float] = []

    def wait(seconds: float) -> bool:
        waited.append(seconds)
        time.sleep(min(seconds, 0.2))
        return False

    monkeypatch.setattr(sandbox.engine.closing, "wait", wait)
    api.get("finance/agreements")
    assert waited[0] == pytest.approx(0.2)
    assert 50 < waited[1] <= 59.8


def test_journal_counts_what_is_in_flight(sandbox: Sandbox, control: Control) -> None:
    sandbox.set_variant(latency=0.3)
    clients = [Api(sandbox) for _ in range(4)]
    threads = [threading.Thread(target=client.get, args=("finance/agreements",)) for client in clients]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for client in clients:
        client.close()
    assert sorted(entry["concurrent"] for entry in control.get("journal")[-4:]) == [1, 2, 3, 4]


def test_companyinfo_is_in_the_journal(sandbox: Sandbox, control: Control) -> None:
    requests.get(f"{sandbox.url}/login/companyinfo/training", timeout=60)
    assert control.get("journal")[-1]["path"] == "/login/companyinfo/training"


def test_requests_with_bad_keys_are_in_the_journal(api: Api, control: Control) -> None:
    api.session.auth = ("training+AdminPublicKey01", "wrong")
    api.call("GET", "company/companies")
    assert (control.get("journal")[-1]["status"], control.get("journal")[-1]["member"]) == (401, "portaladmin")


def test_reset(control: Control, api: Api) -> None:
    control.fault("error_before", times=None)
    control.post("variant", {"shuffle": True})
    answer = control.post("reset", {"latency": 0.01})
    assert (answer["variant"]["shuffle"], answer["variant"]["latency"]) == (False, Decimal("0.01"))
    assert api.get("company/companies") == []
    assert control.get("faults") == []
    control.post("reset", {"variant": {"cloud": True}})
    assert control.get("variant")["cloud"] is True
    assert control.get("variant")["latency"] == 0


@pytest.mark.parametrize(
    "variant",
    [
        {"bogus": 1},
        {"latency": "slow"},
        {"cloud": 1},
        {"my_security": "perhaps"},
        {"page_limit": "x"},
        {"round_money": 1.5},
        {"codebase": None},
    ],
)
def test_wrong_variants_are_refused(sandbox: Sandbox, control: Control, variant: dict[str, Any]) -> None:
    assert control.refused("variant", variant)
    with pytest.raises(ValueError, match=r"variant|my_security"):
        Sandbox(**variant)


def test_several_companies(sandbox: Sandbox, control: Control) -> None:
    member = {"public_key": "pub", "private_key": "priv", "identifier": "api"}
    seeds = [
        {
            "tenant": f"msp{n}",
            "name": f"MSP {n}",
            "codebase": f"v2026_{n}",
            "members": [member],
            "companies": [{"name": f"Client of {n}"}],
        }
        for n in (1, 2)
    ]
    given = control.post("seed", {"tenants": seeds})
    assert [item["tenant"] for item in given["tenants"]] == ["msp1", "msp2"]
    assert [item["companies"][0]["id"] for item in given["tenants"]] == [1, 1], "ids mean something in a tenant only"
    for n in (1, 2):
        info = requests.get(f"{sandbox.url}/login/companyinfo/MSP{n}", timeout=60).json()
        assert (info["CompanyID"], info["CompanyName"], info["Codebase"]) == (f"msp{n}", f"MSP {n}", f"v2026_{n}/")
        api = Api(sandbox, ("pub", "priv"), f"msp{n}")
        url = f"{sandbox.url}/v2026_{n}/apis/3.0/company/companies"
        assert [item["name"] for item in api.session.get(url, timeout=60).json()] == [f"Client of {n}"]
        assert api.session.get(url.replace(f"_{n}", f"_{3 - n}"), timeout=60).status_code == 404
        api.close()
        assert len(control.get("state", tenant=f"msp{n}")["companies"]) == 1
        assert control.get("journal", tenant=f"msp{n}")[-1]["status"] == 404
    assert len(control.get("state")["companies"]) == 2
    assert [item["company_id"] for item in control.get("tenants")] == ["training", "msp1", "msp2"]
    assert "there is no company" in control.refused("edit", {"tenant": "nobody", "kind": "company", "id": 1})


def test_in_process_access(sandbox: Sandbox) -> None:
    tenant = sandbox.tenant("training")
    assert [line["quantity"] for line in tenant.additions(1)] == [3, 2]
    assert [company["name"] for company in tenant.companies()][:1] == ["Acme Corp"]
    assert [item["identifier"] for item in tenant.catalog()] == ["MBX-50", "BKP-1", "BUNDLE"]
    assert [agreement["name"] for agreement in tenant.agreements()][:1] == ["Acme Cloud"]
    assert [cycle["billingOptions"] for cycle in tenant.rows("billingCycle")][:2] == ["Monthly", "Yearly"]
    tenant.edit({"kind": "addition", "id": 1, "set": {"quantity": 8}})
    assert tenant.additions(1)[0]["quantity"] == 8
    assert tenant.documents() == []
    with pytest.raises(KeyError, match="there is no company"):
        sandbox.tenant("nobody")


def test_unknown_control_calls(sandbox: Sandbox) -> None:
    root = f"{sandbox.url}/_sandbox/"
    assert requests.get(root + "bogus", timeout=60).status_code == 404
    assert requests.put(root + "faults", timeout=60).status_code == 405
    assert requests.post(root + "seed", data=b"[]", timeout=60).status_code == 400
    assert requests.post(root + "seed", data=b"{", timeout=60).status_code == 400
