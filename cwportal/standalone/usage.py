"""What the charges of a partner come to by SKU: kept in a table, written with every load of charges."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal, localcontext

from sqlalchemy import Connection, case, delete, func, insert, select

from cwportal.standalone.tables import ChargeRow, UsageRow

DIGITS = 80
"""Precision that no sum of amounts exceeds."""

_NOTHING = (Decimal(0), Decimal(0))


def renew(connection: Connection, partners: Iterable[str]) -> None:
    """Count the charges of these partners again, within the caller's transaction."""
    for partner_id in sorted(partners):
        connection.execute(delete(UsageRow).where(UsageRow.partner_id == partner_id))
        rows = _counted(connection, partner_id)
        if rows:
            connection.execute(insert(UsageRow), rows)


def _counted(connection: Connection, partner_id: str) -> list[dict[str, object]]:
    retail = case((ChargeRow.unit_price.is_(None), ChargeRow.account_id))
    counted = connection.execute(
        select(ChargeRow.sku, func.count(ChargeRow.account_id.distinct()), func.count(retail.distinct()))
        .where(ChargeRow.partner_id == partner_id)
        .group_by(ChargeRow.sku)
    ).all()
    sums = _sums(connection, partner_id)
    return [
        {
            "partner_id": partner_id,
            "sku": sku,
            "accounts": accounts,
            "retail_accounts": retail_accounts,
            "retail_quantity": sums.get(sku, _NOTHING)[0],
            "retail_cost": sums.get(sku, _NOTHING)[1],
        }
        for sku, accounts, retail_accounts in counted
    ]


def _sums(connection: Connection, partner_id: str) -> dict[str, tuple[Decimal, Decimal]]:
    """(quantity, cost) by SKU of the charges without a price of their own, exact: the database has no decimals."""
    columns = (ChargeRow.sku, ChargeRow.quantity, ChargeRow.unit_cost)
    query = (
        select(*columns, func.count())
        .where(ChargeRow.partner_id == partner_id, ChargeRow.unit_price.is_(None))
        .group_by(*columns)
    )
    sums: dict[str, tuple[Decimal, Decimal]] = {}
    with localcontext(prec=DIGITS):
        for sku, quantity, cost, times in connection.execute(query):
            before = sums.get(sku, _NOTHING)
            sums[sku] = before[0] + quantity * times, before[1] + quantity * cost * times
    return sums
