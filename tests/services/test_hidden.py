"""A role at level My hides records of others instead of refusing them: what is not shown never counts as not there."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from cwportal.connectwise.errors import Unreachable
from cwportal.connectwise.reader import Reader
from cwportal.models import Connection, LedgerAddition
from cwportal.sandbox import Sandbox
from cwportal.sandbox.defaults import EXPORT_ROLE
from cwportal.services import connection, export_run
from cwportal.services.apply.work import Work
from tests.support.portal import PARTNER, charge
from tests.support.world import KEYS, World, group

MY = {"add": "All", "edit": "All", "inquire": "My"}


def role(world: World, **own: object) -> None:
    world.control("edit", {"kind": "member", "public_key": KEYS[0], "set": {"rights": {**EXPORT_ROLE, **own}}})


@pytest.mark.parametrize(
    ("right", "code"),
    [
        ("Procurement > Product Catalog", "read_failed"),
        ("Finance > Agreements", "agreement_gone"),
        ("Companies > Company Maintenance", "company_gone"),
    ],
)
def test_what_is_hidden_is_not_gone(world: World, right: str, code: str) -> None:
    world.control("seed", {"catalog": [{"identifier": "MBX", "description": "Mailbox"}]})
    agreement = world.agreement("A")
    world.source.add_account("a", charge("MBX", 3, 2, 5))
    world.map({"a": agreement})
    assert world.export()["status"] == "succeeded"
    world.source.set_charges("a", charge("MBX", 3, 2, 6))
    role(world, **{right: MY})
    world.clear_journal()
    result = world.export(approve=True)
    assert result["status"] == "failed"
    assert code in [one["code"] for one in result["accounts"][0]["findings"]]
    assert world.writes() == []
    assert world.lines(agreement) == [group("MBX", 3, 2, 5)]
    role(world)
    assert world.export()["status"] == "succeeded"
    assert world.lines(agreement) == [group("MBX", 3, 2, 6)]


def test_a_right_that_reading_refuses_is_missing_at_whatever_level(world: World) -> None:
    """`mySecurity` says All. What is missing is looked at again by the next run, so nobody is told of it for ever."""

    def kept() -> str:
        with world.database.read() as session:
            return str(session.get_one(Connection, PARTNER).rights["Finance > Agreements > Inquire"])

    refused = {"kind": "error_before", "status": 403, "times": None}
    world.faults({**refused, "match": {"method": "GET", "path": "/finance/agreements"}})
    connection.check(world.runtime, PARTNER)
    assert kept() == "missing"
    world.faults()
    world.plan()
    assert kept() == "has (All)"


def test_one_agreement_that_is_closed_to_the_api_member_stops_no_other(tmp_path: Path) -> None:
    """Level My may refuse the lines of one agreement; only when several are refused in a row is the right itself missing."""
    with Sandbox() as sandbox:
        world = World(tmp_path, sandbox, CWPORTAL_CONCURRENCY="1")
        try:
            world.connect()
            agreements = {f"a{number}": world.agreement(f"a{number}") for number in range(6)}
            for name in agreements:
                world.source.add_account(name, charge("MBX", 3, 2, 5))
            world.map(dict(agreements))
            world.choose(limit_change="1000")
            closed = {"kind": "error_before", "status": 403, "times": None}
            world.faults({**closed, "match": {"method": "POST", "path": f"agreements/{agreements['a0']}/additions"}})
            assert world.export()["counts"]["failed"] == 1
            assert [name for name, number in agreements.items() if not world.lines(number)] == ["a0"]
            for name in agreements:
                world.source.set_charges(name, charge("MBX", 3, 2, 5), charge("BCK", 1, 2, 5))
            world.faults({**closed, "match": {"method": "POST", "path": "additions"}})
            counts = world.export()["counts"]
            assert (counts["failed"], counts["skipped"]) == (3, 4)
        finally:
            world.close()


def test_a_list_of_lines_that_is_empty_by_mistake_creates_nothing(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With 200 and no rows, and `adopt=no`: the customer's own line would be billed a second time."""
    world.control("seed", {"catalog": [{"identifier": "MBX", "description": "Mailbox"}]})
    agreement = world.agreement("A", {"product": "MBX", "quantity": 3, "unitPrice": 5, "unitCost": 2})
    world.source.add_account("a", charge("MBX", 3, 2, 5))
    world.map({"a": agreement})
    with monkeypatch.context() as mistaken:
        mistaken.setattr(Reader, "additions", lambda *_: [])
        result = world.export()
    assert (result["status"], result["counts"]["skipped"]) == ("failed", 1)
    assert world.lines(agreement) == [group("MBX", 3, 2, 5)]
    assert [one["code"] for one in world.export()["accounts"][0]["findings"]] == ["existing_lines"]


def test_a_list_of_lines_that_is_empty_by_mistake_closes_nothing(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Lines of ours at quantity 0 would be somebody else's from then on, if their list were believed."""
    agreement = world.agreement("A")
    world.source.add_account("a", charge("MBX", 3, 2, 5))
    world.map({"a": agreement})
    world.choose(ended="zero")
    world.export()
    world.source.set_charges("a")
    world.export(approve=True)

    def ours() -> list[Any]:
        with world.database.read() as session:
            return [(row.cw_addition_id, row.closed_at) for row in session.scalars(select(LedgerAddition))]

    before = ours()
    assert [closed for _, closed in before] == [None]
    with monkeypatch.context() as mistaken:
        mistaken.setattr(Reader, "additions", lambda *_: [])
        world.export()
    assert ours() == before


def test_nor_does_it_where_the_run_has_just_been_stopped(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Another account's thread may meet the error that stops the run after this account was begun."""
    agreement = world.agreement("A")
    world.source.add_account("a", charge("MBX", 3, 2, 5))
    world.map({"a": agreement})
    world.choose(ended="zero")
    world.export()
    world.source.set_charges("a")
    world.export(approve=True)

    def stopped(work: Work, material: object, plan: object, changes: object) -> tuple[object, object]:
        work.stopped = Unreachable("There is no way to it.")
        return plan, changes

    with monkeypatch.context() as mistaken:
        mistaken.setattr(Reader, "additions", lambda *_: [])
        mistaken.setattr(export_run, "create_first", stopped)
        world.export()
    with world.database.read() as session:
        assert [row.closed_at for row in session.scalars(select(LedgerAddition))] == [None]
