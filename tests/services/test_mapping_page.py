"""What people type on the mapping page, what is saved of it, and what is not."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import event, select

from cwportal.models import LedgerAddition, Mapping
from cwportal.sandbox import Sandbox
from cwportal.services import directory, mapping_draft, mapping_facts, mapping_page, mapping_save
from cwportal.services.mapping_draft import Bulk, Fields, Sent, fields_of
from cwportal.services.mapping_page import Query, Row, Shown
from tests.support.portal import PARTNER, charge
from tests.support.world import World

QUERIES = 10
"""Of one page, however many accounts there are."""
ANN, BEN = "ann@msp.example", "ben@msp.example"


class Page:
    """One person in front of the page, as the form sends it."""

    def __init__(self, world: World, actor: str = ANN) -> None:
        self.world, self.actor = world, actor
        where = mapping_facts.place(world.runtime, PARTNER)
        assert where is not None
        self.where = where
        self.load()

    def load(self, **query: Any) -> Shown:
        """Load the page anew."""
        self.shown = mapping_page.page(self.world.runtime, self.where, self.actor, Query(**query))
        return self.shown

    def row(self, account_id: str) -> Row:
        """A row as it was shown."""
        return next(row for row in self.shown.rows if row.known.account_id == account_id)

    def type(self, account_id: str, **fields: Any) -> None:
        """Change fields of a row and press a button that keeps them."""
        self._send({account_id: fields})
        self.load()

    def look_up(self) -> None:
        """Press "Look up typed companies"."""
        self._send({}, anew=True)
        self.load()

    def _send(self, changes: dict[str, dict[str, Any]], *, knowingly: bool = False, anew: bool = False) -> None:
        sent = []
        for row in self.shown.rows:
            given = changes.get(row.known.account_id, {})
            values = {
                name: getattr(row.fields, name) for name in ("text", "company", "agreement", "export", "per_cycle")
            }
            token = row.typed.token if row.typed else ""
            now = Fields(**{**values, **given})
            sent.append(Sent(row.known.account_id, now, row.fields, row.known.choice.token, token))
        everything = mapping_facts.known(self.world.runtime, self.where)
        mapping_draft.absorb(
            self.world.runtime, self.where, self.actor, sent, everything, knowingly=knowingly, anew=anew or knowingly
        )

    def save(self, answer: str = "", **changes: dict[str, Any]) -> mapping_save.Result:
        """Press Save on the page as it was shown, with fields of rows changed before."""
        self._send(changes, knowingly=True)
        done = mapping_save.save(self.world.runtime, self.where, self.actor, answer=answer)
        self.load()
        return done

    def choose(self, account_id: str, agreement: int, *, export: bool = False) -> None:
        """Type the company's number, then choose the agreement."""
        company = next(one for one in self.world.state()["agreements"] if one["id"] == agreement)["company"]["id"]
        self.type(account_id, text=str(company))
        self.type(account_id, agreement=str(agreement), export=export)


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    with Sandbox() as sandbox:
        world = World(tmp_path, sandbox)
        world.connect()
        for key in ("a", "b", "c"):
            world.source.add_account(key, charge("MBX", 3, 2, 5))
        yield world
        world.close()


def _refreshed(world: World, *names: str, **fields: Any) -> list[int]:
    found = [world.agreement(name, **fields) for name in names]
    directory.refresh(world.runtime, PARTNER)
    return found


def _saved(world: World) -> dict[str, tuple[int | None, bool]]:
    with world.runtime.database.read() as session:
        return {row.account_id: (row.cw_agreement_id, row.export) for row in session.scalars(select(Mapping))}


def test_a_typed_name_is_found_and_its_only_agreement_filled_in_and_export_stays_off(world: World) -> None:
    (agreement,) = _refreshed(world, "North")
    page = Page(world)
    page.type("a", text="company nor")
    row = page.row("a")
    assert (row.fields.text, row.fields.agreement) == ("Company North", str(agreement))
    assert not row.fields.export
    assert _saved(world) == {}
    assert page.save().saved == 1
    assert _saved(world) == {"a": (agreement, False)}
    assert page.shown.unsaved == 0
    assert page.row("a").known.group == "excluded"


@pytest.mark.parametrize("typed", ["CoNorth", "conorth", "Company North", "  company   north "])
def test_identifier_and_name_are_exact_before_they_are_part(world: World, typed: str) -> None:
    world.agreement("North2")
    _refreshed(world, "North")
    page = Page(world)
    page.type("a", text=typed)
    assert page.row("a").fields.text == "Company North"


