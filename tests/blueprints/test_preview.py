"""The preview's pages: what is shown, what a press does, and that they are as quick with many accounts as with few."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from decimal import Decimal
from html import escape
from typing import Any

import pytest
from sqlalchemy import event, insert

from cwportal.models import LedgerAddition, LineDecision, Mapping, Rejection, Run, RunAccount, RunChange
from cwportal.services import found
from cwportal.vocabulary import RunState
from tests.blueprints.portal import MINE, PREFIX, WHEN, Portal, token

HOLD = {
    "severity": "hold",
    "part_number": "MBX",
    "addition_id": None,
    "amount": "15",
    "effect": "account",
    "command": None,
}
MONEY = {"price_before": "600", "price_after": "210", "cost_before": "0", "cost_after": "0"}
NASTY = "<script>alert('x')</script>\" \u202e " + "n" * 150


def preview(portal: Portal, **columns: Any) -> int:
    """A finished preview without accounts."""
    values = {
        "trigger": "preview",
        "planned_at": WHEN - timedelta(days=30),
        "planned": {"update": 1},
        "money": MONEY,
        **columns,
    }
    return portal.run(tenant=f"cw.example/{MINE}", **values)


def planned(portal: Portal, run_id: int, account: str, before: int, after: int, **more: Any) -> None:
    """An account with one change in the plan of a run."""
    money = {"price_before": str(before), "price_after": str(after), "cost_before": "0", "cost_after": "0"}
    values = {"state": "skipped", "plan_state": "ready", "digest": account.ljust(64, "0"), "findings": [], **more}
    with portal.runtime.database.write() as session:
        session.add(
            RunAccount(
                run_id=run_id,
                account_id=account,
                partner_id=MINE,
                cw_agreement_id=7,
                money=money,
                unchanged=0,
                changes=1,
                delta_cents=(after - before) * 100,
                **values,
            )
        )
    portal.change(run_id, account, outcome="planned", price_delta=Decimal(after - before))


def asking(portal: Portal) -> int:
    """A preview in which an account has a line of somebody else."""
    run = preview(portal)
    question = {
        **HOLD,
        "code": "existing_lines",
        "message": "The agreement has a line already.",
        "addition_id": 11,
        "command": "cwportal decide --partner … --account a1 --line 11 use|end:DATE|leave",
    }
    planned(portal, run, "a1", 10, 10, state="held", plan_state="held", asks=True, loudest="hold", findings=[question])
    with portal.runtime.database.write() as session:
        session.add(
            Mapping(
                partner_id=MINE,
                account_id="a1",
                tenant=f"cw.example/{MINE}",
                cw_company_id=1,
                cw_agreement_id=7,
                company_name="Company",
                agreement_name="Agreement",
                export=True,
                per_cycle_confirmed=False,
                changed_at=WHEN,
            )
        )
    return run


def text(page: str) -> str:
    return " ".join(re.sub(r"<[^>]+>", " ", page).replace("&nbsp;", " ").split())


def press(portal: Portal, who: str, address: str, **data: Any) -> tuple[int, str]:
    """A form sent; the status of the answer and the text of the page that follows."""
    client = portal.client(who)
    answer = client.post(PREFIX + address, data={"csrf_token": token(client), **data})
    if answer.status_code != 303:
        return answer.status_code, answer.text
    return 303, client.get(answer.headers["Location"], follow_redirects=True).text


def see(portal: Portal, address: str, who: str = "billing") -> str:
    answer = portal.client(who).get(PREFIX + address)
    assert answer.status_code == 200
    return answer.text


@contextmanager
def counted(portal: Portal) -> Iterator[list[str]]:
    """Statements sent to the plugin's database in the block."""
    seen: list[str] = []

    def note(connection: Any, cursor: Any, statement: str, *rest: Any) -> None:
        seen.append(statement)

    event.listen(portal.runtime.database.engine, "before_cursor_execute", note)
    yield seen
    event.remove(portal.runtime.database.engine, "before_cursor_execute", note)


