"""Every bad row is named with file, line, column and reason, and nothing is loaded."""

from __future__ import annotations

from pathlib import Path

import pytest
from sqlalchemy import Engine

from cwportal.errors import BadFile
from cwportal.standalone.load import load
from cwportal.standalone.problems import SHOWN_PROBLEMS
from tests.standalone.data import ACCOUNTS, CHARGES, FILES, PARTNERS, PRICES, PRODUCTS, USERS, Write, rows

CHARGE_HEADER = "partner_id,account_id,sku,quantity,unit_cost,unit_price\n"


def problems(engine: Engine, directory: Path) -> list[str]:
    before = rows(engine)
    with pytest.raises(BadFile) as caught:
        load(engine, directory)
    assert rows(engine) == before
    assert caught.value.exit_code == 2
    return list(caught.value.problems)


NUMBER = "is not a number; write it like 12 or 12.5"

ROWS = [
    ("partners", "p3,,UTC,USD", "column name: the cell is empty"),
    ("partners", ",P3,UTC,USD", "column partner_id: the cell is empty"),
    ("partners", "p3,P3,UTC,US", 'column currency: "US" is not a currency; write its three letters, like USD'),
    ("partners", "p3,P3,UTC,U5D", 'column currency: "U5D" is not a currency'),
    ("partners", "p3,P3,Mars/Base,USD", 'column timezone: "Mars/Base" is not a time zone; write a name like'),
    ("partners", "p3,P3,../../etc/passwd,USD", "is not a time zone"),
    ("partners", "p3,P3,America,USD", '"America" is not a time zone'),
    ("partners", "acme,Acme again,UTC,USD", 'the same partner_id ("acme") as in line 2'),
    ("accounts", "acme,a1,Twice,active", 'the same partner_id and account_id ("acme", "a1") as in line 2'),
    ("accounts", "acme, a1 ,Twice,active", 'the same partner_id and account_id ("acme", "a1") as in line 2'),
    ("accounts", "nobody,a9,X,active", 'column partner_id: no partner "nobody", neither in partners.csv nor'),
    ("accounts", "acme,a9,X,Active", 'column status: "Active" is not a status; write active, suspended, closed'),
    ("accounts", "acme,a9,X,", "column status: the cell is empty"),
    ("accounts", "acme,,X,active", "column account_id: the cell is empty"),
    ("accounts", "acme,a9,X", "too few columns: 3, the header has 4"),
    ("accounts", "acme,a9,Smith, Ann,active", "too many columns: 5, the header has 4"),
    ("accounts", "acme,a9,X\x1b[31m,active", r'column name: "X\x1b[31m" holds a line break or control character'),
    ("accounts", 'acme,"a\n9",X,active', r'column account_id: "a\n9" holds a line break'),
    ("accounts", f"acme,{'x' * 201},X,active", "has 201 characters; at most 200 are possible"),
    ("accounts", f"acme,a9,{'x' * 1001},active", "has 1001 characters; at most 1000 are possible"),
    ("accounts", ",,,", "the row is empty; delete it"),
    ("products", "MBX,Again,1", 'the same sku ("MBX") as in line 2'),
    ("products", " MBX\t,Again,1", 'the same sku ("MBX") as in line 2'),
    ("products", "X,,1", "column name: the cell is empty"),
    ("products", "X,X,-1", 'column list_cost: "-1" is negative'),
    ("products", "X,X,1e3", f'column list_cost: "1e3" {NUMBER}'),
    ("prices", "acme,MBX,8", 'the same partner_id and sku ("acme", "MBX") as in line 2'),
    ("prices", "acme,NONE,8", 'column sku: there is no product "NONE", neither in products.csv nor in the portal'),
    ("prices", "acme,mbx,8", 'there is no product "mbx"'),
    ("prices", "nobody,MBX,8", 'no partner "nobody"'),
    ("prices", "acme,PBX,", "column unit_price: the cell is empty"),
    ("prices", "acme,PBX,-0.01", 'column unit_price: "-0.01" is negative; a list price or cost is 0 or more'),
    ("charges", "acme,a9,MBX,1,1,1", 'column account_id: partner "acme" has no account "a9", neither in'),
    ("charges", "beta,a2,MBX,1,1,1", 'partner "beta" has no account "a2"'),
    ("charges", "nobody,a1,MBX,1,1,1", 'no partner "nobody"'),
    ("charges", "acme,a1,NONE,1,1,1", 'column sku: there is no product "NONE"'),
    ("charges", "acme,a1,MBX,abc,1,1", f'column quantity: "abc" {NUMBER}'),
    ("charges", "acme,a1,MBX,,1,1", "column quantity: the cell is empty"),
    ("charges", "acme,a1,MBX,1,,1", "column unit_cost: the cell is empty"),
    *[
        ("charges", f"acme,a1,MBX,1,1,{cell}", NUMBER)
        for cell in (
            *("NaN", "Infinity", "-inf", "1e3", "1_000", '"1,000.50"', "1 000", ".5", "5.", "+5", "--5", "0x10"),
            *("$5", "5%", "١٢", "５", "−5", "1.2.3", "1'000"),
        )
    ],
    ("charges", f"acme,a1,MBX,{'9' * 41},1,1", "has too many digits"),
    ("charges", "acme,a1,MBX,1,1,1,", "too many columns: 7, the header has 6"),
    ("users", "acme,a1,ANN@alder.example,Ann,active,", "the same partner_id and account_id and email"),
    ("users", "acme,a1,ann,Ann,active,", 'column email: "ann" is not an e-mail address'),
    ("users", "acme,a1,a@b@c,Ann,active,", "is not an e-mail address"),
    ("users", "acme,a1,x@y.example,X,,", "column status: the cell is empty"),
    ("users", "acme,a9,x@y.example,X,active,", 'has no account "a9"'),
]  # fmt: skip


