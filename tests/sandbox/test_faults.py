"""Each fault does what it says, on reads and on writes."""

from __future__ import annotations

import time
from typing import Any

import pytest
import requests

from cwportal.sandbox import Sandbox
from cwportal.sandbox.faults import KINDS

from .support import Api, Control

LINES = "finance/agreements/1/additions"
BODY = {"product": {"id": 1}, "billCustomer": "Billable", "quantity": 9}
POSTS = {"method": "POST", "path": "additions"}
Lost = (requests.ConnectionError, requests.Timeout)


def count(sandbox: Sandbox) -> int:
    return len(sandbox.tenant().tables["addition"].children[1])


def post(api: Api, **options: Any) -> requests.Response:
    return api.call("POST", LINES, json=BODY, **options)


def last(control: Control) -> dict[str, Any]:
    entry: dict[str, Any] = control.get("journal")[-1]
    return entry


def test_latency(api: Api, control: Control) -> None:
    control.fault("latency", match=POSTS, seconds=0.3)
    start = time.monotonic()
    assert post(api).status_code == 201
    assert time.monotonic() - start >= 0.3


@pytest.mark.parametrize("form", ["json", "html"])
def test_rate_limit(sandbox: Sandbox, api: Api, control: Control, form: str) -> None:
    control.fault(f"rate_limit_{form}", match=POSTS, retry_after=7)
    response = post(api)
    assert (response.status_code, response.headers["Retry-After"]) == (429, "7")
    if form == "json":
        assert response.json()["error"] == "ConnectWiseAPI"
        assert "code" not in response.json()
    else:
        assert response.headers["Content-Type"].startswith("text/html")
    assert count(sandbox) == 2
    time.sleep(0.3)
    assert post(api).status_code == 201
    assert last(control)["inside_retry_after"] is True


def test_rate_limit_without_retry_after(api: Api, control: Control) -> None:
    control.fault("rate_limit_json", match=POSTS, retry_after=None)
    assert "Retry-After" not in post(api).headers
    post(api)
    assert last(control)["inside_retry_after"] is False


@pytest.mark.parametrize(("kind", "done"), [("error_before", 0), ("error_after", 1)])
@pytest.mark.parametrize("status", [500, 502, 504])
def test_errors(sandbox: Sandbox, api: Api, control: Control, kind: str, done: int, status: int) -> None:
    control.fault(kind, match=POSTS, status=status)
    assert post(api).status_code == status
    assert count(sandbox) == 2 + done
    assert (last(control)["status"], last(control)["fault"]) == (status, kind)


@pytest.mark.parametrize(("kind", "done"), [("close_before", 0), ("close_after", 1), ("truncated", 1)])
def test_lost_connections(sandbox: Sandbox, api: Api, control: Control, kind: str, done: int) -> None:
    control.fault(kind, match=POSTS)
    with pytest.raises((*Lost, requests.exceptions.ChunkedEncodingError)):
        post(api)
    assert count(sandbox) == 2 + done
    assert last(control)["status"] == (201 if kind == "truncated" else None)


@pytest.mark.parametrize(("kind", "done"), [("hang_before", 0), ("hang_after", 1)])
def test_hanging(sandbox: Sandbox, api: Api, control: Control, kind: str, done: int) -> None:
    control.fault(kind, match=POSTS, seconds=30)
    with pytest.raises(requests.Timeout):
        post(api, timeout=0.3)
    assert count(sandbox) == 2 + done
    deadline = time.monotonic() + 60
    while last(control)["finished"] is None and time.monotonic() < deadline:
        time.sleep(0.02)
    assert last(control)["finished"] is not None, "the thread ends when its client has gone"


def test_a_patient_client_gets_the_late_answer(api: Api, control: Control) -> None:
    control.fault("hang_after", match=POSTS, seconds=0.3)
    assert post(api).status_code == 201


