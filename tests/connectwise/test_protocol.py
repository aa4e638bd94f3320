"""Headers, Link, PATCH bodies, Retry-After."""

from __future__ import annotations

import base64
from datetime import UTC, datetime
from decimal import Decimal

import pytest

from cwportal.connectwise import protocol
from cwportal.connectwise.protocol import Credentials, Endpoint

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
KEYS = Credentials("Training", "publicPublic", "privatePrivate")


def test_authorization_is_company_plus_public_colon_private() -> None:
    scheme, token = protocol.headers(KEYS, "client")["Authorization"].split()
    assert scheme == "Basic"
    assert base64.b64decode(token) == b"Training+publicPublic:privatePrivate"


def test_headers_pin_the_version_and_name_the_vendor() -> None:
    headers = protocol.headers(KEYS, "client")
    assert headers["clientId"] == "client"
    assert headers["Accept"] == "application/vnd.connectwise.com+json; version=2025.1"


def test_keys_of_any_alphabet_can_be_sent() -> None:
    token = Credentials("Tr", "schlüssel", "秘密").authorization.split()[1]
    assert base64.b64decode(token).decode() == "Tr+schlüssel:秘密"


def test_the_representation_shows_no_key() -> None:
    assert repr(KEYS) == "Credentials(company_id='Training')"


def test_scrub_removes_echoed_secrets() -> None:
    token = KEYS.authorization.split()[1]
    body = KEYS.scrub(f"Basic {token} privatePrivate publicPublic Training".encode())
    assert body == b"Basic *** *** *** Training"


def test_urls() -> None:
    endpoint = Endpoint("https://api-na.x", "v2026_1/", "https://na.x")
    assert endpoint.url("/finance/agreements") == "https://api-na.x/v2026_1/apis/3.0/finance/agreements"
    assert endpoint.company_info_url("my/co") == "https://na.x/login/companyinfo/my%2Fco"


def test_patch_body_has_one_bare_operation_per_field() -> None:
    assert protocol.patch_body({"quantity": Decimal(5), "unitPrice": Decimal("2.5")}) == [
        {"op": "replace", "path": "quantity", "value": Decimal(5)},
        {"op": "replace", "path": "unitPrice", "value": Decimal("2.5")},
    ]


def test_create_body_omits_nulls() -> None:
    assert protocol.create_body({"a": None, "b": 0, "c": ""}) == {"b": 0, "c": ""}


@pytest.mark.parametrize(
    ("header", "following"),
    [
        ("", None),
        ('<https://h/c?pageSize=25&page=2>; rel="next", <https://h/c?pageSize=25&page=9>; rel="last"', {"page": "2"}),
        ('<https://h/c?page=1>; rel="first", <https://h/c?page=1>; rel="prev"', None),
        ('<https://h/c?pageSize=1000&pageId=4711>; rel="next"', {"pageId": "4711"}),
        ("<https://h/c?PAGEID=4711>; rel=next", {"pageId": "4711"}),
        ('<https://h/c?conditions=name="a,b"&page=3>; rel="next"', {"page": "3"}),
        ('<https://h/c?page=3>; title="x"; REL="NEXT"', {"page": "3"}),
        ("nonsense", None),
    ],
)
def test_link(header: str, following: dict[str, str] | None) -> None:
    assert protocol.next_page(header) == following


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        (None, None),
        ("", None),
        ("7", 7.0),
        (" 0.5 ", 0.5),
        ("Sun, 01 Mar 2026 12:01:30 GMT", 90.0),
        ("Sun, 01 Mar 2026 11:00:00 GMT", 0.0),
        ("soon", None),
        ("-5", None),
        ("1e9", None),
    ],
)
def test_retry_after(value: str | None, seconds: float | None) -> None:
    assert protocol.retry_after(value, NOW) == seconds


@pytest.mark.parametrize("value", ["999999999", "86401", "Fri, 31 Dec 9999 23:59:59 -2359"])
def test_nobody_waits_longer_than_a_day(value: str) -> None:
    assert protocol.retry_after(value, NOW) == 86_400


@pytest.mark.parametrize(
    ("header", "tells"),
    [
        ("", True),
        ("  ", True),
        ('<https://h/x?page=2>; rel="next"', True),
        ('</x?page=1>; REL="FIRST"', True),
        ("<x>; rel=prev", True),
        ("<x>; rel=self", False),
        ('<https://h/docs>; rel="describedby"', False),
        ("nonsense", False),
    ],
)
def test_a_link_of_another_kind_says_nothing_about_pages(header: str, tells: bool) -> None:
    assert protocol.tells_pages(header) is tells
