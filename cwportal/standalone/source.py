"""The portal's data as the plugin wants to have it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from decimal import Decimal
from itertools import islice

from sqlalchemy import Connection, Engine, select

from cwportal.errors import SourceIncomplete, UnknownPartner
from cwportal.portal import Account, Address, Charge, Contact, Partner, Product, User
from cwportal.standalone.tables import AccountRow, AccountUserRow, ChargeRow, PartnerRow, PriceRow, ProductRow, StaffRow
from cwportal.vocabulary import AccountStatus

ACCOUNTS_PER_READ = 100
"""Accounts whose charges are held in memory at once while they are streamed."""

USERS_PER_READ = 1_000
"""Users of an account that are held in memory at once."""

_READ_ONLY = {"cwportal_read_only": True}
"""Execution option of a connection that only reads: the engine need not take the write lock of SQLite for it."""
_ONE_MOMENT = {"isolation_level": "REPEATABLE READ", "postgresql_readonly": True}

_ADDRESS = tuple(Address.__dataclass_fields__)
_NO_ADDRESS = Address()
_STATUS = {status.value: status for status in AccountStatus}


def reader(engine: Engine) -> Engine:
    """The engine for reading only: all queries of one connection see the database as it was at the first, on SQLite as on PostgreSQL."""
    if engine.dialect.name == "postgresql":
        return engine.execution_options(**_READ_ONLY, **_ONE_MOMENT)
    return engine.execution_options(**_READ_ONLY)


class StandaloneSource:
    """`PortalSource` on the portal's own tables.

    Reads are short: no transaction stays open while the caller works through a stream, and yet what a stream gives is of one moment.
    Retail prices are read once, at its beginning. If the partner's data are loaded anew between two of its reads, it raises
    SourceIncomplete instead of mixing old and new. What several calls give is of one moment within `reading`.
    """

    def __init__(self, engine: Engine, *, within: Connection | None = None) -> None:
        """`within`: everything is read in the transaction of this connection."""
        self._connect: Callable[[], AbstractContextManager[Connection]] = (
            reader(engine).connect if within is None else lambda: nullcontext(within)
        )

    @contextmanager
    def reading(self, partner_id: str) -> Iterator[StandaloneSource]:
        """The data as they are now, whatever is loaded or priced until the end of the block: one transaction that only reads.

        Raises UnknownPartner. The source that is given is for one thread.
        """
        with self._connect() as connection:
            _partner(connection, partner_id)
            yield StandaloneSource(connection.engine, within=connection)

    def partner(self, partner_id: str) -> Partner:
        """The partner, or UnknownPartner."""
        with self._connect() as connection:
            return _partner(connection, partner_id)

    def products(self, partner_id: str) -> Sequence[Product]:
        """Every SKU, by SKU: the vendor's list is the same for all partners."""
        query = select(ProductRow.sku, ProductRow.name, ProductRow.list_cost).order_by(ProductRow.sku)
        with self._connect() as connection:
            _partner(connection, partner_id)
            return [Product(row.sku, row.name, row.list_cost) for row in connection.execute(query)]

    def accounts(self, partner_id: str) -> Sequence[Account]:
        """Every account of the partner by id, closed ones too."""
        columns = (AccountRow.id, AccountRow.name, AccountRow.status, *(getattr(AccountRow, name) for name in _ADDRESS))
        query = select(*columns).where(AccountRow.partner_id == partner_id).order_by(AccountRow.id)
        with self._connect() as connection:
            _partner(connection, partner_id)
            return [
                Account(key, name, _STATUS[status], Address(*address) if any(address) else _NO_ADDRESS)
                for key, name, status, *address in connection.execute(query)
            ]

    def charges(self, partner_id: str, account_ids: Iterable[str]) -> Iterator[tuple[str, Sequence[Charge]]]:
        """Stream (account id, charges in the file's order), once per account asked, in the order asked.

        Holds the charges of `ACCOUNTS_PER_READ` accounts at a time. A retail price that is saved meanwhile counts for none of them.
        Raises UnknownPartner, and SourceIncomplete for an account that does not exist or when the partner's data are loaded anew under
        the stream.
        """
        asked = iter(account_ids)
        with self._connect() as connection:
            revision, retail = _revision(connection, partner_id), _retail(connection, partner_id)
        while batch := list(islice(asked, ACCOUNTS_PER_READ)):
            with self._connect() as connection:
                current = _revision(connection, partner_id)
                found = _charges(connection, partner_id, batch, retail) if current == revision else {}
            if current != revision:
                raise _changed(partner_id)
            for account_id in batch:
                yield account_id, found[account_id]

    def users(self, partner_id: str, account_id: str) -> Iterator[User]:
        """Stream the users of one account by e-mail address; SourceIncomplete if there is no such account.

        Holds `USERS_PER_READ` at a time. Raises SourceIncomplete also when the partner's data change under the stream.
        """
        with self._connect() as connection:
            revision = _revision(connection, partner_id)
            _require(connection, partner_id, [account_id])
        return self._users(partner_id, account_id, revision)

    def _users(self, partner_id: str, account_id: str, revision: int) -> Iterator[User]:
        row = AccountUserRow
        query = (
            select(row.email, row.display_name, row.status, row.services)
            .where(row.partner_id == partner_id, row.account_id == account_id)
            .order_by(row.email)
            .limit(USERS_PER_READ)
        )
        part = query
        while True:
            with self._connect() as connection:
                current = _revision(connection, partner_id)
                found = connection.execute(part).all()
            if current != revision:
                raise _changed(partner_id)
            for email, display_name, status, services in found:
                yield User(email, display_name, status, tuple(services.split(";")) if services else ())
            if len(found) < USERS_PER_READ:
                return
            part = query.where(row.email > found[-1].email)

    def contacts(self, partner_id: str) -> Sequence[Contact]:
        """The partner's people who can sign in, by e-mail address."""
        query = select(StaffRow.email).where(StaffRow.partner_id == partner_id).order_by(StaffRow.email)
        with self._connect() as connection:
            _partner(connection, partner_id)
            return [Contact(email) for email in connection.scalars(query)]


