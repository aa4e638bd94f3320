"""The page that disables: what it says, the box that must be ticked, and what follows."""

from __future__ import annotations

import codecs
import csv
import io
from datetime import UTC, datetime
from decimal import Decimal

import pytest
from sqlalchemy import event

from cwportal.models import Connection, LedgerAddition, Mapping, Settings
from cwportal.vocabulary import RunState
from tests.blueprints.portal import MINE, OTHER, PREFIX, WHEN, Portal, token

PAGE = f"{PREFIX}/disable"
NASTY = "<script>alert('x')</script> \u202egnp"


def _lines(portal: Portal, agreements: int, each: int = 1, partner: str = MINE) -> None:
    nothing = ("sent_cancelled", "echoed_cancelled", "key_price", "key_cost", "sent_cost", "echoed_cost", "closed_at")
    with portal.runtime.database.write() as session:
        for number in range(agreements):
            session.add(
                Mapping(
                    partner_id=partner,
                    account_id=f"a{number}",
                    tenant=f"cw.example/{partner}",
                    cw_company_id=number,
                    cw_agreement_id=number,
                    company_name=NASTY if number == 0 else f"Company {number:05}",
                    agreement_name="Managed Services",
                    export=True,
                    per_cycle_confirmed=False,
                    changed_at=datetime.now(UTC),
                )
            )
            for line in range(each):
                session.add(
                    LedgerAddition(
                        partner_id=partner,
                        tenant=f"cw.example/{partner}",
                        account_id=f"a{number}",
                        cw_agreement_id=number,
                        cw_addition_id=line,
                        cw_product_id=1,
                        part_number="MBX",
                        sent_quantity=Decimal(2),
                        echoed_quantity=Decimal("2.00"),
                        sent_price=Decimal("1.50"),
                        echoed_price=Decimal("1.50"),
                        origin="created",
                        created_at=WHEN,
                        **dict.fromkeys(nothing),
                    )
                )


def test_it_says_what_stays_and_does_nothing_without_the_box(portal_on_both: Portal) -> None:
    portal = portal_on_both
    _lines(portal, 60, 2)
    _lines(portal, 3, partner=OTHER)
    client = portal.client("admin")
    page = client.get(PAGE).text
    assert "120 lines in 60 agreements stay in ConnectWise and will be invoiced" in page
    assert "360.00&nbsp;" in page
    assert "1–50 of 60 agreements" in page
    assert "<script>alert" not in page
    assert "Company 00059" in client.get(f"{PAGE}?page=2").text
    answer = client.post(PAGE, data={"csrf_token": token(client, PAGE)})
    assert answer.status_code == 422
    assert "ConnectWise is still connected" in answer.text
    with portal.runtime.database.read() as session:
        assert session.get(Connection, MINE) is not None


def test_the_list_as_a_file_has_all_pages_and_nothing_of_others(portal_on_both: Portal) -> None:
    portal = portal_on_both
    _lines(portal, 60, 2)
    _lines(portal, 3, partner=OTHER)
    with portal.runtime.database.write() as session:
        session.query(Mapping).filter_by(partner_id=MINE, account_id="a1").update({"company_name": '=1+1"'})
        session.query(Mapping).filter_by(partner_id=MINE, account_id="a2").delete()
        session.query(LedgerAddition).filter_by(partner_id=MINE, account_id="a3", cw_addition_id=1).update(
            {"echoed_price": None}
        )
    client = portal.client("admin")
    page = client.get(PAGE).text
    assert f'href="{PAGE}/lines.csv"' in page
    assert page.count("and 1 line whose price was not exported") == 3  # above, of the agreement, and in all
    answer = client.get(f"{PAGE}/lines.csv")
    assert answer.headers["Content-Disposition"] == "attachment; filename=lines-that-stay.csv"
    assert answer.data.startswith(codecs.BOM_UTF8)
    rows = list(csv.DictReader(io.StringIO(answer.data.decode("utf-8-sig"), newline="")))
    assert len(rows) == 60
    by_account = {row["account_id"]: row for row in rows}
    assert by_account["a1"]["company"] == "'=1+1\""
    assert list(by_account["a3"].values()) == ["Company 00003", "Managed Services", "3", "a3", "2", "3", "USD", "1"]
    assert (rows[-1]["company"], rows[-1]["account_id"], rows[-1]["monthly_price"]) == ("", "a2", "6")
    assert sum(int(row["lines"]) for row in rows) == 120
    with portal.runtime.database.write() as session:
        session.delete(session.get_one(Connection, MINE))
    gone = client.get(f"{PAGE}/lines.csv")
    assert (gone.status_code, gone.location) == (303, f"{PREFIX}/start")


def test_with_the_box_it_is_gone_and_history_stays(portal: Portal) -> None:
    _lines(portal, 1)
    run = portal.run()
    waiting = portal.run(state=RunState.QUEUED)
    client = portal.client("admin")
    answer = client.post(PAGE, data={"csrf_token": token(client, PAGE), "sure": "yes"})
    assert (answer.status_code, answer.location) == (303, f"{PREFIX}/start")
    page = client.get(answer.location).text
    assert "1 line in 1 agreement stays in ConnectWise and will be invoiced" in page
    assert f"Export {waiting}, which was waiting, was cancelled" in page
    assert "Get started with ConnectWise" in page
    assert client.get(f"{PREFIX}/exports/{run}").status_code == 200
    with portal.runtime.database.read() as session:
        assert session.get(Connection, MINE) is None
        assert session.get(Settings, MINE) is None
        assert session.get(Connection, OTHER) is not None
    again = client.post(PAGE, data={"csrf_token": token(client, f"{PREFIX}/start"), "sure": "yes"})
    assert (again.status_code, again.location) == (303, f"{PREFIX}/start")


@pytest.mark.parametrize("path", ["/disable", "/start", "/settings/credentials"])
def test_pages_ask_the_database_a_few_times_however_much_there_is(portal: Portal, path: str) -> None:
    _lines(portal, 200, 5)
    if path != "/disable":
        with portal.runtime.database.write() as session:
            for row in session.query(Connection).where(Connection.partner_id == MINE):
                row.active = path != "/start"
                row.public_key = ""
                if path == "/settings/credentials":
                    from cwportal.services.secrets import Keyring

                    row.public_key = row.private_key = Keyring.of(portal.runtime.config).encrypt(MINE, "x")
    asked: list[str] = []
    event.listen(portal.runtime.database.engine, "before_cursor_execute", lambda *given: asked.append(given[2]))
    assert portal.client("admin").get(f"{PREFIX}{path}").status_code == 200
    assert len([one for one in asked if one.startswith("SELECT")]) <= 15
