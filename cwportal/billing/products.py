"""Which catalog product stands for a part number, and what the catalog needs (rule 3)."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from cwportal.billing.findings import finding
from cwportal.billing.scale import MOST, to_scale
from cwportal.billing.texts import cut, one_line
from cwportal.billing.values import Catalog, CatalogEntry, Change, Context, ExportSettings, Finding
from cwportal.vocabulary import Action, Data, Kind, Taxable

DESCRIPTION = 60
CUSTOMER_DESCRIPTION = 6000
"""Lengths of a catalog item's texts in all known releases (contract section 8)."""

BUNDLE = "bundle"
"""Products of this class cannot be additions (contract section 8)."""


@dataclass(frozen=True, slots=True)
class ProductResolution:
    """Exactly one holds: `entry` is the product, `problem` says why none can be used, or it is `missing` and may be created."""

    entry: CatalogEntry | None = None
    problem: Finding | None = None

    @property
    def missing(self) -> bool:
        """No product has this identifier."""
        return self.entry is None and self.problem is None


def resolve(part_number: str, catalog: Catalog) -> ProductResolution:
    """The product a person linked, else the one known before, else the one found by its identifier.

    Raises KeyError if the identifier was not looked up: "not read" never counts as "not there".
    """
    known = catalog.ledger.get(part_number)
    if known is not None:
        entry = catalog.by_id.get(known.product_id)
        if entry is not None:
            return _usable(part_number, entry)
        if known.linked:
            return ProductResolution(
                problem=finding(
                    "product_inactive",
                    f"{part_number} is linked to product {known.product_id}, which ConnectWise no longer has. Nothing of it is created, "
                    "updated or ended. Link it to another product.",
                    part_number=part_number,
                )
            )
    hits = catalog.hits[part_number]
    found = tuple(hit for hit in hits if hit.identifier.strip() == part_number) or hits
    if not found:
        return ProductResolution()
    if len(found) > 1:
        ids = ", ".join(str(hit.id) for hit in sorted(found, key=lambda hit: hit.id))
        return ProductResolution(
            problem=finding(
                "product_ambiguous",
                f"ConnectWise has {len(found)} products for {part_number} (ids {ids}), and it is not clear which one to bill. Nothing of it is "
                "created, updated or ended. Give all but one of them another Product ID in ConnectWise.",
                part_number=part_number,
            )
        )
    return _usable(part_number, found[0])


def product_ids(part_number: str, catalog: Catalog) -> set[int]:
    """Every product that could stand for a part number, as far as it was read: lines of these are left alone while it is blocked."""
    known = catalog.ledger.get(part_number)
    ids = {hit.id for hit in catalog.hits.get(part_number, ())}
    return ids if known is None else ids | {known.product_id}


def plan_products(needed: Iterable[str], context: Context) -> list[Change]:
    """Product changes for part numbers (or a mapping keyed by them) in order; every one once, whoever needs it."""
    planned = (product_change(part_number, context) for part_number in sorted(set(needed)))
    return [change for change in planned if change is not None]


def product_change(part_number: str, context: Context) -> Change | None:
    """The product's creation, or the new cost of a product we created; None if nothing is to be written or may be.

    The price never touches the catalog: every customer may have another.
    """
    resolution = resolve(part_number, context.catalog)
    if resolution.problem is not None:
        return None
    entry, cost = resolution.entry, wanted_cost(part_number, context)
    if entry is None:
        return _create(part_number, cost, context) if may_create(context) else None
    if (
        cost is None
        or cost_right(part_number, entry, cost, context)
        or (Kind.PRODUCT, Action.UPDATE) in context.missing_rights
    ):
        return None
    return Change(
        kind=Kind.PRODUCT,
        action=Action.UPDATE,
        part_number=part_number,
        reason="The list cost has changed",
        before={"cost": to_scale(entry.cost)},
        after={"cost": cost},
        product_id=entry.id,
    )


def may_create(context: Context) -> bool:
    """Whether products may be created at all: selected, and no right known to be missing."""
    return Data.PRODUCTS in context.settings.data and (Kind.PRODUCT, Action.CREATE) not in context.missing_rights


def wanted_cost(part_number: str, context: Context) -> Decimal | None:
    """The list cost as it is sent; None if it is not exported or not known."""
    sku = context.catalog.skus.get(part_number)
    if Data.COST not in context.settings.data or sku is None or sku.list_cost is None or not 0 <= sku.list_cost <= MOST:
        return None
    return to_scale(sku.list_cost)


def taxable_fields(settings: ExportSettings) -> dict[str, bool]:
    """The mark of a new product or a new line; none where ConnectWise decides."""
    return {} if settings.taxable is Taxable.DEFAULT else {"taxableFlag": settings.taxable is Taxable.YES}


def cost_right(part_number: str, entry: CatalogEntry, cost: Decimal, context: Context) -> bool:
    """Whether the catalog's cost needs nothing: not our product, already right, or as ConnectWise rounded what we sent."""
    known = context.catalog.ledger.get(part_number)
    if known is None or not known.created:
        return True
    actual = to_scale(entry.cost)
    return actual == cost or (
        cost == known.sent_cost and known.echoed_cost is not None and actual == to_scale(known.echoed_cost)
    )


def _usable(part_number: str, entry: CatalogEntry) -> ProductResolution:
    if entry.inactive:
        return ProductResolution(
            problem=finding(
                "product_inactive",
                f"Product {entry.identifier} (id {entry.id}) is inactive in ConnectWise. Nothing of {part_number} is created, updated or "
                "ended. Make it active there.",
                part_number=part_number,
            )
        )
    if entry.product_class.casefold() == BUNDLE:
        return ProductResolution(
            problem=finding(
                "product_bundle",
                f"Product {entry.identifier} (id {entry.id}) is a bundle in ConnectWise, and bundles cannot be lines of an "
                f"agreement. Nothing of {part_number} is created, updated or ended. Give the bundle another Product ID there.",
                part_number=part_number,
            )
        )
    return ProductResolution(entry=entry)


def _create(part_number: str, cost: Decimal | None, context: Context) -> Change:
    sku = context.catalog.skus.get(part_number)
    name = one_line(sku.name if sku else "") or part_number
    after: dict[str, Any] = {
        "identifier": part_number,
        "description": cut(name, DESCRIPTION),
        "customerDescription": cut(name, CUSTOMER_DESCRIPTION),
    }
    if cost is not None:
        after["cost"] = cost
    after |= taxable_fields(context.settings)
    return Change(
        kind=Kind.PRODUCT,
        action=Action.CREATE,
        part_number=part_number,
        reason="ConnectWise has no product with this ID",
        before={},
        after=after,
    )
