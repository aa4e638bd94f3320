"""Fields of new companies and agreements, and what speaks against them (rule 13), as tables of cases."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from itertools import islice
from typing import Any

import pytest

from cwportal.billing.creation import agreement_name, company_name, identifiers, plain_name
from cwportal.billing.values import AccountPlan, AgreementType, CompanyFacts, Context, Wish
from cwportal.portal import Address
from cwportal.vocabulary import AccountStatus, Action, Kind, PlanState
from tests.billing.build import agreement, codes, context, group, line, plan

CHOSEN = AgreementType(1, "Managed Services")


def using(chosen: AgreementType | None = CHOSEN, **more: Any) -> Context:
    return replace(context(**more), brand="Portal", agreement_type=chosen)


def wished(wish: Wish, *, given: Context | None = None, **more: Any) -> AccountPlan:
    values: dict[str, Any] = {"company_id": None, "company": None, "agreement_id": None, "agreement": None, **more}
    return plan([group(2)], wish=wish, using=given or using(), **values)


def after(value: AccountPlan, kind: Kind) -> dict[str, Any]:
    (change,) = [one for one in value.changes if one.kind is kind]
    return dict(change.after)


@pytest.mark.parametrize(
    ("name", "identifier"),
    [
        ("Müller & Söhne GmbH", "MullerSohneGmbH"),
        ("Straße 9", "Strasse9"),
        ("Łódź Øst Æther", "LodzOstAEther"),
        ("株式会社", "acct42"),
        ("1&1", "acct42"),
        ("A" * 40, "A" * 25),
        ("Ünïted  Çafé, Inc.", "UnitedCafeInc"),
    ],
)
def test_identifier(name: str, identifier: str) -> None:
    assert next(identifiers("acct-42", name)) == identifier


def test_identifiers_that_are_taken_get_a_number_within_25() -> None:
    assert list(islice(identifiers("a", "x" * 30), 10))[1::8] == ["x" * 24 + "2", "x" * 23 + "10"]
    assert next(identifiers("東", "東")) == "Account"


def test_names_are_cut_to_what_old_releases_take() -> None:
    assert company_name("  A   B " + "c" * 60) == ("A B " + "c" * 46)
    assert len(agreement_name("Portal", "x" * 200)) == 100
    assert agreement_name("Portal", "Alpha  Ltd") == "Portal – Alpha Ltd"


@pytest.mark.parametrize(
    ("one", "other", "equal"),
    [
        ("Café Ümit", "cafe  umit", True),
        ("Alpha, Inc.", "ALPHA INC", True),
        ("Alpha Inc", "Alpha Ltd", False),
        ("東京", "大阪", False),
        ("!!!", "???", False),
    ],
)
def test_names_compare_without_case_accents_and_punctuation(one: str, other: str, equal: bool) -> None:
    assert (plain_name(one) == plain_name(other)) is equal


def test_company_contact_and_agreement_come_before_additions() -> None:
    address = Address(address1="1 Main", zip="1" * 13, contact_last_name="Lovelace", contact_email="a@b.example")
    planned = wished(Wish(True, address, country_id=3, email_type_id=1))
    assert planned.state is PlanState.READY
    assert [change.kind for change in planned.changes] == [Kind.COMPANY, Kind.CONTACT, Kind.AGREEMENT, Kind.ADDITION]
    assert after(planned, Kind.COMPANY) == {
        "identifier": "Alpha",
        "name": "Alpha",
        "addressLine1": "1 Main",
        "country": {"id": 3},
    }
    assert after(planned, Kind.CONTACT)["firstName"] == "Lovelace"
    assert after(planned, Kind.AGREEMENT) == {
        "name": "Portal – Alpha",
        "type": {"id": 1},
        "startDate": date(2026, 11, 1),
        "noEndingDateFlag": True,
    }
    assert after(planned, Kind.ADDITION)["effectiveDate"] == date(2026, 11, 1)
    assert planned.money.price_after == 10
    assert planned.exported


def test_an_existing_company_gets_only_an_agreement_with_its_default_contact() -> None:
    planned = wished(
        Wish(False, Address(contact_first_name="Unused")), company_id=7, company=CompanyFacts(7, "Alpha", contact_id=9)
    )
    assert [change.kind for change in planned.changes] == [Kind.AGREEMENT, Kind.ADDITION]
    made = after(planned, Kind.AGREEMENT)
    assert (made["company"], made["contact"]) == ({"id": 7}, {"id": 9})


def test_a_contact_that_was_created_before_is_used() -> None:
    planned = wished(
        Wish(False, Address(contact_first_name="Ada"), contact_id=5), company_id=7, company=CompanyFacts(7, "Alpha")
    )
    assert [change.kind for change in planned.changes] == [Kind.AGREEMENT, Kind.ADDITION]
    assert after(planned, Kind.AGREEMENT)["contact"] == {"id": 5}


def test_identifiers_in_use_are_passed_over() -> None:
    planned = wished(Wish(True, taken=frozenset({"alpha", "alpha2"})))
    assert after(planned, Kind.COMPANY)["identifier"] == "Alpha3"


BLOCKED: list[tuple[str, dict[str, Any], str]] = [
    ("another account of equal name", {"wish": Wish(True, twins=("b",))}, "company_exists"),
    ("company of that name", {"wish": Wish(True, same_name=(CompanyFacts(7, "ALPHA"),))}, "company_exists"),
    ("company gone", {"wish": Wish(False), "company_id": 7}, "company_gone"),
    (
        "company in the recycle bin",
        {"wish": Wish(False), "company_id": 7, "company": CompanyFacts(7, "Alpha", deleted=True)},
        "company_gone",
    ),
    ("type not chosen", {"wish": Wish(True), "given": using(None)}, "agreement_type_missing"),
    (
        "type unknown",
        {"wish": Wish(True), "given": using(AgreementType(9, known=False))},
        "agreement_type_missing",
    ),
    (
        "type inactive",
        {"wish": Wish(True), "given": using(AgreementType(9, "Old", inactive=True))},
        "agreement_type_missing",
    ),
    (
        "agreement of that name",
        {
            "wish": Wish(False, agreements=(agreement(name="Portal – Alpha"),)),
            "company_id": 7,
            "company": CompanyFacts(7, "Alpha"),
        },
        "agreement_exists",
    ),
    (
        "no right to create companies",
        {"wish": Wish(True), "given": using(rights={(Kind.COMPANY, Action.CREATE): "Company Maintenance > Add"})},
        "missing_right",
    ),
]


@pytest.mark.parametrize(("values", "code"), [case[1:] for case in BLOCKED], ids=[case[0] for case in BLOCKED])
def test_nothing_is_created(values: dict[str, Any], code: str) -> None:
    planned = wished(**values)
    assert codes(planned) == [code]
    assert planned.state is PlanState.BLOCKED
    assert planned.changes == ()


def test_an_ended_agreement_of_that_name_does_not_matter() -> None:
    old = agreement(name="Portal – Alpha", cancelled=True)
    planned = wished(Wish(False, agreements=(old,)), company_id=7, company=CompanyFacts(7, "Alpha"))
    assert planned.state is PlanState.READY


def test_a_closed_account_without_charges_needs_nothing() -> None:
    none = {"company_id": None, "company": None, "agreement_id": None, "agreement": None}
    closed = plan(wish=Wish(True), status=AccountStatus.CLOSED, using=using(), **none)
    active = plan(wish=Wish(True), using=using(), **none)
    assert closed.state is PlanState.EMPTY
    assert [change.kind for change in active.changes] == [Kind.COMPANY, Kind.AGREEMENT]


def test_the_digest_knows_what_is_created() -> None:
    assert wished(Wish(True)).digest == wished(Wish(True)).digest
    assert wished(Wish(True)).digest != wished(Wish(True, taken=frozenset({"alpha"}))).digest
    assert wished(Wish(True)).digest != wished(Wish(True), given=using(AgreementType(2))).digest


def test_lines_on_the_old_agreement_are_told_of() -> None:
    planned = wished(Wish(True), stray_lines=(line(1, agreement=60),))
    (told,) = [one for one in planned.findings if one.code == "export_off_lines_stay"]
    assert "now mapped to a new agreement" in told.message


def test_an_unchecked_account_with_a_wish_is_mapped() -> None:
    assert codes(wished(Wish(True), export=False)) == []