def test_before_there_is_one(portal: Portal) -> None:
    assert "No preview yet" in see(portal, "/preview")
    assert "Make a preview" in see(portal, "/preview")
    assert "needs the billing role" in see(portal, "/preview", "viewer")


def test_one_is_made_and_shown_while_it_is_made(portal: Portal) -> None:
    status, page = press(portal, "billing", "/preview")
    assert status == 303
    assert "The preview is being made" in page
    assert "Waiting to start." in page
    (run,) = portal.runs()
    assert (run.trigger, run.actor) == ("preview", "billing@msp.example")
    press(portal, "billing", "/preview")
    assert len(portal.runs()) == 1
    assert "data-cw-making" in see(portal, f"/preview/{run.id}")
    assert "Waiting to start" in see(portal, f"/preview/{run.id}/progress")


def test_while_an_export_runs_none_is_made(portal: Portal) -> None:
    run = portal.run(state=RunState.READING)
    _, page = press(portal, "billing", "/preview")
    assert "A preview can be made when it has ended" in page
    assert len(portal.runs()) == 1
    assert portal.client("viewer").get(f"{PREFIX}/preview/{run}").status_code == 303


def test_accounts_with_their_money_the_largest_change_first(portal: Portal) -> None:
    portal.account("a1", "Alder & Finch")
    portal.account("a2", "Birch")
    run = preview(portal)
    planned(portal, run, "a1", 100, 110)
    planned(portal, run, "a2", 500, 100)
    said = text(see(portal, f"/preview/{run}"))
    assert "Preview: 2 accounts change, 0 stay as they are" in said
    assert "210.00 USD −390.00 USD from 600.00 USD" in said
    assert said.index("Birch") < said.index("Alder &amp; Finch")
    assert "from 500.00 to 100.00 USD" in said
    assert "Quantity from 3 to 4" in said
    assert "2 accounts can be approved: −390.00 USD a month" in said
    assert 'type="checkbox"' not in see(portal, f"/preview/{run}", "viewer")
    assert "need the billing role" in see(portal, f"/preview/{run}", "viewer")


def test_what_is_approved_is_what_was_shown(portal: Portal) -> None:
    run = preview(portal)
    for name in ("a1", "a2", "a3"):
        planned(portal, run, name, 1, 2)
    _, page = press(portal, "billing", f"/preview/{run}/approve", account=["a1", "a3"], do="some", everything="3")
    assert "2 accounts were approved" in page
    export = portal.runs()[-1]
    assert (export.trigger, export.approval) == (
        "manual",
        {"accounts": {name: name.ljust(64, "0") for name in ("a1", "a3")}, "products": [], "run": run},
    )
    _, page = press(portal, "admin", f"/preview/{run}/approve", account="a1", do="some")
    assert "approved already by billing@msp.example" in page
    assert len(portal.runs()) == 2


def test_a_second_person_who_approves_is_told_that_an_export_runs(portal: Portal) -> None:
    run = preview(portal)
    planned(portal, run, "a1", 1, 2)
    portal.run(state=RunState.READING)
    _, page = press(portal, "billing", f"/preview/{run}/approve", do="all", everything="1")
    assert "Nothing was started a second time" in page
    assert len(portal.runs()) == 2


def test_all_of_another_number_than_was_shown_is_refused(portal: Portal) -> None:
    run = preview(portal)
    planned(portal, run, "a1", 1, 2)
    _, page = press(portal, "billing", f"/preview/{run}/approve", do="all", everything="2")
    assert "Nothing was done" in page
    _, page = press(portal, "billing", f"/preview/{run}/approve", do="some")
    assert "No account was chosen" in page
    _, page = press(portal, "billing", f"/preview/{run}/approve", do="all")
    assert "Nothing was done" in page
    assert len(portal.runs()) == 1


