"""What the pages show, and what their buttons do."""

from __future__ import annotations

import re

import pytest
from flask.testing import FlaskClient

from cwportal.models import Mapping
from cwportal.services import connection
from cwportal.vocabulary import RunState
from tests.blueprints.portal import MINE, PREFIX, WHEN, Portal, token

NASTY = (
    "<script>alert(1)</script>",
    "\"quoted\" & 'single' <b>",
    "\u202eevil\u202c عربى",
    "x" * 200,
    "=cmd|' /C calc'!A0",
    "{{ 7*7 }}",
)


def _press(client: FlaskClient, path: str) -> str:
    """Press a button and follow; the page."""
    answer = client.post(PREFIX + path, data={"csrf_token": token(client)}, follow_redirects=True)
    assert answer.status_code == 200
    return answer.text


def _text(html: str) -> str:
    return " ".join(re.sub(r"<[^>]+>", " ", html).split())


def test_nothing_yet(portal: Portal) -> None:
    page = portal.client("billing").get(f"{PREFIX}/").text
    assert "No exports yet." in page
    assert "Connected" in page


def test_without_a_connection_the_first_page_is_the_beginning(portal: Portal) -> None:
    with portal.runtime.database.write() as session:
        session.delete(connection.get(portal.runtime, MINE))
    client = portal.client("billing")
    answer = client.get(f"{PREFIX}/")
    assert (answer.status_code, answer.headers["Location"]) == (302, f"{PREFIX}/start")
    with client.session_transaction():
        pass
    sent = {"csrf_token": token(client, "/accounts")}
    client.post(f"{PREFIX}/exports", data=sent)
    assert portal.runs() == []


def test_pressing_twice_gives_one_run_which_waits_while_the_queue_is_away(portal: Portal) -> None:
    client = portal.client("billing")
    sent = {"csrf_token": token(client)}
    first = client.post(f"{PREFIX}/exports", data=sent, follow_redirects=True).text
    assert "is kept and waits" in first
    assert "Waiting to start" in first
    second = client.post(f"{PREFIX}/exports", data=sent, follow_redirects=True).text
    assert "under way already" in second
    (run,) = portal.runs()
    assert (run.state, run.actor, run.trigger) == ("queued", "billing@msp.example", "manual")


def test_a_viewer_sees_no_buttons(portal: Portal) -> None:
    portal.run(state=RunState.READING)
    page = portal.client("viewer").get(f"{PREFIX}/").text
    assert not re.search("<button[^>]*>Start export now", page)
    assert "Cancel export" not in page
    assert "needs the billing role" in page


@pytest.mark.parametrize(
    ("state", "counts", "word", "icon"),
    [
        (RunState.SUCCEEDED, {"created": 2}, "Success", "check"),
        (RunState.SUCCEEDED, {"unchanged": 9}, "No change", "same"),
        (RunState.PARTIAL, {"created": 1, "failed": 1}, "Warning", "warn"),
        (RunState.FAILED, {"failed": 3}, "Error", "error"),
        (RunState.HELD, {}, "Waiting for approval", "wait"),
        (RunState.CANCELLED, {}, "Cancelled", "off"),
    ],
)
def test_every_end_has_a_word_and_a_shape(
    portal: Portal, state: RunState, counts: dict[str, int], word: str, icon: str
) -> None:
    run = portal.run(state=state, counts=counts)
    for path in ("/", f"/exports/{run}"):
        page = portal.client("viewer").get(PREFIX + path).text
        assert re.search(rf'cw-badge[^>]*>.*icons\.svg#{icon}".*</svg>{word}</span>', page), path


def test_times_are_the_partners_with_their_zone(portal: Portal) -> None:
    run = portal.run()
    client = portal.client("viewer")
    status = client.get(f"{PREFIX}/").text
    assert "Started (America/New_York)" in status
    assert f'<time datetime="{WHEN.isoformat()}">23 Nov 2026 09:41</time>' in status
    assert "23 Nov 2026, 09:41 EST" in client.get(f"{PREFIX}/exports/{run}").text


def test_fifty_a_page(portal: Portal) -> None:
    ids = [portal.run() for _ in range(51)]
    client = portal.client("viewer")
    first, second = client.get(f"{PREFIX}/").text, client.get(f"{PREFIX}/?page=2").text
    assert "1–50 of 51" in first
    assert "51–51 of 51" in second
    assert f'/exports/{ids[0]}"' in second
    assert f'/exports/{ids[0]}"' not in first
    for odd in ("0", "-3", "999999999999999999999", "x"):
        assert client.get(f"{PREFIX}/?page={odd}").status_code == 200, odd


def test_live_numbers_come_from_the_rows(portal: Portal) -> None:
    for number in (1, 2, 3):
        with portal.runtime.database.write() as session:
            session.add(
                Mapping(
                    partner_id=MINE,
                    account_id=f"a{number}",
                    tenant="t",
                    cw_company_id=1,
                    cw_agreement_id=number,
                    company_name="",
                    agreement_name="",
                    export=number < 3,
                    per_cycle_confirmed=False,
                    changed_at=WHEN,
                )
            )
    run = portal.run(state=RunState.READING)
    portal.planned(run, "a1")
    client = portal.client("viewer")
    assert "Reading: 1 of 2 accounts" in client.get(f"{PREFIX}/exports/{run}/progress").text
    with portal.runtime.database.write() as session:
        session.merge(portal.runs()[0]).state = RunState.APPLYING
    portal.change(run, "a1", "ONE")
    portal.change(run, "a1", "TWO")
    portal.change(run, "a2", "ONE", "failed")
    portal.change(run, "a2", "TWO", "planned")
    said = _text(client.get(f"{PREFIX}/exports/{run}/progress").text)
    assert "Writing: 1 of 2 accounts with changes · 2 of 4 changes applied · 1 failed or not confirmed" in said
    with portal.runtime.database.write() as session:
        session.merge(portal.runs()[0]).state = RunState.SUCCEEDED
    answer = client.get(f"{PREFIX}/exports/{run}/progress")
    assert answer.headers["X-Export-Ended"] == "yes"
    assert f"Export {run} has ended: No change." in answer.text


def test_cancel(portal: Portal) -> None:
    run = portal.run(state=RunState.READING)
    client = portal.client("billing")
    page = _press(client, f"/exports/{run}/cancel")
    assert "stops before its next write" in page
    assert "Stopping" in page
    assert portal.runs()[0].cancel_requested
    ended = portal.run()
    assert "had ended already" in _press(client, f"/exports/{ended}/cancel")


def test_when_the_portals_data_cannot_be_read(portal: Portal, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("cwportal.standalone.source.StandaloneSource.partner", _unreadable)
    answer = portal.client("viewer").get(f"{PREFIX}/")
    assert answer.status_code == 503
    assert "Try again in a few minutes" in answer.text


def _unreadable(self: object, partner_id: str) -> None:
    from cwportal.errors import SourceIncomplete

    raise SourceIncomplete("half of it is missing")
