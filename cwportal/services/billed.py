"""What our lines bill a month, by the last successful export of each month."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from zoneinfo import ZoneInfo

from sqlalchemy import select

from cwportal.models import Run
from cwportal.runtime import Runtime
from cwportal.services import history
from cwportal.vocabulary import RunState, Trigger

MONTHS = 12


@dataclass(frozen=True, slots=True)
class Month:
    """`first` is the month's first day in the partner's zone; amounts are a month's, in the partner's currency.

    They are those of exported accounts: what a run says of lines that are not exported any more has no amounts, though they may bill on.
    """

    first: date
    price: Decimal
    cost: Decimal

    @property
    def margin(self) -> Decimal:
        """What remains of the price."""
        return self.price - self.cost


def months(runtime: Runtime, partner_id: str, tenant: str, zone: str) -> Sequence[Month]:
    """Of the last twelve months those with an export in which everything was right, oldest first; of this ConnectWise only."""
    here = ZoneInfo(zone)
    today = runtime.clock().astimezone(here).date()
    begin = _months_before(today, MONTHS - 1)
    since = datetime(begin.year, begin.month, 1, tzinfo=here).astimezone(UTC)
    query = (
        select(Run.id, Run.finished_at)
        .where(Run.partner_id == partner_id, Run.tenant == tenant, Run.trigger != Trigger.PREVIEW)
        .where(Run.state == RunState.SUCCEEDED, Run.finished_at >= since)
        .order_by(Run.id)
    )
    with runtime.database.read() as session:
        newest = {
            ended.astimezone(here).date().replace(day=1): run_id
            for run_id, ended in session.execute(query)
            if ended is not None
        }
        runs = list(session.scalars(select(Run).where(Run.id.in_(newest.values()))))
    amounts = history.moved(runtime, runs)
    return [
        Month(first, Decimal(amounts[run_id]["price_after"]), Decimal(amounts[run_id]["cost_after"]))
        for first, run_id in sorted(newest.items())
        if amounts.get(run_id)
    ]


def _months_before(day: date, count: int) -> date:
    """The first day of the month that many months before."""
    number = day.year * 12 + day.month - 1 - count
    return date(number // 12, number % 12 + 1, 1)
