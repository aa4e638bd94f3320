"""The partner's accounts for the pages: who they are, what they use, and what it comes to a month."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal, localcontext
from typing import Any

from sqlalchemy import Engine, func, select

from cwportal.portal import Partner, User
from cwportal.standalone import prices
from cwportal.standalone.source import reader
from cwportal.standalone.tables import AccountRow, AccountUserRow, ChargeRow, PartnerRow, ProductRow
from cwportal.standalone.usage import DIGITS
from cwportal.vocabulary import AccountStatus

_NOTHING = Decimal(0)


@dataclass(frozen=True, slots=True)
class Named:
    """One account in the list."""

    id: str
    name: str
    status: AccountStatus


@dataclass(frozen=True, slots=True)
class Sums:
    """What an account comes to a month. `missing` SKUs have no price: they cost, and nothing is charged."""

    services: int = 0
    price: Decimal = _NOTHING
    cost: Decimal = _NOTHING
    missing: int = 0


@dataclass(frozen=True, slots=True)
class Service:
    """All charges of one SKU with the same price and cost. `is_own`: the price is the account's own, not the retail price."""

    sku: str
    name: str
    quantity: Decimal
    unit_cost: Decimal
    unit_price: Decimal | None
    is_own: bool

    @property
    def price(self) -> Decimal | None:
        """A month; None where there is no price."""
        with localcontext(prec=DIGITS):
            return None if self.unit_price is None else self.quantity * self.unit_price

    @property
    def cost(self) -> Decimal:
        """A month."""
        with localcontext(prec=DIGITS):
            return self.quantity * self.unit_cost


def partner(engine: Engine, partner_id: str) -> Partner:
    """Name, time zone and currency."""
    query = select(PartnerRow.id, PartnerRow.name, PartnerRow.timezone, PartnerRow.currency)
    with _reading(engine) as connection:
        return Partner(*connection.execute(query.where(PartnerRow.id == partner_id)).one())


def named(engine: Engine, partner_id: str) -> list[Named]:
    """Every account, by name as people sort them."""
    query = select(AccountRow.id, AccountRow.name, AccountRow.status).where(AccountRow.partner_id == partner_id)
    with _reading(engine) as connection:
        found = [Named(key, name, AccountStatus(status)) for key, name, status in connection.execute(query)]
    return sorted(found, key=lambda account: (account.name.casefold(), account.id))


def one(engine: Engine, partner_id: str, account_id: str) -> dict[str, str] | None:
    """Every column of the account, None if the partner has none of this id."""
    query = select(AccountRow.__table__).where(AccountRow.partner_id == partner_id, AccountRow.id == account_id)
    with _reading(engine) as connection:
        row = connection.execute(query).mappings().one_or_none()
    return None if row is None else {str(name): value for name, value in row.items()}


def sums(engine: Engine, partner_id: str, account_ids: Sequence[str]) -> dict[str, Sums]:
    """What each of these accounts comes to."""
    row = ChargeRow
    query = select(row.account_id, row.sku, row.quantity, row.unit_cost, row.unit_price).where(
        row.partner_id == partner_id, row.account_id.in_(account_ids)
    )
    found: dict[str, list[Any]] = {account_id: [] for account_id in account_ids}
    with _reading(engine) as connection:
        retail = prices.of_partner(connection, partner_id)
        for account_id, sku, quantity, cost, own in connection.execute(query):
            found[account_id].append((sku, quantity, cost, retail.get(sku) if own is None else own))
    return {account_id: _sum(charges) for account_id, charges in found.items()}


def services(engine: Engine, partner_id: str, account_id: str) -> list[Service]:
    """What the account uses: one for each SKU, price and cost, by SKU."""
    row = ChargeRow
    query = (
        select(row.sku, ProductRow.name, row.quantity, row.unit_cost, row.unit_price)
        .join(ProductRow, ProductRow.sku == row.sku)
        .where(row.partner_id == partner_id, row.account_id == account_id)
        .order_by(row.sku, row.id)
    )
    groups: dict[tuple[Any, ...], Decimal] = {}
    with _reading(engine) as connection, localcontext(prec=DIGITS):
        retail = prices.of_partner(connection, partner_id)
        for sku, name, quantity, cost, own in connection.execute(query):
            key = sku, name, cost, retail.get(sku) if own is None else own, own is not None
            groups[key] = groups.get(key, _NOTHING) + quantity
    return [
        Service(sku, name, quantity, cost, price, own) for (sku, name, cost, price, own), quantity in groups.items()
    ]


def total(found: Iterable[Service]) -> Sums:
    """Of one account."""
    return _sum([(one.sku, one.quantity, one.unit_cost, one.unit_price) for one in found])


def count_users(engine: Engine, partner_id: str, account_id: str) -> int:
    """How many users the account has."""
    query = select(func.count()).where(AccountUserRow.partner_id == partner_id, AccountUserRow.account_id == account_id)
    with _reading(engine) as connection:
        return connection.scalar(query) or 0


def users(engine: Engine, partner_id: str, account_id: str, first: int, most: int) -> list[User]:
    """Users by e-mail address, from the `first`th on (counted from 0)."""
    row = AccountUserRow
    query = (
        select(row.email, row.display_name, row.status, row.services)
        .where(row.partner_id == partner_id, row.account_id == account_id)
        .order_by(row.email)
        .offset(first)
        .limit(most)
    )
    with _reading(engine) as connection:
        return [
            User(email, name, status, tuple(some.split(";")) if some else ())
            for email, name, status, some in connection.execute(query)
        ]


def _sum(charges: Iterable[tuple[str, Decimal, Decimal, Decimal | None]]) -> Sums:
    skus, missing = set(), set()
    price = cost = _NOTHING
    with localcontext(prec=DIGITS):
        for sku, quantity, unit_cost, unit_price in charges:
            skus.add(sku)
            cost += quantity * unit_cost
            if unit_price is None:
                missing.add(sku)
            else:
                price += quantity * unit_price
    return Sums(len(skus), price, cost, len(missing))


def _reading(engine: Engine) -> Any:
    return reader(engine).connect()
