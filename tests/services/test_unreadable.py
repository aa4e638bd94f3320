"""One record of ConnectWise that cannot be read fails the accounts that need it, with its name and field; everybody else is exported."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from cwportal.config import READ_FRESH
from cwportal.connectwise.records import Addition
from cwportal.connectwise.writer import Writer
from cwportal.sandbox import Sandbox
from cwportal.sandbox.wire import Request, Response
from cwportal.services import exports, mapping, reports, runs
from cwportal.vocabulary import RunState
from tests.support.portal import PARTNER, charge
from tests.support.world import World, group

Row = dict[str, Any]


class Lies:
    """Changes rows of the sandbox's lists on their way; `tell` says of which list, which row and what."""

    def __init__(self, sandbox: Sandbox) -> None:
        self._application = sandbox._server.application
        self._path = re.compile("$^")
        self._change: Callable[[Row], object] = lambda row: row
        sandbox._server.application = self._answer

    def tell(self, path: str, change: Callable[[Row], object]) -> None:
        self._path, self._change = re.compile(path), change

    def stop(self) -> None:
        self._path = re.compile("$^")

    def _answer(self, request: Request) -> Response:
        response = self._application(request)
        if request.method != "GET" or not self._path.search(request.path) or response.status != 200:
            return response
        changed = (self._change(row) for row in json.loads(response.body))
        rows = [row for row in changed if row is not None]
        return replace(response, body=json.dumps(rows).encode())


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    """Accounts a and b with a monthly agreement, d with one of no known cycle, n that is new; a product for each."""
    with Sandbox() as sandbox:
        world = World(tmp_path, sandbox)
        world.connect()
        world.choose(agreement_type_id="1", limit_change="1000")
        names = {name: world.agreement(name) for name in "ab"}
        names["d"] = world.agreement("d")
        world.control("edit", {"kind": "agreement", "id": names["d"], "set": {"billingCycle": None}})
        for name in names:
            world.source.add_account(name, charge(f"SKU-{name}", 3, 2, 5))
        world.map(dict(names))
        assert world.export()["status"] == "succeeded"
        for name in names:
            world.source.set_charges(name, charge(f"SKU-{name}", 4, 2, 5))
        world.source.add_account("n", charge("SKU-n", 4, 2, 5))
        mapping.import_file(world.runtime, PARTNER, "account_id,company,agreement,export\nn,new,new,yes", actor="test")
        world.control("seed", {"catalog": [{"identifier": "OTHER", "description": "x", "customerDescription": "x"}]})
        world.control("seed", {"companies": [{"identifier": "TWIN", "name": "Account twin"}]})
        yield world
        world.close()


def of(name: str, **values: object) -> Callable[[Row], object]:
    """The row that bears this name, with other values; None leaves the field out."""

    def change(row: Row) -> object:
        if name not in (row.get("name"), row.get("identifier")):
            return row
        changed = {**row, **values}
        return {key: value for key, value in changed.items() if value is not None}

    return change


def instead(name: str, other: object) -> Callable[[Row], object]:
    """Something else in the place of that row."""
    return lambda row: other if name in (row.get("name"), row.get("identifier")) else row


@dataclass(frozen=True)
class Case:
    """`told`: what the sentence of every account in `failed` names; `later`: accounts whose writes stop at it."""

    path: str
    change: Callable[[Row], object]
    failed: str
    told: str
    later: str = ""