def test_reject_and_take_back(portal: Portal) -> None:
    run = preview(portal)
    planned(portal, run, "a1", 1, 2)
    _, page = press(portal, "billing", f"/preview/{run}/reject", account="a1", do="some")
    assert "The changes of 1 account were rejected" in page
    assert "Rejected by billing@msp.example" in text(page)
    with portal.runtime.database.read() as session:
        assert session.get_one(Rejection, (MINE, "a1")).digest == "a1".ljust(64, "0")
    _, page = press(portal, "billing", f"/preview/{run}/reject", take_back="a1")
    assert "The rejection was taken back" in page
    assert "Rejected by" not in text(page)


def test_a_question_is_answered_on_the_page(portal: Portal) -> None:
    portal.account("a1", "Alder")
    run = asking(portal)
    said = text(see(portal, f"/preview/{run}"))
    assert "Waiting for your decision" in said
    assert "Existing line · line 11" in said
    assert "Nothing can be approved now" in said
    status, page = press(portal, "billing", f"/preview/{run}/decide", account="a1", **{"answer-11": "end"})
    assert status == 422
    assert 'aria-invalid="true"' in page
    assert "Nothing was kept: 1 answer needs another look" in text(page)
    assert "Choose the last day on which this line bills." in page
    assert 'value="end" id="q11-2" aria-describedby="q11-2-h" checked' in page
    sent = {"answer-11": "end", "until-11": "2001-01-31"}
    status, page = press(portal, "billing", f"/preview/{run}/decide", account="a1", **sent)
    assert (status, 'value="2001-01-31"' in page, "too far back" in page) == (422, True, True)
    status, page = press(portal, "billing", f"/preview/{run}/decide", account="a1", **{"answer-11": "use"})
    assert "1 answer was kept" in page
    assert "1 decision made." in text(page)
    with portal.runtime.database.read() as session:
        kept = session.get_one(LineDecision, (MINE, f"cw.example/{MINE}", "a1", 11))
        assert (kept.answer, kept.decided_by) == ("use", "billing@msp.example")


def test_answers_that_are_none(portal: Portal) -> None:
    run = asking(portal)
    assert "No answer was chosen" in press(portal, "billing", f"/preview/{run}/decide", account="a1")[1]
    assert (
        "There is no account"
        in press(portal, "billing", f"/preview/{run}/decide", account="zz", **{"answer-1": "use"})[1]
    )


def test_one_account_with_all_its_changes(portal: Portal) -> None:
    run = preview(portal)
    planned(portal, run, "a1", 1, 2)
    planned(portal, run, "a2", 1, 2)
    for number in range(1, 30):
        portal.change(run, "a1", f"PART-{number:02}", outcome="planned", position=number)
    assert "PART-29" not in see(portal, f"/preview/{run}")
    page = see(portal, f"/preview/{run}?account=a1")
    assert "PART-29" in page
    assert "a2" not in text(page)


def test_a_missing_price_links_to_its_row(portal: Portal) -> None:
    run = preview(portal)
    missing = {
        **HOLD,
        "severity": "error",
        "code": "price_missing",
        "message": "MBX has no retail price.",
        "amount": "12",
    }
    planned(portal, run, "a1", 0, 0, plan_state="blocked", state="failed", loudest="error", findings=[missing])
    page = see(portal, f"/preview/{run}")
    assert "Not billed: 12.00 USD a month" in text(page)


@pytest.mark.parametrize("query", ["?page=0", "?page=99", "?page=x", "?show=nothing", "?show=wait", "?account=nobody"])
def test_addresses_typed_by_hand(portal: Portal, query: str) -> None:
    run = preview(portal)
    planned(portal, run, "a1", 1, 2)
    see(portal, f"/preview/{run}{query}")


def test_nasty_names_are_harmless(portal: Portal) -> None:
    portal.account("a1", NASTY)
    run = asking(portal)
    portal.change(
        run, "a1", NASTY[:75], "planned", before={"name": NASTY}, after={"name": NASTY}, reason=NASTY, position=2
    )
    page = see(portal, f"/preview/{run}")
    assert "<script>alert" not in page
    assert escape(NASTY[:30]).replace("&quot;", "&#34;").replace("&#x27;", "&#39;") in page


