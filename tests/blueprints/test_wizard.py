"""The way in: entry, credentials that are tested and kept, and Finish, after which everything is active at once."""

from __future__ import annotations

import html
from collections.abc import Iterator
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path

import pytest
from sqlalchemy import select

from cwportal.blueprints import trouble
from cwportal.connectwise.errors import RateLimited
from cwportal.errors import NotConnected
from cwportal.models import AuditEntry, Connection, Draft, Run, Settings
from cwportal.services import connection, draft, hurry, rotation
from tests.blueprints.joined import PRIVATE, PUBLIC, SETTINGS, STEP_1, STEP_2, STEP_3, Joined, hidden_fields, joined
from tests.blueprints.portal import MINE, PREFIX

START, FINISH = f"{PREFIX}/start", f"{PREFIX}/connect/finish"


@pytest.fixture
def here(tmp_path: Path) -> Iterator[Joined]:
    with joined(tmp_path) as here:
        yield here


def test_from_the_first_visit_to_a_preview_on_both(tmp_path: Path, database_url: str) -> None:
    with joined(tmp_path, CWPORTAL_DATABASE_URL=database_url) as here:
        here.member()
        assert here.get(f"{PREFIX}/").location == START
        assert "Get started with ConnectWise" in here.get(START).text
        answer = here.walk()
        assert (answer.status_code, answer.location) == (303, f"{PREFIX}/preview")
        row = here.row()
        assert row is not None
        assert row.active
        assert here.draft() is None
        with here.runtime.database.read() as session:
            assert session.get_one(Settings, MINE).export == "daily"
            assert session.scalars(select(Run.trigger)).all() == ["preview"]
            deeds = session.scalars(select(AuditEntry.action).order_by(AuditEntry.id)).all()
        assert deeds == ["wizard_begun", "wizard_tested", "settings", "connect"]
        assert here.get(START).location == f"{PREFIX}/"


def test_next_shows_who_is_connected_and_the_rights_and_next_again_goes_on(here: Joined) -> None:
    here.member()
    here.control("seed", {"companies": [{"identifier": "Acme", "name": "Acme"}]})
    here.begin()
    answer = here.step_one()
    assert (answer.status_code, answer.location) == (303, f"{STEP_1}#result")
    page = here.get(STEP_1).text
    assert "Connected to <bdi>training</bdi>" in page
    assert "companies visible" in page or "company visible" in page
    assert "Laid out like System › Security Roles" in page
    assert "Saved. Leave blank to keep it" in page
    assert PRIVATE not in page
    answer = here.step_one(private_key="")
    assert (answer.status_code, answer.location) == (303, STEP_2)
    answer = here.step_one(private_key="", do="test")
    assert answer.location == f"{STEP_1}#result"


def test_nothing_is_active_before_finish(here: Joined) -> None:
    here.member()
    here.begin()
    here.step_one()
    with pytest.raises(NotConnected):
        connection.get(here.runtime, MINE)
    assert connection.get(here.runtime, MINE, draft=True).company_id == "training"
    assert here.get(f"{PREFIX}/").location == START
    answer = here.post(FINISH, START)
    assert (answer.status_code, answer.location) == (303, STEP_2)
    assert "The settings are not complete yet" in here.get(STEP_2).text
    assert here.get(STEP_3).location == STEP_2


def test_leaving_and_coming_back_and_starting_over(here: Joined) -> None:
    here.member()
    here.begin()
    assert "Go on with step 1" in here.get(START).text
    here.step_one()
    page = here.get(START).text
    assert "Go on with step 2: Settings" in page
    answer = here.post(f"{PREFIX}/connect", START, over="yes")
    assert (answer.status_code, answer.location) == (303, START)
    assert (here.row(), here.draft()) == (None, None)
    assert here.get(STEP_1).location == START


