"""The way in: entry, credentials that are tested and kept, and Finish, after which everything is active at once."""

from __future__ import annotations

import html
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import select

from cwportal.errors import NotConnected
from cwportal.models import AuditEntry, Run, Settings
from cwportal.services import connection, draft, rotation
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


def test_two_who_finish_and_one_who_comes_late(here: Joined) -> None:
    here.member()
    here.walk()
    late = Joined(here.portal, here.sandbox)
    answer = late.post(FINISH, f"{PREFIX}/settings")
    assert (answer.status_code, answer.location) == (303, START)
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
