"""One record of ConnectWise that cannot be read: the directory takes all others, keeps what it knew of this one, and says so."""

from __future__ import annotations

import re
from typing import Any

import pytest

from cwportal.blueprints.mapping_words import as_of
from cwportal.connectwise import errors
from cwportal.errors import BadFile
from cwportal.services import choices, directory, mapping
from cwportal.services.directory_rows import Table
from tests.services.test_directory import agreements, companies, company_id, refresh
from tests.services.test_directory_rights import problem
from tests.services.test_mapping_page import Page
from tests.services.test_unreadable import AGREEMENTS, COMPANIES, CYCLES, Lies, of
from tests.support.portal import PARTNER
from tests.support.world import World


def sentence(world: World) -> tuple[str, str]:
    """What the mapping page says about the directory."""
    return as_of(choices.standing(world.runtime, PARTNER), world.clock(), "UTC")


@pytest.mark.parametrize("full", [True, False])
@pytest.mark.parametrize("value", [{"deletedFlag": 0}, {"id": None}], ids=["a field", "the id"])
def test_what_was_known_stays_and_all_others_are_read(world: World, full: bool, value: dict[str, object]) -> None:
    number = world.agreement("A")
    world.agreement("B")
    refresh(world)
    world.control("edit", {"kind": "company", "id": company_id(world, "Company B"), "set": {"name": "Renamed"}})
    world.control("edit", {"kind": "agreement", "id": number, "set": {"name": "Renamed, too"}})
    world.agreement("C")
    lies = Lies(world.sandbox)
    lies.tell(COMPANIES, of("Company A", **value))
    done = refresh(world, full=full)
    assert {"Company A", "Renamed", "Company C"} <= set(companies(world))
    assert "Company B" not in companies(world)
    assert {"Renamed, too", "Agreement C"} <= set(agreements(world))
    if full:
        assert re.search(r"1 record could not be read.*(company \d+ has a “deletedFlag”|without an id)", done.left_out)
        tone, words = sentence(world)
        assert tone == "warn"
        assert done.left_out in words
        assert "failed" not in words

    lies.stop()
    world.control("edit", {"kind": "company", "id": company_id(world, "Company A"), "set": {"name": "Repaired"}})
    assert refresh(world).left_out == ""
    assert "Repaired" in companies(world)
    assert sentence(world)[0] == ""


def test_what_changed_and_cannot_be_read_is_asked_for_until_it_can(world: World) -> None:
    number = world.agreement("A")
    refresh(world)
    world.clock.advance(2 * directory.OVERLAP.total_seconds())
    world.sandbox.set_variant(clock=2 * directory.OVERLAP.total_seconds())
    world.control("edit", {"kind": "agreement", "id": number, "set": {"name": "Renamed"}})
    lies = Lies(world.sandbox)
    lies.tell(AGREEMENTS, of("Renamed", cancelledFlag="no"))
    for _ in range(2):
        assert "cancelledFlag" in refresh(world).left_out
        assert "Agreement A" in agreements(world)
        world.clock.advance(2 * directory.OVERLAP.total_seconds())
        world.sandbox.set_variant(clock=6 * directory.OVERLAP.total_seconds())
    lies.stop()
    assert not refresh(world).full
    assert "Renamed" in agreements(world)


@pytest.mark.parametrize("path", [COMPANIES, AGREEMENTS])
def test_what_was_never_read_is_not_told_to_be_gone(world: World, path: str) -> None:
    world.agreement("B")
    world.source.add_account("a")
    world.map({"a": world.agreement("A")})
    world.clock.advance(60)
    lies = Lies(world.sandbox)
    lies.tell(path, lambda row: {**row, "deletedFlag": 0, "cancelledFlag": 0} if "A" in str(row["name"])[-1] else row)
    assert "could not be read" in refresh(world).left_out
    assert problem(world) == ""
    lies.stop()
    assert refresh(world).full  # nothing was ever read in full
    assert "Company A" in companies(world)


