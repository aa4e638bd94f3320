"""Lists are read to their end or not at all."""

from __future__ import annotations

import re
import threading
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor

import pytest

from cwportal.connectwise.answers import Answer
from cwportal.connectwise.errors import Incomplete, Malformed
from cwportal.connectwise.pages import Pages, Source


class Listing:
    """A list endpoint that behaves in a chosen way: with or without Link, with a page limit, changing meanwhile."""

    def __init__(self, ids: list[int], *, link: str = "always", limit: int = 1000) -> None:
        self.ids = ids
        self.link = link
        self.limit = limit
        self.asked: list[Mapping[str, str]] = []

    def get(self, _path: str, params: Mapping[str, str] | None = None, /) -> Answer:
        assert params is not None
        self.asked.append(params)
        after = re.search(r"id > (\d+)", params.get("conditions", ""))
        rest = sorted(number for number in self.ids if not after or number > int(after[1]))
        size = min(int(params["pageSize"]), self.limit)
        more = len(rest) > size
        link = {
            "always": '<https://h/x?page=2>; rel="next"' if more else "",
            "when more": '<https://h/x?page=2>; rel="next"' if more else None,
            "never": None,
        }[self.link]
        return Answer(200, [{"id": number} for number in rest[:size]], link)


def read(source: Source, size: int = 1000, condition: str = "") -> list[int]:
    return [row["id"] for row in Pages(source, size).rows("/x", condition) if isinstance(row, dict)]


@pytest.mark.parametrize("link", ["always", "when more", "never"])
@pytest.mark.parametrize("limit", [1000, 7, 3, 2])
@pytest.mark.parametrize("size", [1000, 10, 7])
@pytest.mark.parametrize("count", [0, 1, 2, 6, 7, 8, 14, 21, 40])
def test_every_row_once(link: str, limit: int, size: int, count: int) -> None:
    ids = list(range(5, 5 + 3 * count, 3))
    assert read(Listing(ids, link=link, limit=limit), size) == ids


@pytest.mark.parametrize(("link", "requests"), [("always", 1), ("when more", 2), ("never", 3)])
def test_a_short_list_costs_one_request_and_links_are_asked_about_once(link: str, requests: int) -> None:
    listing = Listing([1, 2, 3], link=link)
    pages = Pages(listing)
    assert len(list(pages.rows("/x"))) == 3
    assert len(listing.asked) == requests
    list(pages.rows("/y"))
    assert len(listing.asked) - requests == (2 if link == "never" else 1)


def test_one_lists_question_keeps_no_other_list_waiting() -> None:
    lists = {path: Listing([*range(1, 11)], link="when more") for path in ("/first", "/slow", "/other")}
    asked, go_on = threading.Event(), threading.Event()

    class Slow:
        def get(self, path: str, params: Mapping[str, str] | None = None, /) -> Answer:
            assert params is not None
            if path == "/slow" and params["pageSize"] == "1":
                asked.set()
                assert go_on.wait(30)
            return lists[path].get(path, params)

    pages = Pages(Slow())
    list(pages.rows("/first"))
    with ThreadPoolExecutor(2) as pool:
        slow = pool.submit(lambda: list(pages.rows("/slow")))
        assert asked.wait(30)
        try:
            assert len(pool.submit(lambda: list(pages.rows("/other"))).result(30)) == 10
        finally:
            go_on.set()
        assert len(slow.result(30)) == 10


@pytest.mark.parametrize("limit", [10, 25, 100, 250])
@pytest.mark.parametrize("count", [1, 9, 10, 11, 25, 50, 99, 250, 251])
def test_a_list_that_is_cut_short_without_link_beside_others_that_send_it(limit: int, count: int) -> None:
    """Links of one endpoint prove nothing of another (contract section 3: not on every endpoint)."""
    lists = {
        "/companies": Listing([1, 2, 3], link="always"),
        "/cut": Listing([*range(1, count + 1)], link="never", limit=limit),
    }

    class Both:
        def get(self, path: str, params: Mapping[str, str] | None = None, /) -> Answer:
            return lists["/cut" if path.endswith("/additions") else path].get(path, params)

    pages = Pages(Both())
    assert len(list(pages.rows("/companies"))) == 3
    for number in (7, 8):
        assert len(list(pages.rows(f"/agreements/{number}/additions"))) == count


def test_the_question_whether_a_list_sends_links_is_asked_once_for_all_like_it() -> None:
    listing = Listing([*range(1, 26)], link="when more")
    pages = Pages(listing)
    for number in range(4):
        assert len(list(pages.rows(f"/agreements/{number}/additions"))) == 25
    assert len(listing.asked) == 5


