"""Small tables of ConnectWise that settings choose from: agreement types, product types and subcategories, as last read."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from sqlalchemy import and_, select
from sqlalchemy.orm import Session

from cwportal.models import Connection, Directory, DirectoryEntry
from cwportal.services.directory_rows import Table, searchable


@dataclass(frozen=True, slots=True)
class Item:
    """A row to choose; `group` is the category of a subcategory."""

    id: int
    name: str
    inactive: bool
    group: str = ""
    group_id: int | None = None


@dataclass(frozen=True, slots=True)
class Tables:
    """By name; a table that was not read, or has no rows, is empty, and then numbers are taken as they are typed."""

    agreement_types: tuple[Item, ...] = ()
    product_types: tuple[Item, ...] = ()
    subcategories: tuple[Item, ...] = ()

    def problems(self, values: dict[str, Any]) -> dict[str, str]:
        """Field -> why its number cannot be chosen."""
        places = (
            ("agreement_type_id", self.agreement_types, "agreement type"),
            ("product_type_id", self.product_types, "product type"),
            ("product_subcategory_id", self.subcategories, "subcategory"),
        )
        found = ((name, _against(values.get(name), items, what)) for name, items, what in places)
        return {name: sentence for name, sentence in found if sentence}

    def category_of(self, subcategory_id: int | None) -> int | None:
        """The category that a subcategory belongs to, where it is known."""
        return next((item.group_id for item in self.subcategories if item.id == subcategory_id), None)


def read(session: Session, partner_id: str) -> Tables:
    """The tables of the tenant that the partner is connected to, or tries in the wizard; nothing here asks ConnectWise."""
    here = and_(
        Directory.partner_id == DirectoryEntry.partner_id,
        Directory.tenant == DirectoryEntry.tenant,
        Directory.generation == DirectoryEntry.generation,
    )
    kinds = (Table.AGREEMENT_TYPE, Table.PRODUCT_TYPE, Table.PRODUCT_CATEGORY, Table.PRODUCT_SUBCATEGORY)
    query = (
        select(DirectoryEntry)
        .join(Directory, here)
        .join(Connection, and_(Connection.partner_id == Directory.partner_id, Connection.tenant == Directory.tenant))
        .where(DirectoryEntry.partner_id == partner_id, DirectoryEntry.kind.in_(kinds))
    )
    rows = list(session.scalars(query))
    categories = {row.cw_id: row.name for row in rows if row.kind == Table.PRODUCT_CATEGORY}
    return Tables(
        _items((row for row in rows if row.kind == Table.AGREEMENT_TYPE), {}),
        _items((row for row in rows if row.kind == Table.PRODUCT_TYPE), {}),
        _items((row for row in rows if row.kind == Table.PRODUCT_SUBCATEGORY), categories),
    )


def _items(rows: Iterable[DirectoryEntry], categories: dict[int, str]) -> tuple[Item, ...]:
    found = (
        Item(row.cw_id, row.name, row.inactive, categories.get(row.cw_parent_id or 0, ""), row.cw_parent_id)
        for row in rows
    )
    return tuple(sorted(found, key=lambda item: (searchable(item.group), searchable(item.name), item.id)))


def _against(number: int | None, items: tuple[Item, ...], what: str) -> str | None:
    if number is None or not items:
        return None
    item = next((item for item in items if item.id == number), None)
    if item is None:
        return f"ConnectWise has no {what} {number}, as far as it was read; choose one that is there."
    if item.inactive:
        return f"The {what} {item.name} ({number}) is inactive in ConnectWise; choose another, or make it active there."
    return None
