"""The files of a load: their columns, in the order their rows are kept, and what a cell may hold (design section 7)."""

from __future__ import annotations

import re
import zoneinfo
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache

from cwportal.standalone.problems import quoted
from cwportal.vocabulary import AccountStatus

LONGEST_KEY = 200
"""Characters of ids, SKUs and e-mail addresses; more would not fit an index of PostgreSQL."""

LONGEST_TEXT = 1000
_LONGEST_NUMBER = 40

_NUMBER = re.compile(r"-?[0-9]+(\.[0-9]+)?")
_BREAKS = re.compile(r"[\t\n\v\f\r\x85\u2028\u2029]+ *")
_EMAIL = re.compile(r"[^@\s,;<>\"]+@[^@\s,;<>\"]+")


@dataclass(frozen=True, slots=True)
class Column:
    """One column. `parse` gives the cell as it is stored or raises ValueError with the reason, for people."""

    name: str
    parse: Callable[[str], str]
    optional: bool = False
    may_be_empty: bool = False


@dataclass(frozen=True, slots=True)
class FileSpec:
    """One kind of file. `columns` has the optional ones last, as rows are read in that order.

    `key` are the columns that may not be the same in two rows (none: repeating is normal).
    """

    kind: str
    columns: tuple[Column, ...]
    key: tuple[str, ...] = ()

    @property
    def file(self) -> str:
        """The file's name."""
        return f"{self.kind}.csv"

    def place(self, column: str) -> int:
        """Where a column stands in a row."""
        return [one.name for one in self.columns].index(column)


def _control_free(cell: str) -> str:
    for character in cell:
        if character < " " or "\x7f" <= character <= "\x9f" or character in "\u2028\u2029":
            raise ValueError(f"{quoted(cell)} holds a line break or control character")
    return cell


def key(cell: str) -> str:
    """An id or SKU."""
    if len(cell) > LONGEST_KEY:
        raise ValueError(f"{quoted(cell)} has {len(cell)} characters; at most {LONGEST_KEY} are possible")
    return _control_free(cell)


def text(cell: str) -> str:
    """Free text for people, on one line: line breaks and tabs become a space."""
    if len(cell) > LONGEST_TEXT:
        raise ValueError(f"{quoted(cell)} has {len(cell)} characters; at most {LONGEST_TEXT} are possible")
    return _control_free(_BREAKS.sub(" ", cell))


def number(cell: str) -> str:
    """A finite decimal, also a negative one: what a negative charge means is decided when a plan is made."""
    if not _NUMBER.fullmatch(cell):
        raise ValueError(f"{quoted(cell)} is not a number; write it like 12 or 12.5")
    if len(cell) > _LONGEST_NUMBER:
        raise ValueError(f"{quoted(cell)} has too many digits")
    return cell


def amount(cell: str) -> str:
    """A price or cost of a price list."""
    if number(cell).startswith("-"):
        raise ValueError(f"{quoted(cell)} is negative; a list price or cost is 0 or more")
    return cell


def email(cell: str) -> str:
    """An address with something on both sides of one @; whether it exists is not ours to know."""
    if not _EMAIL.fullmatch(key(cell)):
        raise ValueError(f"{quoted(cell)} is not an e-mail address")
    return cell


def status(cell: str) -> str:
    """The status of an account."""
    if cell not in set(AccountStatus):
        raise ValueError(f"{quoted(cell)} is not a status; write {', '.join(AccountStatus)}")
    return cell


def currency(cell: str) -> str:
    """An ISO 4217 code by its form."""
    if not re.fullmatch(r"[A-Za-z]{3}", cell):
        raise ValueError(f"{quoted(cell)} is not a currency; write its three letters, like USD")
    return cell.upper()


@cache
def _timezones() -> frozenset[str]:
    return frozenset(zoneinfo.available_timezones())


def timezone(cell: str) -> str:
    """An IANA time zone name."""
    if cell not in _timezones():
        raise ValueError(f"{quoted(cell)} is not a time zone; write a name like America/New_York")
    return cell


def services(cell: str) -> str:
    """Names separated by `;`; empty ones are dropped."""
    return ";".join(name for name in (part.strip() for part in text(cell).split(";")) if name)


def _extra(name: str) -> Column:
    return Column(name, text, optional=True, may_be_empty=True)


PARTNERS = FileSpec(
    "partners",
    (Column("partner_id", key), Column("name", text), Column("timezone", timezone), Column("currency", currency)),
    key=("partner_id",),
)
ACCOUNTS = FileSpec(
    "accounts",
    (
        Column("partner_id", key),
        Column("account_id", key),
        Column("name", text),
        Column("status", status),
        _extra("address1"),
        _extra("city"),
        _extra("state"),
        _extra("zip"),
        _extra("country"),
        _extra("phone"),
        _extra("website"),
        _extra("contact_first_name"),
        _extra("contact_last_name"),
        _extra("contact_email"),
    ),
    key=("partner_id", "account_id"),
)
PRODUCTS = FileSpec(
    "products",
    (Column("sku", key), Column("name", text), Column("list_cost", amount, optional=True, may_be_empty=True)),
    key=("sku",),
)
PRICES = FileSpec(
    "prices",
    (Column("partner_id", key), Column("sku", key), Column("unit_price", amount)),
    key=("partner_id", "sku"),
)
CHARGES = FileSpec(
    "charges",
    (
        Column("partner_id", key),
        Column("account_id", key),
        Column("sku", key),
        Column("quantity", number),
        Column("unit_cost", number),
        Column("unit_price", number, may_be_empty=True),
    ),
)
USERS = FileSpec(
    "users",
    (
        Column("partner_id", key),
        Column("account_id", key),
        Column("email", email),
        Column("display_name", text, may_be_empty=True),
        Column("status", text),
        Column("services", services, may_be_empty=True),
    ),
    key=("partner_id", "account_id", "email"),
)
FILES = (PARTNERS, ACCOUNTS, PRODUCTS, PRICES, CHARGES, USERS)
"""In the order they are checked: what a row refers to comes before it."""
