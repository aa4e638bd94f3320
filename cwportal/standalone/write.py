"""Write the checked rows of a load: one transaction, nothing or everything."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from decimal import Decimal
from typing import Any

from sqlalchemy import Connection, delete, insert, select, update
from sqlalchemy.dialects import postgresql, sqlite

from cwportal.standalone import prices, usage
from cwportal.standalone.check import Progress
from cwportal.standalone.columns import FILES, FileSpec
from cwportal.standalone.serial import lock
from cwportal.standalone.spool import Spool
from cwportal.standalone.tables import AccountRow, AccountUserRow, Base, ChargeRow, PartnerRow, PriceRow, ProductRow

_IDS_PER_STATEMENT = 500

_TABLES: dict[str, type[Base]] = {
    "partners": PartnerRow,
    "accounts": AccountRow,
    "products": ProductRow,
    "prices": PriceRow,
    "charges": ChargeRow,
    "users": AccountUserRow,
}
_RENAMED = {"partners": {"partner_id": "id"}, "accounts": {"account_id": "id"}}
"""Columns that have another name in their table."""

_NUMBERS = {"list_cost", "unit_price", "unit_cost", "quantity"}
_MERGED = ("partners", "products", "accounts")
"""Updated in place, because other rows refer to them; the other kinds are deleted and written anew."""


def write(
    connection: Connection,
    spools: Mapping[str, Spool],
    partners: Mapping[str, set[str]],
    progress: Progress,
    *,
    actor: str,
    now: int,
) -> list[prices.Change]:
    """Replace what the files hold, within the caller's transaction; `actor` changed the prices among it, which are returned.

    `spools` has one entry per kind of file that was present, `partners` the partners named in each.
    """
    lock(connection)
    former = {key: prices.of_partner(connection, key) for key in sorted(partners.get("prices", ()))}
    specs = {spec.kind: spec for spec in FILES if spec.kind in spools}
    for kind in specs:
        if kind not in _MERGED:
            _delete_of(connection, _TABLES[kind], partners[kind])
    for kind in _MERGED:
        if kind in specs:
            _insert(connection, specs[kind], spools[kind], progress)
    if "accounts" in specs:
        _delete_missing_accounts(connection, spools["accounts"])
    for kind, spec in specs.items():
        if kind not in _MERGED:
            _insert(connection, spec, spools[kind], progress)
    made: list[prices.Change] = []
    for partner_id, before in former.items():
        made += _remember(connection, partner_id, before, actor=actor, now=now)
    if "charges" in specs:
        usage.renew(connection, partners["charges"])
    touched = sorted(set().union(*partners.values()))
    for some in _parts(touched):
        connection.execute(update(PartnerRow).where(PartnerRow.id.in_(some)).values(revision=PartnerRow.revision + 1))
    return made


def _remember(
    connection: Connection, partner_id: str, before: Mapping[str, Decimal], *, actor: str, now: int
) -> list[prices.Change]:
    after = prices.of_partner(connection, partner_id)
    made = [
        prices.Change(sku, now, actor, before.get(sku), after.get(sku))
        for sku in sorted(before.keys() | after.keys())
        if before.get(sku) != after.get(sku)
    ]
    prices.remember(connection, partner_id, made)
    return made


def _insert(connection: Connection, spec: FileSpec, spool: Spool, progress: Progress) -> None:
    table = _TABLES[spec.kind]
    renamed = _RENAMED.get(spec.kind, {})
    names = [renamed.get(column.name, column.name) for column in spec.columns]
    number = [column.name in _NUMBERS for column in spec.columns]
    statement: Any = insert(table)
    if spec.kind in _MERGED:
        make = postgresql.insert if connection.dialect.name == "postgresql" else sqlite.insert
        merge = make(table)
        keys = [renamed.get(name, name) for name in spec.key]
        statement = merge.on_conflict_do_update(
            index_elements=keys, set_={name: merge.excluded[name] for name in names if name not in keys}
        )
    nothing = {name: None if is_number else "" for name, is_number in zip(names, number, strict=True)}
    done = 0
    for batch in spool.batches():
        connection.execute(
            statement,
            [
                {
                    name: nothing[name] if cell is None else Decimal(cell) if is_number else cell
                    for name, is_number, cell in zip(names, number, row, strict=True)
                }
                for row in batch
            ],
        )
        done += len(batch)
        progress(f"saving {spec.file}", done, spool.rows)


def _delete_of(connection: Connection, table: type[Base], partners: Collection[str]) -> None:
    column = table.__table__.c.partner_id
    for some in _parts(sorted(partners)):
        connection.execute(delete(table).where(column.in_(some)))


def _delete_missing_accounts(connection: Connection, spool: Spool) -> None:
    kept: dict[str, set[str]] = {}
    for batch in spool.batches():
        for partner_id, account_id, *_ in batch:
            kept.setdefault(str(partner_id), set()).add(str(account_id))
    for partner_id, ids in kept.items():
        stored = connection.scalars(select(AccountRow.id).where(AccountRow.partner_id == partner_id))
        for some in _parts(sorted(set(stored) - ids)):
            connection.execute(delete(AccountRow).where(AccountRow.partner_id == partner_id, AccountRow.id.in_(some)))


def _parts(ids: Sequence[str]) -> Iterator[Sequence[str]]:
    for start in range(0, len(ids), _IDS_PER_STATEMENT):
        yield ids[start : start + _IDS_PER_STATEMENT]
