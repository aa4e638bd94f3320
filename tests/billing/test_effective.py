from __future__ import annotations

from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

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


DAYS = st.dates(date(2024, 1, 1), date(2029, 12, 31))


@given(
    today=DAYS, start=st.none() | DAYS, bills=st.none() | DAYS, end=st.none() | DAYS, ending=st.lists(DAYS, max_size=4)
)
def test_a_new_line_never_bills_beside_another_nor_outside_its_agreement(
    today: date, start: date | None, bills: date | None, end: date | None, ending: list[date]
) -> None:
    """Whatever the length of the months: with each end day on a row or given by the plan, in whatever order."""
    facts = agreement(start=start, bill_start=bills, end=end)
    rows = [row(number, cancelled=day) for number, day in enumerate(ending, 1)]
    day = effective_date(facts, rows, today=today)
    assert day == effective_date(facts, [], today=today, also_ending=ending[::-1])
    open_end = effective_date(agreement(start=start, bill_start=bills), rows, today=today)
    assert open_end is not None
    assert day == (open_end if end is None or open_end <= end else None)
    others = [other for other in ending if other >= first_of_month(today)]
    floor = max(first_of_month(today), *(one for one in (start, bills) if one), *others, date.min)
    assert open_end == (floor + timedelta(days=1) if floor in others else floor)
