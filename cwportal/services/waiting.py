"""What waits for a person after the newest run: which accounts, why, and what it is worth a month."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import and_, select

from cwportal.billing.money import text
from cwportal.billing.values import Money
from cwportal.models import RunAccount
from cwportal.runtime import Runtime
from cwportal.services import connection, standing
from cwportal.services.apply.store import money_of
from cwportal.services.history import Page, place
from cwportal.vocabulary import Severity, Trigger

WAITING_A_PAGE = 10


@dataclass(frozen=True, slots=True)
class Reason:
    """Why an account waits. `code` is a finding's, `limit_partner` for the whole run, or `changed` since it was approved."""

    code: str
    message: str
    amount: Decimal | None = None


@dataclass(frozen=True, slots=True)
class WaitingAccount:
    """One account that waits. `asks`: single lines must be decided on the preview's page before it can be approved."""

    account_id: str
    name: str
    money: Money
    reasons: tuple[Reason, ...]
    asks: bool
    approvable: bool
    meanwhile: str

    @property
    def price_delta(self) -> Decimal:
        """By how much the monthly price would move."""
        return self.money.price_after - self.money.price_before


@dataclass(frozen=True, slots=True)
class Waiting:
    """What waits after the newest run that read everything. `run_id` is the page to look at and approve on, None if there is none.

    `held`: why the whole run waits, if it is over its limits. `asking`: accounts that need decisions on lines; `approvable`: those that
    can be approved now (`offered` is the name of their plans); `total` has both. `money` is of all that wait. `decisions`: answers given
    after it was read.
    """

    run_id: int | None = None
    preview: bool = False
    read_at: datetime | None = None
    total: int = 0
    approvable: int = 0
    offered: str = ""
    asking: int = 0
    money: Money = field(default_factory=Money)
    held: tuple[Reason, ...] = ()
    decisions: int = 0
    accounts: Page = field(default_factory=lambda: Page([], 1, 1, 1, 0))

    @property
    def count(self) -> int:
        """How many accounts wait."""
        return self.total

    def __bool__(self) -> bool:
        return self.total > 0


def waiting(runtime: Runtime, partner_id: str, number: int = 1) -> Waiting:
    """Accounts that wait and were not rejected, largest change of the monthly price first, WAITING_A_PAGE a page.

    Looks at the newest finished run (export or preview) that read everything; nothing waits where there is none.
    """
    tenant = connection.tenants_in_use(runtime, partner_id)
    with runtime.database.read() as session:
        run = standing.newest(session, partner_id, tenant)
        if run is None or run.planned_at is None:
            return Waiting()
        mine = and_(RunAccount.run_id == run.id, standing.WAITS)
        may = standing.approvable(run.planned_at)
        columns = select(RunAccount.account_id, RunAccount.digest, standing.MONEY, RunAccount.asks, may)
        every = list(session.execute(columns.where(mine)))
        total, asking = len(every), sum(bool(one.asks) for one in every)
        free = {account_id: digest for account_id, digest, _, _, may_be in every if may_be}
        number, pages, offset = place(number, total, WAITING_A_PAGE)
        query = (
            select(RunAccount, may).where(mine).order_by(*standing.LARGEST_FIRST).limit(WAITING_A_PAGE).offset(offset)
        )
        rows = [(row, bool(may_be)) for row, may_be in session.execute(query)] if total else []
        decisions = standing.decisions_since(session, run)
    held = tuple(_reason(one) for one in run.findings)
    names = {account.id: account.name for account in runtime.source.accounts(partner_id)} if rows else {}
    currency = runtime.source.partner(partner_id).currency if rows else ""
    shown = [_account(row, names.get(row.account_id, row.account_id), may_be, held, currency) for row, may_be in rows]
    return Waiting(
        run_id=run.id,
        preview=run.trigger == Trigger.PREVIEW,
        read_at=run.planned_at,
        total=total,
        approvable=len(free),
        offered=standing.name_of(free) if free else "",
        asking=asking,
        money=standing.in_all(amounts for _, _, amounts, _, _ in every),
        held=held if total else (),
        decisions=decisions,
        accounts=Page(shown, number, pages, offset + 1, total),
    )


def _account(row: RunAccount, name: str, free: bool, held: tuple[Reason, ...], currency: str) -> WaitingAccount:
    reasons = tuple(_reason(one) for one in row.findings if one["severity"] == Severity.HOLD)
    if not reasons:
        reasons = held or (Reason("changed", "It changed after it was approved. Look at it again, then approve it."),)
    money = money_of(row.money)
    return WaitingAccount(row.account_id, name, money, reasons, bool(row.asks), free, _meanwhile(money, currency))


def _reason(stored: Mapping[str, Any]) -> Reason:
    amount = stored.get("amount")
    return Reason(stored["code"], stored["message"], None if amount is None else Decimal(amount))


def _meanwhile(money: Money, currency: str) -> str:
    """What happens if nobody answers."""
    if money.price_before == money.price_after:
        return "If you do nothing: it stays as it is in ConnectWise, and is asked again after every export."
    return (
        f"If you do nothing: ConnectWise goes on billing {text(money.price_before)} {currency} a month instead of "
        f"{text(money.price_after)} {currency}, and it is asked again after every export."
    )
