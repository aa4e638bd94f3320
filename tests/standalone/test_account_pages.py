"""Accounts, one account, importing them; and all of it with a large partner."""

from __future__ import annotations

import io
import statistics
import time
from pathlib import Path

import pytest

from cwportal.errors import SourceIncomplete
from cwportal.standalone import source as source_module
from cwportal.standalone.load import load
from cwportal.standalone.source import StandaloneSource
from tests.blueprints.portal import MINE, OTHER, Portal
from tests.standalone.data import rows
from tests.standalone.portal import CHARGES, counted, put, token, words


def test_the_list(portal_on_both: Portal) -> None:
    client = portal_on_both.client("viewer")
    text = words(client.get("/accounts"))
    assert "All 3 Active 1 Suspended 1 Closed 1" in text
    assert "Alder & Finch a1 Active 2 1 without price · 51.40 USD 34.80 USD" in text
    assert "Ósvík ehf. a2 Suspended 2 1 without price · 0.00 USD 18.56 USD" in text
    assert "Quarry Hill a3 Closed 0 0.00 USD 0.00 USD" in text
    assert "secret" not in text.casefold()
    assert "Alder" not in words(client.get("/accounts?q=ÓSVÍK"))
    assert "No account matches. Show all 3." in words(client.get("/accounts?q=nothing&status=closed&page=7"))


def test_one_account(portal_on_both: Portal) -> None:
    client = portal_on_both.client("viewer")
    text = words(client.get("/accounts/a1"))
    assert "Mailbox MBX 5 3.80 USD 7.50 USD retail 37.50 USD" in text
    assert "Mailbox MBX 2 3.40 USD 6.95 USD own 13.90 USD" in text
    assert "Seat PBX 1 9.00 USD no price not billed" in text
    assert "1 service has no price." in text
    assert "ann@alder.exampleAnnactiveMBX, PBX" in text
    assert "spy@" not in text
    assert 'href="/pricing/retail?sku=PBX#sku-PBX"' in client.get("/accounts/a1").text
    assert client.get("/accounts/r9").status_code == 404


def _import(portal: Portal, **files: str) -> tuple[int, str]:
    client = portal.client("admin")
    sent = {kind: (io.BytesIO(content.encode()), "x.csv") for kind, content in files.items()}
    answer = client.post("/import", data={"csrf_token": token(client), **sent})
    return answer.status_code, words(client.get("/accounts") if answer.status_code == 303 else answer)


def test_importing_replaces_only_ones_own(portal_on_both: Portal) -> None:
    portal = portal_on_both
    mine = CHARGES.split("msp", maxsplit=1)[0] + "msp,a1,MBX,9,1,\n"
    status, text = _import(portal, charges=mine)
    assert status == 303
    assert "Imported: 1 charges." in text
    source = StandaloneSource(portal.own.engine)
    assert [len(found) for _, found in source.charges(MINE, ["a1", "a2"])] == [1, 0]
    assert [len(found) for _, found in source.charges(OTHER, ["a1"])] == [1]
    before = rows(portal.own.engine)
    status, text = _import(portal, charges=mine + "rival,a1,MBX,1,1,1\nmsp,a9,MBX,1,1,1\n")
    assert status == 400
    assert 'charges.csv line 3, column partner_id: "rival" is not your partner id; every row must say "msp"' in text
    assert 'charges.csv line 4, column account_id: partner "msp" has no account "a9"' in text
    assert _import(portal, products="sku,name\nX,X\n")[0] == 400
    assert _import(portal)[0] == 400
    assert rows(portal.own.engine) == before


def test_users_stream_in_order_and_notice_a_load(
    portal_on_both: Portal, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    portal = portal_on_both
    head = "partner_id,account_id,email,display_name,status,services\n"
    names = [f"u{number:02}@x.example" for number in range(10)]
    put(portal, tmp_path / "u", users=head + "".join(f"msp,a1,{name},,active,\n" for name in reversed(names)))
    for size in (1, 3, 10, 11):
        monkeypatch.setattr(source_module, "USERS_PER_READ", size)
        assert [user.email for user in StandaloneSource(portal.own.engine).users(MINE, "a1")] == names
    monkeypatch.setattr(source_module, "USERS_PER_READ", 3)
    stream = StandaloneSource(portal.own.engine).users(MINE, "a1")
    assert next(stream).email == names[0]
    load(portal.own.engine, tmp_path / "u")
    with pytest.raises(SourceIncomplete, match="loaded anew"):
        list(stream)


ACCOUNTS, SKUS = 1_500, 25
PATHS = (
    "/accounts",
    "/accounts?page=9",
    "/accounts?q=customer+7",
    "/accounts/c7",
    "/pricing/retail",
    "/pricing/retail?show=missing",
    "/pricing/retail/history",
    "/staff",
    "/password",
    "/import",
)
MOST_QUERIES = 8


@pytest.mark.slow
def test_a_large_partner_is_served_fast_with_few_queries(portal: Portal, tmp_path: Path) -> None:
    everything = [(account, sku) for account in range(ACCOUNTS) for sku in range(SKUS)]
    put(
        portal,
        tmp_path / "big",
        accounts="partner_id,account_id,name,status\n"
        + "".join(f"msp,c{n},Customer {n},active\n" for n in range(ACCOUNTS)),
        products="sku,name,list_cost\n" + "".join(f"S{n},Service {n},1\n" for n in range(SKUS)),
        prices="partner_id,sku,unit_price\n" + "".join(f"msp,S{n},2\n" for n in range(0, SKUS, 2)),
        charges="partner_id,account_id,sku,quantity,unit_cost,unit_price\n"
        + "".join(f"msp,c{account},S{sku},{account % 50}.5,1.25,\n" for account, sku in everything),
        users="partner_id,account_id,email,display_name,status,services\n"
        + "".join(f"msp,c7,u{n}@x.example,,active,\n" for n in range(5_000)),
    )
    client = portal.client("admin")
    for path in PATHS:
        took = []
        for _ in range(10):
            with counted(portal) as sent:
                started = time.process_time()  # of this program: others may be at work on the machine
                assert client.get(path).status_code == 200
                took.append((time.process_time() - started) * 1000)
        print(f"{path:32} {len(sent):3} queries, median {statistics.median(took):5.1f} ms, most {max(took):5.1f} ms")
        assert len(sent) <= MOST_QUERIES, sent
        assert statistics.median(took) < 100
