"""The settings: the tab and step 2, for everybody, with what is wrong, and with two people at once."""

from __future__ import annotations

import re
import time
from html import unescape
from typing import Any

import pytest
from flask.testing import FlaskClient
from sqlalchemy import event
from werkzeug.test import TestResponse

from cwportal.blueprints.words import NOT_BY_ITSELF
from cwportal.models import Connection, Directory, DirectoryEntry, Draft
from cwportal.services import draft, settings
from cwportal.vocabulary import Data, Frequency, RunState
from tests.blueprints.portal import MINE, OTHER, PREFIX, WHEN, Portal, token

PAGE, STEP = f"{PREFIX}/settings", f"{PREFIX}/connect/settings"
NASTY = "<script>alert(1)</script>\"'&\u202egnp"
FORM: dict[str, Any] = {
    "version": "0",
    "do": "save",
    "export": "daily",
    "time": "02:00",
    "day": "last",
    "timezone": "America/New_York",
    "data": ["products", "quantity", "cost", "price"],
    "notify": [],
    "ended": "zero",
    "drift": "overwrite",
    "adopt": "ask",
    "taxable": "default",
}


def text(answer: TestResponse) -> str:
    return re.sub(r"\s+", " ", unescape(re.sub(r"<[^>]+>", " ", answer.text)))


def send(client: FlaskClient, path: str = PAGE, **given: Any) -> TestResponse:
    return client.post(path, data={"csrf_token": token(client, path), **FORM, **given})


def step_two(portal: Portal, **columns: Any) -> None:
    """MINE has come as far as step 2."""
    values: dict[str, Any] = {
        "version": 1,
        "step": draft.SETTINGS,
        "site": "cw.example",
        "company_id": "c",
        "public_key": "",
        "private_key": "",
        "key_by": "",
        "tested": True,
        "settings": {},
        "changed_at": WHEN,
        "changed_by": "ann",
    }
    with portal.runtime.database.write() as session:
        session.get_one(Connection, MINE).active = False
        session.add(Draft(partner_id=MINE, **{**values, **columns}))


def tables(portal: Portal, name: str = "Managed Services") -> None:
    """What was read of MINE's ConnectWise."""
    rows = [("agreement_type", 7, None), ("product_type", 8, None), ("product_category", 9, None)]
    owner = {"partner_id": MINE, "tenant": f"cw.example/{MINE}"}
    with portal.runtime.database.write() as session:
        session.add(Directory(**owner, generation=1, last_generation=1))
        for kind, number, parent in (*rows, ("product_subcategory", 10, 9)):
            session.add(
                DirectoryEntry(
                    **owner,
                    generation=1,
                    kind=kind,
                    cw_id=number,
                    name=name,
                    inactive=False,
                    preset=False,
                    cw_parent_id=parent,
                )
            )


def test_saving_stores_and_says_when_the_next_export_starts(portal_on_both: Portal) -> None:
    client = portal_on_both.client("admin")
    answer = send(client, notifications="yes", notify=["admin@msp.example"], limit_growth="4")
    assert (answer.status_code, answer.headers["Location"]) == (303, PAGE)
    page = text(client.get(PAGE))
    assert re.search(r"Settings were saved\. Next export: \w+ \d{1,2} \w+ 20\d\d, 02:00 \(America/New_York\)", page)
    assert page.count(NOT_BY_ITSELF) == 2  # where it was saved, and beside what was chosen
    chosen = settings.get(portal_on_both.runtime, MINE)
    assert (chosen.export, chosen.day, chosen.notify) == (Frequency.DAILY, "last", ("admin@msp.example",))
    assert chosen.limit_growth == 4
    assert settings.stored(portal_on_both.runtime, OTHER).version == 0


@pytest.mark.parametrize("who", ["viewer", "billing"])
def test_others_look_and_read_who_may_change_it(portal: Portal, who: str) -> None:
    client = portal.client(who)
    page = client.get(PAGE).text
    assert "<fieldset disabled" in page
    assert "Changing them needs the administrator role" in page
    for word in ("Save settings</button></div>", "Disable ConnectWise", "Change the credentials", "Show again"):
        assert word not in page
    assert send(client).status_code == 403
    assert settings.stored(portal.runtime, MINE).version == 0


def test_what_is_wrong_is_summed_up_with_links_and_everything_typed_stays(portal: Portal) -> None:
    answer = send(portal.client("admin"), time="2", limit_change="x", notifications="yes", data=["users"], export="")
    assert answer.status_code == 422
    page = answer.text
    assert "<title>Error: " in page
    for name in ("time", "limit_change", "notify", "export"):
        assert f'<a href="#{name}">' in page
        assert len(re.findall(rf'id="{name}"', page)) == 1
        assert f'id="{name}-e"' in page
    assert re.search(r'id="time"[^>]*value="2"[^>]*aria-describedby="time-e"[^>]*aria-invalid="true"', page)
    assert re.search(r'id="limit_change"[^>]*value="x"', page)
    assert '<details class="cw-panel" open>' in page
    assert re.search(r'value="users" checked', page)
    assert not re.search(r'value="products" checked', page)
    assert settings.stored(portal.runtime, MINE).version == 0