@pytest.mark.parametrize(
    ("typed", "title", "field"),
    [
        ({"private_key": "another"}, "ConnectWise refused the API keys", "public_key"),
        ({"company_id": "nobody"}, "This site knows no such company", "company_id"),
        ({"site": "https://10.0.0.1"}, "This site cannot be used", "site"),
        ({"site": "http://127.0.0.1:1"}, "This site cannot be used", "site"),
        ({"site": "ftp://x.example"}, "This site cannot be used", "site"),
    ],
)
def test_what_is_wrong_and_what_to_click(here: Joined, typed: dict[str, str], title: str, field: str) -> None:
    here.member()
    here.begin()
    answer = here.step_one(**typed)
    page = html.unescape(answer.text)
    assert answer.status_code == 422
    assert title in page
    assert f'href="#{field}"' in page
    assert "What to do:" in page
    assert f'id="{field}-err"' in page
    assert f'value="{PUBLIC}"' in page
    assert PRIVATE not in page
    again = here.get(STEP_1).text
    assert html.escape(typed.get("site", here.sandbox.url)) in again
    assert "Saved. Leave blank to keep it" in again
    assert here.row() is None


def test_a_role_without_product_catalog_passes_with_a_warning(here: Joined) -> None:
    every = {"add": "All", "edit": "All", "delete": "None", "inquire": "All"}
    here.member(
        {
            "Company > Company Maintenance": every,
            "Company > Manage Attachments": {**every, "delete": "All", "edit": "None"},
            "Finance > Agreements": every,
            "System > Table Setup": every,
            "System > API Reports": {"inquire": "All"},
        }
    )
    here.begin()
    assert here.step_one().status_code == 303
    page = here.get(STEP_1).text
    assert "You can go on" in page
    assert "Product Catalog" in page
    assert here.step_one(private_key="").location == STEP_2


def test_without_inquire_of_agreements_nobody_goes_on(here: Joined) -> None:
    here.member({"Company > Company Maintenance": {"inquire": "All"}})
    here.begin()
    answer = here.step_one()
    assert answer.status_code == 422
    assert "lacks a right without which nothing works" in answer.text
    assert "nothing works without it" in answer.text
    assert here.get(STEP_2).location == STEP_1


_AREAS = (
    "Company > Company Maintenance",
    "Company > Manage Attachments",
    "Finance > Agreements",
    "Procurement > Product Catalog",
    "System > Table Setup",
    "System > API Reports",
)


def _role(everything: str = "All", **levels: str) -> dict[str, dict[str, str]]:
    """Everything at one level, but for Inquire of functions that are named by their last word."""
    role = {area: dict.fromkeys(("add", "edit", "delete", "inquire"), everything) for area in _AREAS}
    for area in _AREAS:
        if area.split()[-1] in levels:
            role[area]["inquire"] = levels[area.split()[-1]]
    return role


@pytest.mark.parametrize(
    ("rights", "says"),
    [
        (
            {},
            [
                "lacks a right",
                "Company › Company Maintenance › Inquire and Finance › Agreements › Inquire",
                "12 rights are missing.",
            ],
        ),
        (
            _role(Maintenance="None"),
            ["lacks a right", "1 right is missing.", "set Company › Company Maintenance › Inquire to All"],
        ),
        (
            _role(Agreements="My"),
            ["sees only its own records", "level My, not All, for Finance › Agreements › Inquire", "has, All"],
        ),
        (
            _role("My"),
            ["sees only its own records", "2 rights are at level My, not All.", "10 rights are at level My, for"],
        ),
        (
            _role(Maintenance="My", Agreements="None"),
            ["lacks a right", "2 rights are missing or at level My.", "“missing” or “My, not All”"],
        ),
    ],
)
def test_what_blocks_is_told_at_once_with_all_rights(here: Joined, rights: object, says: list[str]) -> None:
    here.member(rights)
    here.begin()
    answer = here.step_one()
    page = html.unescape(answer.text)
    assert answer.status_code == 422
    assert [text for text in says if text not in page] == []
    assert "Laid out like System › Security Roles" in page
    assert "You can go on" not in page
    assert "then press Next: test the connection" in page
    assert "Test again" not in page  # there is no such button yet
    assert here.row() is None


def test_level_my_of_what_does_not_block_is_a_warning(here: Joined) -> None:
    here.member(_role(Catalog="My"))
    here.begin()
    assert here.step_one().status_code == 303
    page = html.unescape(here.get(STEP_1).text)
    assert "1 right is at level My, for the API member’s own records only. You can go on" in page
    assert "<b>Procurement › Product Catalog › Inquire</b>" in page
    assert page.count("My, not All</span>") == 1
    assert here.step_one(private_key="").location == STEP_2


