"""What a load replaces and what it leaves alone."""

from __future__ import annotations

import sqlite3
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from pathlib import Path

import pytest
from sqlalchemy import Engine, delete, update

from cwportal.errors import BadFile, CWPortalError, UsageError
from cwportal.portal import Account, Address, Charge, Partner, Product, User
from cwportal.standalone import load as load_module
from cwportal.standalone.load import LoadReport, load
from cwportal.standalone.source import StandaloneSource
from cwportal.standalone.tables import AccountRow, ChargeRow, PartnerRow
from cwportal.vocabulary import AccountStatus
from tests.standalone.data import ACCOUNTS, CHARGES, FILES, PARTNERS, PRICES, PRODUCTS, USERS, Write, rows

D = Decimal
HEADER = CHARGES.split("\n", maxsplit=1)[0] + "\n"


def charges(engine: Engine, partner_id: str = "acme") -> dict[str, list[Charge]]:
    source = StandaloneSource(engine)
    ids = [account.id for account in source.accounts(partner_id)]
    return {account_id: list(found) for account_id, found in source.charges(partner_id, ids)}


def test_everything_arrives(engine: Engine, write: Write) -> None:
    report = load(engine, write(**FILES, mapping="x"))
    assert report == LoadReport(
        {"partners": 2, "accounts": 4, "products": 3, "prices": 3, "charges": 5, "users": 2}, ignored=("mapping.csv",)
    )
    source = StandaloneSource(engine)
    assert source.partner("beta") == Partner("beta", "Beta IT", "Europe/Berlin", "EUR")
    assert list(source.products("acme")) == [
        Product("BKP", "Backup", None),
        Product("MBX", "Mailbox", D("3.80")),
        Product("PBX", "Seat", D(9)),
    ]
    assert list(source.accounts("acme")) == [
        Account("a1", "Alder & Finch", AccountStatus.ACTIVE),
        Account("a2", "Ósvík ehf.", AccountStatus.SUSPENDED),
        Account("a3", "Quarry Hill", AccountStatus.CLOSED),
    ]
    assert charges(engine) == {
        "a1": [
            Charge("MBX", D(3), D("3.80"), D("7.50")),
            Charge("MBX", D(2), D("3.40"), D("6.95")),
            Charge("PBX", D(1), D(9), None),
        ],
        "a2": [Charge("BKP", D("12.5"), D("0.045"), D(0))],
        "a3": [],
    }
    assert charges(engine, "beta") == {"a1": [Charge("MBX", D(4), D("3.80"), D("6.90"))]}
    assert list(source.users("acme", "a1")) == [
        User("ann@alder.example", "Ann", "active", ("MBX", "PBX")),
        User("bob@alder.example", "", "disabled", ()),
    ]


def test_the_same_again_changes_nothing_that_a_reader_sees(engine: Engine, write: Write) -> None:
    directory = write(**FILES)
    load(engine, directory)
    before = charges(engine), charges(engine, "beta")
    load(engine, directory)
    assert (charges(engine), charges(engine, "beta")) == before


@pytest.mark.parametrize("mark", [b"", b"\xef\xbb\xbf"])
@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_what_spreadsheets_write(sqlite: Engine, write: Write, mark: bytes, end: str) -> None:
    accounts = (
        "account_id,status,name,partner_id,city,contact_email\n"
        '\n a1 ,active,"  O\'Brien ""Quoted"" Ltd",acme,  Galway ,\n'
        'a2,closed,"Two\nlines",acme,"Reykjavík",x@y.example'
    )
    load(sqlite, write(partners=PARTNERS, accounts=mark + accounts.replace("\n", end).encode()))
    assert list(StandaloneSource(sqlite).accounts("acme")) == [
        Account("a1", 'O\'Brien "Quoted" Ltd', AccountStatus.ACTIVE, Address(city="Galway")),
        Account("a2", "Two lines", AccountStatus.CLOSED, Address(city="Reykjavík", contact_email="x@y.example")),
    ]


def test_negative_charges_are_loaded_because_the_plan_decides_about_them(sqlite: Engine, write: Write) -> None:
    load(sqlite, write(**(FILES | {"charges": HEADER + "acme,a1,MBX,-1,-2.5,-3\n"})))
    assert charges(sqlite)["a1"] == [Charge("MBX", D(-1), D("-2.5"), D(-3))]


