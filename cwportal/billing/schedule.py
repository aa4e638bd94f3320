"""When exports start by themselves: wall-clock times of a zone as instants, across changes of the clock."""

from __future__ import annotations

import calendar
from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from cwportal.vocabulary import Frequency

LAST = "last"


def next_runs(
    frequency: Frequency, time: str | time, day: int | str, zone: str, after: datetime, count: int
) -> list[datetime]:
    """The next `count` instants (aware UTC, ascending) later than `after`; none for MANUAL.

    `time`: local wall clock, "HH:MM". `day`: 1 to 31 or "last", for MONTHLY; in a shorter month its last day. `zone`: IANA name.
    A time that the clock skips becomes the first instant after the gap; one that it shows twice counts once, the first time.
    Raises ValueError for a naive `after`, a bad time or a bad day.
    """
    if after.tzinfo is None:
        raise ValueError("after must be an aware datetime")
    if frequency is Frequency.MANUAL or count < 1:
        return []
    wall = _wall(time)
    if frequency is Frequency.MONTHLY and day != LAST and not 1 <= int(day) <= 31:
        raise ValueError(f"not a day of the month: {day}")
    info = ZoneInfo(zone)
    start = after.astimezone(info).date()
    days = _every_day(start) if frequency is Frequency.DAILY else _every_month(start, day)
    found: list[datetime] = []
    for local in days:
        instant = first_instant(datetime.combine(local, wall), info)
        if instant > after and (not found or instant > found[-1]):
            found.append(instant)
            if len(found) == count:
                break
    return found


def first_instant(local: datetime, zone: ZoneInfo) -> datetime:
    """The first instant (UTC) at which the zone's clock shows the naive `local` or, where it skips that, anything later."""
    early = local.replace(tzinfo=zone, fold=0).astimezone(UTC)
    if early.astimezone(zone).replace(tzinfo=None) == local:
        return early
    # In a gap, fold=1 reads the time with the offset after it (too early an instant), fold=0 with the one before (too late):
    # the change of the clock lies between them.
    low, high = local.replace(tzinfo=zone, fold=1).astimezone(UTC), early
    while high - low > timedelta(seconds=1):
        middle = low + timedelta(seconds=(high - low) // timedelta(seconds=2))
        if middle.astimezone(zone).replace(tzinfo=None) < local:
            low = middle
        else:
            high = middle
    return high


def _wall(value: str | time) -> time:
    return value if isinstance(value, time) else time.fromisoformat(value)


def _every_day(start: date) -> Iterator[date]:
    # A day earlier than `after`: the clock may skip a whole day, and the run of that day belongs to the next.
    day = start - timedelta(days=1)
    while True:
        yield day
        day += timedelta(days=1)


def _every_month(start: date, day: int | str) -> Iterator[date]:
    year, month = (start.year, start.month - 1) if start.month > 1 else (start.year - 1, 12)
    while True:
        last = calendar.monthrange(year, month)[1]
        yield date(year, month, last if day == LAST else min(int(day), last))
        year, month = (year, month + 1) if month < 12 else (year + 1, 1)