def test_no_company_in_sight_is_said(here: Joined) -> None:
    here.member()
    here.begin()
    here.step_one()
    companies = here.sandbox.tenant("training").tables["company"].rows
    assert ("No company is visible" in here.get(STEP_1).text) == (not companies)
    with here.runtime.database.write() as session:
        session.merge(here.row()).companies = 0
    assert "No company is visible" in here.get(STEP_1).text


def test_who_may_not_see_the_version_can_connect(here: Joined) -> None:
    here.member()
    here.begin()
    here.control(
        "faults", {"rules": [{"kind": "error_before", "match": {"path": "/system/info"}, "times": 9, "status": 403}]}
    )
    assert here.step_one().status_code == 303


@pytest.mark.parametrize(
    ("fault", "path", "title"),
    [
        ("hang_before", "/login/companyinfo", "ConnectWise did not answer in time"),
        ("html_page", "/login/companyinfo", "There is no ConnectWise at this site"),
        ("html_page", "/company/companies", "Something else answers in place of ConnectWise"),
        ("close_before", "/company/companies", "The connection broke off"),
        ("error_before", "/company/companies", "ConnectWise answered that it had an error of its own (500)"),
    ],
)
def test_what_happens_on_the_way_is_said_in_words_of_people(here: Joined, fault: str, path: str, title: str) -> None:
    here.member()
    here.begin()
    here.control("faults", {"rules": [{"kind": fault, "match": {"path": path}, "times": 9}]})
    answer = here.step_one()
    page = html.unescape(answer.text)
    assert answer.status_code == 422
    assert title in page
    assert [word for word in ("GET ", "CWPORTAL_", "JSON", path) if word in page] == []


def test_a_connectwise_that_hangs_is_asked_twice_and_one_that_is_slow_not_for_minutes(
    here: Joined, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hurry, "ONE_ANSWER", 0.2)
    here.member()
    here.begin()
    here.control(
        "faults",
        {"rules": [{"kind": "hang_before", "match": {"path": "/company/companies"}, "seconds": 9, "times": 99}]},
    )
    answer = here.step_one()
    assert (answer.status_code, "ConnectWise did not answer in time" in answer.text) == (422, True)
    assert sum("/company/companies" in path for path in here.asked()) == hurry.TRIES
    monkeypatch.setattr(hurry, "ONE_ANSWER", 10.0)
    monkeypatch.setattr(hurry, "IN_ALL", 0.5)
    here.control("faults", {"rules": [{"kind": "latency", "match": {}, "seconds": 0.3, "times": 99}]})
    answer = here.step_one(private_key="", company_id="Training")
    assert (answer.status_code, "ConnectWise answers too slowly" in answer.text) == (422, True)
    assert "What you typed is kept." in answer.text
    kept = draft.get(here.runtime, MINE)
    assert kept is not None
    assert (kept.company_id, kept.has_private_key, kept.tested) == ("Training", True, False)


def test_pages_that_ask_connectwise_never_use_up_the_web_server(here: Joined) -> None:
    here.member()
    here.begin()
    with ExitStack() as others:
        for _ in range(hurry.AT_ONCE):
            others.enter_context(hurry.page())
        answer = here.step_one()
        assert (answer.status_code, "The portal waits for ConnectWise already" in answer.text) == (422, True)
        assert here.asked() == []
        assert here.get(f"{PREFIX}/start").status_code == 200
    answer = here.step_one(private_key="")  # everything typed was kept
    assert (answer.status_code, here.row() is not None) == (303, True)


def test_what_nobody_sees_is_no_part_of_what_was_typed(here: Joined) -> None:
    here.member()
    here.begin()
    answer = here.step_one(company_id="\u2060", site="\u200b")
    assert (answer.status_code, "2 fields need another look" in answer.text) == (422, True)
    typed = {"company_id": "\u200btraining\ufeff", "public_key": f"{PUBLIC}\u2060", "private_key": f"{PRIVATE}\u200b"}
    assert here.step_one(**typed).status_code == 303


