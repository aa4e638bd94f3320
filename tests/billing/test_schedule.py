from __future__ import annotations

from datetime import UTC, datetime, time

import pytest

from cwportal.billing.schedule import next_runs
from cwportal.vocabulary import Frequency


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


CASES: dict[str, tuple[Frequency, str, int | str, str, str, list[str]]] = {
    "daily, later today": (
        Frequency.DAILY,
        "02:00",
        1,
        "UTC",
        "2026-11-23T01:59:59",
        ["2026-11-23T02:00", "2026-11-24T02:00"],
    ),
    "daily, exactly now is over": (Frequency.DAILY, "02:00", 1, "UTC", "2026-11-23T02:00:00", ["2026-11-24T02:00"]),
    "daily, in a zone east": (Frequency.DAILY, "02:00", 1, "Asia/Tokyo", "2026-11-23T00:00", ["2026-11-23T17:00"]),
    "daily, in a zone west": (
        Frequency.DAILY,
        "22:00",
        1,
        "America/New_York",
        "2026-11-23T02:30",
        ["2026-11-23T03:00", "2026-11-24T03:00"],
    ),
    "clock skips the time: first instant after": (
        Frequency.DAILY,
        "02:30",
        1,
        "Europe/Berlin",
        "2026-03-28T12:00",
        ["2026-03-29T01:00", "2026-03-30T00:30"],
    ),
    "clock skips it, west": (
        Frequency.DAILY,
        "02:30",
        1,
        "America/New_York",
        "2026-03-08T00:00",
        ["2026-03-08T07:00", "2026-03-09T06:30"],
    ),
    "clock shows the time twice: once": (
        Frequency.DAILY,
        "02:30",
        1,
        "Europe/Berlin",
        "2026-10-24T12:00",
        ["2026-10-25T00:30", "2026-10-26T01:30"],
    ),
    "the second showing does not count": (
        Frequency.DAILY,
        "02:30",
        1,
        "Europe/Berlin",
        "2026-10-25T00:30",
        ["2026-10-26T01:30"],
    ),
    "half an hour skipped": (
        Frequency.DAILY,
        "02:10",
        1,
        "Australia/Lord_Howe",
        "2026-10-03T12:00",
        ["2026-10-03T15:30"],
    ),
    "midnight skipped": (Frequency.DAILY, "00:00", 1, "America/Havana", "2026-03-07T12:00", ["2026-03-08T05:00"]),
    "a whole day skipped": (
        Frequency.DAILY,
        "02:00",
        1,
        "Pacific/Apia",
        "2011-12-29T20:00",
        ["2011-12-30T10:00", "2011-12-30T12:00", "2011-12-31T12:00"],
    ),
    "monthly": (Frequency.MONTHLY, "02:00", 5, "UTC", "2026-11-23T00:00", ["2026-12-05T02:00", "2027-01-05T02:00"]),
    "monthly, day as text": (Frequency.MONTHLY, "02:00", "5", "UTC", "2026-11-05T01:00", ["2026-11-05T02:00"]),
    "day 31: last day of shorter months": (
        Frequency.MONTHLY,
        "02:00",
        31,
        "UTC",
        "2027-01-31T03:00",
        ["2027-02-28T02:00", "2027-03-31T02:00", "2027-04-30T02:00"],
    ),
    "last, in a leap year": (
        Frequency.MONTHLY,
        "02:00",
        "last",
        "UTC",
        "2028-02-01T00:00",
        ["2028-02-29T02:00", "2028-03-31T02:00"],
    ),
    "monthly across the year, where it is still last month": (
        Frequency.MONTHLY,
        "23:00",
        31,
        "America/Los_Angeles",
        "2027-01-01T06:00",
        ["2027-01-01T07:00", "2027-02-01T07:00"],
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_next_runs(case: str) -> None:
    frequency, wall, day, zone, after, expected = CASES[case]
    found = next_runs(frequency, wall, day, zone, at(after), len(expected))
    assert found == [at(one) for one in expected]
    assert all(one.tzinfo is UTC for one in found)


def test_manual_never_runs_by_itself() -> None:
    assert next_runs(Frequency.MANUAL, "02:00", 1, "UTC", at("2026-11-23T00:00"), 3) == []


def test_a_time_may_be_a_time() -> None:
    assert next_runs(Frequency.DAILY, time(2), 1, "UTC", at("2026-11-23T00:00"), 1) == [at("2026-11-23T02:00")]


@pytest.mark.parametrize("zone", ["Europe/Berlin", "America/New_York", "Pacific/Apia", "Asia/Kathmandu"])
def test_years_of_days_ascend_and_each_day_runs_once(zone: str) -> None:
    runs = next_runs(Frequency.DAILY, "02:30", 1, zone, at("2026-01-01T00:00"), 800)
    assert len(set(runs)) == 800
    assert runs == sorted(runs)
    assert 798 <= (runs[-1] - runs[0]).days <= 799


@pytest.mark.parametrize(
    ("wall", "day", "after"),
    [
        ("25:00", 1, at("2026-01-01")),
        ("02:00", 32, at("2026-01-01")),
        ("02:00", "x", at("2026-01-01")),
        ("02:00", 1, at("2026-01-01").replace(tzinfo=None)),
    ],
)
def test_what_is_refused(wall: str, day: int | str, after: datetime) -> None:
    with pytest.raises(ValueError, match=r"."):
        next_runs(Frequency.MONTHLY, wall, day, "UTC", after, 1)