def test_several_that_fit_come_back_as_a_list_and_none_as_a_sentence(world: World) -> None:
    _refreshed(world, "North", "South")
    page = Page(world)
    page.type("a", text="company")
    page.type("b", text="nobody")
    assert [option.label for option in page.row("a").candidates] == [
        "Company North (CoNorth)",
        "Company South (CoSouth)",
    ]
    assert "no company “nobody”" in page.row("b").problem
    assert page.save().kept == 2
    page.type("a", company=page.row("a").candidates[1].value)
    assert page.row("a").fields.text == "Company South"
    page.type("b", text="")
    assert page.shown.unsaved == 1


def test_typing_filtering_and_an_old_page_lose_nothing(world: World) -> None:
    one, two = _refreshed(world, "One", "Two")
    first, second = Page(world), Page(world)
    first.choose("a", one, export=True)
    second.choose("b", two)
    first.load(q="nothing like it")
    assert first.shown.rows == ()
    first.load()
    assert first.row("a").fields.agreement == str(one)
    assert first.row("b").fields.agreement == str(two)
    assert first.shown.unsaved == 2
    assert first.save().saved == 2
    assert _saved(world) == {"a": (one, True), "b": (two, False)}


def test_two_accounts_are_swapped_in_one_save(world: World) -> None:
    one, two = _refreshed(world, "One", "Two")
    world.map({"a": one, "b": two})
    page = Page(world)
    page.choose("a", two, export=True)
    page.choose("b", one, export=True)
    assert page.save().saved == 2
    assert _saved(world) == {"a": (two, True), "b": (one, True)}


def test_an_agreement_of_another_account_is_refused_by_name_and_the_others_are_saved(world: World) -> None:
    one, two = _refreshed(world, "One", "Two")
    world.map({"a": one})
    page = Page(world)
    page.choose("b", one)
    page.choose("c", two)
    done = page.save()
    assert (done.saved, done.kept) == (1, 1)
    assert "already used by account “Account a”" in page.row("b").problem
    assert page.row("b").fields.agreement == str(one)
    assert _saved(world) == {"a": (one, True), "c": (two, False)}


def test_who_cannot_be_saved_keeps_what_others_wanted(world: World) -> None:
    one, two, three = _refreshed(world, "One", "Two", "Three")
    world.map({"a": one, "b": two, "c": three})
    world.control("edit", {"kind": "agreement", "id": three, "set": {"cancelledFlag": True}})
    page = Page(world)
    with world.runtime.database.write() as session:  # c lets its agreement go and wants it again: stays cancelled there
        session.get_one(Mapping, (PARTNER, "c")).cw_agreement_id = None
    page.load()
    page.choose("a", three)
    page.choose("b", one)
    done = page.save()
    assert (done.saved, done.kept) == (0, 2)
    assert "is cancelled" in page.row("a").problem
    assert "already used by account “Account a”" in page.row("b").problem
    assert _saved(world)["a"][0] == one
    assert _saved(world)["b"][0] == two


def test_another_partners_agreement_is_refused_and_nobody_is_named(world: World) -> None:
    (one,) = _refreshed(world, "One")
    page = Page(world)
    with world.runtime.database.write() as session:
        session.add(
            Mapping(
                partner_id="rival",
                account_id="their-secret",
                tenant=page.where.tenant,
                cw_company_id=1,
                cw_agreement_id=one,
                company_name="",
                agreement_name="",
                export=True,
                per_cycle_confirmed=False,
                changed_at=world.runtime.clock(),
            )
        )
    page.choose("a", one)
    assert page.save().kept == 1
    assert "another account that you cannot see" in page.row("a").problem
    assert "secret" not in page.row("a").problem


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"cancelledFlag": True}, "is cancelled"),
        ({"endDate": "2020-01-31T00:00:00Z", "noEndingDateFlag": False}, "ended on 31 Jan 2020"),
    ],
)
def test_what_has_changed_in_connectwise_since_it_was_read_is_seen_when_saving(
    world: World, change: dict[str, Any], sentence: str
) -> None:
    (one,) = _refreshed(world, "One")
    page = Page(world)
    page.choose("a", one)
    world.control("edit", {"kind": "agreement", "id": one, "set": change})
    assert page.save().kept == 1
    assert sentence in page.row("a").problem
    assert _saved(world) == {}


def test_when_connectwise_is_away_nothing_is_saved_and_all_is_kept(world: World) -> None:
    (one,) = _refreshed(world, "One")
    page = Page(world)
    page.choose("a", one)
    world.faults({"kind": "error_before", "match": {"method": "GET"}, "times": None})
    done = page.save()
    assert done.unreachable
    assert done.saved == 0
    assert page.shown.unsaved == 1
    assert _saved(world) == {}
    world.faults()
    assert page.save().saved == 1