def test_many_accounts_need_no_more_queries_than_few(portal: Portal) -> None:
    numbers = []
    for many in (2, 400):
        run = preview(portal)
        money = {"price_before": "1", "price_after": "2", "cost_before": "0", "cost_after": "0"}
        with portal.runtime.database.write() as session:
            rows = [
                {
                    "run_id": run,
                    "account_id": f"a{number}",
                    "partner_id": MINE,
                    "cw_agreement_id": number,
                    "plan_state": "ready",
                    "state": "skipped",
                    "digest": f"{number:064}",
                    "findings": [],
                    "money": money,
                    "unchanged": 0,
                    "changes": 3,
                    "delta_cents": number,
                }
                for number in range(many)
            ]
            session.execute(insert(RunAccount), rows)
            changes = [
                {
                    "run_id": run,
                    "partner_id": MINE,
                    "tenant": "t",
                    "account_id": f"a{number}",
                    "position": position,
                    "kind": "addition",
                    "action": "update",
                    "part_number": f"P{position}",
                    "before": {"quantity": 1},
                    "after": {"quantity": 2},
                    "reason": "",
                    "outcome": "planned",
                }
                for number in range(many)
                for position in range(3)
            ]
            session.execute(insert(RunChange), changes)
        client = portal.client("billing")
        client.get(f"{PREFIX}/preview/{run}")
        with counted(portal) as seen:
            assert client.get(f"{PREFIX}/preview/{run}").status_code == 200
        numbers.append(len(seen))
    assert numbers[1] <= numbers[0]
    assert numbers[1] <= 40


def test_a_portal_without_accounts_and_one_that_exports_none(portal: Portal) -> None:
    run = preview(portal, planned={})
    said = text(see(portal, f"/preview/{run}"))
    assert "Preview: no account is exported" in said
    assert "tick Export, then press “Read again”" in said
    assert "newer preview" not in said
    planned(portal, run, "a1", 0, 0, plan_state="empty")
    said = text(see(portal, f"/preview/{run}"))
    assert "1 account is not exported." in said
    assert "Everything in ConnectWise is as the portal has it" not in said
    assert "This account is not exported" in see(portal, f"/preview/{run}?show=off")
    preview(portal)
    portal_of_old = see(portal, f"/preview/{preview(portal)}")
    assert "no account is exported" in portal_of_old


def test_accounts_of_an_export_that_were_written_in_part_and_not_at_all(portal: Portal) -> None:
    run = preview(portal, trigger="manual", state=RunState.PARTIAL)
    planned(portal, run, "a1", 1, 2, state="succeeded")
    planned(portal, run, "a2", 1, 2, state="failed")
    planned(portal, run, "a3", 1, 2, state="partial", error="ConnectWise refused one line.")
    assert "1 account change" not in text(see(portal, f"/preview/{run}"))
    assert "Nothing of it was written. The export ended before." in text(see(portal, f"/preview/{run}"))
    said = text(see(portal, f"/preview/{run}?show=done"))
    assert said.count("This export has written it.") == 1
    assert "Not all of it was written. ConnectWise refused one line." in said


def _by_hand(portal: Portal, code: str) -> int:
    """A preview in which a line was changed by hand."""
    run = asking(portal)
    begins = "The price of line 11 of MBX was changed in ConnectWise: portal 6.5, ConnectWise 5.75, last exported 6.5."
    pinned = "Line 11 of MBX keeps ConnectWise's values, as somebody decided; the portal would write price 6.5."
    found = {
        **HOLD,
        "code": code,
        "severity": "info",
        "addition_id": 11,
        "message": f"{begins} It is so." if code == "drift" else pinned,
        "command": "cwportal decide --partner … --account a1 --line 11 pin",
    }
    with portal.runtime.database.write() as session:
        row = session.get_one(RunAccount, (run, "a1"))
        row.findings, row.asks, row.plan_state, row.state = [found], False, "ready", "skipped"
        owner = {"partner_id": MINE, "tenant": f"cw.example/{MINE}", "account_id": "a1"}
        session.add(
            LedgerAddition(
                **owner,
                cw_agreement_id=7,
                cw_addition_id=11,
                cw_product_id=1,
                part_number="MBX",
                origin="created",
                created_at=WHEN,
            )
        )
    portal.account("a1", "Alder")
    return run


