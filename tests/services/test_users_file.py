"""The list of users, on real HTTP and a real database (rule 15)."""

from __future__ import annotations

import csv
import dataclasses
import io
import tracemalloc
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import requests
from sqlalchemy import select

from cwportal.connectwise.reader import Reader
from cwportal.connectwise.records import Document
from cwportal.models import LedgerDocument, RunChange
from cwportal.portal import User
from cwportal.services import plans
from cwportal.services.planning import users
from tests.support.portal import PARTNER, charge
from tests.support.world import KEYS, World, group

ALL = "products,quantity,cost,price,users"
DOCUMENTS = {"method": "POST", "path": "system/documents"}
DELETION = {"method": "DELETE", "path": "system/documents"}
_ATTACHMENTS = "Companies > Manage Attachments"
_OTHERS = (
    "Companies > Company Maintenance",
    "Finance > Agreements",
    "Procurement > Product Catalog",
    "System > Table Setup",
)
ANN = User("ann@a.example", "Ann", "active", ("Mail", "Backup"))
BOB = User("bob@a.example", "Bob", "suspended", ("Mail",))


@pytest.fixture
def agreement(world: World) -> int:
    """One exported account `a` with two users and a line."""
    number = world.agreement("A")
    world.source.add_account("a", charge("MBX", 3, 2, 5))
    world.source.people["a"] = [ANN, BOB]
    world.map({"a": number})
    world.choose(data=ALL, limit_change="1000", limit_ended="1000")
    return number


def stream(count: int) -> Callable[..., Iterator[User]]:
    """`PortalSource.users` that streams so many users, from the last to the first."""

    def users(source: Any, partner_id: str, account_id: str) -> Iterator[User]:
        for number in reversed(range(count)):
            yield User(f"user{number:06}@a.example", f"User {number}", "active", (f"Service {number % 9}",))

    return users


def files(world: World, agreement: int) -> list[dict[str, Any]]:
    """Documents of the agreement."""
    return [
        item
        for item in world.state()["documents"]
        if (item["recordType"], item["recordId"]) == ("Agreement", agreement)
    ]


def rows(document: dict[str, Any]) -> list[list[str]]:
    assert document["text"].startswith("\ufeff")
    return list(csv.reader(io.StringIO(document["text"].removeprefix("\ufeff"), newline="")))


def codes(result: dict[str, Any]) -> list[tuple[str, str]]:
    (account,) = result["accounts"]
    return [(finding["code"], finding["severity"]) for finding in account["findings"]]


def status(result: dict[str, Any]) -> str:
    (account,) = result["accounts"]
    return str(account["status"])


def rights(world: World, **levels: str) -> None:
    """The API member's rights to attachments; everything else stays."""
    world.control(
        "edit",
        {
            "kind": "member",
            "public_key": KEYS[0],
            "set": {
                "rights": {_ATTACHMENTS: levels} | {name: ["add", "edit", "delete", "inquire"] for name in _OTHERS}
            },
        },
    )


def test_uploaded_once_and_again_only_when_it_changes(world: World, agreement: int) -> None:
    plan = world.plan()
    shown = plan.accounts[0].changes[-1]
    assert (shown.kind, shown.action, shown.before) == ("users", "create", {})
    assert (shown.after["fileName"], shown.after["rows"]) == ("Partner Portal users.csv", 2)
    assert files(world, agreement) == []

    assert world.export()["counts"]["created"] == 3  # product, line, list
    (first,) = files(world, agreement)
    assert (first["fileName"], first["publicFlag"]) == ("Partner Portal users.csv", False)
    assert first["title"] == "Partner Portal – users of Account a"
    assert rows(first) == [
        ["Account", "Name", "E-mail / login", "Status", "Enabled services", "Backup", "Mail"],
        ["Account a", "Ann", "ann@a.example", "active", "Backup; Mail", "yes", "yes"],
        ["Account a", "Bob", "bob@a.example", "suspended", "Mail", "no", "yes"],
    ]

    world.clear_journal()
    world.source.people["a"] = [BOB, ANN]  # another order is no other content
    assert status(world.export()) == "unchanged"
    assert [entry for entry in world.control("journal") if "documents" in entry["path"]] == []

    world.source.people["a"] = [ANN]
    (change,) = world.plan().accounts[0].changes
    assert (change.action, change.before["rows"], change.after["rows"]) == ("update", 2, 1)
    result = world.export()
    assert (result["status"], result["counts"]["updated"], result["counts"]["ended"]) == ("succeeded", 1, 0)
    (second,) = files(world, agreement)
    assert second["id"] != first["id"]
    assert len(rows(second)) == 2
    posted, deleted = (entry["method"] for entry in world.writes())
    assert (posted, deleted) == ("POST", "DELETE")


