"""What a stranger's link, a copied password or a careless file must not do on the portal's pages."""

from __future__ import annotations

import io
from pathlib import Path

from cwportal.models import Mapping, Run
from cwportal.services import previews
from cwportal.standalone import prices, staff
from tests.blueprints.portal import MINE, PREFIX, Portal
from tests.standalone.portal import ACCOUNTS, post, put, token, words

FILE = {"content_type": "multipart/form-data"}


def test_an_import_that_names_another_partner_is_told_nothing_of_its_accounts(portal: Portal) -> None:
    file = (io.BytesIO(b"partner_id,account_id,name,status\nrival,new,Somebody,active\n"), "accounts.csv")
    answer = post(portal.client("admin"), "/import", {"accounts": file}, **FILE)
    assert answer.status_code == 400
    assert '"rival" is not your partner id' in words(answer)
    assert "of it remain" not in words(answer)
    assert '"a1"' not in words(answer)


def test_a_link_puts_no_prices_into_the_form(portal: Portal) -> None:
    client = portal.client("billing")
    for asked in ("row=MBX&price=0.01&was=7.50", "row=MBX&price=0.01&was=7.50&q=Seat", "row=MBX&price=0.01&was=x"):
        page = client.get(f"/pricing/retail?{asked}")
        assert page.status_code == 200
        assert "0.01" not in page.text
        assert "not saved yet" not in words(page)


def test_the_password_that_somebody_else_chose_does_not_become_ones_own(portal: Portal) -> None:
    chosen = "first password"
    staff.add_staff(portal.own.engine, "new@msp.example", MINE, "billing", chosen, must_change=True)
    client = portal.client(None)
    sent = {"email": "new@msp.example", "password": chosen, "csrf_token": token(client, "/sign-in")}
    assert client.post("/sign-in", data=sent).status_code == 303
    answer = post(client, "/password", {"old": chosen, "new": chosen, "again": chosen})
    assert answer.status_code == 400
    assert "This is your present password." in words(answer)
    assert client.get("/accounts").headers["Location"] == "/password"


def test_a_file_of_prices_comes_back_to_the_skus_it_was_written_for(portal: Portal, tmp_path: Path) -> None:
    products = "sku,name\n'-x,One\n-x,Other\n''=y,Third\n'z,Fourth\n"
    mine = {"'-x": 1, "-x": 2, "''=y": 3, "'z": 4}
    rows = "".join(f"{MINE},{sku},{price}\n" for sku, price in mine.items())
    put(portal, tmp_path / "files", products=products, prices=f"partner_id,sku,unit_price\n{rows}")
    client = portal.client("billing")
    file = (io.BytesIO(client.get("/pricing/retail.csv").data), "prices.csv")
    answer = post(client, "/pricing/retail/upload", {"file": file}, **FILE, follow_redirects=True)
    assert "0 prices changed, 4 as before." in words(answer)
    assert dict(prices.listed(portal.own.engine, MINE)) == mine


def test_a_file_without_rows_is_not_called_imported(portal: Portal) -> None:
    header = b"partner_id,account_id,sku,quantity,unit_cost,unit_price\n"
    file = (io.BytesIO(header), "charges.csv")
    said = words(post(portal.client("admin"), "/import", {"charges": file}, **FILE, follow_redirects=True))
    assert "No rows below the header, so nothing was replaced: charges.csv." in said
    assert "Imported" not in said


def test_an_import_says_how_many_prices_it_replaced(portal: Portal) -> None:
    file = (io.BytesIO(b"partner_id,sku,unit_price\nmsp,MBX,9\nmsp,PBX,3\n"), "prices.csv")
    said = words(post(portal.client("admin"), "/import", {"prices": file}, **FILE, follow_redirects=True))
    assert "Retail prices that are others than before: 1; that are gone: 1." in said
    file = (io.BytesIO(b"partner_id,sku,unit_price\nmsp,MBX,9\nmsp,PBX,3\n"), "prices.csv")
    said = words(post(portal.client("admin"), "/import", {"prices": file}, **FILE, follow_redirects=True))
    assert "Imported: 2 prices." in said
    assert "others than before" not in said


def test_accounts_whose_ids_differ_by_case_only_have_their_own_changes_in_the_log(
    portal: Portal, tmp_path: Path
) -> None:
    put(portal, tmp_path / "files", accounts=ACCOUNTS + f"{MINE},A1,Another one,active,\n")
    run = portal.run()
    portal.change(run, "A1", "UPPER")
    portal.change(run, "a1", "LOWER")
    said = words(portal.client("viewer").get(f"{PREFIX}/exports/{run}"))
    assert said.index("Another one") < said.index("UPPER") < said.index("Alder & Finch") < said.index("LOWER")


def test_a_log_names_the_agreement_it_was_written_to_not_the_one_mapped_since(portal: Portal) -> None:
    run, elsewhere = portal.run(), portal.run(tenant="cw.example/former")
    for one in (run, elsewhere):
        portal.planned(one, "a1")
        portal.change(one, "a1")
    mapped = Mapping(
        partner_id=MINE,
        account_id="a1",
        tenant="cw.example/x",
        cw_company_id=3,
        company_name="Alder Inc",
        cw_agreement_id=7,
        agreement_name="Monthly",
        export=True,
        per_cycle_confirmed=False,
        changed_at=portal.runtime.clock(),
    )
    with portal.runtime.database.write() as session:
        session.add(mapped)
    client = portal.client("viewer")
    assert "Alder Inc › Monthly" in words(client.get(f"{PREFIX}/exports/{run}"))
    assert "Alder Inc" not in words(client.get(f"{PREFIX}/exports/{elsewhere}"))
    with portal.runtime.database.write() as session:
        row = session.get_one(Mapping, (MINE, "a1"))
        row.cw_company_id, row.company_name, row.cw_agreement_id = 4, "Other Inc", 8
    assert "Other Inc" not in words(client.get(f"{PREFIX}/exports/{run}"))


def test_a_preview_made_before_an_account_was_mapped_anew_does_not_name_the_new_agreement(portal: Portal) -> None:
    run = portal.run(trigger="preview", planned_at=portal.runtime.clock(), planned={}, money={})
    portal.planned(run, "a1")
    mapped = Mapping(
        partner_id=MINE,
        account_id="a1",
        tenant="cw.example/x",
        cw_company_id=4,
        company_name="Other Inc",
        cw_agreement_id=8,
        agreement_name="Monthly",
        export=True,
        per_cycle_confirmed=False,
        changed_at=portal.runtime.clock(),
    )
    with portal.runtime.database.write() as session:
        session.add(mapped)
        shown = previews._read(session, session.get_one(Run, run), ["a1"], 5)
        assert not shown.places
        session.get_one(Mapping, (MINE, "a1")).cw_agreement_id = 7
        session.flush()
        assert previews._read(session, session.get_one(Run, run), ["a1"], 5).places["a1"].company_name == "Other Inc"