def _offered(page: str) -> list[tuple[str, bool]]:
    """Values of the answers about line 11, and which one is chosen."""
    found = re.findall(r'name="answer-11" value="([^"]*)" id="[^"]+" aria-describedby="[^"]+"( checked)?', page)
    return [(value, bool(checked)) for value, checked in found]


def test_a_change_by_hand_is_a_table_of_three_values(portal: Portal) -> None:
    run = _by_hand(portal, "drift")
    page = see(portal, f"/preview/{run}")
    assert "Changed by hand Last exported In ConnectWise now In the portal" in text(page)
    assert "Unit price 6.50 USD 5.75 USD 6.50 USD It is so." in text(page)
    assert "last exported 6.5." not in page
    assert "Unit price 6.50 USD 5.75 USD" in text(see(portal, f"/preview/{run}", "viewer"))


def test_keeping_a_value_can_be_taken_back_on_the_same_page(portal: Portal) -> None:
    run = _by_hand(portal, "drift")

    def answer(value: str) -> list[tuple[str, bool]]:
        status, page = press(portal, "billing", f"/preview/{run}/decide", account="a1", **{"answer-11": value})
        assert (status, "1 answer was kept" in page) == (303, True)
        return _offered(page)

    assert _offered(see(portal, f"/preview/{run}")) == [("", True), ("pin", False)]
    assert answer("pin") == [("unpin", False), ("pin", True)]
    assert answer("unpin") == [("", True), ("pin", False)]


def test_giving_a_value_back_can_be_taken_back_on_the_same_page(portal: Portal) -> None:
    run = _by_hand(portal, "pinned")
    page = see(portal, f"/preview/{run}")
    assert _offered(page) == [("pin", False), ("", True)]  # nobody keeps it: the portal's values are written
    assert "Decided." in text(page)
    _, page = press(portal, "billing", f"/preview/{run}/decide", account="a1", **{"answer-11": "pin"})
    assert _offered(page) == [("", True), ("unpin", False)]


def test_a_day_without_an_answer_is_not_lost(portal: Portal) -> None:
    portal.account("a1", "Alder")
    run = asking(portal)
    sent = {"until-11": "2026-12-31"}
    status, page = press(portal, "billing", f"/preview/{run}/decide", account="a1", **sent)
    assert (status, "A last day was typed, but no answer was chosen." in page) == (422, True)
    assert 'value="2026-12-31"' in page


def test_all_that_wait_are_approved_from_the_status_page(portal: Portal) -> None:
    run = preview(portal, state=RunState.HELD)
    vanished = {**HOLD, "code": "charges_vanished", "message": "All charges are gone."}
    for name in ("a1", "a2"):
        planned(portal, run, name, 9, 0, state="held", plan_state="held", loudest="hold", findings=[vanished])
    planned(portal, run, "a3", 1, 2)
    page = see(portal, "/")
    assert "Approve all 2" in page
    (name,) = set(re.findall(r'name="name" value="([0-9a-f]{16})"', page))
    _, page = press(portal, "billing", f"/preview/{run}/approve", do="waiting", everything="2", name=name)
    assert "2 accounts were approved" in page
    assert sorted(portal.runs()[-1].approval["accounts"]) == ["a1", "a2"]