def test_the_time_after_which_to_press_again_is_not_over_already() -> None:
    now = datetime(2026, 11, 23, 14, 3, 30, tzinfo=UTC)
    for seconds, shown in ((5, "09:04"), (30, "09:04"), (31, "09:05")):
        said = trouble.of(RateLimited("", retry_after=seconds), now, "America/New_York", kept=True)
        assert f"again after 23 Nov 2026, {shown} EST" in said.todo


def test_a_long_retry_after_is_told_and_obeyed(here: Joined) -> None:
    here.member()
    here.begin()
    rule = {"kind": "rate_limit_json", "match": {"path": "/company"}, "times": 1, "retry_after": 1800}
    here.control("faults", {"rules": [rule]})
    assert "ConnectWise asks us to wait" in here.step_one().text
    here.control("journal/clear", {})
    assert "Press the button again after" in here.step_one(private_key="").text
    draft_row = here.draft()
    assert draft_row is not None
    assert draft_row.not_before is not None


def test_the_second_of_two_people_is_told(here: Joined) -> None:
    here.member()
    here.begin()
    second = Joined(here.portal, here.sandbox)
    second.get(STEP_1)
    form = second.client.get(STEP_1).text
    here.step_one()
    hidden = hidden_fields(form)
    answer = second.client.post(
        STEP_1, data={**hidden, "site": "x.example", "company_id": "mine", "public_key": "k", "private_key": "p"}
    )
    assert answer.status_code == 409
    assert "admin@msp.example has changed" in answer.text
    assert trouble.KEY_AGAIN in answer.text
    assert 'value="x.example"' in answer.text
    kept = draft.get(here.runtime, MINE)
    assert kept is not None
    assert (kept.company_id, kept.tested) == ("training", True)


def test_a_private_key_of_somebody_else_is_not_sent_to_another_site(here: Joined) -> None:
    here.member()
    here.begin()
    here.step_one()
    with here.runtime.database.write() as session:
        row = session.merge(here.draft())
        row.key_by = "somebody.else@msp.example"
    answer = here.step_one(site="https://other.example", private_key="")
    assert answer.status_code == 422
    assert "somebody.else@msp.example typed the saved one for" in answer.text
    assert here.step_one(private_key="").location == STEP_2


def test_a_private_key_that_was_accepted_is_not_sent_to_another_site(here: Joined) -> None:
    here.member()
    here.begin()
    here.step_one()
    answer = here.step_one(site="https://other.example", private_key="")
    assert answer.status_code == 422
    assert "Type the private key again" in answer.text
    assert here.draft().site != "https://other.example"


def test_credentials_that_were_changed_after_step_two_are_tested_first(here: Joined) -> None:
    here.member()
    here.begin()
    here.step_one()
    here.post(STEP_2, **SETTINGS)
    here.step_one(private_key="wrong")
    assert here.get(STEP_3).location == STEP_1
    assert here.post(FINISH, START).location == STEP_1
    row = here.row()
    assert row is not None
    assert not row.active


def test_another_connectwise_lets_choices_of_the_former_go(here: Joined) -> None:
    here.member()
    here.control(
        "seed",
        {
            "tenant": "second",
            "members": [{"identifier": "x", "public_key": PUBLIC, "private_key": PRIVATE, "rights": "admin"}],
        },
    )
    here.begin()
    here.step_one()
    draft.keep_settings(here.runtime, MINE, {**SETTINGS, "agreement_type_id": "7"}, actor="ann", done=True)
    here.step_one(company_id="second")
    kept = draft.get(here.runtime, MINE)
    assert kept is not None
    assert ("agreement_type_id" in kept.settings, kept.settings["export"], kept.step) == (False, "daily", 2)


def test_settings_that_cannot_be_used_any_more_at_finish_are_named_as_on_the_page(here: Joined) -> None:
    here.member()
    here.begin()
    here.step_one()
    bad = {**SETTINGS, "limit_growth": "0", "timezone": "Nowhere/Land"}
    draft.keep_settings(here.runtime, MINE, bad, actor="ann", done=True)
    assert here.post(FINISH, START).location == STEP_2
    page = html.unescape(here.get(STEP_2).text)
    assert "Not finished. Growth of one quantity: “0” cannot be used" in page
    assert "Not finished. Time zone: “Nowhere/Land” is not a time zone" in page
    assert "limit-growth" not in page