def test_only_the_kinds_and_partners_of_the_files_are_replaced(engine: Engine, write: Write) -> None:
    load(engine, write(**FILES))
    before = rows(engine)
    load(engine, write(charges=HEADER + "acme,a2,MBX,9,1,2\n"))
    after = rows(engine)
    assert charges(engine) == {"a1": [], "a2": [Charge("MBX", D(9), D(1), D(2))], "a3": []}
    assert charges(engine, "beta") == {"a1": [Charge("MBX", D(4), D("3.80"), D("6.90"))]}
    for table in ("portal_account", "portal_product", "portal_price", "portal_account_user"):
        assert after[table] == before[table]


def test_products_are_only_added_and_updated(engine: Engine, write: Write) -> None:
    load(engine, write(**FILES))
    load(engine, write(products="sku,name\nMBX,Mailbox 50 GB\nNEW,New\n"))
    assert list(StandaloneSource(engine).products("acme")) == [
        Product("BKP", "Backup", None),
        Product("MBX", "Mailbox 50 GB", None),
        Product("NEW", "New", None),
        Product("PBX", "Seat", D(9)),
    ]


def test_prices_of_a_named_partner_are_replaced(engine: Engine, write: Write) -> None:
    load(engine, write(**FILES))
    load(engine, write(prices="partner_id,sku,unit_price\nacme,PBX,20\n"))
    assert [charge.unit_price for charge in charges(engine)["a1"]] == [None, D("6.95"), D(20)]
    assert charges(engine, "beta")["a1"][0].unit_price == D("6.90")


def test_accounts_alone_do_not_lose_charges_or_users(engine: Engine, write: Write) -> None:
    load(engine, write(**FILES))
    before = rows(engine)
    load(engine, write(accounts="partner_id,account_id,name,status\nacme,a1,New name,active\nacme,a2,Two,closed\n"))
    assert [(account.id, account.name) for account in StandaloneSource(engine).accounts("acme")] == [
        ("a1", "New name"),
        ("a2", "Two"),
    ]
    after = rows(engine)
    assert after["portal_charge"] == before["portal_charge"]
    assert after["portal_account_user"] == before["portal_account_user"]
    assert len(StandaloneSource(engine).accounts("beta")) == 1


def test_an_account_that_vanishes_while_charges_and_users_remain_is_an_error(engine: Engine, write: Write) -> None:
    load(engine, write(**FILES))
    before = rows(engine)
    only = "partner_id,account_id,name,status\nacme,a2,Two,active\n"
    with pytest.raises(BadFile) as caught:
        load(engine, write(accounts=only))
    assert [problem.split(";")[0] for problem in caught.value.problems] == [
        'accounts.csv: account "a1" of partner "acme" is missing, but 3 charges of it remain',
        'accounts.csv: account "a1" of partner "acme" is missing, but 2 users of it remain',
    ]
    with pytest.raises(BadFile, match='has no account "a1"'):
        load(engine, write(accounts=only, charges=HEADER + "acme,a1,MBX,1,1,1\n"))
    assert rows(engine) == before
    users = "partner_id,account_id,email,display_name,status,services\nacme,a2,x@y.example,,active,\n"
    load(engine, write(accounts=only, charges=HEADER + "acme,a2,MBX,1,1,1\n", users=users))
    assert charges(engine) == {"a2": [Charge("MBX", D(1), D(1), D(1))]}


def test_references_are_checked_against_files_and_database_together(engine: Engine, write: Write) -> None:
    load(engine, write(partners=PARTNERS, products=PRODUCTS))
    load(engine, write(accounts=ACCOUNTS, prices=PRICES))
    load(engine, write(charges=CHARGES, users=USERS))
    assert len(charges(engine)["a1"]) == 3
    load(engine, write(accounts=ACCOUNTS + "acme,a4,Four,active\n", charges=HEADER + "acme,a4,MBX,1,1,1\n"))
    assert charges(engine)["a4"] == [Charge("MBX", D(1), D(1), D(1))]


