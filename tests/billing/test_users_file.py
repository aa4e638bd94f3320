"""The list of users as CSV (rule 15): its columns, its names, and cells that no spreadsheet calculates."""

from __future__ import annotations

import csv
import io

import pytest

from cwportal.billing import users_file
from cwportal.portal import User

FORMULAS = [
    "=1+1",
    "+1",
    "-1",
    "@SUM(A1)",
    "\t=1",
    "\r=1",
    "\n=1",
    " =1",
    "\u00a0=1",
    "\u200b=1",
    "\ufeff=1",
    "＝1",
    "＋1",
    "－1",
    "＠x",
    "﹣1",
    " \u3000＝1",
    "\x00=1",
]


def made(*users: User, account: str = "Söhne, Ltd") -> list[list[str]]:
    services = sorted({service for user in users for service in users_file.services_of(user)})
    content = b"".join(users_file.content(account, users, services))
    assert content.startswith(b"\xef\xbb\xbfAccount,")
    return list(csv.reader(io.StringIO(content.decode("utf-8-sig"), newline="")))


def test_columns_and_rows() -> None:
    ann, bob = User("ann@x", 'Ann "A" B', "active", ("Mail", "Backup", "Mail")), User("bob", "Bob", "off", ("", " "))
    assert made(ann, bob) == [
        [*users_file.COLUMNS, "Backup", "Mail"],
        ["Söhne, Ltd", 'Ann "A" B', "ann@x", "active", "Backup; Mail", "yes", "yes"],
        ["Söhne, Ltd", "Bob", "bob", "off", "", "no", "no"],
    ]


def test_more_services_than_columns_stand_in_one_cell() -> None:
    several = tuple(f"S{number:04}" for number in range(users_file.MOST_COLUMNS + 1))
    header, row = made(User("a@x", "A", "active", several))
    assert (header, row[4]) == ([*users_file.COLUMNS], "; ".join(several))
    header, row = made(User("a@x", "A", "active", several[:-1]))
    assert (header[5:], set(row[5:])) == ([*several[:-1]], {"yes"})


def test_no_users_is_a_header() -> None:
    assert made() == [list(users_file.COLUMNS)]


@pytest.mark.parametrize("cell", FORMULAS)
def test_formulas_are_made_harmless_in_every_cell(cell: str) -> None:
    header, row = made(User(cell, cell, cell, (cell,)), account=cell)
    shown = [*row[:5], header[5]]
    if cell.strip() == cell and cell[0] != "\x00":
        assert shown == [f"'{cell}"] * 6
    assert all(text.startswith("'") for text in (*row[:4],))
    assert row[4].startswith("'")
    assert header[5].startswith("'")


@pytest.mark.parametrize("cell", ["Ann", "a=b", "a-b@x", "1-2", " Ann", "ΩΣ", "'quoted", ""])
def test_ordinary_cells_stay(cell: str) -> None:
    assert users_file.harmless(cell) == cell


def test_one_user_is_one_line_and_nothing_begins_a_cell_after_a_semicolon() -> None:
    content = b"".join(users_file.content("a;=1", [User("x\r\n=y", "n\x00m\ud800", "s", ("a", "b"))], ["a", "b"]))
    lines = content.decode().splitlines()
    assert len(lines) == 2
    assert lines[1] == '"a;=1",n m?,x  =y,s,"a; b",yes,yes'


def test_long_content_comes_in_pieces_that_do_not_depend_on_memory() -> None:
    users = (User(f"u{number}", "N" * 50, "active") for number in range(5_000))
    pieces = list(users_file.content("A", users, ()))
    assert max(map(len, pieces)) < 64 * 1024
    assert sum(piece.count(b"\r\n") for piece in pieces) == 5_001


@pytest.mark.parametrize(
    ("brand", "name"),
    [("Acme", "Acme users.csv"), ('A/C\\M:E*?"<>|\n.', "A-C-M-E------ users.csv"), ("..", "users.csv")],
)
def test_file_name(brand: str, name: str) -> None:
    assert users_file.file_name(brand).rstrip() == name


@pytest.mark.parametrize("account", ["Bäcker", "X" * 400])
@pytest.mark.parametrize("brand", ["Acme", "Y" * 300])
def test_title_and_file_name_fit(brand: str, account: str) -> None:
    title = users_file.title(brand, account)
    assert " – users of " in title
    assert title.endswith((account, "…"))
    assert len(title) <= 100
    assert len(users_file.file_name(brand)) <= 100
    assert users_file.file_name(brand).endswith(" users.csv")
