"""New companies and agreements, on real HTTP: created once, their ids in the mapping, collisions explained."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import select

from cwportal.errors import BadFile
from cwportal.models import Mapping, RunChange
from cwportal.portal import Account, Address
from cwportal.sandbox.defaults import EXPORT_ROLE
from cwportal.services import mapping
from cwportal.vocabulary import AccountStatus, PlanState
from tests.support.portal import PARTNER, charge
from tests.support.world import KEYS, World, group

HEADER = "account_id,company,agreement,export\n"


def wish(world: World, *lines: str) -> mapping.Imported:
    return mapping.import_file(world.runtime, PARTNER, HEADER + "\n".join(lines), actor="test")


def customer(world: World, account_id: str, name: str, **address: str) -> None:
    world.source.add_account(account_id, charge("MBX", 3, 2, 5))
    world.source.customers[account_id] = Account(account_id, name, AccountStatus.ACTIVE, Address(**address))


def row(world: World, account_id: str) -> Mapping:
    with world.database.read() as session:
        return session.get_one(Mapping, (PARTNER, account_id))


def companies(world: World, name: str) -> list[dict[str, Any]]:
    return [one for one in world.state()["companies"] if one["name"] == name]


def agreements(world: World) -> list[dict[str, Any]]:
    return list(world.state()["agreements"])


def findings(result: dict[str, Any], account_id: str) -> dict[str, str]:
    account = next(one for one in result["accounts"] if one["account_id"] == account_id)
    return {one["code"]: one["message"] for one in account["findings"]}


@pytest.fixture
def typed(world: World) -> World:
    """A partner that has chosen the type of new agreements."""
    world.choose(agreement_type_id="1")
    return world


def test_company_and_agreement_are_created_with_the_first_addition(typed: World) -> None:
    world = typed
    customer(
        world,
        "a",
        "Müller & Söhne GmbH",
        address1="1 Main St",
        city="Springfield",
        state="IL",
        zip="62701",
        country="United States",
        phone="555",
        website="mueller.example",
        contact_first_name="Ada",
        contact_last_name="Lovelace",
        contact_email="ada@mueller.example",
    )
    assert wish(world, "a,new,new,yes").mapped == 1
    assert list(mapping.export_rows(world.runtime, PARTNER))[1][:4] == ["a", "new", "new", "yes"]

    plan = world.plan()
    assert plan.state is PlanState.READY
    assert [change.kind.value for change in plan.accounts[0].changes] == [
        "company",
        "contact",
        "agreement",
        "addition",
    ]
    assert plan.money.price_after == 15

    result = world.export()
    assert result["status"] == "succeeded", result
    assert result["counts"]["created"] == 5
    (company,) = companies(world, "Müller & Söhne GmbH")
    assert company["identifier"] == "MullerSohneGmbH"
    assert (company["addressLine1"], company["city"], company["state"], company["zip"]) == (
        "1 Main St",
        "Springfield",
        "IL",
        "62701",
    )
    assert company["country"]["id"] == 1
    (agreement,) = agreements(world)
    assert agreement["name"] == "Partner Portal – Müller & Söhne GmbH"
    assert agreement["company"]["id"] == company["id"]
    assert agreement["startDate"] == f"{world.clock():%Y-%m}-01T00:00:00Z"
    assert agreement["noEndingDateFlag"] is True
    (contact,) = world.state()["contacts"]
    assert agreement["contact"]["id"] == contact["id"]
    assert contact["communicationItems"][0]["value"] == "ada@mueller.example"
    kept = row(world, "a")
    assert (kept.cw_company_id, kept.cw_agreement_id) == (company["id"], agreement["id"])
    assert (kept.company_name, kept.agreement_name) == (company["name"], agreement["name"])
    assert world.lines(agreement["id"]) == [group("MBX", 3, 2, 5)]

    world.clear_journal()
    assert world.export()["counts"]["unchanged"] == 1
    assert world.writes() == []


def test_the_same_wish_again_means_what_was_created(typed: World) -> None:
    customer(typed, "a", "Alpha")
    wish(typed, "a,new,new,yes")
    typed.export()
    created = row(typed, "a")
    wish(typed, "a,new,NEW,no")
    again = row(typed, "a")
    assert (again.cw_company_id, again.cw_agreement_id, again.export) == (
        created.cw_company_id,
        created.cw_agreement_id,
        False,
    )
    assert list(mapping.export_rows(typed.runtime, PARTNER))[1][1:3] == [
        str(created.cw_company_id),
        str(created.cw_agreement_id),
    ]
    customer(typed, "b", "Beta")
    with pytest.raises(BadFile, match="was created for account a"):
        wish(typed, "a,new,new,yes", f"b,{created.cw_company_id},{created.cw_agreement_id},yes")


def test_an_agreement_of_an_existing_company_uses_its_default_contact(typed: World) -> None:
    other = typed.agreement("old", company="Known")
    company = next(one["company"]["id"] for one in agreements(typed) if one["id"] == other)
    (contact,) = typed.control("seed", {"contacts": [{"firstName": "Grace", "company": {"id": company}}]})["contacts"]
    typed.control("edit", {"kind": "company", "id": company, "set": {"defaultContact": {"id": contact}}})
    customer(typed, "a", "Alpha", contact_first_name="Unused")
    wish(typed, f"a,{company},new,yes")
    assert [change.kind.value for change in typed.plan().accounts[0].changes] == ["agreement", "addition"]
    assert typed.export()["status"] == "succeeded"
    made = next(one for one in agreements(typed) if one["id"] == row(typed, "a").cw_agreement_id)
    assert made["company"]["id"] == company
    assert made["contact"]["id"] == contact


@pytest.mark.parametrize(
    ("line", "what"),
    [
        ("a,new,7,yes", "cannot belong to a company that is still to be created"),
        ("a,new,,yes", "column agreement: empty"),
        ("a,,new,yes", "column company: empty"),
    ],
)
def test_wishes_that_make_no_sense_are_refused(world: World, line: str, what: str) -> None:
    customer(world, "a", "Alpha")
    with pytest.raises(BadFile, match=what):
        wish(world, line)


def test_two_accounts_of_equal_name_create_nothing(typed: World) -> None:
    customer(typed, "a", "Café Ümit")
    customer(typed, "b", "cafe  umit")
    wish(typed, "a,new,new,yes", "b,new,new,yes")
    typed.clear_journal()
    result = typed.export()
    assert result["status"] == "failed"
    assert "another account of equal name (b)" in findings(result, "a")["company_exists"]
    assert "company_exists" in findings(result, "b")
    assert typed.writes() == []


def test_a_company_of_that_name_is_not_created_again(typed: World) -> None:
    typed.agreement("x", company="Alpha")
    number = companies(typed, "Alpha")[0]["id"]
    customer(typed, "a", "ALPHA")
    wish(typed, "a,new,new,yes")
    assert f"id {number}" in {one.code: one.message for one in typed.plan().accounts[0].findings}["company_exists"]
    result = typed.export()
    assert "map ALPHA to it" in findings(result, "a")["company_exists"]
    assert len(companies(typed, "Alpha") + companies(typed, "ALPHA")) == 1


def test_another_companys_identifier_gets_a_number_behind(typed: World) -> None:
    typed.control("seed", {"companies": [{"identifier": "Alpha", "name": "Something else"}]})
    customer(typed, "a", "Alpha")
    wish(typed, "a,new,new,yes")
    assert typed.plan().accounts[0].changes[0].after["identifier"] == "Alpha2"
    assert typed.export()["status"] == "succeeded"
    assert companies(typed, "Alpha")[0]["identifier"] == "Alpha2"


def test_a_taken_identifier_that_connectwise_shows_nobody_of_is_no_reason_for_a_second_company(typed: World) -> None:
    """A role at level My does not see the companies of others; this one may well be the customer."""
    typed.control("seed", {"companies": [{"identifier": "Alpha", "name": "Alpha"}]})
    rights = {**EXPORT_ROLE, "Companies > Company Maintenance": {"add": "All", "edit": "All", "inquire": "My"}}
    typed.control("edit", {"kind": "member", "public_key": KEYS[0], "set": {"rights": rights}})
    customer(typed, "a", "Alpha")
    wish(typed, "a,new,new,yes")
    result = typed.export()
    assert "already has one with the identifier Alpha" in findings(result, "a")["company_exists"]
    assert len(companies(typed, "Alpha")) == 1


def test_an_identifier_in_the_recycle_bin_gets_a_number_behind(typed: World) -> None:
    typed.control("seed", {"companies": [{"identifier": "Alpha", "name": "Alpha", "deletedFlag": True}]})
    customer(typed, "a", "Alpha")
    wish(typed, "a,new,new,yes")
    assert typed.export()["status"] == "succeeded"
    assert {one["identifier"] for one in companies(typed, "Alpha")} == {"Alpha", "Alpha2"}


def test_two_names_with_one_identifier_in_one_run(typed: World) -> None:
    customer(typed, "a", "Alpha Dog東")
    customer(typed, "b", "Alpha Dog北")
    wish(typed, "a,new,new,yes", "b,new,new,yes")
    assert typed.export()["status"] == "succeeded"
    made = {one["identifier"] for one in typed.state()["companies"]}
    assert {"AlphaDog", "AlphaDog2"} <= made


def test_a_state_that_connectwise_does_not_know_is_left_out(typed: World) -> None:
    customer(typed, "a", "Alpha", city="Lyon", state="Rhône")
    wish(typed, "a,new,new,yes")
    assert typed.export()["status"] == "succeeded"
    (company,) = companies(typed, "Alpha")
    assert company["city"] == "Lyon"
    assert "state" not in company


def test_an_address_may_be_required(typed: World) -> None:
    typed.control("variant", {"address_required": True})
    customer(typed, "a", "Alpha")
    customer(typed, "b", "Beta", city="Springfield")
    wish(typed, "a,new,new,yes", "b,new,new,yes")
    typed.export()
    assert row(typed, "a").cw_company_id is None
    assert row(typed, "b").cw_agreement_id is not None
    with typed.database.read() as session:
        failed = session.scalars(
            select(RunChange).where(RunChange.kind == "company", RunChange.account_id == "a")
        ).one()
    assert failed.outcome == "failed"
    assert "Correct the account in the portal" in (failed.error or "")


@pytest.mark.parametrize(
    ("chosen", "what"),
    [(None, "no agreement type is chosen"), ("4", "'Legacy Hosting' (id 4) is inactive"), ("99", "does not exist")],
)
def test_the_type_of_new_agreements_must_be_chosen(world: World, chosen: str | None, what: str) -> None:
    if chosen:
        world.choose(agreement_type_id=chosen)
    customer(world, "a", "Alpha")
    wish(world, "a,new,new,yes")
    result = world.export()
    assert what in findings(result, "a")["agreement_type_missing"]
    assert companies(world, "Alpha") == []


def test_without_a_contact_where_one_is_required(typed: World) -> None:
    typed.control("variant", {"contact_required": True})
    customer(typed, "a", "Alpha")
    wish(typed, "a,new,new,yes")
    result = typed.export()
    assert result["status"] == "partial"
    (company,) = companies(typed, "Alpha")
    assert f"set a default contact on 'Alpha' (id {company['id']})" in findings(result, "a")["contact_missing"]
    assert agreements(typed) == []
    (contact,) = typed.control("seed", {"contacts": [{"firstName": "Ada", "company": {"id": company["id"]}}]})[
        "contacts"
    ]
    typed.control("edit", {"kind": "company", "id": company["id"], "set": {"defaultContact": {"id": contact}}})
    assert typed.export()["status"] == "succeeded"
    assert len(companies(typed, "Alpha")) == len(agreements(typed)) == 1


def test_a_role_without_contacts_goes_without(typed: World) -> None:
    typed.control("edit", {"kind": "member", "public_key": KEYS[0], "set": {"rights": EXPORT_ROLE}})
    customer(typed, "a", "Alpha", contact_first_name="Ada", contact_email="ada@example.com")
    wish(typed, "a,new,new,yes")
    assert typed.export()["status"] == "succeeded"
    assert typed.state()["contacts"] == []
    assert "contact" not in agreements(typed)[0]


def test_a_type_that_does_not_bill_monthly_gets_no_lines(world: World) -> None:
    world.choose(agreement_type_id="3")
    customer(world, "a", "Alpha")
    wish(world, "a,new,new,yes")
    result = world.export()
    assert result["status"] == "partial"
    assert "billing_cycle" in findings(result, "a")
    assert world.additions(agreements(world)[0]["id"]) == []


def test_a_missing_right_is_said_before_anything_is_written(typed: World) -> None:
    rights = {**EXPORT_ROLE, "Companies > Company Maintenance": ["inquire"]}
    typed.control("edit", {"kind": "member", "public_key": KEYS[0], "set": {"rights": rights}})
    typed.connect()
    customer(typed, "a", "Alpha")
    wish(typed, "a,new,new,yes")
    typed.clear_journal()
    result = typed.export()
    assert "may not create companies" in findings(result, "a")["missing_right"]
    assert typed.writes() == []


def test_an_agreement_of_the_new_ones_name_is_not_made_again(typed: World) -> None:
    there = typed.agreement("x", company="Known")
    company = next(one["company"]["id"] for one in agreements(typed) if one["id"] == there)
    typed.control("edit", {"kind": "agreement", "id": there, "set": {"name": "Partner Portal – Alpha"}})
    customer(typed, "a", "Alpha")
    wish(typed, f"a,{company},new,yes")
    assert f"(id {there})" in findings(typed.export(), "a")["agreement_exists"]
    typed.control(
        "edit",
        {"kind": "agreement", "id": there, "set": {"cancelledFlag": True, "agreementStatus": "Cancelled"}},
    )
    assert typed.export()["status"] == "succeeded"
    assert row(typed, "a").cw_agreement_id != there


def test_a_closed_account_without_charges_needs_nothing(typed: World) -> None:
    typed.source.add_account("a")
    typed.source.customers["a"] = Account("a", "Alpha", AccountStatus.CLOSED)
    wish(typed, "a,new,new,yes")
    typed.clear_journal()
    assert typed.export()["status"] == "succeeded"
    assert typed.writes() == []


@pytest.mark.parametrize("what", ["company/companies", "finance/agreements", "procurement/types"])
def test_a_list_that_is_not_found_says_nothing_of_what_is_in_it(typed: World, what: str) -> None:
    """A gateway may answer 404 for a while; a lost creation is not free to be made again because of that."""
    world = typed
    customer(world, "a", "Alpha")
    wish(world, "a,new,new,yes")
    world.faults({"kind": "close_after", "match": {"method": "POST", "path": f"{what}$"}})
    world.export()
    world.faults({"kind": "error_before", "status": 404, "match": {"method": "GET", "path": f"{what}$"}})
    world.export()
    with world.database.read() as session:
        assert [one.before for one in session.scalars(select(RunChange).where(RunChange.outcome == "unknown"))] != []
    world.faults()
    for _ in range(2):
        result = world.export()
    assert result["status"] == "succeeded"
    assert len(companies(world, "Alpha")) == len(agreements(world)) == 1
    assert len([one for one in world.state()["tables"]["productType"] if one["name"] == "Partner Portal"]) == 1
