"""From which day a new addition bills (rule 9), and the last day of one that ends (rule 5)."""

from __future__ import annotations

import calendar
from collections.abc import Iterable
from datetime import date, timedelta

from cwportal.billing.values import AgreementFacts, Row


def first_of_month(day: date) -> date:
    """The first day of the month of `day`."""
    return day.replace(day=1)


def last_of_month(day: date) -> date:
    """The last day of the month of `day`."""
    return day.replace(day=calendar.monthrange(day.year, day.month)[1])


def effective_date(
    agreement: AgreementFacts, rows: Iterable[Row], *, today: date, also_ending: Iterable[date] = ()
) -> date | None:
    """The day for a new addition: first of this month, not before the agreement, not while another row of the product still bills.

    `rows`: all rows of that product on the agreement, whoever owns them; `also_ending`: last days that the same plan gives to such rows.
    None: that day would be after the agreement's end. ConnectWise refuses days before `billStartDate` (contract section 8).
    """
    month = first_of_month(today)
    day = max(filter(None, (month, agreement.start, agreement.bill_start)))
    for end in (*(row.cancelled for row in rows if row.cancelled), *also_ending):
        if end >= month:
            day = max(day, end + timedelta(days=1)) if end < date.max else end
    return None if agreement.end is not None and day > agreement.end else day


def is_soon(day: date, *, today: date, months: int = 1) -> bool:
    """Whether a line of that effective date bills now, or from the first of next month on (or of so many months ahead)."""
    if day <= today:
        return True
    ahead = today
    for _ in range(months):
        ahead = last_of_month(ahead) + timedelta(days=1)
    return day <= ahead


def last_day(row: Row, *, today: date) -> date:
    """The last day of a row that ends now: end of this month, not before it took effect."""
    end = last_of_month(today)
    return end if row.effective is None else max(end, row.effective)
