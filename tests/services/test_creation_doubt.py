"""Creations in doubt: lists that are empty by mistake, answers that were lost, records that came in between. On real HTTP."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import pytest
from sqlalchemy import select, update

from cwportal.connectwise.pages import Pages
from cwportal.connectwise.reader import Reader
from cwportal.models import RunChange
from cwportal.sandbox.defaults import EXPORT_ROLE
from cwportal.services import directory, export_run
from cwportal.services.apply.creation import create_first
from cwportal.services.apply.journal import Intent, Journal
from cwportal.services.runs import Cancelled
from cwportal.vocabulary import Outcome
from tests.services.test_creation import agreements, companies, customer, findings, row, wish
from tests.support.portal import PARTNER, charge
from tests.support.world import KEYS, World, group

COMPANY = {"method": "POST", "path": "company/companies$"}
AGREEMENT = {"method": "POST", "path": "finance/agreements$"}
CATALOG = {"method": "POST", "path": "procurement/catalog$"}
MY = {"add": "All", "edit": "All", "inquire": "My"}
BRAND = "Partner Portal"


@pytest.fixture
def typed(world: World) -> World:
    """A partner that has chosen the type of new agreements, and waits for no approvals."""
    world.choose(agreement_type_id="1", limit_change="1000", limit_ended="1000")
    return world


def known(world: World) -> int:
    """A company that is there, without an agreement."""
    (number,) = world.control("seed", {"companies": [{"identifier": "Known", "name": "Known"}]})["companies"]
    return int(number["id"])


def empty(patch: pytest.MonkeyPatch, path: str) -> None:
    """This list comes with 200 and without a row."""
    real = Pages.pages

    def pages(self: Pages, asked: str, *more: Any, **named: Any) -> Iterator[list[object]]:
        return iter(()) if asked == path else real(self, asked, *more, **named)

    patch.setattr(Pages, "pages", pages)


def changes(world: World, kind: str) -> list[RunChange]:
    with world.database.read() as session:
        return list(session.scalars(select(RunChange).where(RunChange.kind == kind).order_by(RunChange.id)))


def posts(world: World, match: Mapping[str, str]) -> int:
    return sum(one["path"].endswith(match["path"].rstrip("$")) for one in world.writes())


# --- what a list does not show ----------------------------------------------------------------------------------------
def test_a_company_that_a_list_without_rows_hides_is_not_created_again(
    typed: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its identifier is another one, so ConnectWise would not refuse a second company of that name."""
    typed.control("seed", {"companies": [{"identifier": "Customer7", "name": "Alpha"}]})
    customer(typed, "a", "Alpha")
    wish(typed, "a,new,new,yes")
    with monkeypatch.context() as mistaken:
        empty(mistaken, "/company/companies")
        assert typed.export()["status"] == "partial"
    assert "listed 0 of /company/companies and counts 1" in str(changes(typed, "company")[-1].error)
    assert "company_exists" in findings(typed.export(), "a")
    assert len(companies(typed, "Alpha")) == 1


