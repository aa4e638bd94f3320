from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Engine, event, update

from cwportal.errors import SourceIncomplete, UnknownPartner
from cwportal.portal import Charge, Contact, PortalSource
from cwportal.standalone import prices
from cwportal.standalone import source as source_module
from cwportal.standalone.load import load
from cwportal.standalone.source import StandaloneSource
from cwportal.standalone.staff import add_staff
from cwportal.standalone.tables import ExactDecimal, PartnerRow
from tests.standalone.data import CHARGES, FILES, Write

HEADER = CHARGES.split("\n", maxsplit=1)[0] + "\n"

digits = st.text("0123456789", min_size=1, max_size=12)
numbers = st.builds(
    lambda minus, whole, part: f"{minus}{whole}{'.' + part if part else ''}",
    st.sampled_from(["", "-"]),
    digits,
    st.one_of(st.just(""), digits),
)
lines = st.lists(
    st.tuples(
        st.sampled_from(["a1", "a2", "a3"]),
        st.sampled_from(["MBX", "BKP"]),
        numbers,
        numbers,
        st.one_of(st.just(""), numbers),
    ),
    max_size=12,
)


@given(lines)
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_what_stands_in_the_file_comes_out_digit_by_digit(
    sqlite: Engine, write: Write, given: list[tuple[str, str, str, str, str]]
) -> None:
    content = HEADER + "acme,a3,PBX,1,1,1\n" + "".join(f"acme,{','.join(line)}\n" for line in given)
    load(sqlite, write(**(FILES | {"charges": content})))
    expected: dict[str, list[tuple[str, ...]]] = {"a1": [], "a2": [], "a3": [("PBX", "1", "1", "1")]}
    retail = {"MBX": "7.50", "BKP": "4"}
    for account, sku, quantity, cost, price in given:
        expected[account].append((sku, *(str(Decimal(text)) for text in (quantity, cost, price or retail[sku]))))
    pairs = list(StandaloneSource(sqlite).charges("acme", ["a3", "a1", "a2"]))
    assert [account for account, _ in pairs] == ["a3", "a1", "a2"]
    assert {
        account: [(c.sku, str(c.quantity), str(c.unit_cost), str(c.unit_price)) for c in charges]
        for account, charges in pairs
    } == expected


