"""The page shows everything, links lead somewhere, and nothing from the data is HTML."""

from __future__ import annotations

import re
from html.parser import HTMLParser

import pytest
import requests

from cwportal.sandbox import Sandbox

from .support import PRODUCT, Api

NASTY = "<script>alert('x')</script>\"&"


class Links(HTMLParser):
    """The addresses of a page."""

    def __init__(self) -> None:
        super().__init__()
        self.found: set[str] = set()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        assert tag != "script"
        self.found.update(value for name, value in attrs if name == "href" and value)


def page(sandbox: Sandbox, path: str) -> str:
    response = requests.get(sandbox.url + path, timeout=60)
    assert response.status_code == 200, path
    assert response.headers["Content-Type"] == "text/html; charset=utf-8"
    assert "script" not in response.headers["Content-Security-Policy"]
    return response.text


def links(text: str) -> set[str]:
    parser = Links()
    parser.feed(text)
    return parser.found


def test_every_link_leads_somewhere(sandbox: Sandbox, api: Api) -> None:
    sandbox.seed({"tenant": "other", "companies": [{"name": "Other"}]})
    data = {"recordType": "Agreement", "recordId": "1"}
    api.call("POST", "system/documents", data=data, files={"file": ("a.csv", b"a")})
    seen: set[str] = set()
    todo = {"/"}
    while todo:
        path = todo.pop()
        seen.add(path)
        todo |= links(page(sandbox, path)) - seen
    assert {"/page/training/companies/1", "/page/training/agreements/1", "/page/other"} <= seen
    assert len(seen) > 12


def test_money_and_states_are_shown(sandbox: Sandbox) -> None:
    sandbox.tenant().edit({"kind": "addition", "id": 1, "set": {"quantity": 1500, "unitPrice": "1.2345"}})
    text = page(sandbox, "/page/training/agreements/1")
    for wanted in ("MBX-50", "1500", "1.2345", "1,851.75", "6,000.00", "2025-06-30", "Cancelled", "Acme Corp"):
        assert wanted in text, wanted
    assert "1,851.75" in page(sandbox, "/")


def test_requests_are_shown_newest_first(sandbox: Sandbox, api: Api) -> None:
    api.get("finance/agreements", conditions="id=2")
    api.patch("finance/agreements/1/additions/1", quantity=77)
    text = page(sandbox, "/page/training/requests")
    assert text.index("PATCH") < text.index("conditions=id=2")
    assert "&quot;value&quot;:77" in text


def test_data_is_escaped(sandbox: Sandbox, api: Api) -> None:
    sandbox.seed(
        {
            "name": NASTY,
            "catalog": [{**PRODUCT, "identifier": NASTY, "description": NASTY}],
            "companies": [
                {
                    "name": NASTY,
                    "city": NASTY,
                    "agreements": [{"name": NASTY, "additions": [{"product": NASTY, "description": NASTY}]}],
                }
            ],
        }
    )
    api.call("POST", "company/companies", json={"name": NASTY})
    api.call("GET", "company/companies", params={"conditions": NASTY})
    data = {"recordType": "Company", "recordId": "3", "title": NASTY}
    api.call("POST", "system/documents", data=data, files={"file": (NASTY, b"")})
    for path in ("/", *(f"/page/training/{view}" for view in ("agreements", "products", "documents", "requests"))):
        text = page(sandbox, path)
        assert "&lt;script&gt;" in text
        assert "<script" not in text
    for path in ("companies/3", "agreements/4"):
        text = page(sandbox, f"/page/training/{path}")
        assert "<script" not in text


def test_long_lists_are_paged(sandbox: Sandbox) -> None:
    sandbox.seed({"companies": [{"name": f"C {n}", "identifier": f"C{n}"} for n in range(450)]})
    text = page(sandbox, "/page/training/companies?page=2")
    assert "page 2 of 3" in text
    assert len(re.findall(r"<tr>", text)) == 201
    assert {"/page/training/companies?page=1", "/page/training/companies?page=3"} <= links(text)


def test_empty_lists_say_so() -> None:
    with Sandbox() as sandbox:
        assert "No companies yet" in page(sandbox, "/")


@pytest.mark.parametrize(
    "path",
    ["/page/nobody", "/page/training/bogus", "/page/training/companies/99", "/page/training/products/1", "/page/"],
)
def test_unknown_pages(sandbox: Sandbox, path: str) -> None:
    assert requests.get(sandbox.url + path, timeout=60).status_code == (200 if path == "/page/" else 404)
