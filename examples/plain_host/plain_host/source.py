"""The portal's data as the integration wants to have them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from decimal import Decimal
from itertools import islice
from typing import Any

from sqlalchemy import Connection, Engine, select

from cwportal.errors import SourceIncomplete, UnknownPartner
from cwportal.portal import Account, Charge, Contact, Partner, Product, User
from cwportal.vocabulary import AccountStatus
from plain_host import tables
from plain_host.tables import Customer, Reseller, Service, Usage

_AT_ONCE = 100


class ResellerSource:
    """A `PortalSource`. It has the engine and no session: it is asked in workers and threads too, and never meets unsaved work."""

    def __init__(self, engine: Engine, within: Connection | None = None) -> None:
        self._engine, self._within = engine, within

    @contextmanager
    def reading(self, partner_id: str) -> Iterator[ResellerSource]:  # noqa: ARG002
        """Everything of one moment: the queries of one transaction."""
        with self._engine.connect() as connection:
            if connection.dialect.name == "postgresql":
                connection.execution_options(isolation_level="REPEATABLE READ")
            else:
                connection.exec_driver_sql("BEGIN")  # Python's driver for SQLite begins none for a query
            yield ResellerSource(self._engine, connection)

    def partner(self, partner_id: str) -> Partner:
        rows = self._rows(select(Reseller.__table__).where(Reseller.slug == partner_id))
        if not rows:
            raise UnknownPartner(f'There is no reseller "{partner_id}".')
        return Partner(rows[0].slug, rows[0].name, rows[0].timezone, rows[0].currency)

    def products(self, partner_id: str) -> Sequence[Product]:
        self.partner(partner_id)
        return [Product(row.code, row.name, _money(row.cost_cents)) for row in self._rows(select(Service.__table__))]

    def accounts(self, partner_id: str) -> Sequence[Account]:
        self.partner(partner_id)
        query = select(Customer.__table__).join(Reseller).where(Reseller.slug == partner_id).order_by(Customer.id)
        status = {True: AccountStatus.CLOSED, False: AccountStatus.ACTIVE}
        return [Account(str(row.id), row.name, status[row.left]) for row in self._rows(query)]

    def charges(self, partner_id: str, account_ids: Iterable[str]) -> Iterator[tuple[str, Sequence[Charge]]]:
        self.partner(partner_id)
        asked = iter(account_ids)
        while some := list(islice(asked, _AT_ONCE)):
            query = (  # one query, so that a customer who is gone never looks like one without usage
                select(Customer.id, Usage.code, Usage.seats, Usage.price_cents, Service.cost_cents)
                .join(Reseller)
                .outerjoin(Usage, Usage.customer_id == Customer.id)
                .outerjoin(Service)
                .where(Reseller.slug == partner_id, Customer.id.in_([int(account_id) for account_id in some]))
                .order_by(Usage.id)
            )
            found: dict[str, list[Charge]] = {}
            for row in self._rows(query):
                charges = found.setdefault(str(row.id), [])
                if row.code is not None:
                    cost, price = _money(row.cost_cents), row.price_cents
                    charges.append(Charge(row.code, Decimal(row.seats), cost, None if price is None else _money(price)))
            if missing := sorted(set(some) - set(found)):
                raise SourceIncomplete(f"Reseller {partner_id} has no customer {', '.join(missing)}.")
            yield from ((account_id, found[account_id]) for account_id in some)

    def users(self, partner_id: str, account_id: str) -> Iterator[User]:  # noqa: ARG002
        raise SourceIncomplete("This portal knows no users of customers: leave `users` out of the exported data.")

    def contacts(self, partner_id: str) -> Sequence[Contact]:
        self.partner(partner_id)
        query = select(tables.User.email).join(Reseller).where(Reseller.slug == partner_id).order_by(tables.User.email)
        return [Contact(row.email) for row in self._rows(query)]

    def _rows(self, query: Any) -> Sequence[Any]:
        with nullcontext(self._within) if self._within is not None else self._engine.connect() as connection:
            return connection.execute(query).all()


def _money(cents: int) -> Decimal:
    return Decimal(cents) / 100
