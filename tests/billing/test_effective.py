from __future__ import annotations

from datetime import date

import pytest

from cwportal.billing.effective import effective_date, first_of_month, last_day, last_of_month
from tests.billing.build import TODAY, agreement, row

FIRST = date(2026, 11, 1)
DECEMBER = date(2026, 12, 1)

CASES = {
    "first of this month": ({}, [], [], FIRST),
    "not before the agreement": ({"start": date(2026, 11, 15)}, [], [], date(2026, 11, 15)),
    "not before it bills": ({"start": FIRST, "bill_start": date(2026, 11, 20)}, [], [], date(2026, 11, 20)),
    "an old agreement": ({"start": date(2020, 1, 1), "bill_start": date(2020, 2, 1)}, [], [], FIRST),
    "a row that ended last month": ({}, [row(1, cancelled=date(2026, 10, 31))], [], FIRST),
    "a row that ended this month": ({}, [row(1, cancelled=date(2026, 11, 10))], [], date(2026, 11, 11)),
    "a row that ended on the first": ({}, [row(1, cancelled=FIRST)], [], date(2026, 11, 2)),
    "a row that ends at the end of the month": ({}, [row(1, cancelled=date(2026, 11, 30))], [], DECEMBER),
    "the latest of several": (
        {},
        [row(1, cancelled=date(2026, 11, 30)), row(2, cancelled=date(2027, 2, 28)), row(3)],
        [],
        date(2027, 3, 1),
    ),
    "a row that this plan ends": ({}, [row(1)], [date(2026, 11, 30)], DECEMBER),
    "a row that this plan ends last month": ({}, [row(1)], [date(2026, 10, 31)], FIRST),
    "on the agreement's last day": ({"end": FIRST}, [], [], FIRST),
    "a row that ends on the last day there is": ({}, [row(1, cancelled=date.max)], [], date.max),
    "after the agreement's end": ({"end": date(2026, 11, 30)}, [row(1, cancelled=date(2026, 11, 30))], [], None),
}


@pytest.mark.parametrize("case", CASES)
def test_effective_date(case: str) -> None:
    facts, rows, ending, expected = CASES[case]
    assert effective_date(agreement(**facts), rows, today=TODAY, also_ending=ending) == expected


@pytest.mark.parametrize(
    ("day", "first", "last"),
    [
        (date(2028, 2, 29), date(2028, 2, 1), date(2028, 2, 29)),
        (date(2026, 2, 1), date(2026, 2, 1), date(2026, 2, 28)),
        (date(2026, 12, 31), date(2026, 12, 1), date(2026, 12, 31)),
    ],
)
def test_months(day: date, first: date, last: date) -> None:
    assert (first_of_month(day), last_of_month(day)) == (first, last)


@pytest.mark.parametrize(
    ("effective", "expected"),
    [(None, date(2026, 11, 30)), (date(2026, 1, 1), date(2026, 11, 30)), (date(2027, 3, 5), date(2027, 3, 5))],
)
def test_a_row_does_not_end_before_it_takes_effect(effective: date | None, expected: date) -> None:
    assert last_day(row(1, effective=effective), today=TODAY) == expected
