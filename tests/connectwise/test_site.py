"""What people type as Site."""

from __future__ import annotations

import pytest

from cwportal.connectwise.errors import SiteRefused
from cwportal.connectwise.site import Site, parse_site

ALLOWED = frozenset({"127.0.0.1:8780", "cw.internal", "[::1]:9000"})


@pytest.mark.parametrize(
    ("typed", "host", "api_host", "canonical"),
    [
        ("na.myconnectwise.net", "na.myconnectwise.net", "api-na.myconnectwise.net", "api-na.myconnectwise.net"),
        (" HTTPS://NA.MyConnectWise.net/ ", "na.myconnectwise.net", "api-na.myconnectwise.net", None),
        ("http://eu.myconnectwise.net", "eu.myconnectwise.net", "api-eu.myconnectwise.net", None),
        ("https://au.myconnectwise.net/v4_6_release/x?y#z", "au.myconnectwise.net", "api-au.myconnectwise.net", None),
        ("aus.myconnectwise.net:443", "aus.myconnectwise.net", "api-aus.myconnectwise.net", None),
        ("za.myconnectwise.net.", "za.myconnectwise.net", "api-za.myconnectwise.net", None),
        ("api-na.myconnectwise.net", "na.myconnectwise.net", "api-na.myconnectwise.net", None),
        ("staging.connectwisedev.com", "staging.connectwisedev.com", "api-staging.connectwisedev.com", None),
        ("“cw.example.com”", "cw.example.com", "cw.example.com", None),
        ("cw . example . com", "cw.example.com", "cw.example.com", None),
        ("//cw.example.com", "cw.example.com", "cw.example.com", None),
        ("https://cw.example.com:8443/", "cw.example.com", "cw.example.com", "cw.example.com:8443"),
        ("connect.bücher.example", "connect.xn--bcher-kva.example", "connect.xn--bcher-kva.example", None),
        ("203.0.113.9", "203.0.113.9", "203.0.113.9", None),
        ("[2001:DB8::1]:8443", "2001:db8::1", "2001:db8::1", "[2001:db8::1]:8443"),
        ("2001:db8::1", "2001:db8::1", "2001:db8::1", "[2001:db8::1]"),
        ("psa", "psa", "psa", None),
    ],
)
def test_generous(typed: str, host: str, api_host: str, canonical: str | None) -> None:
    site = parse_site(typed)
    assert (site.host, site.api_host, site.scheme) == (host, api_host, "https")
    assert site.canonical == (canonical or api_host)


@pytest.mark.parametrize(
    "typed",
    [
        "",
        "   ",
        "https://",
        "ftp://na.myconnectwise.net",
        "javascript://alert(1)",
        "file:///etc/passwd",
        "user:pass@cw.example.com",
        "cw.example.com:99999",
        "cw.example.com:0",
        "cw.example.com:http",
        "cw..example.com",
        "-cw.example.com",
        "cw.exam$ple.com",
        "a" * 64 + ".example.com",
        "a." * 130 + "com",
        "2130706433",
        "0x7f000001",
        "0177.0.0.1",
        "127.1",
        "1.2.3.4.5",
        "[::1",
        "[::1]x",
        "12::34::56",
    ],
)
def test_nonsense_gets_a_sentence(typed: str) -> None:
    with pytest.raises(SiteRefused, match=r"is not a ConnectWise site: .*na\.myconnectwise\.net"):
        parse_site(typed)


def test_a_hostile_text_is_not_repeated_at_length() -> None:
    with pytest.raises(SiteRefused) as caught:
        parse_site("$" * 5000)
    assert len(str(caught.value)) < 300


@pytest.mark.parametrize(
    ("typed", "base_url"),
    [
        ("http://127.0.0.1:8780", "http://127.0.0.1:8780"),
        ("http://127.0.0.1:8780/page", "http://127.0.0.1:8780"),
        ("http://CW.internal", "http://cw.internal"),
        ("http://cw.internal:81", "http://cw.internal:81"),
        ("http://[::1]:9000", "http://[::1]:9000"),
        ("https://127.0.0.1:8780", "https://127.0.0.1:8780"),
        ("http://127.0.0.1:8781", "https://127.0.0.1:8781"),
        ("http://na.myconnectwise.net", "https://api-na.myconnectwise.net"),
        ("http://cw.example.com:80", "https://cw.example.com"),
    ],
)
def test_plain_http_only_where_the_operator_allows_it(typed: str, base_url: str) -> None:
    assert parse_site(typed, ALLOWED).base_url == base_url


def test_endpoint_logs_in_at_the_site_and_calls_the_api_host() -> None:
    endpoint = Site("na.myconnectwise.net", 443, "api-na.myconnectwise.net").endpoint("v2026_1/")
    assert endpoint.company_info_url("acme") == "https://na.myconnectwise.net/login/companyinfo/acme"
    assert endpoint.url("/x") == "https://api-na.myconnectwise.net/v2026_1/apis/3.0/x"