def test_show_again_stores_nothing_and_keeps_what_was_typed(portal: Portal) -> None:
    answer = send(portal.client("admin"), do="next", export="monthly", day="31", time="02:30", version="5")
    assert answer.status_code == 200
    assert re.search(r"Next export: \w+ (28|29|30|31) \w+ 20\d\d, 0[23]:[03]0 \(America/New_York\)", text(answer))
    assert 'name="version" value="5"' in answer.text
    assert "Not saved yet" in answer.text
    assert settings.stored(portal.runtime, MINE).version == 0


@pytest.mark.parametrize(
    ("query", "says"),
    [
        ("export=manual&time=02:00&day=1&timezone=UTC", "none by itself"),
        ("export=daily&time=02:00&day=1&timezone=Asia/Tokyo", "(Asia/Tokyo)"),
        ("export=daily&time=&day=1&timezone=UTC", "not known"),
        ("", "not known"),
        ("export=<script>&time=%01&day=1&timezone=../../etc", "not known"),
    ],
)
def test_the_sentence_alone(portal: Portal, query: str, says: str) -> None:
    answer = portal.client("viewer").get(f"{PAGE}/next?{query}")
    assert answer.status_code == 200
    assert says in text(answer)
    assert "<script" not in answer.text


def test_the_second_of_two_people_is_told_and_nothing_of_the_first_is_lost(portal: Portal) -> None:
    one, two = portal.client("admin"), portal.client("admin")
    assert send(one).status_code == 303
    assert send(one, version="1", time="03:00", drift="keep").status_code == 303
    answer = send(two, version="1", time="04:00", ended="cancel")
    page = text(answer)
    assert answer.status_code == 409
    assert "somebody else has changed the settings" in page
    assert re.search(r"Time : admin@msp\.example changed it from 02:00 to 03:00 .*You have 04:00", page)
    assert "from Write the portal’s value, and say so to Keep ConnectWise’s value, and warn" in page
    assert settings.get(portal.runtime, MINE).time == "03:00"
    # the form holds the first one's choice where the second had none, and the second one's where they had
    assert 'name="time" value="04:00"' in answer.text
    assert re.search(r'<option value="keep" selected>', answer.text)
    assert re.search(r'<option value="cancel" selected>', answer.text)
    assert send(two, version="2", time="04:00", drift="keep", ended="cancel").status_code == 303
    assert settings.get(portal.runtime, MINE).time == "04:00"


def test_a_version_that_was_tampered_with_saves_nothing(portal: Portal) -> None:
    assert send(portal.client("admin"), version="x").status_code == 409
    assert settings.stored(portal.runtime, MINE).version == 0


def test_missing_rights_stand_beside_what_needs_them(portal: Portal) -> None:
    with portal.runtime.database.write() as session:
        session.get_one(Connection, MINE).rights = {
            "Procurement > Product Catalog > Add": "missing",
            "Company > Manage Attachments > Delete": "missing",
            "Finance > Agreements > Edit": "unknown until first use",
        }
    page = portal.client("admin").get(PAGE).text
    boxes = dict(re.findall(r'name="data" value="(\w+)"(.*?)</div></div>', page, re.DOTALL))
    assert [data for data in Data if "missing in ConnectWise" in boxes[data]] == [Data.PRODUCTS, Data.USERS]
    assert "Procurement › Product Catalog › Add" in boxes[Data.PRODUCTS]
    assert "Show the rights" in boxes[Data.USERS]


def test_what_a_choice_means_is_said_before_and_after(portal: Portal) -> None:
    client = portal.client("admin")
    send(client, data=["quantity"])
    assert "Without Products nothing new is created" in text(client.get(PAGE))


def test_an_export_under_way_goes_on_with_the_former_settings(portal: Portal) -> None:
    portal.run(state=RunState.READING)
    client = portal.client("admin")
    assert "An export is under way" in text(client.get(PAGE))
    send(client)
    assert "goes on with the former settings" in text(client.get(PAGE))


def test_types_are_numbers_until_the_tables_have_been_read(portal: Portal) -> None:
    client = portal.client("admin")
    assert re.search(r'<input class="form-control [^"]*" id="agreement_type_id"', client.get(PAGE).text)
    assert send(client, agreement_type_id="11").status_code == 303
    tables(portal)
    page = client.get(PAGE).text
    assert re.search(r'<select class="form-select [^"]*" id="agreement_type_id"', page)
    assert "No. 11 (not in the list that was read)" in page
    answer = send(client, version="1", agreement_type_id="12", product_subcategory_id="10")
    assert (answer.status_code, "ConnectWise has no agreement type 12" in text(answer)) == (422, True)
    assert send(client, version="1", agreement_type_id="7", product_subcategory_id="10").status_code == 303
    chosen = settings.get(portal.runtime, MINE)
    assert (chosen.agreement_type_id, chosen.product_subcategory_id, chosen.product_category_id) == (7, 10, 9)


