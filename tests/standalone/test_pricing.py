"""Retail pricing: what is shown, typed, saved, refused, kept, uploaded and remembered."""

from __future__ import annotations

import io
import json
import re
from decimal import Decimal
from html import unescape
from urllib.parse import urlencode

import pytest
from sqlalchemy import Engine
from werkzeug.test import TestResponse

from cwportal.standalone import prices
from cwportal.standalone.prices import parse
from cwportal.standalone.source import StandaloneSource
from cwportal.standalone.views.pricing import price_url
from tests.blueprints.portal import MINE, OTHER, Portal
from tests.standalone.portal import PRODUCTS, post, put, token, words

D = Decimal
PAGE = "/pricing/retail"
HEADER = "partner_id,sku,unit_price\n"


def _stored(engine: Engine, partner_id: str = MINE) -> dict[str, Decimal]:
    return dict(prices.listed(engine, partner_id))


def _form(*edits: tuple[str, str, str], go: str = "save", **more: str) -> dict[str, object]:
    """(SKU, typed, what was there)."""
    names = {"row": [sku for sku, _, _ in edits], "price": [typed for _, typed, _ in edits]}
    return {**names, "was": [was for _, _, was in edits], "go": go, **more}


@pytest.mark.parametrize(
    ("typed", "price"),
    [
        ("", None),
        ("  ", None),
        ("0", D(0)),
        ("7.50", D("7.5")),
        (" 12 ", D(12)),
        ("0.0001", D("0.0001")),
        ("1.50000", D("1.5")),
    ],
)
def test_what_may_be_typed(typed: str, price: Decimal | None) -> None:
    assert parse(typed) == price


