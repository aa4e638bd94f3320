"""What a partner types as Site, understood generously and said back exactly (contract section 1)."""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass
from urllib.parse import urlsplit

from cwportal.connectwise.errors import SiteRefused
from cwportal.connectwise.protocol import Endpoint

_CLOUD = frozenset(f"{region}.myconnectwise.net" for region in ("na", "eu", "au", "aus", "za"))
_STAGING = "staging.connectwisedev.com"
_LABEL = re.compile(r"(?!-)[a-z0-9_-]{1,63}(?<!-)")
_EXAMPLE = "Type the address you log in to ConnectWise with, such as na.myconnectwise.net."


@dataclass(frozen=True, slots=True)
class Site:
    """A ConnectWise host. `host` answers the login, `api_host` the API; IPv6 literals come without brackets."""

    host: str
    port: int
    api_host: str
    scheme: str = "https"

    @property
    def canonical(self) -> str:
        """The API host as one spelling, with the port only where it is not the scheme's own; part of the tenant."""
        return self._netloc(self.api_host)

    def _netloc(self, host: str) -> str:
        shown = f"[{host}]" if ":" in host else host
        return shown if self.port == (443 if self.scheme == "https" else 80) else f"{shown}:{self.port}"

    @property
    def base_url(self) -> str:
        """Where API calls go."""
        return f"{self.scheme}://{self._netloc(self.api_host)}"

    @property
    def login_url(self) -> str:
        """Where companyinfo is asked for."""
        return f"{self.scheme}://{self._netloc(self.host)}"

    def endpoint(self, codebase: str) -> Endpoint:
        """The endpoint with the codebase that companyinfo told."""
        return Endpoint(self.base_url, codebase, self.login_url)


def _refuse(text: str, why: str) -> SiteRefused:
    shown = " ".join(text.split())
    return SiteRefused(f"“{shown[:80]}” is not a ConnectWise site: {why}. {_EXAMPLE}")


def _checked_host(text: str, host: str) -> str:
    if not host:
        raise _refuse(text, "it names no host")
    if ":" in host:
        try:
            return ipaddress.IPv6Address(host.partition("%")[0]).compressed
        except ValueError:
            raise _refuse(text, "it is not a valid address") from None
    try:
        name = host.rstrip(".").encode("ascii" if host.isascii() else "idna").decode("ascii").lower()
    except UnicodeError:
        raise _refuse(text, "the host name is not valid") from None
    labels = name.split(".")
    if len(name) > 253 or not all(_LABEL.fullmatch(label) for label in labels):
        raise _refuse(text, "the host name is not valid")
    if re.fullmatch(r"\d+|0x[0-9a-f]*", labels[-1]):
        try:
            return str(ipaddress.IPv4Address(name))
        except ValueError:
            raise _refuse(text, "it is not a valid address") from None
    return name


def parse_site(text: str, allowed: frozenset[str] = frozenset()) -> Site:
    """Understand what was typed: with or without scheme, path, spaces, capitals, trailing slash or port.

    Cloud hosts get their API host (`na.` -> `api-na.`). `allowed` are the operator's hosts or host:port that may also
    be typed with `http://`. Raises SiteRefused with a sentence for everything that is no site.
    """
    cleaned = re.sub(r"\s+", "", text).strip("\"'<>“”")
    scheme, found, rest = cleaned.partition("://")
    if not found:
        scheme, rest = "", cleaned.lstrip("/")
    scheme = scheme.lower()
    if scheme not in {"", "http", "https"}:
        raise _refuse(text, f"{scheme[:20]}:// is not a web address")
    if rest.count(":") > 1 and not rest.startswith("["):
        rest = f"[{rest.partition('/')[0]}]"
    try:
        parts = urlsplit(f"//{rest}")
        host, port = parts.hostname or "", parts.port
    except ValueError:
        raise _refuse(text, "host or port are not valid") from None
    if parts.netloc.startswith("[") and not re.fullmatch(r"\[[^\]]*\](:\d*)?", parts.netloc):
        raise _refuse(text, "it is not a valid address")
    if "@" in parts.netloc:
        raise _refuse(text, "it holds a user name")
    if port == 0:
        raise _refuse(text, "port 0 does not exist")
    host = _checked_host(text, host)
    if scheme == "http":
        plain_port = port or 80
        if is_allowed(host, plain_port, allowed):
            return Site(host, plain_port, host, "http")
        port = None if port in {None, 80} else port
    # A person who types http:// for a public host means the site, not the missing encryption.
    site_port = port or 443
    base = host.removeprefix("api-")
    if base in _CLOUD or base == _STAGING:
        return Site(base, site_port, f"api-{base}")
    return Site(host, site_port, host)


def is_allowed(host: str, port: int, allowed: frozenset[str]) -> bool:
    """Whether the operator exempts this host, or this host on this port, from the public-https rule."""
    name = host.rstrip(".").lower()
    shown = f"[{name}]" if ":" in name else name
    return any(entry in allowed for entry in (name, shown, f"{shown}:{port}"))
