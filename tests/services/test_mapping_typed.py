"""What is typed on the mapping page is taken as it was meant: odd names, two windows, accounts that leave, companies not read yet."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from sqlalchemy import insert, select

from cwportal.models import Directory, DirectoryCompany, Mapping
from cwportal.sandbox import Sandbox
from cwportal.services import directory, mapping, mapping_check, mapping_companies, mapping_draft, mapping_facts
from cwportal.services.directory_rows import searchable
from cwportal.services.mapping_draft import Bulk
from tests.services.test_mapping_page import ANN, BEN, Page, _refreshed, _saved
from tests.support.portal import PARTNER, charge
from tests.support.world import World


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    with _opened(tmp_path) as world:
        yield world


@pytest.fixture
def world_on_both(tmp_path: Path, database_url: str) -> Iterator[World]:
    """The same, once on each kind of database."""
    with _opened(tmp_path, CWPORTAL_DATABASE_URL=database_url) as world:
        yield world


@contextmanager
def _opened(folder: Path, **config: Any) -> Iterator[World]:
    with Sandbox() as sandbox:
        world = World(folder, sandbox, **config)
        world.connect()
        for key in ("a", "b", "c"):
            world.source.add_account(key, charge("MBX", 3, 2, 5))
        yield world
        world.close()


def _company(world: World, name: str, *agreements: str, identifier: str = "", **fields: Any) -> list[int]:
    """A company with agreements that bill monthly; their ids."""
    several = [{"name": each, "billingCycle": "Monthly"} for each in agreements]
    given = {"identifier": identifier or f"Id{len(name)}", "name": name, "agreements": several, **fields}
    found = world.control("seed", {"companies": [given]})["companies"][0]
    directory.refresh(world.runtime, PARTNER)
    return [one["id"] for one in found["agreements"]]


@pytest.mark.parametrize("name", ["Acme  Dental", " Acme Dental ", "Acme\u00a0Dental", "Acme\nDental", "Acme\tDental"])
def test_a_mark_on_a_row_keeps_its_agreement_however_the_company_is_spaced(world: World, name: str) -> None:
    first, _ = _company(world, name, "One", "Two")
    world.map({"a": first}, export=False)
    page = Page(world)
    page.type("a", export=True)
    assert page.row("a").fields.text == "Acme Dental"  # a text field of a browser drops line breaks
    assert page.save().saved == 1
    assert _saved(world) == {"a": (first, True)}


def test_type_another_name_gives_the_field_back(world: World) -> None:
    _refreshed(world, "North", "South")
    page = Page(world)
    page.type("a", text="company")
    assert page.row("a").candidates
    page.type("a", company=mapping_draft.OTHER)
    assert page.row("a").candidates == ()
    assert page.row("a").fields.text == "company"
    assert "another name" in page.row("a").problem
    page.type("a", text="company south")
    assert page.row("a").fields.text == "Company South"


def test_a_company_chosen_from_the_list_brings_its_only_agreement(world: World) -> None:
    north, _ = _refreshed(world, "North", "South")
    page = Page(world)
    page.type("a", text="company")
    page.type("a", company=page.row("a").candidates[0].value)
    assert page.row("a").fields.agreement == str(north)


def test_a_name_typed_where_a_new_company_was_asked_for_is_looked_up(world: World) -> None:
    (north,) = _refreshed(world, "North")
    page = Page(world)
    page.type("a", agreement=mapping_draft.NEW_COMPANY)
    page.save()
    page.type("a", text="company north")
    assert (page.row("a").fields.text, page.row("a").fields.agreement) == ("Company North", str(north))
    page.type("b", text="nobody")
    page.type("b", agreement=mapping_draft.NEW_COMPANY)
    assert page.row("b").typed is not None
    assert page.row("b").fields.agreement == mapping_draft.NEW_COMPANY


def test_a_new_agreement_stays_new_when_the_company_moves_in_the_same_press(world: World) -> None:
    north, south = _refreshed(world, "North", "South")
    page = Page(world)
    page.choose("a", north)
    page.type("a", agreement=mapping_draft.NEW)
    other = next(one for one in world.state()["agreements"] if one["id"] == south)["company"]["id"]
    page.type("a", text="Company South", company=str(other), agreement=mapping_draft.NEW)
    assert (page.row("a").fields.text, page.row("a").fields.agreement) == ("Company South", mapping_draft.NEW)


def test_before_companies_are_read_nothing_is_said_to_be_missing_and_then_it_is_found(world: World) -> None:
    world.agreement("North")
    page = Page(world)
    page.type("a", text="company north")
    assert "not been read" in page.row("a").problem
    assert "has no company" not in page.row("a").problem
    directory.refresh(world.runtime, PARTNER)
    page.load()
    page.look_up()
    assert page.row("a").fields.text == "Company North"
    assert page.row("a").problem == ""


def test_a_name_that_was_not_found_is_looked_up_again_when_saving(world: World) -> None:
    _refreshed(world, "South")
    page = Page(world)
    page.type("a", text="company north")
    assert "has no company" in page.row("a").problem
    (north,) = _refreshed(world, "North")
    page.load()
    assert page.save().saved == 1
    assert _saved(world) == {"a": (north, False)}


def test_leading_zeros_are_no_number_of_connectwise(world: World) -> None:
    (north,) = _refreshed(world, "North")
    company = next(one for one in world.state()["agreements"] if one["id"] == north)["company"]["id"]
    page = Page(world)
    page.type("a", text=f"00{company}")
    assert "no company" in page.row("a").problem
    page.type("a", text=str(company))
    assert page.row("a").fields.text == "Company North"


def test_many_deleted_companies_do_not_make_one_of_several_look_like_the_only_one(world_on_both: World) -> None:
    world = world_on_both
    _refreshed(world, "North")
    page = Page(world)
    with world.runtime.database.write() as session:
        generation = session.get_one(Directory, (PARTNER, page.where.tenant)).generation
        session.execute(
            insert(DirectoryCompany),
            [
                {
                    "partner_id": PARTNER,
                    "tenant": page.where.tenant,
                    "generation": generation,
                    "cw_company_id": 5000 + number,
                    "identifier": f"Id{number}",
                    "name": f"Smith {number:02}",
                    "search": searchable(f"Smith {number:02}\nId{number}"),
                    "deleted": number < 20 or number == 22,
                    "cw_status_id": None,
                    "cw_contact_id": None,
                }
                for number in range(24)
            ],
        )
    page.type("a", text="smith")
    assert [one.value for one in page.row("a").candidates] == ["5020", "5021", "5023"]
    offered = mapping_companies.offers(world.runtime, PARTNER, "smith")
    assert [one.company.id for one in offered[:3]] == [5020, 5021, 5023]


def test_of_two_companies_with_one_name_the_row_says_which(world_on_both: World) -> None:
    world = world_on_both
    _company(world, "Twin", "One", identifier="TwinA")
    _company(world, "Twin", "One", identifier="TwinB")
    _company(world, "Other", "One")
    page = Page(world)
    page.type("a", text="TwinB")
    page.type("b", text="Other")
    assert (page.row("a").fields.text, page.row("a").identifier) == ("Twin", "TwinB")
    assert page.row("b").identifier == ""
    page.type("c", text="twin")
    assert [one.label for one in page.row("c").candidates] == ["Twin (TwinA)", "Twin (TwinB)"]
    assert page.row("c").identifier == ""


def test_what_was_typed_for_an_account_that_left_is_listed_and_holds_nobody_up(world: World) -> None:
    one, two = _refreshed(world, "One", "Two")
    page = Page(world)
    page.choose("a", one, export=True)
    page.choose("b", two)
    account = world.source.customers.pop("a")
    shown = page.load()
    (left,) = shown.left
    assert (left.account_id, left.company) == ("a", "Company One")
    assert shown.unsaved == 1
    done = page.save()
    assert (done.saved, done.kept) == (1, 0)
    assert page.shown.left == (left,)
    world.source.customers["a"] = account
    assert page.load().left == ()
    assert page.row("a").fields.agreement == str(one)
    del world.source.customers["a"]
    mapping_draft.forget_left(world.runtime, page.where, ANN, mapping_facts.known(world.runtime, page.where))
    assert page.load().left == ()
    world.source.customers["a"] = account
    assert page.load().unsaved == 0


def test_a_second_window_is_told_before_its_row_takes_the_place_of_the_first_ones(world: World) -> None:
    one, two = _refreshed(world, "One", "Two")
    first, second = Page(world), Page(world)
    first.choose("a", one, export=True)
    company = next(item for item in world.state()["agreements"] if item["id"] == two)["company"]["id"]
    done = second.save(a={"text": str(company)})
    assert (done.saved, done.kept) == (0, 1)
    row = second.row("a")
    assert "another window" in row.problem
    assert row.beside is not None
    assert (row.beside.company, row.beside.agreement, row.beside.export) == ("Company One", "Agreement One", True)
    assert row.fields.agreement == str(two)
    first.save()  # without having seen the row as it is now
    assert _saved(world) == {}
    assert second.save().saved == 1
    assert _saved(world) == {"a": (two, False)}


def test_two_windows_on_different_rows_ask_nothing(world: World) -> None:
    one, two = _refreshed(world, "One", "Two")
    first, second = Page(world), Page(world)
    first.choose("a", one)
    company = next(item for item in world.state()["agreements"] if item["id"] == two)["company"]["id"]
    assert second.save(b={"text": str(company)}).saved == 2
    assert _saved(world) == {"a": (one, False), "b": (two, False)}


def test_a_second_window_that_types_the_same_asks_nothing(world: World) -> None:
    (one,) = _refreshed(world, "One")
    first, second = Page(world), Page(world)
    first.type("a", text="company one")
    assert second.save(a={"text": "company one"}).saved == 1
    assert _saved(world) == {"a": (one, False)}


def test_a_second_window_that_empties_or_unmaps_a_row_takes_nothing_silently(world: World) -> None:
    one, two = _refreshed(world, "One", "Two")
    world.map({"a": one})
    first, second, third = Page(world), Page(world), Page(world)
    first.choose("a", two, export=True)
    second.type("a", export=False)
    assert second.row("a").beside is not None
    assert third.save(a={"text": ""}).kept == 1
    everything = mapping_facts.known(world.runtime, first.where)
    first.choose("b", two)
    stamps = {"b": ""}
    mapping_draft.bulk(world.runtime, first.where, ANN, Bulk.UNMAP, ["b"], everything, stamps)
    first.load()
    assert first.row("b").beside is not None
    assert first.row("b").fields.text == ""


def test_back_to_what_is_saved_in_a_second_window_does_not_throw_the_first_ones_away(world: World) -> None:
    one, two = _refreshed(world, "One", "Two")
    world.map({"a": one}, export=False)
    first, second = Page(world), Page(world)
    first.type("a", export=True)
    second.load()
    first.choose("a", two, export=True)
    second.type("a", export=False)
    assert second.row("a").beside is not None
    assert second.row("a").fields.agreement == str(one)
    assert second.save().saved == 0  # as it was saved: nothing is left to do
    assert second.shown.unsaved == 0
    assert _saved(world) == {"a": (one, False)}


def test_two_people_who_choose_the_same_are_not_set_against_each_other(world: World) -> None:
    (one,) = _refreshed(world, "One")
    ann, ben = Page(world), Page(world, BEN)
    ann.choose("a", one)
    ben.choose("a", one)
    assert ben.save().saved == 1
    assert (done := ann.save()).kept == 0
    assert done.saved == 0
    assert ann.shown.unsaved == 0
    with world.runtime.database.read() as session:
        assert session.scalars(select(Mapping.changed_by)).all() == [BEN]


def test_the_file_of_mappings_leaves_out_those_of_another_connectwise(world: World) -> None:
    one, two = _refreshed(world, "One", "Two")
    world.map({"a": one, "b": two})
    with world.runtime.database.write() as session:
        session.get_one(Mapping, (PARTNER, "a")).tenant = "elsewhere/training"
    rows = {row[0]: row[1:4] for row in mapping.export_rows(world.runtime, PARTNER)}
    assert rows["a"] == ["", "", "no"]
    assert rows["b"][1:] == [str(two), "yes"]


def test_a_company_that_words_were_taken_for_is_shown_before_it_is_saved(world: World) -> None:
    (north,) = _refreshed(world, "North")
    page = Page(world)
    done = page.save(a={"text": "nor", "export": True})
    assert (done.saved, done.kept) == (0, 1)
    assert "“nor” was taken for the company “Company North”" in page.row("a").problem
    assert page.save().saved == 1
    assert _saved(world) == {"a": (north, True)}
    page.type("b", text="nor")
    page.type("b", agreement=mapping_draft.NEW)  # shown, and worked on: no need to ask
    assert page.save().saved == 1
    page = Page(world)
    assert page.save(c={"text": "company north"}).kept == 1  # only for want of an agreement
    assert "No agreement" in page.row("c").problem


def test_what_another_window_types_while_a_name_is_looked_up_is_kept_beside(
    world_on_both: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    world = world_on_both
    one, two = _refreshed(world, "One", "Two")
    first, second = Page(world), Page(world)
    _in_between(monkeypatch, mapping_companies, "resolve", lambda: second.choose("a", two))
    first.type("a", text="company one")
    row = first.row("a")
    assert row.fields.agreement == str(one)
    assert row.beside is not None
    assert row.beside.company == "Company Two"


def test_what_another_window_types_while_connectwise_is_asked_stays_typed(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    one, two = _refreshed(world, "One", "Two")
    first = Page(world)
    first.choose("a", one)
    second = Page(world)
    _in_between(monkeypatch, mapping_check, "against_connectwise", lambda: second.choose("a", two))
    assert first.save().saved == 1
    assert _saved(world) == {"a": (one, False)}
    assert first.shown.unsaved == 1
    assert first.row("a").fields.agreement == str(two)
    assert first.row("a").changed_elsewhere


def test_saving_does_not_wait_as_long_as_an_export_for_a_connectwise_that_hangs(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    (one,) = _refreshed(world, "One")
    page = Page(world)
    page.choose("a", one)
    world.faults({"kind": "latency", "match": {"method": "GET"}, "seconds": 3600, "times": None})
    monkeypatch.setattr(mapping_check, "_TIMEOUT", 0.1)
    monkeypatch.setattr(world, "runtime", replace(world.runtime, config=replace(world.config, timeout=3600)))
    assert page.save().unreachable
    assert page.shown.unsaved == 1
    world.faults()


def _in_between(monkeypatch: pytest.MonkeyPatch, module: ModuleType, name: str, deed: Callable[[], None]) -> None:
    """Somebody does something the first time right before this is done."""
    done = getattr(module, name)

    def first_something_else(*given: Any, **more: Any) -> Any:
        monkeypatch.setattr(module, name, done)
        deed()
        return done(*given, **more)

    monkeypatch.setattr(module, name, first_something_else)
