"""Lists of users on agreements that change, and under rights that come and go: no list stays where it should not be (rule 15)."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from sqlalchemy import select

from cwportal.connectwise.errors import Forbidden
from cwportal.connectwise.records import Document
from cwportal.connectwise.writer import Writer
from cwportal.errors import SourceIncomplete
from cwportal.models import LedgerDocument
from cwportal.portal import Account, User
from cwportal.services import directory
from cwportal.services.planning import users
from tests.services.test_mapping_page import Page
from tests.services.test_users_file import BOB, DELETION, agreement, codes, files, rights, status
from tests.support.portal import PARTNER, charge
from tests.support.world import World, group

__all__ = ["agreement"]
LEVELS = {"add": "All", "edit": "All", "inquire": "All"}


@pytest.mark.parametrize("kind", ["error_before", "error_after"])
def test_a_lost_deletion_is_looked_up_on_the_agreement_that_has_the_file(
    world: World, agreement: int, kind: str
) -> None:
    world.export()
    rights(world, **LEVELS, delete="None")
    other = world.agreement("B")
    world.map({"a": other})
    world.export(approve=True)
    assert [len(files(world, number)) for number in (agreement, other)] == [1, 1]
    rights(world, **LEVELS, delete="All")
    world.faults({"kind": kind, "match": DELETION})
    world.export(approve=True)
    world.faults()
    world.export(approve=True)
    assert [len(files(world, number)) for number in (agreement, other)] == [0, 1]
    with world.database.read() as session:
        assert len(list(session.scalars(select(LedgerDocument)))) == 1


def test_an_account_whose_users_cannot_be_read_is_billed_all_the_same(
    world: World, agreement: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = world.agreement("B")
    world.source.add_account("b", charge("MBX", 4, 2, 5))
    world.source.people["b"] = [BOB]
    world.map({"b": other})
    usual = type(world.source).users

    def broken(source: Any, partner_id: str, account_id: str) -> Iterator[User]:
        if account_id == "a":
            raise SourceIncomplete("The directory of users does not answer.")
        return usual(source, partner_id, account_id)

    with monkeypatch.context() as patched:
        patched.setattr(type(world.source), "users", broken)
        result = world.export()
    assert (result["status"], [account["status"] for account in result["accounts"]]) == (
        "partial",
        ["partial", "succeeded"],
    )
    (finding,) = result["accounts"][0]["findings"]
    assert (finding["code"], finding["severity"]) == ("read_failed", "error")
    assert "The directory of users does not answer. The agreement's lines are exported" in finding["message"]
    assert [world.lines(agreement), world.lines(other)] == [[group("MBX", 3, 2, 5)], [group("MBX", 4, 2, 5)]]
    assert [len(files(world, number)) for number in (agreement, other)] == [0, 1]
    assert world.export()["status"] == "succeeded"
    assert len(files(world, agreement)) == 1


def test_a_source_that_cannot_tell_any_users_is_not_asked_for_everybody(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = []

    def broken(source: Any, partner_id: str, account_id: str) -> Iterator[User]:
        asked.append(account_id)
        raise SourceIncomplete("No users now.")

    monkeypatch.setattr(type(world.source), "users", broken)
    accounts = [Account(f"a{number}", "A") for number in range(20)]
    found = users.gather(world.runtime, PARTNER, "t", accounts, exported=True)
    assert len(asked) == users.IN_A_ROW
    assert len(found) == 20
    assert all(one.wanted is None and "No users now." in one.unread for one in found.values())


def test_users_that_cannot_be_read_again_stop_no_other_list(
    world: World, agreement: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = world.agreement("B")
    world.source.add_account("b", charge("MBX", 4, 2, 5))
    world.source.people["b"] = [BOB]
    world.map({"b": other})
    usual, asked = type(world.source).users, list[str]()

    def broken(source: Any, partner_id: str, account_id: str) -> Iterator[User]:
        asked.append(account_id)
        if account_id == "a" and asked.count("a") == 2:
            raise SourceIncomplete("The directory of users does not answer.")
        return usual(source, partner_id, account_id)

    monkeypatch.setattr(type(world.source), "users", broken)
    result = world.export()
    assert [account["status"] for account in result["accounts"]] == ["partial", "succeeded"]
    assert [finding["code"] for finding in result["accounts"][0]["findings"]] == ["read_failed"]
    assert [len(files(world, number)) for number in (agreement, other)] == [0, 1]


@pytest.mark.parametrize("what", ["remapped", "moved", "deleted"])
def test_no_list_goes_to_an_agreement_that_became_somebody_elses_meanwhile(
    world: World, agreement: int, monkeypatch: pytest.MonkeyPatch, what: str
) -> None:
    """Lists are uploaded last, in a large export long after agreements were read."""
    other = world.agreement("B")
    company = next(item["id"] for item in world.state()["companies"] if item["name"] == "Company B")
    usual, asked = type(world.source).users, list[str]()

    def meanwhile(source: Any, partner_id: str, account_id: str) -> Iterator[User]:
        asked.append(account_id)
        if len(asked) == 2 and what == "remapped":
            world.map({"a": other})
        elif len(asked) == 2:
            change = {"delete": True} if what == "deleted" else {"set": {"company": {"id": company}}}
            world.control("edit", {"kind": "agreement", "id": agreement, **change})
        return usual(source, partner_id, account_id)

    monkeypatch.setattr(type(world.source), "users", meanwhile)
    result = world.export()
    assert files(world, agreement) == []
    assert (status(result), codes(result)) == ("partial", [("read_failed", "error")])
    if what == "remapped":
        world.export(approve=True)
        assert [len(files(world, number)) for number in (agreement, other)] == [0, 1]


def test_a_lost_list_whose_names_were_read_in_another_character_set_is_found(world: World, agreement: int) -> None:
    """Else each lost answer would leave one more list of people's names on the agreement for ever."""
    world.runtime = replace(world.runtime, config=replace(world.config, brand="Cloud°Süd"))
    world.faults({"kind": "close_after", "match": {"method": "POST", "path": "system/documents$"}})
    world.export()
    world.faults()
    (sent,) = files(world, agreement)
    names = {name: sent[name].encode().decode("latin-1") for name in ("title", "fileName")}
    world.control("edit", {"kind": "document", "id": sent["id"], "set": names})
    assert world.export()["status"] in ("succeeded", "unchanged")
    assert [one["id"] for one in files(world, agreement)] == [sent["id"]]