@pytest.mark.parametrize(
    ("typed", "reason"),
    [
        ("-1", "0 or more"),
        ("7,50", "not an amount"),
        ("free", "not an amount"),
        ("1e3", "not an amount"),
        ("NaN", "not an amount"),
        ("$5", "not an amount"),
        ("1.23456", "more than 4 decimals"),
        ("9" * 41, "not an amount"),
        ("٣", "not an amount"),
    ],
)
def test_what_may_not(typed: str, reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        parse(typed)


def test_what_is_missing_and_what_it_costs(portal_on_both: Portal) -> None:
    lines = {line.sku: line for line in prices.lines(portal_on_both.own.engine, MINE)}
    assert [sku for sku, line in lines.items() if line.is_missing] == ["PBX"]
    pbx, mbx = lines["PBX"], lines["MBX"]
    assert (pbx.accounts, pbx.retail_accounts, pbx.retail_quantity, pbx.retail_cost) == (2, 2, D(3), D("27.0002"))
    assert (mbx.accounts, mbx.retail_accounts, mbx.retail_quantity, mbx.margin) == (1, 1, D(5), D("3.70"))
    assert (lines["BKP"].accounts, lines["BKP"].retail_accounts, lines["REC"].accounts) == (1, 0, 0)
    answer = words(portal_on_both.client("billing").get(f"{PAGE}?show=missing"))
    assert "2 accounts use it unbilled; it costs you 27.00 USD a month" in answer
    assert "Mailbox" not in answer
    assert "77.77" not in answer  # the other partner's


def test_saving_is_exported_remembered_and_the_other_partner_keeps_its_own(portal_on_both: Portal) -> None:
    portal = portal_on_both
    client, before = portal.client("billing"), _stored(portal.own.engine, OTHER)
    answer = post(
        client, PAGE, _form(("PBX", "12.25", ""), ("MBX", "3", "7.50"), ("BKP", "", "4.00"), ("REC", "0", ""))
    )
    assert (answer.status_code, answer.headers["Location"]) == (303, PAGE)
    assert _stored(portal.own.engine) == {"MBX": D(3), "PBX": D("12.25"), "REC": D(0)}
    assert _stored(portal.own.engine, OTHER) == before
    text = words(client.get(PAGE))
    assert "4 prices saved. They are exported with the next export." in text
    assert "Below the list cost: MBX, REC." in text
    charges = dict(StandaloneSource(portal.own.engine).charges(MINE, ["a1"]))["a1"]
    assert {(one.sku, one.unit_price) for one in charges} == {("MBX", D(3)), ("MBX", D("6.95")), ("PBX", D("12.25"))}
    history = words(client.get(f"{PAGE}/history?sku=PBX"))
    assert "no price to 12.25 USD billing@msp.example" in history
    assert "12.25" not in words(portal.client("other").get(f"{PAGE}/history?sku=PBX&page=9"))


def test_a_price_taken_away_from_what_is_used_is_said(portal: Portal) -> None:
    client = portal.client("billing")
    post(client, PAGE, _form(("MBX", "", "7.50")))
    assert "Without a price now, although in use: MBX." in words(client.get(PAGE))


def test_one_wrong_price_saves_nothing_and_keeps_what_was_typed(portal: Portal) -> None:
    before = _stored(portal.own.engine)
    answer = post(portal.client("billing"), PAGE, _form(("MBX", "8", "7.50"), ("PBX", "-2", "")))
    assert answer.status_code == 400
    assert "Nothing was saved: 1 price needs a look." in words(answer)
    assert 'value="8"' in answer.text
    assert 'value="-2"' in answer.text
    assert 'aria-invalid="true" aria-describedby="sku-PBX-wrong"' in answer.text
    assert 'href="#sku-PBX-price"' in answer.text
    assert _stored(portal.own.engine) == before


def test_two_browsers(portal_on_both: Portal) -> None:
    portal = portal_on_both
    ann, bob = portal.client("billing"), portal.client("admin")
    assert post(ann, PAGE, _form(("MBX", "8", "7.50"))).status_code == 303
    answer = post(bob, PAGE, _form(("MBX", "9", "7.50"), ("PBX", "11", "")))
    assert answer.status_code == 409
    assert "Somebody else has set it to 8.00 meanwhile." in words(answer)
    assert _stored(portal.own.engine) == {"MBX": D(8), "BKP": D(4)}
    assert 'name="was" value="8.00"' in answer.text  # saving again is knowing
    assert post(bob, PAGE, _form(("MBX", "9", "8.00"), ("PBX", "11", ""))).status_code == 303
    assert _stored(portal.own.engine)["MBX"] == D(9)
    assert post(ann, PAGE, _form(("MBX", "9", "8.00"))).status_code == 303  # the same value is no conflict


def test_typed_values_travel_while_one_searches(portal: Portal) -> None:
    client, before = portal.client("billing"), _stored(portal.own.engine)
    answer = post(client, PAGE, _form(("MBX", "8.25", "7.50"), go="search", q="seat"))
    assert answer.status_code == 200
    assert 'name="row" value="MBX"><input type="hidden" name="price" value="8.25">' in answer.text
    assert "1 change not saved yet." in words(answer)
    assert _stored(portal.own.engine) == before
    answer = post(client, PAGE, _form(("MBX", "7.50", "7.50"), go="search", q="seat"))
    assert (answer.status_code, answer.headers["Location"]) == (303, f"{PAGE}?q=seat")


def test_enter_searches_in_the_search_field_and_saves_in_the_others(portal: Portal) -> None:
    client = portal.client("billing")
    assert post(client, PAGE, _form(("MBX", "8", "7.50"), go="enter", q="seat", former="")).status_code == 200
    assert _stored(portal.own.engine)["MBX"] == D("7.50")
    assert post(client, PAGE, _form(("MBX", "8", "7.50"), go="enter", q="seat", former="seat")).status_code == 303
    assert _stored(portal.own.engine)["MBX"] == D(8)


@pytest.mark.parametrize("edit", [("NOPE", "1", ""), ("MBX", "1", "x")])
def test_a_form_that_is_not_ours(portal: Portal, edit: tuple[str, str, str]) -> None:
    assert post(portal.client("billing"), PAGE, _form(edit)).status_code == 400


def test_a_price_with_more_decimals_than_are_exported_may_stay(portal: Portal) -> None:
    put(portal, portal.runtime.config.instance / "f", prices=HEADER + "msp,MBX,1.234567\n")
    client = portal.client("billing")
    assert 'value="1.234567"' in client.get(PAGE).text
    assert post(client, PAGE, _form(("MBX", "1.234567", "1.234567"), ("PBX", "1", ""))).status_code == 303
    assert _stored(portal.own.engine) == {"MBX": D("1.234567"), "PBX": D(1)}


def test_the_link_of_a_missing_price_leads_to_its_row(portal: Portal, tmp_path_factory: pytest.TempPathFactory) -> None:
    many = "".join(f"A{number:03},Thing {number},1\n" for number in range(120))
    put(portal, tmp_path_factory.mktemp("many"), products=PRODUCTS + many + "a b/c?,Odd,1\n")
    for sku in ("PBX", "a b/c?", "A007"):
        with portal.app.test_request_context():
            address, _, anchor = price_url("a1", sku).partition("#")
        answer = portal.client("viewer").get(address)
        assert answer.status_code == 200
        assert f'id="{anchor}"' in answer.text
    assert " " not in anchor
    assert "page 3 of 3" in words(portal.client("viewer").get("/pricing/retail?sku=PBX"))


def _upload(portal: Portal, content: str, who: str = "billing") -> tuple[int, str]:
    client = portal.client(who)
    answer = _chosen(portal, content, who)
    if answer.status_code == 200:  # what the file would change was shown: yes
        answer = client.post(f"{PAGE}/upload/save", data={"csrf_token": token(client), "prices": _carried(answer)})
    return answer.status_code, words(answer) if answer.status_code != 303 else words(client.get(PAGE))


def _chosen(portal: Portal, content: str, who: str = "billing") -> TestResponse:
    client = portal.client(who)
    data = {"csrf_token": token(client), "file": (io.BytesIO(content.encode()), "prices.csv")}
    return client.post(f"{PAGE}/upload", data=data)


def _carried(answer: TestResponse) -> str:
    found = re.search(r'name="prices" value="([^"]+)"', answer.text)
    assert found is not None
    return unescape(found[1])


def test_a_file_down_and_up_again(portal_on_both: Portal) -> None:
    portal = portal_on_both
    text = portal.client("viewer").get(f"{PAGE}.csv").text
    assert text == "\ufeffpartner_id,sku,unit_price\r\nmsp,BKP,4\r\nmsp,MBX,7.50\r\n"
    status, said = _upload(portal, text.replace("7.50", "7.75") + "msp,PBX,10.123456\r\n")
    assert status == 303
    assert "2 prices changed, 1 as before." in said
    assert "More than 4 decimals, which are rounded when exported: PBX." in said
    assert _stored(portal.own.engine) == {"BKP": D(4), "MBX": D("7.75"), "PBX": D("10.123456")}
    assert _upload(portal, HEADER + "msp,REC,1\n")[0] == 303
    assert len(_stored(portal.own.engine)) == 4  # what the file does not name stays


def test_a_file_shows_what_it_would_change_and_an_old_one_puts_no_price_back_unasked(portal_on_both: Portal) -> None:
    portal, client = portal_on_both, portal_on_both.client("billing")
    file = client.get(f"{PAGE}.csv").text.replace("msp,BKP,4", "msp,BKP,0.5")  # Backup is what one wants to change
    post(portal.client("admin"), PAGE, _form(("MBX", "8", "7.50")))  # meanwhile
    before = _stored(portal.own.engine)
    shown = _chosen(portal, file)
    assert shown.status_code == 200
    assert _stored(portal.own.engine) == before
    said = words(shown)
    assert "Nothing is changed yet. 2 of the file's 2 prices differ" in said
    former, new = said.split("New prices: 1")
    assert re.search(r"Back to a former price: 1 .* MBX 1 from 8.00 to 7.50 .* admin@msp.example", former)
    assert re.search(r"BKP 1 from 4.00 to 0.50", new)
    sent = {"csrf_token": token(client), "prices": _carried(shown)}
    assert client.post(f"{PAGE}/upload/save", data=sent).status_code == 303
    assert _stored(portal.own.engine) == {"MBX": D(8), "BKP": D("0.5")}
    assert "1 price changed, 0 as before, 1 left as it is now." in words(client.get(PAGE))
    # With nothing else in the file it has to be ticked, and then it is done.
    only = _chosen(portal, HEADER + "msp,MBX,7.50\n")
    sent["prices"] = _carried(only)
    answer = client.post(f"{PAGE}/upload/save", data=sent)
    assert answer.status_code == 400
    assert "you did not tick" in words(answer)
    assert client.post(f"{PAGE}/upload/save", data={**sent, "former": "yes"}).status_code == 303
    assert _stored(portal.own.engine)["MBX"] == D("7.50")


def test_a_price_saved_while_one_looks_at_what_the_file_would_change(portal: Portal) -> None:
    client = portal.client("billing")
    sent = {"csrf_token": token(client), "prices": _carried(_chosen(portal, HEADER + "msp,MBX,9\nmsp,REC,2\n"))}
    post(portal.client("admin"), PAGE, _form(("MBX", "8", "7.50")))
    answer = client.post(f"{PAGE}/upload/save", data=sent)
    assert answer.status_code == 409
    assert "Nothing was saved: somebody else has changed prices meanwhile." in words(answer)
    assert re.search(r"MBX 1? ?.*from 8.00 to 9.00", words(answer))
    assert _stored(portal.own.engine) == {"MBX": D(8), "BKP": D(4)}
    assert client.post(f"{PAGE}/upload/save", data={**sent, "prices": _carried(answer)}).status_code == 303
    assert _stored(portal.own.engine) == {"MBX": D(9), "BKP": D(4), "REC": D(2)}


@pytest.mark.parametrize(
    "rows",
    [
        "",
        "[]",
        "{}",
        "[" * 100_000,
        '{"count":Infinity,"rows":[]}',
        '{"count":1,"rows":[["MBX","7.50"]]}',
        '{"count":1,"rows":[["MBX","7.50","-1"]]}',
        '{"count":1,"rows":[["MBX","7.50","NaN"]]}',
        '{"count":1,"rows":[["MBX","x","1"]]}',
    ],
)
def test_a_form_of_a_file_that_is_not_ours(portal: Portal, rows: str) -> None:
    before = _stored(portal.own.engine)
    assert post(portal.client("billing"), f"{PAGE}/upload/save", {"prices": rows}).status_code == 400
    assert _stored(portal.own.engine) == before


def test_a_large_file_is_shown_in_part_and_comes_back_as_a_whole(
    portal: Portal, tmp_path_factory: pytest.TempPathFactory
) -> None:
    skus = [f"LONG-PART-NUMBER-OF-THE-VENDOR-{number:06}" for number in range(7_000)]
    put(portal, tmp_path_factory.mktemp("f"), products="sku,name\n" + "".join(f"{sku},Thing\n" for sku in skus))
    shown = _chosen(portal, HEADER + "".join(f"msp,{sku},1.25\n" for sku in skus))
    assert "6500 more are not" in words(shown)
    assert len(json.loads(_carried(shown))["rows"]) == len(skus)
    client = portal.client("billing")
    sent = {"csrf_token": token(client), "prices": _carried(shown)}
    answer = client.post(f"{PAGE}/upload/save", data=sent)  # more than Flask takes in fields by itself
    assert len(urlencode(sent)) > portal.app.config["MAX_FORM_MEMORY_SIZE"]
    assert answer.status_code == 303
    assert len(_stored(portal.own.engine)) == len(skus) + 2


def test_a_file_is_taken_as_a_whole_or_not_at_all(portal: Portal) -> None:
    before = _stored(portal.own.engine), _stored(portal.own.engine, OTHER)
    status, said = _upload(portal, HEADER + "msp,MBX,1\nrival,MBX,1\nmsp,NOPE,1\nmsp,PBX,-1\nmsp,BKP,\n")
    assert status == 400
    for line, reason in (
        (3, "is not your partner id"),
        (4, 'no product "NOPE"'),
        (5, "is negative"),
        (6, "the cell is empty"),
    ):
        assert f"prices.csv line {line}, column" in said
        assert reason in said
    assert _upload(portal, "")[0] == 400
    assert (_stored(portal.own.engine), _stored(portal.own.engine, OTHER)) == before


def test_a_sku_that_a_spreadsheet_would_run_goes_down_and_up(
    portal: Portal, tmp_path_factory: pytest.TempPathFactory
) -> None:
    put(portal, tmp_path_factory.mktemp("f"), products="sku,name\n=1+1,Sum\n", prices=HEADER + "msp,=1+1,2\n")
    text = portal.client("viewer").get(f"{PAGE}.csv").text
    assert "msp,'=1+1,2" in text
    assert _upload(portal, text.replace(",2\r\n", ",3\r\n"))[0] == 303
    assert _stored(portal.own.engine) == {"=1+1": D(3)}


def test_a_load_from_the_command_line_is_in_the_history(
    portal: Portal, tmp_path_factory: pytest.TempPathFactory
) -> None:
    put(portal, tmp_path_factory.mktemp("f"), prices=HEADER + "msp,MBX,9\n")
    history = words(portal.client("viewer").get(f"{PAGE}/history"))
    assert "BKP from 4.00 USD to no price cwportal load" in history
    assert "MBX from 7.50 USD to 9.00 USD cwportal load" in history
