"""How ConnectWise is spoken to, without I/O: URLs, headers, Link, PATCH bodies (contract sections 1 to 4)."""

from __future__ import annotations

import base64
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from urllib.parse import parse_qs, quote, urlsplit

ACCEPT = "application/vnd.connectwise.com+json; version=2025.1"
_PAGES = {"next", "prev", "previous", "first", "last"}
_LONGEST = 86_400.0
_LINK = re.compile(r"<([^>]*)>\s*((?:;\s*[^,;<]+)*)")


@dataclass(frozen=True, slots=True)
class Credentials:
    """What an API member logs in with. The representation hides both keys."""

    company_id: str
    public_key: str = field(repr=False)
    private_key: str = field(repr=False)

    @property
    def authorization(self) -> str:
        """`Basic base64(companyId+publicKey:privateKey)`."""
        pair = f"{self.company_id}+{self.public_key}:{self.private_key}"
        return "Basic " + base64.b64encode(pair.encode()).decode("ascii")

    def scrub(self, body: bytes) -> bytes:
        """The body without our secrets, should somebody echo them back at us; texts too short to be keys stay."""
        for secret in (self.authorization.removeprefix("Basic "), self.private_key, self.public_key):
            if len(secret) >= 8:
                body = body.replace(secret.encode(), b"***")
        return body


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where the API of one ConnectWise is: `base_url` without a trailing slash, `codebase` with one (`v4_6_release/`).

    `login_url` is the host that answers companyinfo; cloud sites have `na.` for it and `api-na.` for the API.
    """

    base_url: str
    codebase: str
    login_url: str = ""

    def url(self, path: str) -> str:
        """Full URL of an API path such as `/finance/agreements`."""
        return f"{self.base_url}/{self.codebase}apis/3.0{path}"

    def company_info_url(self, company_id: str) -> str:
        """The address that tells the codebase of a company ID, without authentication."""
        return f"{self.login_url or self.base_url}/login/companyinfo/{quote(company_id, safe='')}"


def headers(credentials: Credentials, client_id: str) -> dict[str, str]:
    """Headers of every API call. `clientId` names the vendor's integration, not the partner."""
    return {"Authorization": credentials.authorization, "clientId": client_id, "Accept": ACCEPT}


def patch_body(fields: Mapping[str, object]) -> list[dict[str, object]]:
    """One PATCH for all fields (ConnectWise checks them together): bare, case-sensitive paths, one `replace` each."""
    return [{"op": "replace", "path": path, "value": value} for path, value in fields.items()]


def create_body(fields: Mapping[str, object]) -> dict[str, object]:
    """A POST body without nulls, which ConnectWise would take as values."""
    return {name: value for name, value in fields.items() if value is not None}


def links(header: str) -> dict[str, str]:
    """The `Link` header (RFC 8288) as rel -> URL; empty for an empty header, as on the last forward-only page."""
    found: dict[str, str] = {}
    for url, parameters in _LINK.findall(header):
        for parameter in parameters.split(";"):
            name, _, value = parameter.partition("=")
            if name.strip().lower() == "rel":
                for rel in value.strip().strip('"').lower().split():
                    found.setdefault(rel, url)
    return found


def next_page(header: str) -> dict[str, str] | None:
    """The paging parameters of rel="next": `page` (numbered paging) or `pageId` (forward-only), None on the last page.

    Only the parameters are taken: a URL from an answer is never called, our keys would go with it.
    """
    url = links(header).get("next")
    if url is None:
        return None
    wanted = {"page": "page", "pageid": "pageId"}
    query = parse_qs(urlsplit(url).query)
    return {wanted[name.lower()]: values[-1] for name, values in query.items() if name.lower() in wanted}


def tells_pages(header: str) -> bool:
    """Whether a `Link` header says anything about pages: an empty one does, one with other relations only does not."""
    return not header.strip() or bool(_PAGES & links(header).keys())


def retry_after(value: str | None, now: datetime) -> float | None:
    """`Retry-After` in seconds from a number or an HTTP date; None where absent or unreadable, never negative.

    Never more than a day either: whoever says so is mistaken, and nobody could export until then.
    """
    if not value:
        return None
    text = value.strip()
    if re.fullmatch(r"\d{1,9}(\.\d{1,6})?", text):
        return min(float(text), _LONGEST)
    try:
        moment = parsedate_to_datetime(text)
    except ValueError:
        return None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return min(max(0.0, (moment - now).total_seconds()), _LONGEST)