def test_two_who_finish_and_one_who_comes_late(here: Joined) -> None:
    here.member()
    here.walk()
    late = Joined(here.portal, here.sandbox)
    answer = late.post(FINISH, f"{PREFIX}/settings")
    assert (answer.status_code, answer.location) == (303, START)
    assert "is connected already" in late.get(f"{PREFIX}/").text
    assert late.post(f"{PREFIX}/connect", f"{PREFIX}/settings", over="yes").location == START
    page = late.get(f"{PREFIX}/").text
    assert ("is connected already" in page, "is forgotten" in page) == (True, False)
    with here.runtime.database.read() as session:
        assert len(session.scalars(select(Run)).all()) == 1


def test_fields_that_cannot_be_right_are_not_sent_anywhere(here: Joined) -> None:
    here.begin()
    here.control("journal/clear", {})
    answer = here.step_one(site="", company_id="x" * 300, public_key="a b", private_key="")
    assert answer.status_code == 422
    assert "4 fields need another look" in answer.text
    nasty = here.step_one(site='"><script>alert(1)</script>', company_id="\x00a", public_key="k")
    assert "<script>alert" not in nasty.text


@pytest.mark.parametrize(
    ("who", "says"), [("viewer", "needs the administrator role"), ("billing", "Ask somebody who has it")]
)
def test_others_read_who_can_connect(here: Joined, who: str, says: str) -> None:
    page = Joined(here.portal, here.sandbox, who).get(START).text
    assert says in page
    assert "Get started with ConnectWise</button>" not in page


def test_leaving_step_one_keeps_what_was_typed_and_asks_nobody(here: Joined) -> None:
    here.begin()
    here.control("journal/clear", {})
    answer = here.step_one(company_id="", public_key="half", do="leave")
    assert (answer.status_code, answer.location) == (303, START)
    page = here.get(STEP_1).text
    assert (f'value="{here.sandbox.url}"' in page, 'value="half"' in page, "Saved. Leave blank" in page) == (True,) * 3
    assert here.row() is None


def test_leaving_step_one_tells_of_a_key_that_cannot_be_kept(here: Joined) -> None:
    here.begin()
    here.step_one(private_key="half a key", do="leave")
    assert "The private key was not kept. This holds a space" in here.get(START).text
    assert "Saved. Leave blank" not in here.get(STEP_1).text
    here.step_one(do="leave")
    assert "was not kept" not in here.get(START).text
    assert "Saved. Leave blank" in here.get(STEP_1).text


def test_keys_that_cannot_be_read_any_more_are_typed_again(here: Joined) -> None:
    """The secret keys were lost: nobody is shut out of the wizard, nor of the settings of a connection."""

    def lose(table: type[Connection] | type[Draft]) -> None:
        with here.runtime.database.write() as session:
            row = session.get_one(table, MINE)
            row.public_key = row.private_key = "of another secret key"

    here.member()
    here.begin()
    here.step_one()
    here.post(STEP_2, **SETTINGS)
    lose(Draft)
    assert "Go on with step 1" in here.get(START).text
    page = here.get(STEP_1)
    assert (page.status_code, "Saved. Leave blank to keep it" in page.text) == (200, False)
    assert here.post(FINISH, START).location == STEP_1
    assert here.step_one(private_key="").status_code == 422
    assert here.step_one().status_code == 303
    assert here.post(FINISH, START).location == f"{PREFIX}/preview"
    lose(Connection)
    assert [here.get(f"{PREFIX}{path}").status_code for path in ("/settings", "/settings/credentials", "/disable")] == [
        200
    ] * 3


def test_new_secret_keys_hold_for_what_is_typed_too(here: Joined) -> None:
    here.begin()
    here.step_one(company_id="nobody")
    before = here.draft()
    rotation.rotate(here.runtime, actor="operator")
    after = here.draft()
    assert before is not None
    assert after is not None
    assert before.private_key != after.private_key
    assert draft.typed(here.runtime, MINE).private_key == PRIVATE