def test_commit_late(sandbox: Sandbox, api: Api, control: Control) -> None:
    control.fault("commit_late", match=POSTS, seconds=3)
    with pytest.raises(requests.Timeout):
        post(api, timeout=0.3)
    assert count(sandbox) == 2
    assert api.get(f"{LINES}/count") == {"count": 2}
    deadline = time.monotonic() + 60
    while count(sandbox) == 2 and time.monotonic() < deadline:
        time.sleep(0.02)
    assert count(sandbox) == 3


def test_an_abandoned_request_is_not_in_flight(api: Api, control: Control) -> None:
    control.fault("commit_late", match=POSTS, seconds=1.5)
    with pytest.raises(requests.Timeout):
        post(api, timeout=0.2)
    api.get("finance/agreements")
    assert last(control)["concurrent"] == 1


def test_one_whose_client_left_while_it_was_worked_on_is_not_in_flight(api: Api, control: Control) -> None:
    control.fault("latency", match=POSTS, seconds=1.5)
    with pytest.raises(requests.Timeout):
        post(api, timeout=0.2)
    api.get("finance/agreements")
    assert last(control)["concurrent"] == 1


@pytest.mark.parametrize("done", [False, True])
def test_html_page(sandbox: Sandbox, api: Api, control: Control, done: bool) -> None:
    control.fault("html_page", match=POSTS, done=done)
    response = post(api)
    assert (response.status_code, response.headers["Content-Type"]) == (200, "text/html; charset=utf-8")
    assert count(sandbox) == 2 + done


def test_revoked_keys(api: Api, control: Control) -> None:
    control.fault("revoked_keys", match=POSTS)
    assert post(api).status_code == 401
    assert api.call("GET", "company/companies").status_code == 401
    control.post("edit", {"kind": "member", "identifier": "portaladmin", "set": {"revoked": False}})
    assert post(api).status_code == 201


@pytest.mark.parametrize(("level", "reads"), [(None, 403), ("add", 200)])
def test_right_lost(api: Api, control: Control, level: str | None, reads: int) -> None:
    options = {"level": level} if level else {}
    control.fault("right_lost", match=POSTS, right="Finance > Agreements", **options)
    assert post(api).status_code == 403
    assert api.call("GET", LINES).status_code == reads
    assert api.call("GET", "company/companies").status_code == 200


def test_codebase_changed(sandbox: Sandbox, api: Api, control: Control) -> None:
    control.fault("codebase_changed", match=POSTS, to="v2026_1/")
    assert post(api).status_code == 404
    found = requests.get(f"{sandbox.url}/login/companyinfo/training", timeout=60).json()
    assert found["Codebase"] == "v2026_1/"
    url = f"{sandbox.url}/v2026_1/apis/3.0/{LINES}"
    assert api.session.post(url, json=BODY, timeout=60).status_code == 201


def test_agreement_cancelled(api: Api, control: Control) -> None:
    control.fault("agreement_cancelled", match=POSTS)
    assert post(api).json()["agreementStatus"] == "Cancelled"


def test_agreement_gone(api: Api, control: Control) -> None:
    control.fault("agreement_gone", match={"method": "PATCH", "path": "additions/1$"})
    response = api.call("PATCH", f"{LINES}/1", json=[{"op": "replace", "path": "quantity", "value": 1}])
    assert (response.status_code, response.json()["code"]) == (404, "NotFound")


def test_company_gone_and_inactive(api: Api, control: Control) -> None:
    control.fault("company_inactive", match={"path": "companies/1$"})
    assert api.get("company/companies/1")["status"]["name"] == "Inactive"
    control.fault("company_gone", match={"path": "companies/1$"})
    assert api.call("GET", "company/companies/1").status_code == 404
    control.fault("company_inactive", match={"path": "agreements/3/additions"})
    api.get("finance/agreements/3/additions")
    assert api.get("company/companies/2")["status"]["name"] == "Inactive"


