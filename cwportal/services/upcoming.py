"""When the next exports are due by what was chosen."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from cwportal.billing.schedule import next_runs
from cwportal.services.settings import Chosen
from cwportal.vocabulary import Frequency


@dataclass(frozen=True, slots=True)
class Start:
    """One start: the instant with its local time. `skipped`: the clock does not show the chosen time on that day, and this is the first
    instant after it; `twice`: it shows the time twice, and this is the first of them.
    """

    at: datetime
    skipped: bool
    twice: bool


def starts(chosen: Chosen, now: datetime, count: int = 3) -> list[Start]:
    """The next ones, none if exports are started by hand."""
    zone = ZoneInfo(chosen.timezone)
    instants = next_runs(Frequency(chosen.export), chosen.time, chosen.day, chosen.timezone, now, count)
    return [_start(instant.astimezone(zone), chosen.time) for instant in instants]


def _start(local: datetime, time: str) -> Start:
    later = local.replace(fold=1).astimezone(UTC) > local.astimezone(UTC)
    return Start(local, f"{local:%H:%M}" != time, local.fold == 0 and later)