AGREEMENTS, COMPANIES, CATALOG, CYCLES = (
    "/finance/agreements$",
    "/company/companies$",
    "/procurement/catalog$",
    "/finance/billingCycles$",
)
# Where a product has no name, that of account n, which is not there yet, may be that one.
CASES = {
    "agreement: a field": Case(
        AGREEMENTS, of("Agreement a", cancelledFlag="false"), "a", r"agreement \d+ .*cancelledFlag"
    ),
    "agreement: a reference": Case(AGREEMENTS, of("Agreement a", company=5), "a", r"agreement \d+ .*“company”"),
    "agreement: within a reference": Case(
        AGREEMENTS, of("Agreement a", company={"id": "5"}), "a", r"agreement \d+ .*“company/id”"
    ),
    "agreement: its id as a text": Case(AGREEMENTS, of("Agreement a", id="1"), "a", "without an id"),
    "agreement: without an id": Case(AGREEMENTS, of("Agreement a", id=None), "a", "without an id"),
    "agreement: an id beyond all ids": Case(AGREEMENTS, of("Agreement a", id=2**31), "a", "without an id"),
    "agreement: no record": Case(AGREEMENTS, instead("Agreement a", ["Agreement a"]), "a", "without an id"),
    "company: a field": Case(COMPANIES, of("Company a", deletedFlag=0), "a", r"company \d+ .*deletedFlag"),
    "company: without an id": Case(COMPANIES, of("Company a", id=None), "a", "without an id"),
    "product: a field": Case(CATALOG, of("SKU-a", price="1.00"), "a", r"catalog item \d+ .*price"),
    "product: its name": Case(CATALOG, of("SKU-a", identifier=["SKU-a"]), "an", r"catalog item \d+ .*identifier"),
    "product: without its name": Case(CATALOG, of("SKU-a", identifier=None), "an", r"catalog item \d+ .*identifier"),
    "product: without an id": Case(CATALOG, of("SKU-a", id=None), "an", "without an id"),
    "cycle: a field": Case(
        CYCLES, of("Monthly", billingOptions=[]), "ab", r"billing cycle \d+ .*billingOptions", later="n"
    ),
    "cycle: without an id": Case(CYCLES, of("Monthly", id=None), "ab", "without an id", later="n"),
    "type of new agreements": Case("/agreements/types$", lambda row: {**row, "name": {}}, "n", "table row .*name"),
}


def findings(result: dict[str, Any], account_id: str) -> dict[str, str]:
    account = next(one for one in result["accounts"] if one["account_id"] == account_id)
    return {one["code"]: one["message"] for one in account["findings"]}


@pytest.mark.parametrize("name", CASES)
def test_it_fails_only_who_needs_it(world: World, name: str) -> None:
    case, lies = CASES[name], Lies(world.sandbox)
    before = {account: lines(world, account) for account in case.failed}
    lies.tell(case.path, case.change)
    result = world.export()

    told = {account: findings(result, account).get("read_failed") for account in "abdn"}
    assert {account for account, message in told.items() if message} == set(case.failed), result
    for account in case.failed:
        assert re.search(case.told, told[account] or ""), told
        assert lines(world, account) == before[account]
    for account in set("abdn") - {*case.failed, *case.later}:
        assert lines(world, account) == [group(f"SKU-{account}", 4, 2, 5)]
    assert result["status"] == "partial"

    lies.stop()
    assert world.export(approve=True)["status"] == "succeeded"
    for account in "abdn":
        assert lines(world, account) == [group(f"SKU-{account}", 4, 2, 5)]
    state = world.state()
    assert sorted(one["identifier"] for one in state["catalog"]) == ["OTHER", *(f"SKU-{account}" for account in "abdn")]
    assert len(state["agreements"]) == 4


OTHER = {"product": {"identifier": "OTHER"}, "quantity": 7, "unitPrice": 9, "unitCost": 3}


def agreements(world: World) -> list[int]:
    return [one["id"] for one in world.state()["agreements"]]


def lines(world: World, account: str) -> list[Any]:
    number = {one["name"]: one["id"] for one in world.state()["agreements"]}.get(
        "Partner Portal – Account n" if account == "n" else f"Agreement {account}"
    )
    return world.lines(number) if number else []


def test_a_line_that_cannot_be_read_blocks_its_account_and_no_other_however_many(tmp_path: Path) -> None:
    """More than so many accounts in a row that cannot be read stop a run; here ConnectWise is well, only lines are not."""
    with Sandbox() as sandbox:
        world = World(tmp_path, sandbox, CWPORTAL_CONCURRENCY="1")
        world.connect()
        world.choose(adopt="no")
        world.control("seed", {"catalog": [{"identifier": "OTHER", "description": "x", "customerDescription": "x"}]})
        names = {f"a{number}": world.agreement(f"a{number}", dict(OTHER)) for number in range(7)}
        names["z"] = world.agreement("z")
        for name in names:
            world.source.add_account(name, charge("MBX", 3, 2, 5))
        world.map(dict(names))
        lies = Lies(sandbox)
        lies.tell("/additions$", lambda row: {**row, "quantity": "7"})
        result = world.export()
        assert all("quantity" in findings(result, name)["read_failed"] for name in names if name != "z")
        assert world.lines(names["z"]) == [group("MBX", 3, 2, 5)]
        assert len(world.additions(names["a0"])) == 1

        lies.tell("/additions$", lambda row: {**row, "agreementId": row["agreementId"] + 1})
        result = world.export()
        assert all("of agreement" in findings(result, name)["read_failed"] for name in names)

        lies.stop()
        assert world.export()["status"] == "succeeded"
        assert all(group("MBX", 3, 2, 5) in world.lines(number) for number in names.values())
        world.close()


