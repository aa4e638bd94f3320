"""The log of one export: what it shows, how it is filtered, and its CSV file."""

from __future__ import annotations

import csv
import io
import re
from decimal import Decimal
from html import escape

import pytest
from sqlalchemy import select

from cwportal.models import Connection, RunAccount
from tests.blueprints.portal import MINE, PREFIX, Portal

NASTY = (
    "<script>alert(1)</script>",
    "\"quoted\" & 'single' <b>",
    "\u202eevil\u202c عربى",
    "x" * 200,
    "=cmd|' /C calc'!A0",
    "{{ 7*7 }}",
)


def _text(html: str) -> str:
    return " ".join(re.sub(r"<[^>]+>", " ", html).split())


def test_the_log_shows_findings_first_then_changes_from_before_to_after(portal: Portal) -> None:
    portal.account("a1", "Alder & Finch")
    amounts = {"price_before": "100.00", "price_after": "90.505", "cost_before": "50", "cost_after": "45"}
    run = portal.run(counts={"updated": 1}, money=amounts)
    portal.planned(run, "a1", finding="The quantity was changed by hand.")
    portal.change(run, "a1", after={"quantity": Decimal(4), "unitPrice": Decimal("2.5")})
    portal.change(run, "a1", "NEW", "unknown", before={}, error="No answer within 30 s.")
    said = _text(portal.client("viewer").get(f"{PREFIX}/exports/{run}").text)
    assert said.index("The quantity was changed by hand.") < said.index("1–2 of 2")
    assert "Changed in ConnectWise by hand Warning Alder &amp; Finch · MBX : The quantity was changed by hand." in said
    assert "Quantity from 3 to 4" in said
    assert "Unit price 2.50" in said
    assert (
        "Not confirmed Not confirmed by ConnectWise: will be checked, never sent twice. No answer within 30 s." in said
    )
    assert "Monthly price −9.50 USD, our lines only Margin −4.50 USD a month" in said


def test_a_long_log_comes_in_pages_and_whole_as_csv(portal: Portal) -> None:
    run = portal.run()
    for number in range(101):
        portal.change(run, "a1", f"PART-{number:03}", position=number)
    client = portal.client("viewer")
    assert "1–50 of 101" in client.get(f"{PREFIX}/exports/{run}").text
    second = client.get(f"{PREFIX}/exports/{run}?page=3").text
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


def test_a_finding_leads_to_what_mends_it(portal: Portal) -> None:
    portal.account("a1", "Alder & Finch")
    run = portal.run()
    found = {
        "part_number": "MBX",
        "addition_id": None,
        "amount": "9.5",
        "message": "It is so.",
        "command": "cwportal x",
    }
    several = [
        {**found, "code": code, "severity": severity}
        for code, severity in (("not_mapped", "warning"), ("price_missing", "error"), ("existing_lines", "hold"))
    ]
    columns = {"plan_state": "held", "state": "held", "digest": "", "money": {}, "unchanged": 0, "partner_id": MINE}
    with portal.runtime.database.write() as session:
        session.add(RunAccount(run_id=run, account_id="a1", findings=several, **columns))
    html = portal.client("viewer").get(f"{PREFIX}/exports/{run}").text
    assert f'href="{PREFIX}/mapping?q=a1"' in html
    assert f'href="{PREFIX}/preview/{run}?account=a1"' in html
    assert re.search(r'href="/pricing/retail\?sku=MBX[^"]*" class="nb">Set the price', html)
    assert "cwportal x" not in html


def test_the_filter_is_in_the_address_and_holds_for_the_file(portal: Portal) -> None:
    run = portal.run()
    portal.change(run, "a1", "ONE")
    portal.change(run, "a2", "TWO", "failed", action="create", error="Refused.")
    client = portal.client("viewer")
    query = "?outcome=failed&action=create&text=refus"
    html = client.get(f"{PREFIX}/exports/{run}{query}").text
    assert "1–1 of 1" in html
    assert '<option selected value="failed">' in html
    assert 'value="refus"' in html
    link = re.search(r'href="([^"]+log\.csv[^"]*)"', html)
    assert link is not None
    with client.get(link[1].replace("&amp;", "&")) as answer:
        rows = list(csv.DictReader(io.StringIO(answer.data.decode("utf-8-sig"), newline="")))
    assert [row["part_number"] for row in rows] == ["TWO"]
    assert "No change matches the filter." in client.get(f"{PREFIX}/exports/{run}?text=nowhere").text
    for odd in ("?outcome=odd&action=odd&level=odd", "?page=x&text=%01", f"?text={'x' * 5000}"):
        assert client.get(f"{PREFIX}/exports/{run}{odd}").status_code == 200, odd
    assert client.get(f"{PREFIX}/exports/{run}?text=%00").status_code == 400  # no browser sends it


def test_records_are_linked_in_the_partners_own_connectwise(portal: Portal) -> None:
    with portal.runtime.database.read() as session:
        tenant = session.scalars(select(Connection.tenant).where(Connection.partner_id == MINE)).one()
    here, elsewhere = portal.run(tenant=tenant), portal.run(tenant="cw.example/former")
    for run in (here, elsewhere):
        portal.change(run, "a1")
    client = portal.client("viewer")
    found = re.search(
        r'<a href="([^"]+recordType=AgreementFV[^"]+)" rel="noopener noreferrer">',
        client.get(f"{PREFIX}/exports/{here}").text,
    )
    assert found is not None
    assert found[1].endswith("recid=7")
    assert "recordType" not in client.get(f"{PREFIX}/exports/{elsewhere}").text