def test_hand_edit(api: Api, control: Control) -> None:
    control.fault("hand_edit", match={"method": "PATCH"}, set={"unitPrice": 3.25, "serialNumber": "by hand"})
    line = api.patch(f"{LINES}/1", quantity=5)
    assert (str(line["unitPrice"]), line["serialNumber"], line["quantity"]) == ("3.25", "by hand", 5)
    control.fault("hand_edit", match=POSTS, record="addition", id=1, set={"quantity": 77})
    post(api)
    assert api.get(f"{LINES}/1")["quantity"] == 77


def test_every_kind_is_tested_here() -> None:
    tested = {
        *("latency", "rate_limit_json", "rate_limit_html", "error_before", "error_after", "close_before"),
        *("close_after", "truncated", "hang_before", "hang_after", "commit_late", "html_page", "revoked_keys"),
        *("right_lost", "codebase_changed", "agreement_cancelled", "agreement_gone", "company_gone"),
        *("company_inactive", "hand_edit"),
    }
    assert tested == set(KINDS)


def test_times_skip_and_hits(api: Api, control: Control) -> None:
    control.fault("error_before", match=POSTS, times=2, skip=1)
    assert [post(api).status_code for _ in range(5)] == [201, 500, 500, 201, 201]
    (rule,) = control.get("faults")
    assert (rule["seen"], rule["hits"]) == (5, 2)


def test_times_null_is_for_ever_and_delete_clears(sandbox: Sandbox, api: Api, control: Control) -> None:
    control.fault("error_before", match=POSTS, times=None)
    assert {post(api).status_code for _ in range(4)} == {500}
    requests.delete(f"{sandbox.url}/_sandbox/faults", timeout=60)
    assert post(api).status_code == 201


def test_probability_is_seeded(api: Api, control: Control) -> None:
    rule = {"kind": "error_before", "match": POSTS, "times": None, "probability": 0.5}
    runs = []
    for seed in (5, 5, 6):
        control.post("faults", {"seed": seed, "rules": [rule]})
        runs.append([post(api).status_code for _ in range(20)])
    assert runs[0] == runs[1]
    assert set(runs[0]) == {201, 500}
    assert runs[0] != runs[2]


def test_first_decisive_rule_wins_and_effects_add_up(api: Api, control: Control) -> None:
    rules = [
        {"kind": "agreement_cancelled", "match": POSTS},
        {"kind": "error_before", "status": 503, "match": POSTS},
        {"kind": "error_before", "status": 500, "match": POSTS},
    ]
    control.post("faults", {"rules": rules})
    assert [post(api).status_code for _ in range(3)] == [503, 500, 201]
    assert api.get("finance/agreements/1")["agreementStatus"] == "Cancelled"
    control.post("faults", {"add": True, "rules": [{"kind": "error_before", "match": POSTS}]})
    assert len(control.get("faults")) == 4


def test_matching_by_body_and_member(api: Api, control: Control) -> None:
    control.fault("error_before", match={"body": '"quantity": ?9\\b', "member": "portaladmin"})
    assert post(api).status_code == 500
    control.fault("error_before", match={"member": "somebody"})
    assert post(api).status_code == 201


@pytest.mark.parametrize(
    "rule",
    [
        {},
        {"kind": "bogus"},
        {"kind": "latency", "match": {"bogus": "x"}},
        {"kind": "latency", "match": {"path": "("}},
        {"kind": "latency", "sekonds": 1},
        {"kind": "latency", "times": "x"},
        "latency",
    ],
)
def test_wrong_rules_are_refused(control: Control, rule: Any) -> None:
    assert control.refused("faults", {"rules": [rule]})


def test_real_rate_limit(sandbox: Sandbox, api: Api) -> None:
    sandbox.set_variant(rate_per_minute=3, rate_window=5)
    statuses = [api.call("GET", "finance/agreements/count") for _ in range(5)]
    assert [response.status_code for response in statuses] == [200, 200, 200, 429, 429]
    wait = int(statuses[-1].headers["Retry-After"])
    assert 1 <= wait <= 5
    time.sleep(wait + 0.2)
    assert api.call("GET", "finance/agreements/count").status_code == 200
