"""What the pages show, and what their buttons do."""

from __future__ import annotations

import re
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from threading import Barrier

import pytest
from flask.testing import FlaskClient
from sqlalchemy import select

from cwportal.models import Connection, Mapping, RunAccount
from cwportal.services import connection, found, settings, status
from cwportal.vocabulary import RunState
from tests.blueprints.portal import MINE, PREFIX, WHEN, Portal, token


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
    client = portal.client("billing")
    sent = {"csrf_token": token(client)}
    with portal.runtime.database.write() as session:
        session.delete(connection.get(portal.runtime, MINE))
    answer = client.get(f"{PREFIX}/")
    assert (answer.status_code, answer.headers["Location"]) == (302, f"{PREFIX}/start")
    client.post(f"{PREFIX}/exports", data=sent)
    assert portal.runs() == []


def test_two_presses_at_the_same_moment_give_one_run(portal_on_both: Portal) -> None:
    portal = portal_on_both
    clients = [portal.client("billing"), portal.client("admin")]
    tokens = [token(client) for client in clients]
    together = Barrier(2)

    def press(number: int) -> int:
        together.wait()
        return clients[number].post(f"{PREFIX}/exports", data={"csrf_token": tokens[number]}).status_code

    with ThreadPoolExecutor(2) as pool:
        assert list(pool.map(press, range(2))) == [303, 303]
    assert len(portal.runs()) == 1


def test_an_export_that_no_worker_takes_is_told(portal: Portal) -> None:
    run = portal.run(state=RunState.QUEUED, created_at=portal.runtime.clock() - timedelta(minutes=2))
    for path in ("/", f"/exports/{run}/progress"):
        said = _text(portal.client("viewer").get(PREFIX + path).text)
        assert "Waiting for a worker since" in said
        assert "Tell the operator of the portal" in said


def test_when_exports_are_due_nothing_is_promised_that_does_not_happen(portal: Portal) -> None:
    client = portal.client("viewer")
    assert "Next export: by hand only" in _text(client.get(f"{PREFIX}/").text)
    settings.update(portal.runtime, MINE, {"export": "daily", "time": "02:00"}, actor="ann")
    said = _text(client.get(f"{PREFIX}/").text)
    assert re.search(r"Next export due: \w+day \d+ \w+ \d{4}, 02:00 \(America/New_York\), every day\.", said)
    assert "Exports do not start by themselves yet" in said


def test_the_last_export_and_what_is_worth_a_look(portal: Portal) -> None:
    good = portal.run(counts={"created": 1})
    amounts = {"price_before": "100", "price_after": "90.505", "cost_before": "50", "cost_after": "45"}
    last = portal.run(state=RunState.FAILED, counts={"failed": 2}, money=amounts)
    portal.planned(last, "a1", finding="It was changed by hand.")
    portal.run(trigger="preview", actor="previewer@msp.example")
    html = portal.client("viewer").get(f"{PREFIX}/").text
    said = _text(html)
    assert re.search(r"Last export .*? Error · last successful: 23 Nov 2026", said)
    assert f'/exports/{good}"' in html
    assert f'/exports/{last}?code=drift">Changed in ConnectWise by hand</a>' in html
    assert "previewer@msp.example" not in html


def _waits(portal: Portal, run: int, account: str, before: int, after: int) -> None:
    """An account over its limits."""
    hold = {"code": "limit_account", "severity": "hold", "part_number": None, "addition_id": None, "amount": None}
    hold["message"] = "3 of 4 lines would end."
    amounts = {"price_before": str(before), "price_after": str(after), "cost_before": "0", "cost_after": "0"}
    with portal.runtime.database.write() as session:
        session.add(
            RunAccount(
                run_id=run,
                account_id=account,
                partner_id=MINE,
                plan_state="held",
                state="held",
                digest=f"digest of {account}",
                findings=[hold],
                money=amounts,
                unchanged=0,
                delta_cents=(after - before) * 100,
            )
        )