def test_nasty_names_are_text(portal: Portal) -> None:
    tables(portal, NASTY)
    client = portal.client("admin")
    settings.update(portal.runtime, MINE, {"notify": "<b>@msp.example".replace("<b>", "'b'")}, actor=NASTY)
    wrong: dict[str, Any] = dict.fromkeys(("time", "timezone", "ended", "agreement_type_id"), NASTY)
    for given in ({}, {**wrong, "notify": [NASTY]}):
        page = client.get(PAGE).text if not given else send(client, version="1", **given).text
        assert "<script>alert" not in page
        assert "&lt;script&gt;alert(1)" in page
    conflict = send(client, version="0")
    assert conflict.status_code == 409
    assert "<script>alert" not in conflict.text


def test_somebody_chosen_who_is_no_contact_any_more_is_still_shown(portal: Portal) -> None:
    settings.update(portal.runtime, MINE, {"notify": "gone@msp.example,ADMIN@msp.example"}, actor="ann")
    page = portal.client("admin").get(PAGE).text
    assert re.search(r'value="gone@msp.example" checked>.*not among the portal’s contacts', page)
    assert re.search(r'value="admin@msp.example" checked', page)
    assert page.count('name="notify"') == 4


def test_without_a_connection_the_way_leads_to_the_start(portal: Portal) -> None:
    with portal.runtime.database.write() as session:
        session.delete(session.get_one(Connection, MINE))
    for who in ("viewer", "admin"):
        answer = portal.client(who).get(PAGE)
        assert (answer.status_code, answer.headers["Location"]) == (303, f"{PREFIX}/start")


# --- step 2 -------------------------------------------------------------------------------------------------------------
def test_next_keeps_what_can_be_used_and_goes_on(portal: Portal) -> None:
    step_two(portal)
    answer = send(portal.client("admin"), STEP, do="forward", version="1", time="05:15")
    assert (answer.status_code, answer.headers["Location"]) == (303, f"{PREFIX}/connect/mapping")
    kept = draft.get(portal.runtime, MINE)
    assert kept is not None
    assert (kept.step, kept.settings["time"], kept.settings["data"]) == (draft.MAPPING, "05:15", FORM["data"])
    assert settings.stored(portal.runtime, MINE).version == 0  # nothing is active before Finish
    assert 'value="05:15"' in portal.client("admin").get(STEP).text


def test_next_with_something_wrong_stays_and_keeps_it(portal: Portal) -> None:
    step_two(portal)
    client = portal.client("admin")
    answer = send(client, STEP, do="forward", version="1", time="soon")
    assert (answer.status_code, 'href="#time"' in answer.text) == (422, True)
    assert 'value="soon"' in client.get(STEP).text
    kept = draft.get(portal.runtime, MINE)
    assert kept is not None
    assert kept.step == draft.SETTINGS


def test_back_keeps_what_was_typed_also_what_is_wrong(portal: Portal) -> None:
    step_two(portal)
    client = portal.client("admin")
    answer = send(client, STEP, do="back", version="1", time="soon", data=[])
    assert (answer.status_code, answer.headers["Location"]) == (303, f"{PREFIX}/connect/credentials")
    page = client.get(STEP).text
    assert 'value="soon"' in page
    assert 'name="data" value="products" checked' not in page


def test_two_people_in_step_two(portal: Portal) -> None:
    step_two(portal)
    one, two = portal.client("admin"), portal.client("admin")
    send(one, STEP, do="forward", version="1", time="05:00")
    answer = send(two, STEP, do="forward", version="1", time="06:00")
    assert (answer.status_code, 'value="06:00"' in answer.text) == (409, True)
    assert "Your changes were not kept" in text(answer)
    kept = draft.get(portal.runtime, MINE)
    assert kept is not None
    assert kept.settings["time"] == "05:00"


def test_what_was_typed_becomes_the_settings_at_finish(portal: Portal) -> None:
    step_two(portal)
    send(
        portal.client("admin"),
        STEP,
        do="forward",
        version="1",
        export="monthly",
        notifications="yes",
        notify=["admin@msp.example"],
    )
    draft.finish(portal.runtime, MINE, actor="ann")
    chosen = settings.get(portal.runtime, MINE)
    assert (chosen.export, chosen.day, chosen.notify, chosen.notifications) == (
        "monthly",
        "last",
        ("admin@msp.example",),
        True,
    )


# --- numbers ------------------------------------------------------------------------------------------------------------
def test_a_look_takes_few_queries_and_little_time(portal: Portal) -> None:
    tables(portal)
    client = portal.client("admin")
    client.get(PAGE)
    asked: list[str] = []
    engine = portal.runtime.database.engine
    event.listen(engine, "before_cursor_execute", lambda *given: asked.append(given[2]))
    started = time.thread_time()  # of a processor: what else the machine does is not the page's
    client.get(PAGE)
    assert time.thread_time() - started < 1
    assert len([sql for sql in asked if sql.lstrip().upper().startswith("SELECT")]) <= 12, asked
