"""Whether this machine and the partners' ConnectWises agree on the time."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import timedelta

from cwportal.connectwise.clock import clock_ahead
from cwportal.connectwise.errors import ConnectWiseError
from cwportal.connectwise.guard import AddressGuard
from cwportal.connectwise.site import parse_site
from cwportal.models import Connection
from cwportal.runtime import Runtime
from cwportal.services.doctor.check import Check, Health

MOST_SKEW = timedelta(minutes=1)
"""How far ConnectWise's clock may be from ours."""
_SITES = 5
"""How many sites are asked for their time."""
_PATIENCE = 10.0
"""Seconds to wait for each."""


def clocks(runtime: Runtime, rows: Sequence[Connection]) -> Iterator[Check]:
    """One check for every site, of a few."""
    name, config = "clock", runtime.config
    now = runtime.clock()
    sites = {row.site: row.company_id for row in rows if row.not_before is None or row.not_before <= now}
    if not sites:
        yield Check(name, Health.OK, "There is no ConnectWise to compare clocks with now.")
    for text, company_id in list(sites.items())[:_SITES]:
        try:
            ahead = clock_ahead(
                parse_site(text, config.allowed_sites),
                company_id,
                guard=AddressGuard(config.allowed_sites),
                clock=runtime.clock,
                timeout=min(config.timeout, _PATIENCE),
                ca_bundle=config.ca_bundle,
            )
        except ConnectWiseError as error:
            yield Check(
                name,
                Health.WARNING,
                f"The time of {text} is not known: {error}",
                "Exports to it would fail for the same reason.",
                "Look into it if it stays.",
            )
            continue
        if ahead is None:
            yield Check(name, Health.OK, f"{text} does not tell its time.")
        elif abs(ahead) > MOST_SKEW:
            seconds = round(abs(ahead).total_seconds())
            yield Check(
                name,
                Health.PROBLEM,
                f"This machine's clock is {seconds} seconds {'behind' if ahead > timedelta() else 'ahead of'} that of {text}.",
                "Schedules, and the day on which lines begin, are wrong if this machine's clock is.",
                "Set this machine's clock by a time server (NTP); if it is right, tell the owner of that ConnectWise.",
            )
        else:
            yield Check(name, Health.OK, f"The clocks of this machine and of {text} agree.")