def test_two_people_the_second_is_told_by_whom_and_keeps_what_was_typed(world: World) -> None:
    one, two = _refreshed(world, "One", "Two")
    ann, ben = Page(world), Page(world, BEN)
    ann.choose("a", one)
    ben.choose("a", two)
    assert ben.save().saved == 1
    done = ann.save()
    assert (done.saved, done.kept) == (0, 1)
    assert BEN in ann.row("a").problem
    assert ann.row("a").changed_elsewhere
    assert ann.row("a").fields.agreement == str(one)
    assert _saved(world) == {"a": (two, False)}
    assert ann.save().saved == 1  # knowingly now
    assert _saved(world) == {"a": (one, False)}


def test_lines_that_stay_are_asked_about_and_only_that_answer_counts(world: World) -> None:
    one, two = _refreshed(world, "One", "Two")
    world.map({"a": one})
    world.export()
    page = Page(world)
    page.type("a", text="")
    asked = page.save()
    (question,) = asked.questions
    assert question.unmaps
    assert question.lines == (("Agreement One", 1),)
    assert _saved(world) == {"a": (one, True)}
    page.choose("a", two, export=True)
    again = page.save(asked.answer)
    assert again.questions[0].moves
    assert _saved(world) == {"a": (one, True)}
    assert page.save(again.answer).saved == 1
    assert _saved(world) == {"a": (two, True)}
    with world.runtime.database.read() as session:
        assert session.scalars(select(LedgerAddition.cw_agreement_id)).all() == [one]


def test_export_off_asks_too_and_without_lines_nothing_is_asked(world: World) -> None:
    one, two = _refreshed(world, "One", "Two")
    world.map({"a": one})
    world.export()
    world.map({"b": two})
    page = Page(world)
    page.type("b", export=False)
    assert page.save().saved == 1
    page.type("a", export=False)
    assert page.save().questions[0].name == "Account a"


def test_new_company_and_new_agreement(world: World) -> None:
    _refreshed(world, "One")
    page = Page(world)
    page.type("a", agreement=mapping_draft.NEW_COMPANY, export=True)
    page.type("b", text="Company One")
    page.type("b", agreement=mapping_draft.NEW)
    assert page.save().saved == 2
    with world.runtime.database.read() as session:
        rows = {row.account_id: row for row in session.scalars(select(Mapping))}
    assert (rows["a"].new_company, rows["a"].new_agreement, rows["a"].export) == (True, True, True)
    assert (rows["b"].new_company, rows["b"].new_agreement, rows["b"].company_name) == (False, True, "Company One")


def test_bulk_only_drafts_and_leaves_alone_what_is_not_mapped(world: World) -> None:
    one, _ = _refreshed(world, "One", "Two")
    world.map({"a": one}, export=False)
    page = Page(world)
    everything = mapping_facts.known(world.runtime, page.where)
    assert mapping_draft.bulk(world.runtime, page.where, ANN, Bulk.EXPORT_ON, everything, everything) == (1, 2)
    assert _saved(world) == {"a": (one, False)}
    page.load()
    assert page.save().saved == 1
    assert _saved(world) == {"a": (one, True)}


def test_another_connectwise_starts_with_an_empty_mapping(world: World) -> None:
    (one,) = _refreshed(world, "One")
    world.map({"a": one})
    with world.runtime.database.write() as session:
        session.get_one(Mapping, (PARTNER, "a")).tenant = "elsewhere/training"
    page = Page(world)
    assert page.row("a").known.group == "unmapped"
    page.choose("a", one)
    assert page.save().saved == 1


def test_a_cycle_that_is_not_monthly_is_a_problem_until_a_person_confirms_it(world: World) -> None:
    (one,) = _refreshed(world, "One", billingCycle="Quarterly")
    world.map({"a": one})
    page = Page(world)
    assert page.row("a").known.group == "problem"
    assert page.row("a").cycle
    page.type("a", per_cycle=True)
    assert page.save().saved == 1
    assert page.row("a").known.group == "mapped"


@pytest.mark.parametrize("accounts", [3, 120])
def test_the_number_of_queries_does_not_grow(world: World, accounts: int) -> None:
    for number in range(accounts):
        world.source.add_account(f"n{number:04}")
    _refreshed(world, "One")
    page = Page(world)
    page.type("a", text="Company One")
    seen: list[str] = []
    event.listen(world.runtime.database.engine, "before_cursor_execute", lambda *given: seen.append(given[2]))
    page.load()
    assert len([one for one in seen if one.startswith("SELECT")]) == QUERIES, seen


def test_fields_say_the_same_as_the_choice(world: World) -> None:
    page = Page(world)
    assert page.row("a").fields == fields_of(page.row("a").known.choice, "")
