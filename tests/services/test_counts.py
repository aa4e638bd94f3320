"""A ConnectWise that lists and does not count, or counts what it does not list, is nobody's dead end; nor is one that changes what is made."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import unquote_plus

import pytest

from cwportal.sandbox import Sandbox
from cwportal.sandbox.wire import Request, Response
from cwportal.services import mapping
from cwportal.vocabulary import Outcome
from tests.services.test_creation import agreements, companies, customer, findings, wish
from tests.services.test_creation_doubt import changes
from tests.support.portal import PARTNER, charge
from tests.support.world import World, group

Answering = Callable[[Request], Response]


class Between:
    """Stands before the sandbox: `way` gets every request with the sandbox's own way to answer it."""

    def __init__(self, sandbox: Sandbox) -> None:
        self._application: Answering = sandbox._server.application
        self.way: Callable[[Request, Answering], Response] = lambda request, answer: answer(request)
        sandbox._server.application = lambda request: self.way(request, self._application)

    def counts_more(self, path: str) -> None:
        """One row more than there is, always."""

        def way(request: Request, answer: Answering) -> Response:
            response = answer(request)
            if request.path.endswith(f"{path}/count") and response.status == 200:
                return replace(response, body=json.dumps({"count": json.loads(response.body)["count"] + 1}).encode())
            return response

        self.way = way

    def hides(self, path: str, condition: str, named: str) -> None:
        """Lists that are asked for by this condition are without the row of that name; counts are not."""

        def way(request: Request, answer: Answering) -> Response:
            response = answer(request)
            if (
                request.method != "GET"
                or not request.path.endswith(path)
                or condition not in unquote_plus(request.query)
            ):
                return response
            rows = [row for row in json.loads(response.body) if named not in (row.get("identifier"), row.get("name"))]
            return replace(response, body=json.dumps(rows).encode())

        self.way = way


@pytest.fixture
def between(tmp_path: Path) -> Iterator[tuple[World, Between]]:
    with Sandbox() as sandbox:
        world = World(tmp_path, sandbox, CWPORTAL_CONCURRENCY="1")
        try:
            world.connect()
            world.choose(agreement_type_id="1", limit_change="1000", limit_ended="1000")
            yield world, Between(sandbox)
        finally:
            world.close()


@pytest.mark.parametrize("status", [403, 404, 405])
def test_where_counting_is_refused_exports_go_on(between: tuple[World, Between], status: int) -> None:
    world, _ = between
    world.faults(
        {"kind": "error_before", "status": status, "times": None, "match": {"method": "GET", "path": "/count$"}}
    )
    agreement = world.agreement("a")
    world.source.add_account("a", charge("MBX", 3, 2, 5), charge("BCK", 1, 2, 5))
    customer(world, "n", "Alpha")
    world.map({"a": agreement})
    mapping.import_file(world.runtime, PARTNER, "account_id,company,agreement,export\nn,new,new,yes", actor="test")
    assert world.export()["status"] == "succeeded"
    world.delete(world.additions(agreement)[0]["id"])
    assert list(findings(world.export(), "a")) == ["gone"]  # for a person, who has an answer to that


def test_counts_that_are_always_others_block_nobody_else_and_ask_for_deleted_lines(
    between: tuple[World, Between],
) -> None:
    """More accounts one after the other than would stop a run, if ConnectWise had not answered."""
    world, way = between
    numbers = {f"a{number}": world.agreement(f"a{number}") for number in range(6)}
    for name in numbers:
        world.source.add_account(name, charge("MBX", 3, 2, 5), charge("BCK", 1, 2, 5))
    world.map(dict(numbers))
    assert world.export()["status"] == "succeeded"
    for number in numbers.values():
        world.delete(world.additions(number)[0]["id"])
    new = {f"b{number}": world.agreement(f"b{number}") for number in range(6)}
    last = world.agreement("z", {"product": "BCK", "quantity": 9, "unitPrice": 1, "unitCost": 1})
    for name in (*new, "z"):
        world.source.add_account(name, charge("MBX", 3, 2, 5))
    world.map({**numbers, **new, "z": last})
    way.counts_more("/additions")
    told = world.export()
    assert [list(findings(told, name)) for name in numbers] == [["gone"]] * 6
    assert [world.lines(number) for number in new.values()] == [[]] * 6
    assert group("MBX", 3, 2, 5) in world.lines(last)
    assert told["status"] == "partial"


