"""The products that a plan needs, as the core's values: those that bear its part numbers, and those that stand for them in the ledger."""

from __future__ import annotations

from collections.abc import Mapping

from cwportal.billing.values import Catalog, CatalogEntry, LedgerProduct, Sku
from cwportal.connectwise.errors import Malformed
from cwportal.connectwise.records import Product
from cwportal.services.connection import Client
from cwportal.services.planning.unread import Unread


def catalog(
    client: Client,
    skus: Mapping[str, Sku],
    hits: Mapping[str, tuple[Product, ...]],
    products: Mapping[str, LedgerProduct],
    unread: Unread,
) -> Catalog:
    """`hits`: the products found for every part number that is needed."""
    found = {part: tuple(_entry(product) for product in several) for part, several in hits.items()}
    named = {
        part: products[part].product_id for part in hits if part in products
    }  # several parts may stand for one product
    ids = set(named.values())
    by_id = {entry.id: entry for several in found.values() for entry in several if entry.id in ids}
    unseen = ids - by_id.keys()
    if unseen:
        broken = dict[int, Malformed]()
        by_id.update(
            (key, _entry(product)) for key, product in client.read.products_by_id(sorted(unseen), broken).items()
        )
        unread.parts |= {part: broken[number] for part, number in named.items() if number in broken}
    return Catalog(skus=skus, hits=found, by_id=by_id, ledger=products)


def _entry(product: Product) -> CatalogEntry:
    return CatalogEntry(
        id=product.id,
        identifier=product.identifier,
        inactive=product.inactive,
        product_class=product.product_class,
        price=product.price,
        cost=product.cost,
    )
