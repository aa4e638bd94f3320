"""The demo data are a portal that loads without a complaint and looks like a real one."""

from __future__ import annotations

import csv
from collections import Counter, defaultdict
from decimal import Decimal
from pathlib import Path

from sqlalchemy import Engine

from cwportal.dev.demo import DEMO_DIR, NEWCOMER, NEWCOMER_DIR
from cwportal.portal import Charge
from cwportal.standalone.load import load
from cwportal.standalone.source import StandaloneSource
from cwportal.vocabulary import AccountStatus

PARTNER = "northwind"


def table(name: str, folder: Path = DEMO_DIR) -> list[dict[str, str]]:
    with (folder / name).open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file, strict=True))


def test_the_newcomer_loads_beside_it_and_is_not_mapped_yet(engine: Engine) -> None:
    load(engine, DEMO_DIR)
    report = load(engine, NEWCOMER_DIR)
    assert report.rows["accounts"] == 6
    source = StandaloneSource(engine)
    accounts = {account.id for account in source.accounts(NEWCOMER)}
    assert all(charge.unit_price for _, some in source.charges(NEWCOMER, sorted(accounts)) for charge in some)
    assert len(source.accounts(PARTNER)) == 40


def test_it_loads_and_holds_what_a_real_partner_has(engine: Engine) -> None:
    report = load(engine, DEMO_DIR)
    assert report.rows["accounts"] == 40
    assert (report.rows["products"], report.rows["prices"]) == (33, 31)
    source = StandaloneSource(engine)
    accounts = {account.id: account for account in source.accounts(PARTNER)}
    charges: dict[str, list[Charge]] = {
        account: list(some) for account, some in source.charges(PARTNER, sorted(accounts))
    }
    assert {account.status for account in accounts.values()} == set(AccountStatus)
    assert any(not some for account, some in charges.items() if accounts[account].status is AccountStatus.ACTIVE)
    assert not any(some for account, some in charges.items() if accounts[account].status is AccountStatus.CLOSED)
    products = {product.sku: product for product in source.products(PARTNER)}
    unused = products.keys() - {charge.sku for some in charges.values() for charge in some}
    assert [products[sku].list_cost for sku in unused] == [None]
    combinations = defaultdict(set)
    rows: Counter[tuple[str, str, Decimal | None, Decimal]] = Counter()
    for account, some in charges.items():
        for charge in some:
            combinations[account, charge.sku].add((charge.unit_price, charge.unit_cost))
            rows[account, charge.sku, charge.unit_price, charge.unit_cost] += 1
            assert charge.quantity > 0
    exported = {row["account_id"] for row in table("mapping.csv") if row["export"] == "yes"}
    unpriced = {account for account, some in charges.items() if any(one.unit_price is None for one in some)}
    assert unpriced  # Retail pricing has something to show, and the first export ends well all the same
    assert unpriced.isdisjoint(exported)
    below = [one for some in charges.values() for one in some if one.unit_price and one.unit_price < one.unit_cost]
    assert {one.sku for one in below} == {"PBX-PHONE"}
    assert max(map(len, combinations.values())) >= 3
    assert max(rows.values()) >= 2
    assert any(charge.quantity % 1 for some in charges.values() for charge in some)
    assert any(not account.name.isascii() for account in accounts.values())
    assert any('"' in account.name for account in accounts.values())
    assert sum(len(list(source.users(PARTNER, account))) for account in accounts) == report.rows["users"]


def test_the_mapping_names_companies_and_agreements_that_connectwise_has() -> None:
    accounts = {row["account_id"] for row in table("accounts.csv")}
    agreements = {
        (f"identifier:{row['company_identifier']}", f"name:{row['agreement']}"): row["agreement_status"]
        for row in table("connectwise.csv")
    }
    mapping = table("mapping.csv")
    used = [(row["company"], row["agreement"]) for row in mapping]
    assert {agreements[pair] for pair in used} == {"active"}
    assert len(set(used)) == len(used)
    assert 2 <= len(accounts - {row["account_id"] for row in mapping}) <= 3
    assert {row["account_id"] for row in mapping} < accounts
    assert Counter(row["export"] for row in mapping)["no"] == 1
    assert max(Counter(row["company"] for row in mapping).values()) == 2
    assert set(agreements.values()) == {"active", "cancelled", ""}


def test_connectwise_has_room_for_the_names() -> None:
    """The limits of old releases (contract: identifier 25, company name 50, agreement name 100)."""
    for row in table("connectwise.csv"):
        assert 0 < len(row["company_identifier"]) <= 25
        assert row["company_identifier"].isalnum()
        assert 0 < len(row["company_name"]) <= 50
        assert len(row["agreement"]) <= 100


def test_the_files_are_where_a_wheel_takes_them_from() -> None:
    import cwportal

    assert DEMO_DIR.is_relative_to(Path(cwportal.__file__).parent)