def test_a_line_that_is_there_and_not_listed_is_not_taken_for_deleted(between: tuple[World, Between]) -> None:
    """Neither by the count, nor where that has changed, too."""
    world, way = between
    agreement = world.agreement("a")
    world.source.add_account("a", charge("MBX", 3, 2, 5), charge("BCK", 1, 2, 5))
    world.map({"a": agreement})
    world.export()
    hidden = world.additions(agreement)[0]["id"]

    def short(request: Request, answer: Answering) -> Response:
        response = answer(request)
        if request.method == "GET" and request.path.endswith("/additions"):
            rows = [row for row in json.loads(response.body) if row["id"] != hidden]
            return replace(response, body=json.dumps(rows).encode())
        return response

    way.way = short
    assert f"still has {hidden}" in findings(world.export(), "a")["read_failed"]


def test_a_product_that_is_counted_and_not_shown_is_named(between: tuple[World, Between]) -> None:
    world, way = between
    world.control("seed", {"catalog": [{"identifier": "HID", "description": "Hidden"}]})
    agreement = world.agreement("a")
    world.source.add_account("a", *(charge(sku, 1, 2, 5) for sku in ("AAA", "BBB", "HID", "ZZZ")))
    world.map({"a": agreement})
    way.hides("/procurement/catalog", "", "HID")
    assert world.export()["status"] == "failed"
    assert len(world.state()["catalog"]) == 1
    why = str(next(one.error for one in changes(world, "product") if one.outcome == Outcome.FAILED))
    assert "at level All. It is about HID: or look for it there" in why
    way.way = lambda request, answer: answer(request)
    assert world.export()["status"] == "succeeded"
    assert len(world.lines(agreement)) == len(world.state()["catalog"]) == 4


def test_who_maps_an_account_by_hand_waits_for_no_company_that_cannot_be_looked_up(
    between: tuple[World, Between],
) -> None:
    world, way = between
    customer(world, "a", "Alpha")
    wish(world, "a,new,new,yes")
    world.faults({"kind": "close_after", "match": {"method": "POST", "path": "company/companies$"}})
    world.export()
    world.faults()
    way.hides("/company/companies", "Alpha", "Alpha")
    assert "map account a by hand" in findings(world.export(), "a")["unconfirmed_write"]
    assert agreements(world) == []
    (company,) = companies(world, "Alpha")
    wish(world, f"a,{company['id']},new,yes")
    assert world.export()["status"] == "succeeded"
    assert len(companies(world, "Alpha")) == len(agreements(world)) == 1


def test_a_new_line_that_gets_another_product_is_made_once_and_asked_about(between: tuple[World, Between]) -> None:
    """By a rule in ConnectWise: looked for by its product it would be found nowhere, and made once more by every export."""
    world, way = between
    given = [{"identifier": name, "description": name} for name in ("MBX", "OTHER")]
    ours, other = (one["id"] for one in world.control("seed", {"catalog": given})["catalog"])
    agreement = world.agreement("a", {"product": "OTHER", "quantity": 1, "unitPrice": 1, "unitCost": 1})
    world.source.add_account("a", charge("MBX", 3, 2, 5))
    world.map({"a": agreement})

    def rule(request: Request, answer: Answering) -> Response:
        if request.method == "POST" and request.path.endswith("/additions"):
            body: dict[str, Any] = json.loads(request.body)
            assert body["product"]["id"] == ours
            request = replace(request, body=json.dumps({**body, "product": {"id": other}}).encode())
        return answer(request)

    way.way = rule
    assert world.export()["counts"]["unknown"] == 1
    before, made = (row["id"] for row in world.additions(agreement))
    for _ in range(2):
        message = findings(world.export(), "a")["unconfirmed_write"]
        assert f"line {made} of that product with other values, or of another product" in message
        assert str(before) not in message.partition("line ")[2].partition(" ")[0]
    assert len(world.additions(agreement)) == 2
    way.way = lambda request, answer: answer(request)
    world.decide("a", made, "leave")
    assert world.export()["counts"]["created"] == 1
    assert group("MBX", 3, 2, 5) in world.lines(agreement)
