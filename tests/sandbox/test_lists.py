"""Pages, Link headers, order, projection."""

from __future__ import annotations

import re

import pytest

from cwportal.sandbox import Sandbox

from .support import Api

STATES = "company/states"


def links(header: str) -> dict[str, str]:
    return {name: url for url, name in re.findall(r'<([^>]*)>; rel="(\w+)"', header)}


def test_default_page_size_is_25(api: Api) -> None:
    assert len(api.get(STATES)) == 25


def test_pages_by_link(api: Api) -> None:
    path = f"{STATES}?orderBy=id asc&pageSize=20"
    seen: list[int] = []
    url: str | None = api.url(path)
    relations = []
    while url:
        response = api.session.get(url, timeout=60)
        seen += [item["id"] for item in response.json()]
        found = links(response.headers.get("Link", ""))
        relations.append(sorted(found))
        url = found.get("next")
        assert all(re.search(r"[?&]page=\d+$", target) for target in found.values()), "page comes last inside the <>"
    assert relations == [["last", "next"], ["first", "last", "next", "prev"], ["first", "prev"]]
    assert seen == sorted(seen)
    assert len(seen) == api.get(f"{STATES}/count")["count"]


def test_link_keeps_the_other_parameters_and_has_no_comma_in_them(api: Api) -> None:
    response = api.call("GET", f"{STATES}?conditions=id in (1,2,3) and name like '*a*'&pageSize=1&page=1")
    header = response.headers["Link"]
    assert len(header.split(",")) == 2
    following = api.session.get(links(header)["next"], timeout=60).json()
    assert [item["id"] for item in following] == [2]


def test_no_link_on_a_single_page(api: Api) -> None:
    assert "Link" not in api.call("GET", "finance/agreements").headers


def test_page_past_the_end_is_empty(api: Api) -> None:
    assert api.get("finance/agreements", page=99) == []


def test_large_page_sizes_are_capped(sandbox: Sandbox, api: Api) -> None:
    sandbox.seed({"companies": [{"name": f"C {n}", "identifier": f"C{n}"} for n in range(1010)]})
    assert len(api.get("company/companies", pageSize=5000, fields="id")) == 1000
    sandbox.set_variant(page_limit=50)
    assert len(api.get("company/companies", pageSize=1000, fields="id")) == 50


def test_forward_only(api: Api) -> None:
    headers = {"pagination-type": "forward-only"}
    url: str | None = api.url(f"{STATES}?pageSize=25&orderBy=name desc&page=9")
    seen: list[int] = []
    while url:
        response = api.session.get(url, headers=headers, timeout=60)
        seen += [item["id"] for item in response.json()]
        assert "Link" in response.headers, "the last page has an empty Link"
        url = links(response.headers["Link"]).get("next")
        assert url is None or re.search(r"pageId=\d+$", url)
    assert seen == list(range(1, api.get(f"{STATES}/count")["count"] + 1))


@pytest.mark.parametrize(
    ("order", "wanted"),
    [
        ("id", [1, 2, 3]),
        ("id desc", [3, 2, 1]),
        ("name asc", [1, 2, 3]),
        ("company/name desc,name DESC", [3, 2, 1]),
        ("cancelledFlag desc, id desc", [2, 3, 1]),
        ("endDate asc,id desc", [3, 2, 1]),
    ],
)
def test_order(api: Api, order: str, wanted: list[int]) -> None:
    assert api.ids("finance/agreements", orderBy=order) == wanted


def test_no_order_is_promised_without_order_by(sandbox: Sandbox, api: Api) -> None:
    plain = api.ids(STATES, pageSize=1000)
    assert plain == sorted(plain)
    sandbox.set_variant(shuffle=True)
    assert any(api.ids(STATES, pageSize=1000) != plain for _ in range(3))
    assert api.ids(STATES, pageSize=1000, orderBy="id asc") == plain


def test_fields_project_and_drop_info(api: Api) -> None:
    item = api.get("finance/agreements", fields="id,name,company/identifier")[0]
    assert item == {"id": 1, "name": "Acme Cloud", "company": {"identifier": "AcmeCorp"}}
    one = api.get("finance/agreements/1", fields="id,_info")
    assert one.keys() == {"id", "_info"}
    one = api.get("finance/agreements/1", fields="_info/lastUpdated,company")
    assert one["_info"].keys() == {"lastUpdated"}
    assert one["company"]["name"] == "Acme Corp"
    assert api.get("company/contacts/1", fields="communicationItems/value") == {
        "communicationItems": [{"value": "ann@acme.example"}]
    }


def test_parameter_names_ignore_case(api: Api) -> None:
    assert api.ids("finance/agreements", PAGESIZE=1, OrderBy="id desc") == [3]
    assert api.ids("finance/agreements", Conditions="id=2") == [2]


def test_count_takes_the_same_filters(api: Api) -> None:
    assert api.get("finance/agreements/count", conditions="cancelledFlag=false") == {"count": 2}
    assert api.get("finance/agreements/1/additions/count", conditions="product/id=1") == {"count": 1}
