"""What the pages show, and what their buttons do."""

from __future__ import annotations

import csv
import io
import re
from decimal import Decimal
from html import escape

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


def test_not_connected(portal: Portal) -> None:
    with portal.runtime.database.write() as session:
        session.delete(connection.get(portal.runtime, MINE))
    client = portal.client("billing")
    page = client.get(f"{PREFIX}/").text
    assert "ConnectWise is not connected yet" in page
    assert re.search(r"<button[^>]*disabled[^>]*>Start export now", page)
    assert "Nothing was started" in _press(client, "/exports")
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
    assert "Start export now" not in page
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
    assert (answer.text, answer.headers["X-Export-Ended"]) == ("", "yes")


def test_cancel(portal: Portal) -> None:
    run = portal.run(state=RunState.READING)
    client = portal.client("billing")
    page = _press(client, f"/exports/{run}/cancel")
    assert "stops before its next write" in page
    assert "Stopping" in page
    assert portal.runs()[0].cancel_requested
    ended = portal.run()
    assert "had ended already" in _press(client, f"/exports/{ended}/cancel")


def test_the_log_shows_findings_first_then_changes_from_before_to_after(portal: Portal) -> None:
    portal.account("a1", "Alder & Finch")
    amounts = {"price_before": "100.00", "price_after": "90.505", "cost_before": "50", "cost_after": "45"}
    run = portal.run(counts={"updated": 1}, money=amounts)
    portal.planned(run, "a1", finding="The quantity was changed by hand.")
    portal.change(run, "a1", after={"quantity": Decimal(4), "unitPrice": Decimal("2.5")})
    portal.change(run, "a1", "NEW", "unknown", before={}, error="No answer within 30 s.")
    said = _text(portal.client("viewer").get(f"{PREFIX}/exports/{run}").text)
    assert said.index("The quantity was changed by hand.") < said.index("1–2 of 2")
    assert "Warning · Alder &amp; Finch" in said
    assert "Quantity from 3 to 4" in said
    assert "Unit price 2.50" in said
    assert (
        "Not confirmed Not confirmed by ConnectWise: will be checked, never sent twice. No answer within 30 s." in said
    )
    assert "−9.50 USD, our lines only; margin −4.50" in said


def test_a_long_log_comes_in_pages_and_whole_as_csv(portal: Portal) -> None:
    run = portal.run()
    for number in range(101):
        portal.change(run, "a1", f"PART-{number:03}", position=number)
    client = portal.client("viewer")
    assert "1–100 of 101" in client.get(f"{PREFIX}/exports/{run}").text
    second = client.get(f"{PREFIX}/exports/{run}?page=2").text
    assert "PART-100" in second
    assert "PART-099" not in second
    with client.get(f"{PREFIX}/exports/{run}/log.csv") as answer:
        assert answer.headers["Content-Disposition"] == f"attachment; filename=export-{run}.csv"
        assert answer.data.startswith(b"\xef\xbb\xbf")
        rows = list(csv.DictReader(io.StringIO(answer.data.decode("utf-8-sig"), newline="")))
    assert [row["part_number"] for row in rows] == [f"PART-{number:03}" for number in range(101)]
    assert rows[0]["before"] == '{"quantity": "3"}'


@pytest.mark.parametrize("name", NASTY)
def test_nasty_names_are_harmless(portal: Portal, name: str) -> None:
    portal.account("a1", name)
    run = portal.run(actor=name[:200], error=name)
    portal.planned(run, "a1", finding=name)
    portal.change(run, "a1", name[:75], "failed", before={"name": name}, after={"name": name}, reason=name, error=name)
    client = portal.client("viewer")
    for path in ("/", f"/exports/{run}"):
        page = client.get(PREFIX + path).text
        if escape(name) != name:
            assert name not in page, path
        assert f"<bdi>{escape(name[:200]).replace('&quot;', '&#34;').replace('&#x27;', '&#39;')}</bdi>" in page, path
    with client.get(f"{PREFIX}/exports/{run}/log.csv") as answer:
        rows = list(csv.reader(io.StringIO(answer.data.decode("utf-8-sig"), newline="")))
    assert {len(row) for row in rows} == {len(rows[0])}
    for row in rows:
        for cell in row:
            assert not cell.startswith(("=", "+", "-", "@", "\t", "\r"))


def test_when_the_portals_data_cannot_be_read(portal: Portal, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("cwportal.standalone.source.StandaloneSource.partner", _unreadable)
    answer = portal.client("viewer").get(f"{PREFIX}/")
    assert answer.status_code == 503
    assert "Try again in a few minutes" in answer.text


def _unreadable(self: object, partner_id: str) -> None:
    from cwportal.errors import SourceIncomplete

    raise SourceIncomplete("half of it is missing")
