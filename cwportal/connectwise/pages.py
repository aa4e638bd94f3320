"""Reading a list to its end, or failing: a short list would end somebody's additions.

Pages are asked for by `id > last` in the order of ids instead of by number. So rows that are added or deleted
meanwhile move no other row over a page border, a server that gives smaller pages than asked loses nothing, and no
`Link` can lead in a circle. (ConnectWise's own forward-only mode does the same, but not on every endpoint; contract
section 3.) `Link` is believed as the sign that there is more. Where a server sends none, one question settles whether
it ever does. It need not do so at every endpoint alike: a short page whose length looks like a limit asks once for its own.
"""

from __future__ import annotations

import re
import threading
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import Protocol

from cwportal.connectwise import conditions, protocol
from cwportal.connectwise.answers import Answer
from cwportal.connectwise.errors import Incomplete, Malformed
from cwportal.connectwise.fields import is_id

PAGE_SIZE = 1000
_MAX_PAGES = 10_000
_LIMITS = (10, 25)
"""Page limits are multiples of one of these."""
_NUMBER = re.compile(r"\d+")


class Source(Protocol):
    """What pages are read from: a Transport."""

    def get(self, path: str, params: Mapping[str, str] | None = None, /) -> Answer:
        """One GET."""


def rows_of(data: object, path: str) -> list[object]:
    """The bare JSON array every list is (contract section 3)."""
    if not isinstance(data, list):
        raise Malformed(f"ConnectWise's answer to {path} is no list. Nothing was taken from it; try again.")
    return data


def id_of(row: object) -> int | None:
    """The id of a row, None where it has none that can be one."""
    number = row.get("id") if isinstance(row, Mapping) else None
    return number if is_id(number) else None


def _nameless(path: str) -> Malformed:
    return Malformed(f"ConnectWise's answer to {path} holds a row without an id. Nothing was taken from it; try again.")


class Pages:
    """Lists of one ConnectWise. Shared by threads; remembers whether this server, and which of its lists, send `Link` headers."""

    def __init__(self, source: Source, page_size: int = PAGE_SIZE) -> None:
        self._source = source
        self._page_size = page_size
        self._lock = threading.Lock()
        self._asking: defaultdict[str, threading.Lock] = defaultdict(threading.Lock)
        self._sends_links: bool | None = None
        self._lists: dict[str, bool] = {}

    def rows(
        self,
        path: str,
        condition: str = "",
        extra: Mapping[str, str] | None = None,
        nameless: list[Malformed] | None = None,
    ) -> Iterator[object]:
        """Every row of a list, page by page. `extra` are further query parameters, such as `fields` (with `id`).

        A row without an id fails the list. `nameless`: it is noted there instead and left out; whoever gives it knows then that what was
        not found may be one of these.
        """
        for page in self.pages(path, condition, extra, nameless):
            yield from page

    def pages(
        self,
        path: str,
        condition: str = "",
        extra: Mapping[str, str] | None = None,
        nameless: list[Malformed] | None = None,
    ) -> Iterator[list[object]]:
        """The same as whole pages. Raises Incomplete where rows repeat or come out of order."""
        last = 0
        for _ in range(_MAX_PAGES):
            where = conditions.all_of(condition, f"id > {last}" if last else "")
            answer = self._page(path, where, extra, self._page_size)
            page = rows_of(answer.data, path)
            numbers = [id_of(row) for row in page]
            ids = [number for number in numbers if number is not None]
            more = bool(page) and self._more(path, answer, len(page), partial(self._page, path, where, extra, 1))
            if len(ids) < len(page):
                if nameless is None or (more and not ids):  # without an id there is no asking for what comes after it
                    raise _nameless(path)
                nameless.append(_nameless(path))
                page = [row for row, number in zip(page, numbers, strict=True) if number is not None]
            if len(set(ids)) != len(ids) or any(number <= last for number in ids) or (more and ids != sorted(ids)):
                raise Incomplete(
                    f"ConnectWise's pages of {path} repeat rows or come out of order, so the list cannot be trusted. "
                    "Nothing was taken from it; try again."
                )
            if page:
                yield page
            if not more:
                return
            last = max(ids)
        raise Incomplete(f"ConnectWise's list {path} does not end. Nothing was taken from it; try again.")

    def _page(self, path: str, where: str, extra: Mapping[str, str] | None, size: int) -> Answer:
        asked = {"conditions": where} if where else {}
        return self._source.get(
            path, {**asked, **(extra or {}), "orderBy": "id asc", "pageSize": str(size), "page": "1"}
        )

    def _more(self, path: str, answer: Answer, count: int, single: Callable[[], Answer]) -> bool:
        """Whether rows follow this page."""
        kind = _NUMBER.sub("N", path)
        if answer.link is not None and protocol.tells_pages(answer.link):
            self._sends_links = self._lists[kind] = True
            return protocol.next_page(answer.link) is not None
        if count >= self._page_size:
            return True
        if count == 1:
            return False
        with self._lock:
            if self._sends_links is None:
                self._ask(kind, single)
            asking = self._asking[kind]
        with asking:  # one list's question keeps no other list waiting
            like_a_limit = any(count % limit == 0 for limit in _LIMITS)
            if self._sends_links and like_a_limit and kind not in self._lists:
                self._ask(kind, single)
            return not self._lists.get(kind, self._sends_links)

    def _ask(self, kind: str, single: Callable[[], Answer]) -> None:
        """Two rows at least, asked for one at a time: a server that sends Link at all must send it now."""
        link = single().link
        known = self._lists[kind] = link is not None and protocol.next_page(link) is not None
        self._sends_links = known if self._sends_links is None else self._sends_links