def test_a_full_page_without_link_is_never_taken_for_the_last() -> None:
    listing = Listing([1, 2, 3, 4], link="when more")
    pages = Pages(listing, 2)
    assert len(list(pages.rows("/x"))) == 4
    assert [params.get("conditions") for params in listing.asked] == [None, "id > 2", "id > 4"]


def test_what_is_asked() -> None:
    listing = Listing([1, 2, 3])
    list(Pages(listing, 2).rows("/x", 'name = "A" or name = "B"', {"fields": "id,name"}))
    assert listing.asked == [
        {
            "conditions": 'name = "A" or name = "B"',
            "fields": "id,name",
            "orderBy": "id asc",
            "pageSize": "2",
            "page": "1",
        },
        {
            "conditions": '(name = "A" or name = "B") and id > 2',
            "fields": "id,name",
            "orderBy": "id asc",
            "pageSize": "2",
            "page": "1",
        },
    ]


def test_rows_deleted_between_pages_hide_no_others() -> None:
    class Shrinking(Listing):
        def get(self, path: str, params: Mapping[str, str] | None = None) -> Answer:
            found = super().get(path, params)
            self.ids = [number for number in self.ids if number != 1]
            return found

    assert read(Shrinking([1, 2, 3, 4, 5]), 2) == [1, 2, 3, 4, 5]


class Fixed:
    """Answers with the given pages whatever is asked."""

    def __init__(self, *pages: object) -> None:
        self.pages = list(pages)

    def get(self, _path: str, _params: Mapping[str, str] | None = None, /) -> Answer:
        data = self.pages.pop(0) if len(self.pages) > 1 else self.pages[0]
        return Answer(200, data, '<https://h/x?page=2>; rel="next"')


@pytest.mark.parametrize(
    "pages",
    [
        [[{"id": 1}, {"id": 2}]],
        [[{"id": 1}, {"id": 2}], [{"id": 2}, {"id": 3}], []],
        [[{"id": 5}, {"id": 6}], [{"id": 1}, {"id": 7}], []],
        [[{"id": 2}, {"id": 1}], []],
        [[{"id": 2}, {"id": 2}], []],
    ],
    ids=["looping", "overlapping", "going back", "unordered", "doubled"],
)
def test_pages_that_cannot_be_trusted(pages: list[object]) -> None:
    with pytest.raises(Incomplete):
        list(Pages(Fixed(*pages)).rows("/x"))


def test_doubled_rows_on_a_single_page() -> None:
    class Doubled:
        def get(self, _path: str, _params: Mapping[str, str] | None = None, /) -> Answer:
            return Answer(200, [{"id": 2}, {"id": 2}], "")

    with pytest.raises(Incomplete):
        list(Pages(Doubled()).rows("/x"))


@pytest.mark.parametrize("data", [None, {}, {"code": "x"}, "text", [1], [None], [{}], [{"id": "5"}], [{"id": True}]])
def test_what_is_no_list_of_records(data: object) -> None:
    with pytest.raises(Malformed):
        list(Pages(Fixed(data)).rows("/x"))


@pytest.mark.parametrize("link", ['<https://h/docs>; rel="help"', "nonsense"])
def test_a_link_of_another_kind_does_not_end_a_list(link: str) -> None:
    class Documented(Listing):
        def get(self, path: str, params: Mapping[str, str] | None = None, /) -> Answer:
            found = super().get(path, params)
            return Answer(found.status, found.data, link)

    assert read(Documented([*range(1, 8)], link="never", limit=3)) == [*range(1, 8)]


def test_a_row_without_an_id_fails_a_list_unless_it_may_be_left_out() -> None:
    class Broken(Listing):
        def get(self, path: str, params: Mapping[str, str] | None = None, /) -> Answer:
            found = super().get(path, params)
            rows = (
                [{"id": "5"} if row == {"id": 5} else row for row in found.data] if isinstance(found.data, list) else []
            )
            return Answer(found.status, rows, found.link)

    with pytest.raises(Malformed, match="without an id"):
        read(Broken([*range(1, 8)], limit=3))
    left_out = list[Malformed]()
    rows = list(Pages(Broken([*range(1, 8)], limit=3)).rows("/x", nameless=left_out))
    assert rows == [{"id": number} for number in (1, 2, 3, 4, 6, 7)]
    assert left_out
    with pytest.raises(Malformed, match="without an id"):  # no way to ask for what comes after it
        list(Pages(Broken([*range(1, 8)], limit=1)).rows("/x", nameless=left_out))