def test_a_list_from_which_our_lines_are_missing_is_counted_before_they_are_taken_for_deleted(world: World) -> None:
    world.control("seed", {"additions": [{"agreement": number, **OTHER} for number in agreements(world)]})
    lies = Lies(world.sandbox)
    lies.tell("/additions$", lambda row: row if row["product"]["identifier"] == "SKU-d" else None)
    result = world.export(approve=True)
    for account in "ab":
        assert "counts 2" in findings(result, account)["read_failed"]
        assert len(lines(world, account)) == 2

    lies.stop()
    deleted = next(row for row in world.additions(agreements(world)[0]) if row["product"]["identifier"] == "SKU-a")
    world.delete(deleted["id"])  # and this one really is
    assert "gone" in findings(world.export(), "a")


def test_an_agreement_that_can_no_longer_be_read_before_it_is_written_stops_itself_alone(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    lies, entered = Lies(world.sandbox), runs.enter

    def late(runtime: Any, lease: Any, state: RunState, *args: Any) -> None:
        entered(runtime, lease, state, *args)
        if state is RunState.APPLYING:
            world.clock.advance(READ_FRESH + 1)
            lies.tell(AGREEMENTS, of("Agreement a", cancelledFlag="no"))

    monkeypatch.setattr(runs, "enter", late)
    result = reports.export_json(world.runtime, exports.export(world.runtime, PARTNER, actor="test"))
    assert lines(world, "a") == [group("SKU-a", 3, 2, 5)]
    assert lines(world, "b") == [group("SKU-b", 4, 2, 5)]
    assert "cancelledFlag" in json.dumps(result) or result["counts"]["skipped"]


def test_a_new_line_that_is_answered_with_an_old_one_is_looked_up(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Taken for ours, the old line would be counted as billing for the account, and the new one would be made again."""
    (first, *_) = agreements(world)
    (old,) = (row["id"] for row in world.additions(first))
    world.source.set_charges("a", charge("SKU-a", 3, 2, 5), charge("SKU-a", 1, 2, 6))
    create = Writer.create_addition

    def answered(writer: Writer, agreement_id: int, fields: Any) -> Addition:
        made = create(writer, agreement_id, fields)
        return replace(made, id=old) if agreement_id == first else made

    with monkeypatch.context() as mistaken:
        mistaken.setattr(Writer, "create_addition", answered)
        assert world.export(approve=True)["counts"]["unknown"] == 1
    world.clock.advance(world.runtime.config.settle + 1)
    assert world.export(approve=True)["status"] == "succeeded"
    assert sorted(lines(world, "a")) == sorted([group("SKU-a", 3, 2, 5), group("SKU-a", 1, 2, 6)])


def test_a_lost_line_is_looked_for_in_a_whole_list_only(world: World) -> None:
    (first, *_) = agreements(world)
    before = {row["id"] for row in world.additions(first)}
    world.source.set_charges("a", charge("SKU-a", 3, 2, 5), charge("SKU-a", 1, 2, 6))
    world.faults(
        {"kind": "close_after", "match": {"method": "POST", "path": f"agreements/{first}/additions"}, "times": 1}
    )
    world.export(approve=True)
    world.clock.advance(world.runtime.config.settle + 1)
    lies = Lies(world.sandbox)
    lies.tell(f"/agreements/{first}/additions$", lambda row: row if row["id"] in before else None)
    world.export(approve=True)
    lies.stop()
    assert world.export(approve=True)["status"] == "succeeded"
    assert sorted(lines(world, "a")) == sorted([group("SKU-a", 3, 2, 5), group("SKU-a", 1, 2, 6)])


def test_of_two_skus_that_stand_for_one_product_both_wait_where_it_cannot_be_read(world: World) -> None:
    """Else the one would look as if it had no product, and get a second one."""
    made = next(row for row in world.state()["catalog"] if row["identifier"] == "SKU-a")
    world.control("edit", {"kind": "catalog", "id": made["id"], "set": {"identifier": "SKU-z"}})
    world.source.add_account("z", charge("SKU-z", 1, 2, 5))
    world.map({"z": world.agreement("z")})
    assert world.export(approve=True)["status"] == "succeeded"
    world.source.set_charges("a", charge("SKU-a", 7, 2, 5))
    lies = Lies(world.sandbox)
    lies.tell(CATALOG, of("SKU-z", price="1.00"))
    before = len(world.state()["catalog"])
    result = world.export(approve=True)
    assert all("price" in findings(result, account)["read_failed"] for account in "az")
    assert len(world.state()["catalog"]) == before