def test_a_row_that_the_database_refuses_undoes_all(
    engine: Engine, write: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The account goes away between the check and the writing."""
    load(engine, write(**FILES))
    written = load_module.write

    def write_late(connection: object, *rest: object, **named: object) -> None:
        with engine.begin() as other:
            other.execute(delete(ChargeRow))
            other.execute(delete(AccountRow).where(AccountRow.id == "a2"))
        with engine.begin() as again:
            written(again, *rest, **named)  # type: ignore[arg-type]

    class Late:
        dialect = engine.dialect

        def begin(self) -> Late:
            return self

        def __enter__(self) -> None: ...

        def __exit__(self, *_: object) -> None: ...

        def execution_options(self, **options: object) -> Engine:
            return engine.execution_options(**options)

    monkeypatch.setattr(load_module, "write", write_late)
    with pytest.raises(UsageError, match="Nothing was loaded"):
        load(Late(), write(charges=HEADER + "acme,a1,MBX,1,1,1\nacme,a2,MBX,1,1,1\n"))  # type: ignore[arg-type]
    assert charges(engine) == {"a1": [], "a3": []}


def test_an_interrupted_load_leaves_everything_old(engine: Engine, write: Write) -> None:
    load(engine, write(**FILES))
    before = rows(engine)

    def stop(what: str, done: int, total: int) -> None:
        if what == "saving charges.csv":
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        load(engine, write(**(FILES | {"charges": HEADER + "acme,a1,MBX,99,1,1\n"})), stop)
    assert rows(engine) == before


def test_a_reader_beside_a_load_sees_everything_old_until_everything_is_new(engine: Engine, write: Write) -> None:
    load(engine, write(**FILES))
    old = charges(engine)
    written, go_on = threading.Event(), threading.Event()

    def hold(what: str, done: int, total: int) -> None:
        if what == "saving users.csv":
            written.set()
            assert go_on.wait(20)

    loading = threading.Thread(
        target=load, args=(engine, write(**(FILES | {"charges": HEADER + "acme,a3,MBX,1,1,1\n"})), hold)
    )
    loading.start()
    try:
        assert written.wait(20)
        assert charges(engine) == old
    finally:
        go_on.set()
        loading.join()
    assert charges(engine) == {"a1": [], "a2": [], "a3": [Charge("MBX", D(1), D(1), D(1))]}


def test_two_loads_at_once_leave_the_charges_of_one(engine: Engine, write: Write) -> None:
    load(engine, write(**FILES))
    directory = write(**FILES)
    first_writes, second_checked = threading.Event(), threading.Event()

    def first(what: str, done: int, total: int) -> None:
        if what == "saving users.csv":
            first_writes.set()
            assert second_checked.wait(20)
            time.sleep(0.3)  # the second now waits to write, or writes

    def second(what: str, done: int, total: int) -> None:
        if what == "checking users.csv":
            second_checked.set()

    with ThreadPoolExecutor(2) as pool:
        one = pool.submit(load, engine, directory, first)
        assert first_writes.wait(20)
        two = pool.submit(load, engine, directory, second)
        one.result()
        two.result()
    assert len(rows(engine)["portal_charge"]) == 5


def test_a_database_that_stays_locked_is_said(tmp_path: Path, sqlite: Engine, write: Write) -> None:
    directory = write(**FILES)
    with sqlite.connect() as connection:
        raw = connection.connection.driver_connection
        assert raw is not None
        raw.execute("PRAGMA busy_timeout = 10")
    holder = sqlite3.connect(tmp_path / "portal.sqlite", isolation_level=None)
    try:
        holder.execute("BEGIN IMMEDIATE")
        with pytest.raises(CWPortalError, match="nothing was loaded: database is locked"):
            load(sqlite, directory)
    finally:
        holder.close()


def test_progress_tells_what_is_done_and_how_much_there_is(sqlite: Engine, write: Write) -> None:
    told: list[tuple[str, int, int]] = []
    load(sqlite, write(**FILES), lambda *step: told.append(step))
    assert ("checking charges.csv", len(CHARGES), len(CHARGES)) in told
    assert ("saving charges.csv", 5, 5) in told
    assert all(0 < done <= total for _, done, total in told)


def test_each_load_counts_up_the_revision_of_the_partners_it_touches(sqlite: Engine, write: Write) -> None:
    def revisions() -> Iterator[int]:
        with sqlite.connect() as connection:
            for (number,) in connection.exec_driver_sql("SELECT revision FROM portal_partner ORDER BY id"):
                yield number

    load(sqlite, write(**FILES))
    assert list(revisions()) == [1, 1]
    load(sqlite, write(charges=HEADER + "acme,a1,MBX,1,1,1\n"))
    assert list(revisions()) == [2, 1]
    with sqlite.begin() as connection:
        connection.execute(update(PartnerRow).values(name="?"))
    load(sqlite, write(partners=PARTNERS))
    assert list(revisions()) == [3, 2]