def test_an_agreement_that_a_list_without_rows_hides_is_not_created_again(
    typed: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    there = typed.agreement("x", company="Known")
    typed.control("edit", {"kind": "agreement", "id": there, "set": {"name": f"{BRAND} – Alpha"}})
    customer(typed, "a", "Alpha")
    wish(typed, f"a,{agreements(typed)[0]['company']['id']},new,yes")
    with monkeypatch.context() as mistaken:
        empty(mistaken, "/finance/agreements")
        assert typed.export()["status"] == "partial"
    assert "listed 0 of /finance/agreements and counts 1" in str(changes(typed, "agreement")[-1].error)
    with monkeypatch.context() as mistaken:  # a condition that this ConnectWise does not understand
        mistaken.setattr(Reader, "find_agreement", lambda *_: [])
        assert "agreement_exists" in findings(typed.export(), "a")
    assert len(agreements(typed)) == 1


@pytest.mark.parametrize(
    ("lost", "path"),
    [(COMPANY, "/company/companies"), (AGREEMENT, "/finance/agreements"), (CATALOG, "/procurement/catalog")],
)
def test_a_lost_creation_that_a_list_without_rows_hides_is_not_free(
    typed: World, monkeypatch: pytest.MonkeyPatch, lost: dict[str, str], path: str
) -> None:
    customer(typed, "a", "Alpha")
    wish(typed, "a,new,new,yes")
    typed.faults({"kind": "close_after", "match": lost})
    typed.export()
    typed.clear_journal()
    with monkeypatch.context() as mistaken:
        empty(mistaken, path)
        typed.export()
    assert posts(typed, lost) == 0
    typed.export()
    assert typed.export()["status"] == "succeeded"
    assert len(companies(typed, "Alpha")) == len(agreements(typed)) == len(typed.state()["catalog"]) == 1
    assert typed.lines(row(typed, "a").cw_agreement_id or 0) == [group("MBX", 3, 2, 5)]


@pytest.mark.parametrize("table", ["types", "categories", "subcategories"])
def test_a_table_without_rows_by_mistake_is_not_filled_again(
    typed: World, monkeypatch: pytest.MonkeyPatch, table: str
) -> None:
    agreement = typed.agreement("A")
    typed.source.add_account("a", charge("MBX", 3, 2, 5))
    typed.map({"a": agreement})
    with monkeypatch.context() as mistaken:
        empty(mistaken, f"/procurement/{table}")
        typed.clear_journal()
        assert typed.export()["status"] != "succeeded"
        assert posts(typed, {"path": f"procurement/{table}"}) == 0
    assert typed.export()["status"] == "succeeded"


@pytest.mark.parametrize("hidden", ["lists", "conditions"])
def test_a_product_that_is_there_after_all_is_not_created(
    typed: World, monkeypatch: pytest.MonkeyPatch, hidden: str
) -> None:
    typed.control("seed", {"catalog": [{"identifier": "MBX", "description": "Mailbox"}]})
    agreement = typed.agreement("A")
    typed.source.add_account("a", charge("MBX", 3, 2, 5), charge("BCK", 1, 2, 5))
    typed.map({"a": agreement})
    with monkeypatch.context() as mistaken:
        if hidden == "lists":
            empty(mistaken, "/procurement/catalog")
        else:
            mistaken.setattr(Reader, "products_by_identifier", lambda _, parts, *__: dict.fromkeys(parts, ()))
        typed.clear_journal()
        result = typed.export()
        assert posts(typed, CATALOG) == (0 if hidden == "lists" else 1)
        assert result["status"] == ("failed" if hidden == "lists" else "partial")
        assert typed.lines(agreement) == ([] if hidden == "lists" else [group("BCK", 1, 2, 5)])
    assert typed.export()["status"] == "succeeded"
    assert typed.lines(agreement) == [group("BCK", 1, 2, 5), group("MBX", 3, 2, 5)]


def test_a_company_of_nearly_that_name_that_was_read_before_is_asked_about(typed: World) -> None:
    typed.control("seed", {"companies": [{"identifier": "Customer7", "name": "Alpha, Inc."}]})
    directory.refresh(typed.runtime, PARTNER)
    customer(typed, "a", "ALPHA INC")
    wish(typed, "a,new,new,yes")
    typed.clear_journal()
    assert "'Alpha, Inc.'" in findings(typed.export(), "a")["company_exists"]
    assert typed.writes() == []
    (number,) = [one["id"] for one in companies(typed, "Alpha, Inc.")]
    typed.control("edit", {"kind": "company", "id": number, "set": {"name": "Beta"}})
    assert typed.export()["status"] == "succeeded"


def test_a_name_that_is_cut_is_looked_for_whole_too(typed: World) -> None:
    """Newer releases take more than 50 letters, and the company that a person made has its whole name there."""
    name = "Alpha and Omega Consolidated Holdings of Greater Springfield"
    typed.control("seed", {"companies": [{"identifier": "Customer7", "name": name}]})
    customer(typed, "a", name)
    wish(typed, "a,new,new,yes")
    typed.clear_journal()
    assert name in findings(typed.export(), "a")["company_exists"]
    assert typed.writes() == []


def test_an_agreement_at_level_my_may_only_be_hidden(typed: World) -> None:
    customer(typed, "a", "Alpha")
    wish(typed, f"a,{known(typed)},new,yes")
    typed.faults({"kind": "close_before", "match": AGREEMENT})
    typed.export()
    rights = {**EXPORT_ROLE, "Finance > Agreements": MY}
    typed.control("edit", {"kind": "member", "public_key": KEYS[0], "set": {"rights": rights}})
    typed.clear_journal()
    assert "Finance > Agreements > Inquire at level My" in findings(typed.export(), "a")["unconfirmed_write"]
    assert typed.writes() == []
    typed.control("edit", {"kind": "member", "public_key": KEYS[0], "set": {"rights": EXPORT_ROLE}})
    assert typed.export()["status"] == "succeeded"
    assert len(agreements(typed)) == 1


# --- what was lost or refused -----------------------------------------------------------------------------------------
def test_a_lost_agreement_that_got_another_name_is_asked_about(typed: World) -> None:
    company = known(typed)
    customer(typed, "a", "Alpha")
    wish(typed, f"a,{company},new,yes")
    typed.faults({"kind": "close_after", "match": AGREEMENT})
    typed.export()
    (made,) = agreements(typed)
    typed.control("edit", {"kind": "agreement", "id": made["id"], "set": {"name": "AGR-0001"}})
    message = findings(typed.export(), "a")["unconfirmed_write"]
    assert f"'AGR-0001' (id {made['id']})" in message
    assert len(agreements(typed)) == 1
    wish(typed, f"a,{company},{made['id']},yes")
    assert typed.export()["status"] == "succeeded"
    assert typed.lines(made["id"]) == [group("MBX", 3, 2, 5)]


@pytest.mark.parametrize("how", ["stopped", "lost"])
def test_an_identifier_that_another_account_got_is_nobodys_dead_end(
    typed: World, monkeypatch: pytest.MonkeyPatch, how: str
) -> None:
    """Both want AlphaDog; the second one is refused and the run stops before the next try, or its answer is lost."""
    customer(typed, "a", "Alpha Dog東")
    customer(typed, "b", "Alpha Dog北")
    wish(typed, "a,new,new,yes", "b,new,new,yes")
    real = create_first

    def in_turn(work: Any, material: Any, plan: Any, several: Any) -> Any:
        if plan.account_id == "b":  # after a's company
            while not any(one["name"] == "Alpha Dog東" for one in typed.state()["companies"]):
                typed.runtime.sleep(0.05)
        return real(work, material, plan, several)

    def stopped(_: Journal, __: Intent) -> None:
        raise Cancelled("It was cancelled.")

    with monkeypatch.context() as first:
        first.setattr(export_run, "create_first", in_turn)
        if how == "stopped":
            first.setattr(Journal, "again", stopped)
        else:
            typed.faults({"kind": "close_before", "match": {**COMPANY, "body": "北|u5317"}})
        typed.export()
    assert [one.outcome for one in changes(typed, "company")][-1] == (
        Outcome.FAILED if how == "stopped" else Outcome.UNKNOWN
    )
    assert typed.export()["status"] == "succeeded"
    made = {one["name"]: one["identifier"] for one in typed.state()["companies"]}
    assert made == {"Alpha Dog東": "AlphaDog", "Alpha Dog北": "AlphaDog2"}


def test_contacts_that_cannot_be_read_stop_no_later_export(typed: World) -> None:
    """Nothing was sent, so nothing is looked up."""
    customer(typed, "a", "Alpha", contact_first_name="Ada")
    wish(typed, f"a,{known(typed)},new,yes")
    typed.faults(
        {"kind": "error_before", "status": 500, "times": None, "match": {"method": "GET", "path": "company/contacts"}}
    )
    assert typed.export()["status"] == "partial"
    (contact,) = changes(typed, "contact")
    assert (contact.outcome, contact.sent) == (Outcome.FAILED, None)
    assert len(agreements(typed)) == 1
    with typed.database.write() as session:  # as earlier versions left it
        session.execute(update(RunChange).where(RunChange.id == contact.id).values(outcome=Outcome.UNKNOWN))
    typed.faults()
    assert typed.export()["status"] == "succeeded"


def test_a_contact_that_is_gone_again_is_made_anew(typed: World) -> None:
    customer(typed, "a", "Alpha", contact_first_name="Ada")
    wish(typed, f"a,{known(typed)},new,yes")
    typed.faults({"kind": "error_before", "status": 400, "match": AGREEMENT})
    typed.export()
    assert "Or create the agreement in ConnectWise and map Alpha to it." in str(changes(typed, "agreement")[-1].error)
    (contact,) = typed.state()["contacts"]
    typed.control("edit", {"kind": "contact", "id": contact["id"], "delete": True})
    company = typed.state()["companies"][0]["id"]
    typed.control("edit", {"kind": "company", "id": company, "set": {"defaultContact": None}})
    assert typed.export()["status"] == "failed"
    assert typed.export()["status"] == "succeeded"
    assert agreements(typed)[0]["contact"]["id"] == typed.state()["contacts"][0]["id"] != contact["id"]


def test_an_inactive_type_of_the_brands_name_is_named(typed: World) -> None:
    typed.control("seed", {"tables": {"productType": [{"name": BRAND, "inactiveFlag": True}]}})
    agreement = typed.agreement("A")
    typed.source.add_account("a", charge("MBX", 3, 2, 5))
    typed.map({"a": agreement})
    typed.export()
    assert f"type '{BRAND}' for new products is inactive in ConnectWise" in str(changes(typed, "product")[-1].error)


# --- what came in between ---------------------------------------------------------------------------------------------
@pytest.mark.parametrize("company", ["new", "known"])
def test_nothing_is_created_for_an_account_that_was_mapped_meanwhile(
    typed: World, monkeypatch: pytest.MonkeyPatch, company: str
) -> None:
    other = typed.agreement("other", company="Other")
    customer(typed, "a", "Alpha", contact_first_name="Ada")
    wish(typed, f"a,{'new' if company == 'new' else known(typed)},new,yes")
    before = len(typed.state()["companies"])

    def mapped_first(*given: Any) -> Any:
        typed.map({"a": other})
        return create_first(*given)

    with monkeypatch.context() as person:
        person.setattr(export_run, "create_first", mapped_first)
        typed.export()
    assert (len(typed.state()["companies"]), [one["id"] for one in agreements(typed)]) == (before, [other])
    assert typed.state()["contacts"] == []
    assert typed.export()["status"] == "succeeded"
    assert typed.lines(other) == [group("MBX", 3, 2, 5)]


def test_a_product_that_connectwise_has_and_does_not_show_is_told_with_the_next_step(typed: World) -> None:
    typed.control("seed", {"catalog": [{"identifier": "MBX", "description": "Mailbox"}]})
    rights = {**EXPORT_ROLE, "Procurement > Product Catalog": MY}
    typed.control("edit", {"kind": "member", "public_key": KEYS[0], "set": {"rights": rights}})
    agreement = typed.agreement("A")
    typed.source.add_account("a", charge("MBX", 3, 2, 5), charge("BCK", 1, 2, 5))
    typed.map({"a": agreement})
    assert typed.export()["status"] == "partial"
    refused = next(one for one in changes(typed, "product") if one.part_number == "MBX")
    assert "Procurement > Product Catalog > Inquire at level All" in str(refused.error)
    assert typed.lines(agreement) == [group("BCK", 1, 2, 5)]


def test_of_many_products_one_that_is_refused_holds_up_its_own_lines_only(typed: World) -> None:
    agreements_of = {name: typed.agreement(name) for name in ("a", "b")}
    for name in agreements_of:
        typed.source.add_account(name, *(charge(f"S{number}", 1, 2, 5) for number in range(6)))
    typed.map(dict(agreements_of))
    typed.faults({"kind": "error_before", "status": 409, "match": {**CATALOG, "body": '"S3"'}})
    assert typed.export()["status"] == "partial"
    others = [group(f"S{number}", 1, 2, 5) for number in range(6) if number != 3]
    assert [typed.lines(number) for number in agreements_of.values()] == [others, others]
    assert typed.export()["status"] == "succeeded"
    assert [len(typed.lines(number)) for number in agreements_of.values()] == [6, 6]