def test_a_table_row_that_cannot_be_read_stays_as_it_was_known(world: World) -> None:
    world.agreement("A", billingCycle="One time")
    refresh(world)
    before = choices.entries(world.runtime, PARTNER, Table.BILLING_CYCLE), agreements(world)
    lies = Lies(world.sandbox)
    for change in (of("One Time", billingOptions=[]), of("One Time", id=None)):
        lies.tell(CYCLES, change)
        assert "1 record could not be read" in refresh(world).left_out
        assert (choices.entries(world.runtime, PARTNER, Table.BILLING_CYCLE), agreements(world)) == before


def test_where_nothing_at_all_can_be_read_the_directory_stays_as_it_was(world: World) -> None:
    world.agreement("A")
    refresh(world)
    before = companies(world)
    Lies(world.sandbox).tell(COMPANIES, lambda row: {**row, "deletedFlag": 0})
    world.clock.advance(60)
    with pytest.raises(errors.Malformed):
        refresh(world, full=True)
    assert companies(world) == before
    assert "failed" in sentence(world)[1]


def test_everything_that_was_asked_for_while_changes_were_read_is_read_next(world: World) -> None:
    number = world.agreement("A")
    refresh(world)
    world.control("edit", {"kind": "agreement", "id": number, "delete": True})

    def asked(what: str, count: int) -> None:
        if what == "agreements" and not count:
            directory.asked(world.runtime, PARTNER, world.clock(), everything=True)

    assert not directory.refresh(world.runtime, PARTNER, progress=asked).full
    assert "Agreement A" in agreements(world)
    assert refresh(world).full
    assert agreements(world) == {}


@pytest.mark.parametrize("path", [COMPANIES, AGREEMENTS])
@pytest.mark.parametrize("named", ["id", "name"])
def test_a_mapping_file_names_the_line_whose_record_cannot_be_read(world: World, path: str, named: str) -> None:
    first, second = world.agreement("A"), world.agreement("B")
    refresh(world)
    numbers = {name: company_id(world, f"Company {name}") for name in "AB"}
    for account in "ab":
        world.source.add_account(account)
    lies = Lies(world.sandbox)
    lies.tell(path, lambda row: {**row, "deletedFlag": 0, "cancelledFlag": 0} if row["name"].endswith("A") else row)
    rows = {
        "id": (f"a,{numbers['A']},{first},yes", f"b,{numbers['B']},{second},yes"),
        "name": ("a,name:Company A,name:Agreement A,yes", "b,name:Company B,name:Agreement B,yes"),
    }[named]
    text = "\n".join(("account_id,company,agreement,export", *rows))
    with pytest.raises(BadFile) as caught:
        mapping.import_file(world.runtime, PARTNER, text, actor="test")
    (told,) = caught.value.problems
    assert re.match(r"line 2: ConnectWise's (company|agreement) \d+ has a “(deletedFlag|cancelledFlag)”", told)
    lies.stop()
    assert mapping.import_file(world.runtime, PARTNER, text, actor="test").mapped == 2


@pytest.mark.parametrize("path", [COMPANIES, AGREEMENTS])
def test_the_mapping_page_saves_all_rows_but_those_whose_record_cannot_be_read(world: World, path: str) -> None:
    chosen: dict[str, dict[str, Any]] = {}
    for name in "AB":
        world.source.add_account(name)
        chosen[name] = {"agreement": str(world.agreement(name)), "export": True}
    refresh(world)
    for name in "AB":
        chosen[name]["company"] = str(company_id(world, f"Company {name}"))
    lies = Lies(world.sandbox)
    lies.tell(path, lambda row: {**row, "deletedFlag": 0, "cancelledFlag": 0} if row["name"].endswith("A") else row)
    page = Page(world)
    assert page.save("", **chosen).saved == 1
    page.load()
    assert "that cannot be understood" in page.row("A").problem
    assert page.row("B").problem == ""
    lies.stop()
    assert page.save().saved == 1