@pytest.mark.parametrize(
    ("state", "planned_at", "said"),
    [
        ("succeeded", WHEN, "is ready. Look at it"),
        ("failed", None, "could not be made"),
        ("cancelled", None, "was canc"),
    ],
)
def test_a_page_that_watches_a_preview_says_what_became_of_it(
    portal: Portal, state: str, planned_at: Any, said: str
) -> None:
    run = preview(portal, state=RunState(state), planned_at=planned_at)
    answer = portal.client("viewer").get(f"{PREFIX}/exports/{run}/progress")
    assert (answer.headers["X-Export-Ended"], said in text(answer.text)) == ("yes", True)
    assert "No change" not in answer.text


def test_a_preview_is_never_called_an_export(portal: Portal) -> None:
    run = preview(portal)
    answer = portal.client("viewer").get(f"{PREFIX}/exports/{run}")
    assert (answer.status_code, answer.headers["Location"]) == (303, f"{PREFIX}/preview/{run}")
    running = preview(portal, state=RunState.READING, planned_at=None)
    _, page = press(portal, "billing", f"/exports/{running}/cancel")
    assert f"Preview {running} stops; it writes nothing." in page
    _, page = press(portal, "billing", f"/exports/{run}/cancel")
    assert f"Preview {run} had ended already" in page
    export = preview(portal, trigger="manual", state=RunState.CANCELLED, planned_at=None)
    assert "The export was cancelled" in see(portal, f"/preview/{export}")


def test_products_without_a_price_stand_at_the_top(portal: Portal) -> None:
    run = preview(portal)
    missing = {
        **HOLD,
        "severity": "error",
        "code": "price_missing",
        "message": "MBX has no retail price.",
        "amount": None,
    }
    for name in ("a1", "a2"):
        planned(portal, run, name, 0, 0, plan_state="blocked", state="failed", loudest="error", findings=[missing])
    page = see(portal, f"/preview/{run}")
    assert "Not billed: 1 product without a retail price" in text(page)
    assert "MBX MBX : 2 accounts. Set the price of MBX" in text(page)
    assert 'href="/pricing/retail?sku=MBX#sku-MBX"' in page


def test_what_charges_without_a_price_cost_is_summed_over_accounts(portal: Portal) -> None:
    run = preview(portal)
    missing = {**HOLD, "severity": "error", "code": "price_missing", "message": "MBX has no retail price."}
    for name, amount in (("a1", "12"), ("a2", "0.50")):
        one = {**missing, "amount": amount}
        planned(portal, run, name, 0, 0, plan_state="blocked", state="failed", loudest="error", findings=[one])
    assert "MBX MBX : 2 accounts, 12.50 USD a month of cost. Set the price of MBX" in text(
        see(portal, f"/preview/{run}")
    )


def test_products_without_a_price_are_called_at_least_so_many_where_not_all_was_looked_at(
    portal: Portal, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(found, "READ_AT_MOST", 1)
    run = preview(portal)
    missing = {**HOLD, "severity": "error", "code": "price_missing", "message": "MBX has no retail price."}
    for name in ("a1", "a2"):
        planned(portal, run, name, 0, 0, plan_state="blocked", state="failed", loudest="error", findings=[missing])
    page = see(portal, f"/preview/{run}")
    assert "Not billed: at least 1 product without a retail price" in text(page)
    assert "MBX MBX : at least 1 account. Set the price of MBX" in text(page)
    assert f'All of them are in the <a href="{PREFIX}/exports/{run}/log.csv?code=price_missing">CSV file</a>' in page


def test_a_preview_that_nobody_makes_says_so(portal: Portal) -> None:
    for state, said in ((RunState.QUEUED, "Waiting for a worker since"), (RunState.READING, "No sign of life")):
        run = preview(portal, state=state, planned_at=None, created_at=WHEN - timedelta(days=1))
        for address in (f"/preview/{run}", f"/preview/{run}/progress"):
            assert said in text(see(portal, address))
        with portal.runtime.database.write() as session:
            session.get_one(Run, run).state = RunState.CANCELLED