def test_what_waits_is_shown_with_its_money_and_approved_from_here(portal: Portal) -> None:
    portal.account("a1", "Alder & Finch")
    portal.account("a2", "Birch")
    with portal.runtime.database.read() as session:
        tenant = session.scalars(select(Connection.tenant).where(Connection.partner_id == MINE)).one()
    run = portal.run(state=RunState.HELD, tenant=tenant, planned_at=WHEN)
    _waits(portal, run, "a1", 100, 90)
    _waits(portal, run, "a2", 1809, 148)
    client = portal.client("billing")
    html = client.get(f"{PREFIX}/").text
    said = _text(html)
    assert "2 accounts wait for approval" in said
    assert said.index("Birch 3 of 4 lines would end.") < said.index("Alder &amp; Finch 3 of 4 lines would end.")
    assert "from 1,809.00 to 148.00 &nbsp; USD −1,661.00&nbsp; USD" in said
    assert "In all from 1,909.00 to 238.00 &nbsp; USD −1,671.00&nbsp; USD" in said
    for name in ("Approve all 2", "Reject all 2", "Review all 2"):
        assert name in said
    viewed = portal.client("viewer").get(f"{PREFIX}/").text
    assert "/approve" not in viewed
    assert "Approving needs the billing role." in viewed
    sent = {"csrf_token": token(client), "account": "a2", "back": "status"}
    answer = client.post(f"{PREFIX}/preview/{run}/reject", data=sent, follow_redirects=True)
    assert "1 account waits for approval" in _text(answer.text)
    sent["account"] = "a1"
    client.post(f"{PREFIX}/preview/{run}/approve", data=sent)
    assert portal.runs()[-1].approval["accounts"] == {"a1": "digest of a1"}


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


def test_twenty_a_page(portal: Portal) -> None:
    ids = [portal.run() for _ in range(21)]
    client = portal.client("viewer")
    first, second = client.get(f"{PREFIX}/").text, client.get(f"{PREFIX}/?page=2").text
    assert "1–20 of 21" in first
    assert "21–21 of 21" in second
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


def test_an_error_of_our_own_has_a_page_and_a_reference_that_leads_to_the_log(
    portal: Portal, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    portal.app.testing = False
    portal.app.config["PROPAGATE_EXCEPTIONS"] = False
    client = portal.client("viewer")
    monkeypatch.setattr("cwportal.services.history.runs_page", _broken)
    answer = client.get(f"{PREFIX}/")
    assert answer.status_code == 500
    assert "This page has failed" in answer.text
    assert "secret detail" not in answer.text
    reference = re.search(r"<code>([0-9a-f]{8})</code>", answer.text)
    assert reference is not None
    assert f"Reference {reference[1]}: GET {PREFIX}/: ZeroDivisionError" in caplog.text
    monkeypatch.setattr("cwportal.blueprints.refusals.render_template", _broken)
    bare = client.get(f"{PREFIX}/")
    assert bare.status_code == 500
    assert "<h1>This page has failed</h1>" in bare.text


def test_worth_a_look_says_where_it_was_cut(portal: Portal, monkeypatch: pytest.MonkeyPatch) -> None:
    client = portal.client("viewer")
    run = portal.run(error="Something else, too.")
    for account in ("a1", "a2", "a3"):
        portal.planned(run, account, finding="It was changed by hand.")
    text = _text(client.get(f"{PREFIX}/").text)
    assert "3 accounts" in text
    assert [word for word in ("at least", "more than this page", "in the export log.") if word in text] == []
    monkeypatch.setattr(found, "READ_AT_MOST", 3)
    monkeypatch.setattr(status, "_TOLD", 1)
    run = portal.run(error="Something else, too.")
    for account in ("a1", "a2", "a3"):
        portal.planned(run, account, finding="It was changed by hand.")
    page = client.get(f"{PREFIX}/").text
    assert "1 other kind of findings is in the export log." in _text(page)
    assert "This export found more than this page can look at" in _text(page)
    assert f'href="{PREFIX}/exports/{run}/log.csv"' in page
    monkeypatch.setattr(status, "_TOLD", 6)
    assert "at least 2 accounts" in _text(client.get(f"{PREFIX}/").text)


def _broken(*_: object, **__: object) -> None:
    raise ZeroDivisionError("secret detail")
