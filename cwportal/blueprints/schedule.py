"""When exports are due, in words."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from cwportal.blueprints.words import NOT_BY_ITSELF
from cwportal.services.settings import Chosen
from cwportal.services.upcoming import Start

FIELDS = ("export", "time", "day", "timezone")
BY_HAND = "No export starts by itself: exports are started by hand."


@dataclass(frozen=True, slots=True)
class Upcoming:
    """The next export and those after it; `at` None: none starts by itself. `remark`: what the clock does on that day."""

    at: datetime | None
    text: str
    zone: str
    remark: str
    later: tuple[str, ...]


def upcoming(chosen: Chosen, starts: Sequence[Start]) -> Upcoming:
    """In parts, for a page."""
    if not starts:
        return Upcoming(None, "", chosen.timezone, "", ())
    first, *others = starts
    return Upcoming(first.at, _full(first.at), chosen.timezone, _remark(first, chosen.time), tuple(map(_later, others)))


def sentence(chosen: Chosen, starts: Sequence[Start]) -> str:
    """In one: "Next export: Tuesday 1 December 2026, 02:00 (America/New_York)."."""
    if not starts:
        return BY_HAND
    found = upcoming(chosen, starts)
    return f"Next export: {found.text} ({found.zone}).{' ' if found.remark else ''}{found.remark} {NOT_BY_ITSELF}"


def _full(at: datetime) -> str:
    return f"{at:%A} {at.day} {at:%B %Y, %H:%M}"


def _later(start: Start) -> str:
    return f"{start.at:%A} {start.at.day} {start.at:%B}"


def _remark(start: Start, time: str) -> str:
    if start.skipped:
        return f"The clock skips {time} on that day."
    if start.twice:
        return f"The clock shows {time} twice on that day; this is the first."
    return ""
