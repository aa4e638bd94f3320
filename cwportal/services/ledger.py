"""The ledger's rows as the core's values and back."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any, cast

from sqlalchemy import Row as SQLRow
from sqlalchemy import Table, bindparam, func, insert, select, update
from sqlalchemy.orm import Session

from cwportal.billing.scale import to_scale
from cwportal.billing.values import GroupKey, LedgerLine, LedgerProduct, Row, Values
from cwportal.connectwise.records import Addition
from cwportal.models import LedgerAddition, LedgerCatalogProduct, Run, RunAccount
from cwportal.vocabulary import AccountState

_COLUMNS = {"quantity": "quantity", "unitPrice": "price", "unitCost": "cost", "cancelledDate": "cancelled"}


FIRST_EXPORT = timedelta(days=1)
"""How long a first export that never ended well may go on as one."""
_AT_ONCE = 500
"""Accounts named in one query."""


@dataclass(frozen=True, slots=True)
class Owner:
    """Whose ledger: a partner in a tenant."""

    partner_id: str
    tenant: str


def row_of(addition: Addition) -> Row:
    """An addition as read, at the scale we send (contract section 8: compare at the scale that was sent)."""
    return Row(
        id=addition.id,
        product_id=addition.product_id,
        quantity=to_scale(addition.quantity),
        unit_price=to_scale(addition.unit_price),
        unit_cost=to_scale(addition.unit_cost),
        less_included=to_scale(addition.less_included),
        effective=addition.effective,
        cancelled=addition.cancelled,
        description=addition.description,
        bill_customer=addition.bill_customer or "Billable",
    )


def line_of(row: LedgerAddition | SQLRow[*tuple[Any, ...]]) -> LedgerLine:
    """A ledger row as the core sees it."""
    return LedgerLine(
        addition_id=row.cw_addition_id,
        product_id=row.cw_product_id,
        part_number=row.part_number,
        account_id=row.account_id,
        agreement_id=row.cw_agreement_id,
        key=GroupKey(row.key_price, row.key_cost),
        sent=Values(row.sent_quantity, row.sent_price, row.sent_cost, row.sent_cancelled),
        echoed=Values(row.echoed_quantity, row.echoed_price, row.echoed_cost, row.echoed_cancelled),
    )


_LINES = select(
    LedgerAddition.partner_id,
    LedgerAddition.cw_addition_id,
    LedgerAddition.cw_product_id,
    LedgerAddition.part_number,
    LedgerAddition.account_id,
    LedgerAddition.cw_agreement_id,
    LedgerAddition.key_price,
    LedgerAddition.key_cost,
    LedgerAddition.sent_quantity,
    LedgerAddition.sent_price,
    LedgerAddition.sent_cost,
    LedgerAddition.sent_cancelled,
    LedgerAddition.echoed_quantity,
    LedgerAddition.echoed_price,
    LedgerAddition.echoed_cost,
    LedgerAddition.echoed_cancelled,
)
"""What a line is made from; whole objects of the mapper take three times as long to load."""


class Lines:
    """All open ledger rows that a partner's plan can meet: its own, and on its agreements anybody's of the tenant."""

    def __init__(self, session: Session, partner_id: str, tenant: str) -> None:
        self._by_agreement: dict[int, list[tuple[str, LedgerLine]]] = defaultdict(list)
        self._by_account: dict[str, list[LedgerLine]] = defaultdict(list)
        self._partner_id = partner_id
        query = _LINES.where(LedgerAddition.tenant == tenant, LedgerAddition.closed_at.is_(None))
        for row in session.execute(query).yield_per(1000):
            line = line_of(row)
            self._by_agreement[line.agreement_id].append((row.partner_id, line))
            if row.partner_id == partner_id:
                self._by_account[line.account_id].append(line)

    def of(self, account_id: str, agreement_id: int | None) -> tuple[LedgerLine, ...]:
        """Rows of this account on this agreement."""
        return tuple(line for line in self._by_account.get(account_id, ()) if line.agreement_id == agreement_id)

    def all_of(self, account_id: str) -> tuple[LedgerLine, ...]:
        """Rows of this account, wherever they are."""
        return tuple(self._by_account.get(account_id, ()))

    def stray(self, account_id: str, agreement_id: int | None) -> tuple[LedgerLine, ...]:
        """Rows of this account elsewhere."""
        return tuple(line for line in self._by_account.get(account_id, ()) if line.agreement_id != agreement_id)

    def others(self, account_id: str, agreement_id: int | None) -> tuple[LedgerLine, ...]:
        """Rows of other accounts (of any partner) on this agreement."""
        if agreement_id is None:
            return ()
        return tuple(
            line
            for partner_id, line in self._by_agreement.get(agreement_id, ())
            if partner_id != self._partner_id or line.account_id != account_id
        )

    def accounts(self) -> frozenset[str]:
        """Accounts of the partner that have rows."""
        return frozenset(self._by_account)


def products(session: Session, partner_id: str, tenant: str) -> dict[str, LedgerProduct]:
    """Part number -> the product that stands for it."""
    query = select(LedgerCatalogProduct).where(
        LedgerCatalogProduct.partner_id == partner_id, LedgerCatalogProduct.tenant == tenant
    )
    return {
        row.part_number: LedgerProduct(
            row.part_number, row.cw_product_id, row.created, row.linked, row.sent_cost, row.echoed_cost
        )
        for row in session.scalars(query)
    }


def exported_before(session: Session, partner_id: str, tenant: str, *, now: datetime) -> frozenset[str]:
    """Accounts whose first export is over (rule 14: first exports do not count for limits).

    It is over when a run has ended for the account with everything written, or after a day in any case. Until then a first export that was
    interrupted, or of which a write was lost, goes on as a first export; what it wrote before is no reason to hold the rest of it.
    """
    mine = (LedgerAddition.partner_id == partner_id, LedgerAddition.tenant == tenant)
    oldest = select(LedgerAddition.account_id, func.min(LedgerAddition.created_at)).where(*mine)
    since = dict(session.execute(oldest.group_by(LedgerAddition.account_id)).all())
    old = frozenset(account_id for account_id, first in since.items() if first < now - FIRST_EXPORT)
    young = sorted(since.keys() - old)
    ended = (
        select(RunAccount.account_id)
        .distinct()
        .join(Run, Run.id == RunAccount.run_id)
        .where(Run.partner_id == partner_id, Run.tenant == tenant, Run.finished_at.is_not(None))
        .where(RunAccount.state.in_([AccountState.SUCCEEDED, AccountState.UNCHANGED]))
    )
    # Of past runs only these accounts are looked at: there are many runs, and few accounts whose first line is of today.
    over = (
        session.scalars(ended.where(RunAccount.account_id.in_(young[at : at + _AT_ONCE])))
        for at in range(0, len(young), _AT_ONCE)
    )
    return old.union(*over)


def find(session: Session, tenant: str, agreement_id: int, addition_id: int) -> LedgerAddition | None:
    """The ledger row of an addition, whoever owns it."""
    return session.scalar(
        select(LedgerAddition).where(
            LedgerAddition.tenant == tenant,
            LedgerAddition.cw_agreement_id == agreement_id,
            LedgerAddition.cw_addition_id == addition_id,
        )
    )


_TABLE = cast(Table, LedgerAddition.__table__)
_THIS = update(_TABLE).where(
    _TABLE.c.tenant == bindparam("this_tenant"),
    _TABLE.c.cw_agreement_id == bindparam("this_agreement"),
    _TABLE.c.cw_addition_id == bindparam("this_addition"),
)
_NEW = insert(_TABLE)
"""Made once: they run with the outcome of every write."""


def put(
    session: Session,
    *,
    partner_id: str,
    tenant: str,
    account_id: str,
    agreement_id: int,
    part_number: str,
    key: GroupKey,
    echo: Row,
    sent: Mapping[str, Any],
    origin: str,
    now: datetime,
) -> None:
    """Write what was sent and echoed for an addition that is ours from now on (new, existing line, or taken over)."""
    columns: dict[str, Any] = {
        "partner_id": partner_id,
        "account_id": account_id,
        "part_number": part_number,
        "cw_product_id": echo.product_id,
        "closed_at": None,
        "key_price": key.unit_price,
        "key_cost": key.unit_cost,
        # What was sent to it before it was somebody else's, or ended, says nothing any more.
        **{f"sent_{column}": sent.get(name) for name, column in _COLUMNS.items()},
        **{f"echoed_{column}": value for column, value in _echoed(echo).items()},
    }
    if not _change(session, tenant, agreement_id, echo.id, columns):
        which = {"tenant": tenant, "cw_agreement_id": agreement_id, "cw_addition_id": echo.id}
        session.connection().execute(_NEW, {**columns, **which, "origin": origin, "created_at": now})


def keep_echo(
    session: Session,
    tenant: str,
    agreement_id: int,
    *,
    sent: Mapping[str, Any],
    echo: Row,
    key: GroupKey | None = None,
    part_number: str | None = None,
) -> bool:
    """Fields just sent replace what was sent and echoed before; the others keep their old echo, so that a person's edit stays visible.

    `key` and `part_number`: what the row stands for from now on, None = what it stood for. False if there is no row.
    """
    echoed = _echoed(echo)
    columns: dict[str, Any] = {}
    for name, column in _COLUMNS.items():
        if name in sent:
            columns[f"sent_{column}"], columns[f"echoed_{column}"] = sent[name], echoed[column]
    if key is not None:
        columns |= {"key_price": key.unit_price, "key_cost": key.unit_cost}
    if part_number is not None:
        columns["part_number"] = part_number
    if not columns:
        return find(session, tenant, agreement_id, echo.id) is not None
    return _change(session, tenant, agreement_id, echo.id, columns)


def _echoed(echo: Row) -> dict[str, Any]:
    return {
        "quantity": echo.quantity,
        "price": echo.unit_price,
        "cost": echo.unit_cost,
        "cancelled": echo.cancelled,
    }


def _change(session: Session, tenant: str, agreement_id: int, addition_id: int, columns: Mapping[str, Any]) -> bool:
    which = {"this_tenant": tenant, "this_agreement": agreement_id, "this_addition": addition_id}
    return session.connection().execute(_THIS, {**columns, **which}).rowcount > 0


def decoded(stored: Mapping[str, Any] | None) -> dict[str, Any]:
    """Fields of a stored change: amounts as Decimal, dates as date, everything else as it is."""
    fields: dict[str, Any] = {}
    for name, value in (stored or {}).items():
        if value is None:
            fields[name] = None
        elif name in {"quantity", "unitPrice", "unitCost", "cost", "price"}:
            fields[name] = Decimal(value)
        elif name in {"effectiveDate", "cancelledDate", "startDate"}:
            fields[name] = date.fromisoformat(value)
        else:
            fields[name] = value
    return fields


def key_json(key: GroupKey | None) -> dict[str, Any] | None:
    """A group key for the database."""
    if key is None:
        return None
    return {
        "price": None if key.unit_price is None else format(key.unit_price, "f"),
        "cost": None if key.unit_cost is None else format(key.unit_cost, "f"),
    }


def key_of(stored: Mapping[str, Any] | None) -> GroupKey:
    """A group key from the database."""
    stored = stored or {}
    price, cost = stored.get("price"), stored.get("cost")
    return GroupKey(None if price is None else Decimal(price), None if cost is None else Decimal(cost))
