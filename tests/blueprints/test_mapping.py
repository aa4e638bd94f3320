"""The mapping page as a browser without JavaScript sends it, against the simulator."""

from __future__ import annotations

import json
import re
import shutil
import urllib.request
from collections.abc import Iterator
from datetime import timedelta
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from flask.testing import FlaskClient
from sqlalchemy import delete, insert, select

from cwportal.models import Directory, DirectoryCompany, Mapping
from cwportal.sandbox import Sandbox
from cwportal.services import connection, directory, mapping_facts, mapping_page
from cwportal.services.directory_rows import searchable
from cwportal.services.mapping_page import Query
from cwportal.standalone.tables import AccountRow
from tests.blueprints.portal import MINE, PREFIX, WHEN, Portal, opened

PAGE = f"{PREFIX}/mapping"
KEYS = ("mappingpublic", "mappingprivate")
NASTY = ["<script>alert(1)</script>", "\"quotes' & <b>", "\u202eleft to right?", "long " * 40]


class Form(HTMLParser):
    """The fields of the form with the rows, as a browser would send them."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.fields: dict[str, Any] = {}
        self._inside = False
        self._select = ""
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        if tag == "form":
            self._inside = given.get("id") == "mapping"
        if not self._inside:
            return
        if tag == "input" and given["type" if "type" in given else "name"] == "checkbox":
            if "checked" in given:
                self.fields[given["name"]] = given["value"]
        elif tag == "input" and given["name"] == "row":
            self.fields.setdefault("row", []).append(given["value"])
        elif tag == "input":
            self.fields[given["name"]] = given.get("value", "")
        elif tag == "select":
            self._select = given["name"]
        elif tag == "option" and self._select and (self._select not in self.fields or "selected" in given):
            self.fields[self._select] = given["value"]

    def handle_endtag(self, tag: str) -> None:
        if tag == "select":
            self._select = ""
        if tag == "form":
            self._inside = False


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    with Sandbox() as sandbox:
        yield sandbox


@pytest.fixture
def portal(tmp_path: Path, template: Path, sandbox: Sandbox) -> Iterator[Portal]:
    """A portal with three accounts, connected to the simulator, whose companies One and Two have been read."""
    shutil.copy(template, tmp_path / "cwportal.sqlite")
    with opened(tmp_path, CWPORTAL_ALLOWED_SITES=sandbox.site) as portal:
        for number, key in enumerate(("a", "b", "c")):
            portal.account(key, f"Account {key} {NASTY[number]}")
        member = {"identifier": "m", "public_key": KEYS[0], "private_key": KEYS[1], "rights": "admin"}
        monthly = {"name": "Monthly", "billingCycle": "Monthly"}
        companies = [
            {"identifier": name, "name": f"Company {name}", "agreements": [monthly, {**monthly, "name": "Second"}]}
            for name in ("One", "Two")
        ]
        _control(sandbox, "seed", {"members": [member], "companies": companies})
        connection.connect(
            portal.runtime,
            MINE,
            site=sandbox.url,
            company_id="training",
            public_key=KEYS[0],
            private_key=KEYS[1],
            actor="test",
        )
        directory.refresh(portal.runtime, MINE)
        yield portal


def _control(sandbox: Sandbox, path: str, body: dict[str, Any]) -> None:
    request = urllib.request.Request(f"{sandbox.url}/_sandbox/{path}", json.dumps(body).encode())
    request.add_header("Content-Type", "application/json")
    with urllib.request.urlopen(request, timeout=30):
        pass


def _press(client: FlaskClient, path: str = PAGE, **fields: Any) -> str:
    """Load, type, press; the page that follows."""
    data = Form(client.get(path).text).fields | fields
    answer = client.post(
        path.partition("?")[0], data={name: value for name, value in data.items() if value is not None}
    )
    assert answer.status_code == 303, answer.text
    return client.get(answer.headers["Location"]).text


def _rows(portal: Portal) -> dict[str, tuple[bool, bool, str]]:
    with portal.runtime.database.read() as session:
        return {
            row.account_id: (row.mapped, row.export, row.changed_by)
            for row in session.scalars(select(Mapping).where(Mapping.partner_id == MINE))
        }


def test_type_look_up_choose_and_save(portal: Portal) -> None:
    client = portal.client("billing")
    page = _press(client, **{"company-0": "company t", "do": "lookup"})
    fields = Form(page).fields
    assert fields["company-0"] == "Company Two"
    assert fields["agreement-0"] == ""
    assert "1 change not saved" in page
    option = re.search(r'value="(\d+)"[^>]*>Second<', page)
    assert option is not None
    page = _press(client, **{"agreement-0": option[1], "export-0": "yes", "do": "save"})
    assert "1 row was saved." in page
    assert _rows(portal) == {"a": (True, True, "billing@msp.example")}


def test_enter_in_a_field_and_every_other_button_keep_what_was_typed(portal: Portal) -> None:
    client = portal.client("billing")
    for number, fields in enumerate(
        ({"do": "go"}, {"show": "mapped"}, {"sort": "name"}, {"q": "Account", "do": "search"})
    ):
        page = _press(client, **{f"company-{number % 3}": "Company One", **fields})
    assert "3 changes not saved" in page
    assert "Everything is saved" in _press(client, do="discard")


def test_a_row_that_cannot_be_saved_is_named_on_top_with_a_link_to_its_field(portal: Portal) -> None:
    client = portal.client("billing")
    page = _press(client, **{"company-1": "Company One", "do": "save"})
    assert "No agreement is chosen" in page
    assert 'href="#company-1"' in page
    assert 'aria-invalid="true"' in page
    assert "<title>Error: " in page
    assert _rows(portal) == {}


def test_names_are_harmless(portal: Portal) -> None:
    client = portal.client("billing")
    page = _press(client, **{"company-2": NASTY[0], "do": "lookup"})
    assert "<script>alert" not in page
    assert page.count("&lt;script&gt;alert(1)") >= 3
    assert " style=" not in page


def test_a_viewer_looks_and_cannot_change(portal: Portal) -> None:
    client = portal.client("viewer")
    page = client.get(f"{PAGE}?q=account+a").text
    assert "needs the billing role" in page
    assert "csrf_token" not in page.partition('id="mapping"')[2]
    assert 'name="agreement-0"' not in page
    token = re.search(r'name="csrf_token" type="hidden" value="([^"]+)"', page)
    assert token is not None  # of the form for signing out
    assert client.post(PAGE, data={"csrf_token": token[1], "do": "save"}).status_code == 403


def test_bulk_over_all_pages_and_without_a_choice(portal: Portal) -> None:
    client = portal.client("billing")
    assert "choose what to do" in _press(client, do="bulk", select="a")
    assert "tick the rows" in _press(client, do="bulk", bulk="unmap")
    page = _press(client, do="bulk", bulk="export-on", everything="yes")
    assert "3 rows were left alone" in page


@pytest.mark.parametrize("was", ["", "x", "[]", "[1,2,3,4,5,6,7]", '["","","",0,0,"",{}]', "null", "9" * 5000])
def test_a_forged_row_changes_nothing(portal: Portal, was: str) -> None:
    page = _press(portal.client("billing"), **{"was-0": was, "company-0": "Company One", "do": "save"})
    assert "Everything is saved" in page
    assert _rows(portal) == {}


@pytest.mark.parametrize("number", ["99999999999999999999", "0", "-1", "²"])
def test_numbers_that_are_no_ids(portal: Portal, number: str) -> None:
    client = portal.client("billing")
    _press(client, **{"cid-0": number, "company-0": number, "do": "save"})
    _press(client, **{"agreement-0": number, "do": "save"})
    assert client.get(f"{PAGE}?page={number}").status_code == 200
    assert not any(mapped for mapped, _, _ in _rows(portal).values())


def test_the_search_gives_companies_with_their_agreements(portal: Portal) -> None:
    found = portal.client("billing").get(f"{PAGE}/companies?q=company").json
    assert found is not None
    assert [one["label"] for one in found["companies"]] == ["Company One (One)", "Company Two (Two)"]
    assert [one["label"] for one in found["companies"][0]["agreements"]] == ["Monthly", "Second", "+ New agreement"]
    other = portal.client("other").get(f"{PAGE}/companies?q=company")
    assert other.status_code == 404  # not connected, and nothing of ours


def test_the_search_says_whose_an_agreement_is_but_to_its_own_account(portal: Portal) -> None:
    client = portal.client("billing")
    page = _press(client, **{"company-0": "Company One", "do": "lookup"})
    option = re.search(r'value="(\d+)"[^>]*>Monthly<', page)
    assert option is not None
    _press(client, **{"agreement-0": option[1], "do": "save"})

    def labels(account: str) -> list[tuple[str, bool]]:
        found: Any = client.get(f"{PAGE}/companies", query_string={"q": "Company One", "account": account}).json
        return [(one["label"], one["used"]) for one in found["companies"][0]["agreements"]]

    assert labels("a")[0] == ("Monthly", False)
    assert labels("b")[0] == (f"Monthly – used by Account a {NASTY[0]}", True)


def test_the_search_puts_the_best_first_and_stops_at_twenty(portal: Portal) -> None:
    where = mapping_facts.place(portal.runtime, MINE)
    assert where is not None
    with portal.runtime.database.write() as session:
        generation = session.get_one(Directory, (MINE, where.tenant)).generation
        names = [(5000 + number, f"Id{number}", f"Alpha % {number}") for number in range(40)] + [
            (9, "Alpha", "Zed"),
            (42, "X", "5007"),
        ]
        session.execute(
            insert(DirectoryCompany),
            [
                {
                    "partner_id": MINE,
                    "tenant": where.tenant,
                    "generation": generation,
                    "cw_company_id": number,
                    "identifier": identifier,
                    "name": name,
                    "search": searchable(f"{name}\n{identifier}"),
                    "deleted": False,
                    "cw_status_id": None,
                    "cw_contact_id": None,
                }
                for number, identifier, name in names
            ],
        )
    client = portal.client("billing")

    def names_of(text: str) -> list[str]:
        found: Any = client.get(f"{PAGE}/companies", query_string={"q": text}).json
        return [one["name"] for one in found["companies"]]

    assert names_of("alpha")[0] == "Zed"
    assert len(names_of("alpha")) == 20
    assert names_of("5007") == ["Alpha % 7", "5007"]
    assert len(names_of("%")) == 20
    assert names_of("_") == []
    assert names_of("") == []


def test_reading_again_says_so_when_the_queue_is_away(portal: Portal) -> None:
    page = _press(portal.client("billing"), do="refresh")
    assert "cannot reach its queue" in page
    assert "Companies as of" in page


def test_latest_result_of_an_account(portal: Portal) -> None:
    run = portal.run(finished_at=WHEN)
    portal.planned(run, "a")
    where = mapping_facts.place(portal.runtime, MINE)
    assert where is not None
    shown = mapping_page.page(portal.runtime, where, "x", Query())
    assert [row.last.run_id if row.last else None for row in shown.rows] == [run, None, None]


def test_a_confirmed_cycle_that_needs_no_confirmation_now_is_no_change_of_the_row(portal: Portal) -> None:
    client = portal.client("billing")
    _press(client, **{"company-0": "Company Two", "do": "lookup"})
    page = _press(client, **{"agreement-0": "new", "do": "save"})
    assert "1 row was saved." in page
    with portal.runtime.database.write() as session:
        session.scalars(select(Mapping)).one().per_cycle_confirmed = True
    page = _press(client, do="go")
    assert "Everything is saved" in page
    _press(client, **{f"export-{Form(page).fields['row'].index('a')}": "yes", "do": "save"})
    with portal.runtime.database.read() as session:
        row = session.scalars(select(Mapping)).one()
        assert (row.export, row.per_cycle_confirmed) == (True, True)


def test_what_was_typed_for_an_account_that_left_is_shown_with_a_way_out(portal: Portal) -> None:
    client = portal.client("billing")
    page = _press(client, **{"company-0": "Company One", "company-1": "nobody", "do": "lookup"})
    assert "no longer in the portal" not in page
    with portal.own.engine.begin() as connection:
        connection.execute(delete(AccountRow).where(AccountRow.id == "a"))
    page = client.get(PAGE).text
    assert "1 row of accounts that are no longer in the portal" in page
    assert "Account <bdi>a</bdi>: company “<bdi>Company One</bdi>”, Export off" in page
    assert "1 change not saved" in page
    assert "no longer in the portal" not in portal.client("viewer").get(PAGE).text
    page = _press(client, do="forget")
    assert "1 row of accounts that are no longer in the portal was removed." in page
    assert "Remove this row" not in page
    assert "no company “nobody”" in page
    assert "1 row was discarded." in _press(client, do="discard")


def test_a_row_of_another_window_is_described_before_it_is_replaced(portal: Portal) -> None:
    client = portal.client("billing")
    old = Form(client.get(PAGE).text).fields
    _press(client, **{"company-0": "Company One", "export-0": "yes", "do": "lookup"})
    answer = client.post(PAGE, data={**old, "company-0": "Company Two", "do": "save"})
    page = client.get(answer.headers["Location"]).text
    assert "1 row could not be saved" in page
    assert "In another window you typed: company “Company One”, no agreement, Export on." in page
    assert _rows(portal) == {}


@pytest.mark.parametrize(
    ("standing", "reading", "told"),
    [
        ({"asked_at": 1, "staging": 9}, True, "They are being read from ConnectWise now."),
        ({"asked_at": 1}, True, "They will be read from ConnectWise in a moment."),
        ({"asked_at": 3}, False, "has not begun: the portal is busy"),
        ({"asked_at": 11, "staging": 9}, False, "has not ended: try again."),
        ({"asked_at": 3, "failed_at": 2, "error": "The keys are wrong."}, False, "failed at"),
        ({"asked_at": 3, "refreshed_at": 2}, False, "Companies were read just now."),
    ],
    ids=["begun", "waits", "late", "long", "failed", "read"],
)
def test_the_page_and_its_script_say_how_far_reading_companies_is(
    portal: Portal, standing: dict[str, Any], reading: bool, told: str
) -> None:
    now = portal.runtime.clock()
    with portal.runtime.database.write() as session:
        row = session.scalars(select(Directory).where(Directory.partner_id == MINE)).one()
        row.refreshed_at = now - timedelta(hours=2)
        for name, value in standing.items():
            setattr(row, name, now - timedelta(minutes=value) if name.endswith("_at") else value)
    client = portal.client("billing")
    found = client.get(f"{PAGE}/companies?q=").json
    assert found is not None
    assert found["reading"] is reading
    assert told in found["told"]
    page = client.get(PAGE).text
    assert ("data-cw-reading" in page) is reading
    assert (">Update<" in page) is reading
    assert (told in page) is (not told.startswith("Companies were"))


def test_a_character_that_a_database_refuses_is_searched_for_like_any_other(portal_on_both: Portal) -> None:
    answer = portal_on_both.client("billing").get(f"{PAGE}/companies?q=a%00b")
    assert answer.status_code < 500