@pytest.mark.parametrize(("kind", "row", "reason"), ROWS)
def test_a_bad_row(sqlite: Engine, write: Write, kind: str, row: str, reason: str) -> None:
    line = FILES[kind].count("\n") + 1
    (problem,) = problems(sqlite, write(**(FILES | {kind: FILES[kind] + row + "\n"})))
    assert problem.startswith(f"{kind}.csv line {line}")
    assert reason in problem


BYTES: list[tuple[str, bytes, str]] = [
    ("charges", b"acme,a1,MBX,1,1,1\0\n", "charges.csv line 2: the line holds a NUL byte"),
    ("charges", "acme,a1,MBX,1,1,1\nacme,Müller,MBX,1,1,1\n".encode("latin-1"), "charges.csv line 3: byte 7 of the"),
    ("charges", b'acme,a1,MBX,1,1,1\nacme,a1,"MBX,1,1,1\nacme,a1,MBX,1,1,1\n', "charges.csv line 3: a quotation mark"),
    ("charges", b'acme,a1,"M"BX,1,1,1\n', "charges.csv line 2: a quotation mark opens a cell here and is not closed"),
    ("charges", b'acme,a1,"' + b"MBX,1\n" * 40_000, "charges.csv line 2: a quotation mark opens a cell here"),
    ("charges", b"x" * 100_001, "charges.csv line 2: the line is longer than 100000 bytes"),
    ("charges", b"acme,a1,MBX,1,1,1\racme,a1,MBX,1,1,1\r", "charges.csv line 2: the line ends with a carriage"),
]  # fmt: skip


@pytest.mark.parametrize(("kind", "content", "reason"), BYTES)
def test_bad_bytes(sqlite: Engine, write: Write, kind: str, content: bytes, reason: str) -> None:
    header = FILES[kind].split("\n", maxsplit=1)[0].encode() + b"\n"
    (problem,) = problems(sqlite, write(**(FILES | {kind: header + content})))
    assert problem.startswith(reason)


HEADERS = [
    (b"", "charges.csv: the file is empty; its first row must be partner_id,account_id,sku,quantity"),
    (b"\n\n", "charges.csv: the file is empty"),
    (CHARGE_HEADER.replace(",unit_price", "").encode(), "charges.csv line 1: missing column unit_price"),
    (b"partner_id,sku,quantity,unit_price\n", "charges.csv line 1: missing columns account_id, unit_cost"),
    (CHARGE_HEADER.replace("unit_cost", "unit_cost,note").encode(), 'charges.csv line 1: unknown column "note"; known'),
    (CHARGE_HEADER.replace("sku", "sku,sku").encode(), "charges.csv line 1: the column sku stands there twice"),
    (CHARGE_HEADER.replace(",", ";").encode(), "charges.csv line 1: the columns must be separated by commas"),
    (CHARGE_HEADER.encode("utf-16"), 'charges.csv line 1: the file is UTF-16; save it as "CSV UTF-8"'),
    (b"partner_id,account_id,sku,quantity,unit_cost,unit_price,\n", 'charges.csv line 1: unknown column ""'),
]  # fmt: skip