def test_foreign_documents_are_never_touched(world: World, agreement: int) -> None:
    def by_hand(name: str, title: str) -> None:
        answer = requests.post(
            f"{world.sandbox.url}/v4_6_release/apis/3.0/system/documents",
            data={"recordType": "Agreement", "recordId": str(agreement), "title": title},
            files={"file": (name, b"mine")},
            auth=(f"training+{KEYS[0]}", KEYS[1]),
            headers={"clientId": world.config.client_id},
            timeout=60,
        )
        assert answer.status_code == 201, answer.text

    by_hand("Partner Portal users.csv", "Partner Portal – users of Account a")
    world.export()
    by_hand("Partner Portal users.csv", "Partner Portal – users of Account a")
    for people in ([ANN], [BOB], []):
        world.source.people["a"] = people
        world.export()
        texts = [document["text"] for document in files(world, agreement)]
        assert texts.count("mine") == 2
        assert len(texts) == 3


def test_deselected_the_file_stays(world: World, agreement: int) -> None:
    world.export()
    world.choose(data="products,quantity,cost,price")
    world.source.people["a"] = []
    world.clear_journal()
    assert status(world.export()) == "unchanged"
    assert len(files(world, agreement)) == 1


def test_an_account_without_users_gets_no_empty_list(world: World, agreement: int) -> None:
    world.source.people["a"] = []
    world.export()
    assert files(world, agreement) == []


@pytest.mark.parametrize("missing", ["add", "inquire"])
@pytest.mark.parametrize("known", [True, False])
def test_without_the_right_to_upload_the_lines_go_on(world: World, agreement: int, missing: str, known: bool) -> None:
    levels = {"add": "All", "edit": "All", "delete": "All", "inquire": "All", missing: "None"}
    rights(world, **levels)
    if known:
        world.connect()
    result = world.export()
    assert world.lines(agreement) == [group("MBX", 3, 2, 5)]
    assert codes(result) == [("missing_right", "error")]
    assert status(result) == "partial"
    (message,) = [finding["message"] for finding in result["accounts"][0]["findings"]]
    assert f"Company > Manage Attachments > {missing.capitalize()}" in message
    rights(world, add="All", edit="All", delete="All", inquire="All")
    assert world.export()["status"] == "succeeded"
    assert len(files(world, agreement)) == 1


def test_without_the_right_to_delete_the_old_list_waits(world: World, agreement: int) -> None:
    world.export()
    levels = {"add": "All", "edit": "All", "inquire": "All"}
    rights(world, **levels, delete="None")
    world.source.people["a"] = [ANN]
    result = world.export()
    assert (status(result), codes(result)) == ("succeeded", [("missing_right", "warning")])
    assert len(files(world, agreement)) == 2
    again = world.export()
    assert (status(again), codes(again)) == ("unchanged", [("missing_right", "warning")])
    rights(world, **levels, delete="All")
    assert codes(world.export()) == []
    (left,) = files(world, agreement)
    assert len(rows(left)) == 2


def test_a_list_deleted_by_hand_is_replaced_at_the_next_change(world: World, agreement: int) -> None:
    world.export()
    (document,) = files(world, agreement)
    world.control("edit", {"kind": "document", "id": document["id"], "delete": True})
    world.source.people["a"] = [BOB]
    assert world.export()["status"] == "succeeded"
    assert len(files(world, agreement)) == 1


def test_mapped_to_another_agreement_the_list_moves(world: World, agreement: int) -> None:
    world.export()
    other = world.agreement("B")
    world.map({"a": other})
    world.export(approve=True)
    assert files(world, agreement) == []
    assert len(files(world, other)) == 1


