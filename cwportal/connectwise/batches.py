"""Records asked for by id or by text, many in one request, of which one may be impossible to read.

Whoever asks for many gives `unread`: a record with a value that cannot be understood is noted there under what it was asked for by, and
all others are given. So what was asked for is found, unread, or not there; a record that cannot be read never looks like one that is not there.
Without `unread` such a record fails the whole call.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import TypeVar

from cwportal.connectwise import conditions
from cwportal.connectwise.errors import Malformed
from cwportal.connectwise.fields import Fields
from cwportal.connectwise.pages import Pages, id_of
from cwportal.connectwise.records import Product

_T = TypeVar("_T")
UNNAMED = 0
"""Under this id stands a row without an id, where all of a table was asked for: it may be any of those that were not found."""


def by_id(
    pages: Pages,
    path: str,
    ids: Iterable[int],
    record: Callable[[object], _T],
    fields: str,
    unread: dict[int, Malformed] | None,
) -> dict[int, _T]:
    """Records by id. What was not found beside a row without an id may be that row, and counts as unread."""
    asked = list(ids)
    found, broken = dict[int, _T](), dict[int, Malformed]()
    for condition in conditions.ids_in("id", asked, used=conditions.USED + len(fields)):
        for number, item in _readable(pages, path, condition, {"fields": fields}, record, broken, unread is None):
            found[number] = item
    if unread is not None and broken:
        anyone = broken.pop(UNNAMED, None)
        unread |= broken
        if anyone is not None:
            unread |= {number: anyone for number in asked if number not in found and number not in broken}
    return found


def table(
    pages: Pages, path: str, record: Callable[[object], _T], unread: dict[int, Malformed] | None = None
) -> list[_T]:
    """All records of a list. A row without an id is noted under UNNAMED."""
    broken = dict[int, Malformed]()
    found = [item for _, item in _readable(pages, path, "", None, record, broken, unread is None)]
    if unread is not None:
        unread |= broken
    return found


def stream(
    pages: Pages,
    path: str,
    condition: str,
    record: Callable[[object], _T],
    fields: str,
    unread: dict[int, Malformed] | None,
) -> Iterator[_T]:
    """Records of a long list as its pages come. A row without an id is noted under UNNAMED."""
    broken = dict[int, Malformed]() if unread is None else unread
    for _, item in _readable(pages, path, condition, {"fields": fields}, record, broken, unread is None):
        yield item


def by_identifier(
    pages: Pages,
    path: str,
    identifiers: Iterable[str],
    compared: Callable[[str], str],
    fields: str,
    unread: dict[str, Malformed] | None,
) -> dict[str, tuple[Product, ...]]:
    """Every identifier -> the products that bear it. What was not found beside one whose identifier cannot be read may be that one."""
    asked = {identifier: compared(identifier) for identifier in identifiers}
    found: dict[str, dict[int, Product]] = {same: {} for same in asked.values()}
    broken, anyone = dict[str, Malformed](), list[Malformed]()

    def product(row: object) -> Product | None:
        try:
            item = Product.from_json(row)
            if not item.identifier.strip():  # it may be any of them
                raise Fields(row, "catalog item").wrong("identifier")
            return item
        except Malformed as error:
            told = row.get("identifier") if isinstance(row, Mapping) else None
            if unread is None:
                raise
            if isinstance(told, str) and told.strip():
                broken[compared(told)] = error
            else:
                anyone.append(error)
            return None

    nameless = dict[int, Malformed]()
    for condition in conditions.texts_equal("identifier", filter(None, map(str.strip, asked))):
        for number, item in _readable(
            pages, path, condition.text, {"fields": fields}, product, nameless, unread is None
        ):
            if item is not None and (hits := found.get(compared(item.identifier))) is not None:
                hits[number] = item
    anyone += nameless.values()
    if unread is not None:
        for identifier, same in asked.items():
            if same in broken:
                unread[identifier] = broken[same]
            elif anyone and not found[same]:
                unread[identifier] = anyone[0]
    return {identifier: tuple(found[same].values()) for identifier, same in asked.items()}


def _readable(
    pages: Pages,
    path: str,
    condition: str,
    extra: Mapping[str, str] | None,
    record: Callable[[object], _T],
    broken: dict[int, Malformed],
    strict: bool,
) -> Iterator[tuple[int, _T]]:
    """Id and record of every row that can be read; the others into `broken`, unless `strict`: then they raise."""
    nameless = list[Malformed]()
    for row in pages.rows(path, condition, extra, None if strict else nameless):
        number = id_of(row) or UNNAMED
        try:
            item = record(row)
        except Malformed as error:
            if strict:
                raise
            broken[number] = error
        else:
            yield number, item
    if nameless:
        broken[UNNAMED] = nameless[0]
