"""How far ConnectWise's clock is from ours, by the `Date` header that every HTTP server sends (RFC 9110)."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime

from cwportal.connectwise.guard import AddressGuard
from cwportal.connectwise.site import Site
from cwportal.connectwise.wire import Wire

_HALF = timedelta(seconds=0.5)
"""The header has no parts of a second."""


def clock_ahead(
    site: Site,
    company_id: str,
    *,
    guard: AddressGuard,
    clock: Callable[[], datetime],
    timeout: float = 30,
    ca_bundle: str | None = None,
) -> timedelta | None:
    """By how much ConnectWise's clock is ahead of `clock` (negative: behind); None where it does not tell its time.

    One companyinfo request, which needs no keys. Raises SiteRefused, Unreachable, TlsFailed, TimedOut and the like.
    """
    wire = Wire(guard=guard, timeout=timeout, max_bytes=1024 * 1024, ca_bundle=ca_bundle)
    before = clock()
    try:
        raw = wire.send("GET", "companyinfo", url=site.endpoint("").company_info_url(company_id), headers={})
    finally:
        wire.close()
    middle = before + (clock() - before) / 2
    try:
        told = parsedate_to_datetime(raw.headers.get("date", ""))
    except ValueError:
        return None
    return (told if told.tzinfo else told.replace(tzinfo=UTC)) + _HALF - middle