@pytest.mark.parametrize(("content", "reason"), HEADERS)
def test_a_bad_header(sqlite: Engine, write: Write, content: bytes, reason: str) -> None:
    (problem,) = problems(sqlite, write(**(FILES | {"charges": content})))
    assert problem.startswith(reason)


def test_every_bad_row_of_every_file_is_named_once(sqlite: Engine, write: Write) -> None:
    directory = write(
        partners=PARTNERS,
        accounts=ACCOUNTS + "acme,a4,Fine,on hold\nacme,a5,Fine,active\n",
        products=PRODUCTS,
        prices=PRICES + "acme,NONE,-1\n",
        charges=CHARGES + "acme,a4,MBX,x,y,z\nacme,a5,MBX,1,1,1\nnobody,a1,NONE,1,1,1\n",
        users=USERS,
    )
    assert [problem.split(": ", maxsplit=1)[0] for problem in problems(sqlite, directory)] == [
        "accounts.csv line 6, column status",
        "prices.csv line 5, column unit_price",
        "prices.csv line 5, column sku",
        "charges.csv line 7, column quantity",
        "charges.csv line 7, column unit_cost",
        "charges.csv line 7, column unit_price",
        "charges.csv line 9, column partner_id",
        "charges.csv line 9, column sku",
    ]


def test_a_file_that_cannot_be_read_is_one_problem_and_not_one_per_reference(sqlite: Engine, write: Write) -> None:
    directory = write(**(FILES | {"accounts": "id\n", "products": 'sku,name\n"MBX', "partners": ""}))
    assert [problem.split(":")[0] for problem in problems(sqlite, directory)] == [
        "partners.csv",
        "accounts.csv line 1",
        "accounts.csv line 1",
        "products.csv line 2",
    ]


def test_the_lines_after_a_quoted_line_break_keep_their_numbers(sqlite: Engine, write: Write) -> None:
    accounts = 'partner_id,account_id,name,status\nacme,a1,"Two\nlines",active\n\nacme,a2,X,bad\n'
    (problem,) = problems(sqlite, write(partners=PARTNERS, accounts=accounts))
    assert problem.startswith("accounts.csv line 5, column status")


def test_what_a_terminal_would_act_on_is_printed_escaped(sqlite: Engine, write: Write) -> None:
    (problem,) = problems(sqlite, write(**(FILES | {"charges": CHARGES + "acme,a1,MBX,\x1b[2J\u202e9,1,1\n"})))
    assert problem.isprintable()
    assert r"\x1b[2J\u202e9" in problem


def test_a_thousand_problems_are_counted_and_the_first_shown(sqlite: Engine, write: Write) -> None:
    found = problems(sqlite, write(**(FILES | {"charges": CHARGE_HEADER + "acme,a1,MBX,x,1,1\n" * 1000})))
    assert len(found) == SHOWN_PROBLEMS + 1
    assert found[0].startswith("charges.csv line 2,")
    assert found[-1] == "… and 800 more."


def test_a_directory_without_files_or_none_at_all(sqlite: Engine, tmp_path: Path, write: Write) -> None:
    assert problems(sqlite, tmp_path / "absent") == [f"{tmp_path / 'absent'} is not a directory."]
    (problem,) = problems(sqlite, write(charge=CHARGES))
    assert "holds none of partners.csv, accounts.csv" in problem


def test_a_file_that_may_not_be_opened(sqlite: Engine, write: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    directory = write(**FILES)
    opened = Path.open

    def refuse(self: Path, *args: str, **options: str) -> object:
        if self.name == "charges.csv":
            raise PermissionError(13, "Permission denied")
        return opened(self, *args, **options)  # type: ignore[call-overload]

    monkeypatch.setattr(Path, "open", refuse)
    assert problems(sqlite, directory) == ["charges.csv cannot be read: Permission denied."]


def test_a_file_cut_off_in_the_middle_does_not_accuse_the_rows_that_were_not_read(sqlite: Engine, write: Write) -> None:
    load(sqlite, write(**FILES))
    cut = 'partner_id,account_id,name,status\nacme,a2,Two,active\nacme,a1,"One'
    (problem,) = problems(sqlite, write(accounts=cut, charges=CHARGES))
    assert problem.startswith("accounts.csv line 3: a quotation mark")
    only = "partner_id,account_id,name,status\nacme,a2,Two,active\n"
    found = problems(sqlite, write(accounts=only, charges=CHARGE_HEADER + 'acme,a2,"MBX', users=USERS))
    assert [problem.split(":")[0] for problem in found] == [
        "charges.csv line 2",
        "users.csv line 2, column account_id",
        "users.csv line 3, column account_id",
    ]
