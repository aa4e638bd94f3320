"""The list of users of one account as CSV (rule 15): what is in it, how it is spelled, what it is called.

Equal users give equal bytes. No cell can become a formula in a spreadsheet: names come from customers.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

COLUMNS = ("Account", "Name", "E-mail / login", "Status", "Enabled services")
MOST_COLUMNS = 500
"""Services with a column each; where an account has more of them, a file of users times services would fill the disk."""
_BOM = "\ufeff"
_FORMULA = frozenset("=+-@")
_TO_QUOTE = frozenset(",;\"'\t\r\n")
_NOT_IN_FILE_NAMES = frozenset('\\/:*?"<>|')
_PIECE = 32 * 1024
_LONGEST = 100
"""Characters of a title or file name. ConnectWise documents no limit (contract section 8); other names of it have 100."""


class Listed(Protocol):
    """A user as the file shows it."""

    @property
    def email(self) -> str: ...
    @property
    def display_name(self) -> str: ...
    @property
    def status(self) -> str: ...
    @property
    def services(self) -> Sequence[str]: ...


@dataclass(frozen=True, slots=True)
class UsersFile:
    """The file an account should have: `rows` users, `size` in bytes, `sha256` in hex of the whole content."""

    file_name: str
    title: str
    rows: int
    size: int
    sha256: str


@dataclass(frozen=True, slots=True)
class UploadedFile:
    """A file of ours in ConnectWise."""

    document_id: int
    agreement_id: int
    file_name: str
    rows: int
    sha256: str


@dataclass(frozen=True, slots=True)
class UsersInput:
    """What is known of an account's list: wanted, uploaded (the newest), and older ones that are still there.

    `wanted` None: the portal could not read the users, and `unread` is the sentence that says so.
    """

    wanted: UsersFile | None
    uploaded: UploadedFile | None = None
    leftover: tuple[UploadedFile, ...] = ()
    unread: str = ""


def services_of(user: Listed) -> tuple[str, ...]:
    """The user's services, each once, sorted; empty names are none."""
    return tuple(sorted({service.strip() for service in user.services} - {""}))


def content(account_name: str, users: Iterable[Listed], services: Sequence[str]) -> Iterator[bytes]:
    """The file in pieces: UTF-8 with BOM, header row, one row per user, and a yes/no column per service.

    `services`: all services of the account's users, sorted; more than MOST_COLUMNS of them stand in one column together and have none of
    their own. Nothing but one piece is held in memory.
    """
    if len(services) > MOST_COLUMNS:
        services = ()
    rows, length = [_BOM + _line((*COLUMNS, *services))], 0
    for user in users:
        mine = services_of(user)
        has = frozenset(mine)
        cells = (account_name, user.display_name, user.email, user.status, "; ".join(mine))
        rows.append(_line((*cells, *("yes" if service in has else "no" for service in services))))
        length += len(rows[-1])
        if length >= _PIECE:
            yield _encoded(rows)
            rows, length = [], 0
    if rows:
        yield _encoded(rows)


def file_name(brand: str) -> str:
    """`<brand> users.csv`, without what file systems refuse."""
    stem = "".join("-" if sign in _NOT_IN_FILE_NAMES else sign for sign in _plain(brand)).strip(" .")
    return f"{_cut(stem, ' users.csv')} users.csv".lstrip()


def title(brand: str, account_name: str) -> str:
    """`<brand> – users of <account name>`; a long account name is cut, so that brand and meaning stay."""
    return _cut(f"{_cut(_plain(brand), '', 60)} – users of {_plain(account_name)}", "")


def harmless(cell: str) -> str:
    """The cell with an apostrophe before it where a spreadsheet would calculate it, also after spaces or in full width."""
    if cell[:1].isalnum() and cell.isprintable():
        return cell
    first = next((sign for sign in cell if not _unseen(sign)), "")
    begins = cell[:1] in ("\t", "\r", "\n") or unicodedata.normalize("NFKC", first)[:1] in _FORMULA
    return f"'{_plain(cell)}" if begins else _plain(cell)


def _line(cells: Iterable[str]) -> str:
    return ",".join(map(_cell, cells)) + "\r\n"


def _cell(text: str) -> str:
    # Quoted at semicolons too: some spreadsheets split there, and what follows must not begin a cell of its own.
    text = harmless(text)
    return f'"{text.replace(chr(34), chr(34) * 2)}"' if _TO_QUOTE & set(text) else text


def _unseen(sign: str) -> bool:
    return sign.isspace() or unicodedata.category(sign) in ("Cc", "Cf", "Zs")


def _plain(text: str) -> str:
    """Without control characters, so that one user is one line, and without halves of characters, which nothing can store or send."""
    whole = text.encode("utf-8", "replace").decode()
    return "".join(" " if unicodedata.category(sign) == "Cc" else sign for sign in whole)


def _cut(text: str, ending: str, longest: int = _LONGEST) -> str:
    most = longest - len(ending)
    return text if len(text) <= most else text[: most - 1].rstrip() + "…"


def _encoded(rows: list[str]) -> bytes:
    return "".join(rows).encode("utf-8", "replace")
