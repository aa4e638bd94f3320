"""The log of one export: what it shows, how it is filtered, and its CSV file."""

from __future__ import annotations

import csv
import io
import re
from decimal import Decimal
from html import escape

import pytest

from tests.blueprints.portal import PREFIX, Portal

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