def test_users_that_change_while_they_are_read_are_not_uploaded(
    world: World, agreement: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []
    usual = type(world.source).users

    def changing(source: Any, partner_id: str, account_id: str) -> Iterator[User]:
        asked.append(account_id)
        if len(asked) == 2:
            source.people["a"] = [ANN]
        return usual(source, partner_id, account_id)

    monkeypatch.setattr(type(world.source), "users", changing)
    result = world.export()
    assert files(world, agreement) == []
    assert world.lines(agreement) == [group("MBX", 3, 2, 5)]
    assert (status(result), codes(result)) == ("partial", [("read_failed", "error")])
    assert "changed while they were read" in result["accounts"][0]["findings"][0]["message"]
    assert world.export()["status"] == "succeeded"
    assert len(rows(files(world, agreement)[0])) == 2


@pytest.mark.parametrize("kind", ["error_after", "close_after", "truncated", "error_before", "close_before"])
def test_a_lost_answer_is_looked_up_and_never_makes_two(world: World, agreement: int, kind: str) -> None:
    world.faults({"kind": kind, "match": DOCUMENTS})
    result = world.export()
    assert (status(result), world.lines(agreement)) == ("partial", [group("MBX", 3, 2, 5)])
    world.faults()
    world.clear_journal()
    assert world.export()["status"] == "succeeded"
    assert len(files(world, agreement)) == 1
    sent = [entry for entry in world.writes() if entry["method"] == "POST"]
    assert len(sent) == (0 if kind in ("error_after", "close_after", "truncated") else 1)
    with world.database.read() as session:
        (ours,) = session.scalars(select(LedgerDocument))
    assert ours.cw_document_id == files(world, agreement)[0]["id"]


def test_a_lost_upload_is_known_by_its_names_where_sizes_are_told_in_something_else(
    world: World, agreement: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    read = Reader.documents

    def in_kilobytes(reader: Reader, agreement_id: int) -> list[Document]:
        return [dataclasses.replace(one, size=1) for one in read(reader, agreement_id)]

    monkeypatch.setattr(Reader, "documents", in_kilobytes)
    world.faults({"kind": "close_after", "match": DOCUMENTS})
    world.export()
    assert world.export()["status"] == "succeeded"
    assert len(files(world, agreement)) == 1


def test_while_an_upload_is_not_confirmed_only_the_list_waits(world: World, agreement: int) -> None:
    world.runtime = type(world.runtime)(
        _settling(world), world.database, world.source, world.clock, world.clock.advance
    )
    world.faults({"kind": "error_after", "match": DOCUMENTS})
    world.export()
    world.faults()
    world.source.set_charges("a", charge("MBX", 4, 2, 5))
    (plan,) = world.plan().accounts
    assert [(one.code, one.severity) for one in plan.findings] == [("unconfirmed_write", "error")]
    assert [change.kind for change in plan.changes] == ["addition"]
    assert world.export()["status"] == "succeeded"
    assert len(files(world, agreement)) == 1
    assert world.lines(agreement) == [group("MBX", 4, 2, 5)]


def _settling(world: World) -> Any:
    return dataclasses.replace(world.config, settle=60)


@pytest.mark.parametrize("kind", ["error_after", "error_before", "close_before"])
def test_a_lost_deletion_is_tried_again(world: World, agreement: int, kind: str) -> None:
    world.export()
    world.faults({"kind": kind, "match": DELETION})
    world.source.people["a"] = [ANN]
    assert status(world.export()) == "partial"
    world.faults()
    assert world.export()["status"] == "succeeded"
    assert len(files(world, agreement)) == 1
    with world.database.read() as session:
        outcomes = list(session.scalars(select(RunChange.outcome).where(RunChange.kind == "users")))
    assert set(outcomes) <= {"applied", "failed"}


def test_every_write_is_in_the_log(world: World, agreement: int) -> None:
    world.export()
    world.source.people["a"] = [ANN]
    world.export()
    with world.database.read() as session:
        log = [
            (row.action, row.outcome)
            for row in session.scalars(select(RunChange).where(RunChange.kind == "users").order_by(RunChange.id))
        ]
    assert log == [("create", "applied"), ("update", "applied"), ("end", "applied")]


def test_a_list_of_several_megabytes_arrives_whole_and_sorted(
    world: World, agreement: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(type(world.source), "users", stream(50_000))
    assert world.export()["status"] == "succeeded"
    (document,) = files(world, agreement)
    with world.database.read() as session:
        (ours,) = session.scalars(select(LedgerDocument))
    assert (document["sha256"], ours.rows) == (ours.sha256, 50_000)
    assert document["size"] > 2_000_000
    assert "user000001@" in document["text"].splitlines()[2]
    world.clear_journal()
    assert status(world.export()) == "unchanged"
    assert world.writes() == []


def test_the_users_are_never_in_memory_at_once(world: World, agreement: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(type(world.source), "users", stream(20_000))
    accounts = [world.source.customers["a"]]
    tracemalloc.start()
    try:
        (found,) = users.gather(world.runtime, PARTNER, "t", accounts, exported=True).values()
        assert found.wanted is not None
        file = users.written(world.runtime, PARTNER, "a", accounts[0].name, found.wanted)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert file is not None
    with file:
        size = file.seek(0, 2)
    assert (found.wanted.rows, found.wanted.size) == (20_000, size)
    assert peak < size / 2


def test_preview_of_users_writes_nothing(world: World, agreement: int) -> None:
    world.clear_journal()
    plans.preview(world.runtime, PARTNER)
    assert world.writes() == []
    assert files(world, agreement) == []