def test_half_a_character_in_a_name_stops_nothing(world: World, agreement: int) -> None:
    world.source.customers["a"] = replace(world.source.customers["a"], name="Half\ud800")
    assert world.export()["status"] == "succeeded"
    (document,) = files(world, agreement)
    assert document["title"].endswith("users of Half?")


def test_who_unmaps_is_told_that_the_list_of_users_stays(world: World, agreement: int) -> None:
    world.source.set_charges("a")
    world.export()
    directory.refresh(world.runtime, PARTNER)
    page = Page(world)
    asked = page.save(a={"text": "", "company": ""})
    (question,) = asked.questions
    assert (question.unmaps, question.lines, question.lists) == (True, (), ("Agreement A",))
    assert page.save(answer=asked.answer).saved == 1


@pytest.mark.parametrize("kind", ["upload", "deletion"])
def test_one_agreement_that_is_closed_to_the_role_stops_no_other_list(
    world: World, agreement: int, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    other = world.agreement("B")
    world.source.add_account("b", charge("MBX", 4, 2, 5))
    world.source.people["b"] = [BOB]
    world.map({"b": other})
    if kind == "deletion":
        world.export()
        world.source.people |= {"a": [], "b": []}
    closed = {document["id"] for document in files(world, agreement)}
    upload, delete = Writer.upload_document, Writer.delete_document

    def some(self: Writer, agreement_id: int, **given: Any) -> Document:
        if agreement_id == agreement and kind == "upload":
            raise Forbidden("Closed.", right="Company > Manage Attachments > Add")
        return upload(self, agreement_id, **given)

    def others(self: Writer, document_id: int) -> None:
        if document_id in closed:
            raise Forbidden("Closed.", right="Company > Manage Attachments > Delete")
        delete(self, document_id)

    one_at_a_time = dataclasses.replace(world.config, concurrency=1)
    world.runtime = dataclasses.replace(world.runtime, config=one_at_a_time)
    with monkeypatch.context() as patched:
        patched.setattr(Writer, "upload_document", some)
        patched.setattr(Writer, "delete_document", others)
        result = world.export(approve=True)
    told = [[finding["code"] for finding in account["findings"]] for account in result["accounts"]]
    assert told == [["missing_right"], []]
    assert [len(files(world, number)) for number in (agreement, other)] == ([0, 1] if kind == "upload" else [2, 1])