def test_the_order_asked_is_kept_and_batches_do_not_show(
    engine: Engine, write: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    accounts = "partner_id,account_id,name,status\n" + "".join(f"acme,n{i},N,active\n" for i in range(25))
    charges = HEADER + "".join(f"acme,n{i % 25},MBX,{i},1,1\n" for i in range(75))
    load(engine, write(**(FILES | {"accounts": accounts, "charges": charges, "users": FILES["users"].split("\n")[0]})))
    monkeypatch.setattr(source_module, "ACCOUNTS_PER_READ", 4)
    asked = [f"n{i}" for i in (*range(24, -1, -2), *range(1, 25, 2))]
    found = list(StandaloneSource(engine).charges("acme", iter(asked)))
    assert [account for account, _ in found] == asked
    for account, some in found:
        number = int(account[1:])
        assert [charge.quantity for charge in some] == [number, number + 25, number + 50]


def test_an_unknown_partner(sqlite: Engine) -> None:
    source: PortalSource = StandaloneSource(sqlite)
    for read in (
        lambda: source.partner("x"),
        lambda: source.products("x"),
        lambda: source.accounts("x"),
        lambda: list(source.charges("x", ["a1"])),
        lambda: list(source.charges("x", [])),
        lambda: source.users("x", "a1"),
        lambda: source.contacts("x"),
    ):
        with pytest.raises(UnknownPartner, match='no partner "x"'):
            read()


def test_an_account_that_does_not_exist_is_an_incomplete_read(sqlite: Engine, write: Write) -> None:
    load(sqlite, write(**FILES))
    source = StandaloneSource(sqlite)
    with pytest.raises(SourceIncomplete, match="has no account a7, a9"):
        list(source.charges("acme", ["a1", "a9", "a7"]))
    with pytest.raises(SourceIncomplete, match="has no account a2"):
        list(source.charges("beta", ["a1", "a2"]))
    with pytest.raises(SourceIncomplete):
        source.users("acme", "a9")


def test_a_load_in_the_middle_of_a_stream_is_noticed(
    engine: Engine, write: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    load(engine, write(**FILES))
    monkeypatch.setattr(source_module, "ACCOUNTS_PER_READ", 1)
    stream = StandaloneSource(engine).charges("acme", ["a1", "a2"])
    assert next(stream)[0] == "a1"
    load(engine, write(charges=HEADER + "beta,a1,MBX,1,1,1\n"))  # another partner's load does not matter
    again = StandaloneSource(engine).charges("acme", ["a1", "a2"])
    assert len(list(again)) == 2
    load(engine, write(charges=HEADER + "acme,a1,MBX,1,1,1\n"))
    with pytest.raises(SourceIncomplete, match="loaded anew while they were being read"):
        next(stream)


def test_a_price_saved_in_the_middle_of_a_stream_counts_for_none_of_its_accounts(
    engine: Engine, write: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    load(engine, write(**(FILES | {"charges": HEADER + "".join(f"acme,a{i},MBX,1,1,\n" for i in (1, 2, 3))})))
    monkeypatch.setattr(source_module, "ACCOUNTS_PER_READ", 1)
    stream = StandaloneSource(engine).charges("acme", ["a1", "a2", "a3"])
    given = [next(stream)]
    edit = prices.Edit("MBX", Decimal("7.50"), Decimal(9))
    prices.save(engine, "acme", [edit], actor="ann", now=1)
    given += stream
    assert [(account, [charge.unit_price for charge in charges]) for account, charges in given] == [
        (account, [Decimal("7.50")]) for account in ("a1", "a2", "a3")
    ]
    assert {charge.unit_price for _, (charge,) in StandaloneSource(engine).charges("acme", ["a1", "a2"])} == {
        Decimal(9)
    }


def test_the_queries_of_one_connection_see_one_moment(engine: Engine, write: Write) -> None:
    load(engine, write(**FILES))
    with source_module.reader(engine).connect() as connection:
        before = prices.of_partner(connection, "acme")
        prices.save(engine, "acme", [prices.Edit("MBX", Decimal("7.50"), Decimal(9))], actor="ann", now=1)
        assert prices.of_partner(connection, "acme") == before
    with engine.begin() as connection:  # and nothing of it stays with the connection that is used again
        assert prices.of_partner(connection, "acme")["MBX"] == Decimal(9)
        connection.execute(update(PartnerRow).values(name="New"))


def test_no_transaction_stays_open_between_two_accounts(engine: Engine, write: Write) -> None:
    load(engine, write(**FILES))
    open_connections = 0

    @event.listens_for(engine, "checkout")
    def out(*_: object) -> None:
        nonlocal open_connections
        open_connections += 1

    @event.listens_for(engine, "checkin")
    def back(*_: object) -> None:
        nonlocal open_connections
        open_connections -= 1

    for _ in StandaloneSource(engine).charges("acme", ["a1", "a2", "a3"]):
        assert open_connections == 0


def test_contacts_are_those_who_sign_in(sqlite: Engine, write: Write) -> None:
    load(sqlite, write(**FILES))
    add_staff(sqlite, "Zoe@acme.example", "acme", "admin", "correct horse")
    add_staff(sqlite, "ann@acme.example", "acme", "viewer", "correct horse")
    add_staff(sqlite, "else@beta.example", "beta", "viewer", "correct horse")
    assert list(StandaloneSource(sqlite).contacts("acme")) == [Contact("ann@acme.example"), Contact("zoe@acme.example")]


def test_amounts_never_pass_through_a_float(sqlite: Engine) -> None:
    amount = ExactDecimal()
    assert amount.process_bind_param(Decimal("1E-7"), sqlite.dialect) == "0.0000001"
    assert amount.process_bind_param(Decimal("1E+3"), sqlite.dialect) == "1000"
    for wrong in (1.5, 1, "1"):
        with pytest.raises(TypeError):
            amount.process_bind_param(wrong, sqlite.dialect)  # type: ignore[arg-type]
    for endless in ("NaN", "Infinity"):
        with pytest.raises(ValueError, match="not a finite number"):
            amount.process_bind_param(Decimal(endless), sqlite.dialect)
    assert amount.process_bind_param(None, sqlite.dialect) is None


def test_a_missing_price_is_not_a_price_of_nothing(sqlite: Engine, write: Write) -> None:
    load(sqlite, write(**(FILES | {"charges": HEADER + "acme,a1,PBX,1,9,\nacme,a1,PBX,1,9,0\n"})))
    ((_, charges),) = StandaloneSource(sqlite).charges("acme", ["a1"])
    assert list(charges) == [
        Charge("PBX", Decimal(1), Decimal(9), None),
        Charge("PBX", Decimal(1), Decimal(9), Decimal(0)),
    ]


def test_what_is_read_at_one_moment_is_not_touched_by_a_load_or_a_price_between_two_calls(
    engine: Engine, write: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    load(engine, write(**FILES))
    monkeypatch.setattr(source_module, "ACCOUNTS_PER_READ", 1)
    source = StandaloneSource(engine)
    ids = [account.id for account in source.accounts("acme")]

    def all_of(one: PortalSource) -> list[object]:
        return [one.partner("acme"), one.products("acme"), one.accounts("acme"), *one.charges("acme", ids)]

    before = all_of(source)
    with source.reading("acme") as moment:
        assert moment.partner("acme") == before[0]
        closed = "partner_id,account_id,name,status\n" + "".join(f"acme,{one},New,closed\n" for one in ids)
        load(engine, write(accounts=closed, charges=HEADER + "acme,a1,MBX,99,1,\n"))
        load(engine, write(products="sku,name,list_cost\nMBX,Renamed,77\n"))
        prices.save(engine, "acme", [prices.Edit("MBX", Decimal("7.50"), Decimal(9))], actor="ann", now=1)
        assert all_of(moment) == before
    after = all_of(source)
    assert [one for one in after if one in before] == [before[0], ("a3", [])]  # the partner, and who had no charges
    with source.reading("acme") as moment:
        assert all_of(moment) == after
    with pytest.raises(UnknownPartner), source.reading("x"):
        pass