def _partner(connection: Connection, partner_id: str) -> Partner:
    row = connection.execute(
        select(PartnerRow.id, PartnerRow.name, PartnerRow.timezone, PartnerRow.currency).where(
            PartnerRow.id == partner_id
        )
    ).one_or_none()
    if row is None:
        raise UnknownPartner(f'There is no partner "{partner_id}" in the portal.')
    return Partner(row.id, row.name, row.timezone, row.currency)


def _revision(connection: Connection, partner_id: str) -> int:
    revision = connection.scalar(select(PartnerRow.revision).where(PartnerRow.id == partner_id))
    if revision is None:
        raise UnknownPartner(f'There is no partner "{partner_id}" in the portal.')
    return revision


def _changed(partner_id: str) -> SourceIncomplete:
    return SourceIncomplete(
        f"The portal's data of partner {partner_id} were loaded anew while they were being read. "
        "Nothing was planned from the mixture; start again."
    )


def _require(connection: Connection, partner_id: str, account_ids: Sequence[str]) -> None:
    query = select(AccountRow.id).where(AccountRow.partner_id == partner_id, AccountRow.id.in_(account_ids))
    missing = sorted(set(account_ids) - set(connection.scalars(query)))
    if missing:
        raise SourceIncomplete(
            f"Partner {partner_id} has no account {', '.join(missing)} in the portal. "
            "If it was removed on purpose, unmap it; else load it again."
        )


def _retail(connection: Connection, partner_id: str) -> dict[str, Decimal]:
    listed = select(PriceRow.sku, PriceRow.unit_price).where(PriceRow.partner_id == partner_id)
    return dict(connection.execute(listed).all())


def _charges(
    connection: Connection, partner_id: str, account_ids: Sequence[str], retail: Mapping[str, Decimal]
) -> dict[str, list[Charge]]:
    _require(connection, partner_id, account_ids)
    charge = ChargeRow
    query = (
        select(charge.account_id, charge.sku, charge.quantity, charge.unit_cost, charge.unit_price)
        .where(charge.partner_id == partner_id, charge.account_id.in_(account_ids))
        .order_by(charge.id)
    )
    found: dict[str, list[Charge]] = {account_id: [] for account_id in account_ids}
    for account_id, sku, quantity, unit_cost, unit_price in connection.execute(query):
        price = retail.get(sku) if unit_price is None else unit_price
        found[account_id].append(Charge(sku, quantity, unit_cost, price))
    return found
