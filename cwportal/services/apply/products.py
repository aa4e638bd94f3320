"""Catalog products: created or changed once per run, one after the other, before any addition needs them."""

from __future__ import annotations

from sqlalchemy import select
from sqlalchemy.orm import Session

from cwportal.connectwise.errors import ConnectWiseError, Invalid
from cwportal.connectwise.records import NamedItem, Product
from cwportal.connectwise.writer import Writer
from cwportal.models import LedgerCatalogProduct
from cwportal.runtime import Runtime
from cwportal.services import settings
from cwportal.services.apply.journal import Done, Intent
from cwportal.services.apply.store import Stored
from cwportal.services.apply.work import Work
from cwportal.services.connection import Client
from cwportal.vocabulary import Action, Outcome


def apply_products(work: Work, changes: list[Stored]) -> None:
    """Write product changes in order. A part number that fails is remembered; what depends on it is skipped later."""
    place: dict[str, object] | None = None
    for stored in changes:
        change = stored.change
        if change.action is Action.CREATE and place is None:
            try:
                place = _place(work.runtime, work.client, work.writer, work.lease.partner_id)
            except ConnectWiseError as error:
                work.journal.finish(Done(stored.id, Outcome.FAILED, _no_place(error)))
                work.failed(error)
                work.failed_products[change.part_number] = "its product could not be created"
                continue
        fields = {**change.after, **place} if change.action is Action.CREATE and place else dict(change.after)
        work.journal.start(Intent(stored.id, change.after, (), change.product_id))
        try:
            record = (
                work.writer.create_product(fields)
                if change.action is Action.CREATE
                else work.writer.patch_product(change.product_id or 0, fields)
            )
        except ConnectWiseError as error:
            work.journal.finish(Done(stored.id, work.outcome(error), error.sentence))
            if change.action is Action.CREATE:
                work.failed_products[change.part_number] = "its product could not be created"
            work.failed(error)
            continue
        work.succeeded()
        work.new_products[change.part_number] = record.id
        work.journal.finish(
            Done(
                stored.id,
                Outcome.APPLIED,
                product_id=record.id,
                ledger=lambda session, stored=stored, record=record: remember(session, work, stored, record),  # type: ignore[misc]
            )
        )


def remember(session: Session, work: Work, stored: Stored, record: Product) -> None:
    """The product stands for its part number from now on; its cost was sent by us."""
    put(
        session,
        partner_id=work.lease.partner_id,
        tenant=work.lease.tenant,
        part_number=stored.change.part_number,
        product=record,
        created=stored.change.action is Action.CREATE,
        sent_cost=stored.change.after.get("cost"),
        runtime=work.runtime,
    )


def put(
    session: Session,
    *,
    partner_id: str,
    tenant: str,
    part_number: str,
    product: Product,
    created: bool,
    sent_cost: object,
    runtime: Runtime,
) -> None:
    """Insert or update the ledger's row of a product. `created` is never taken back."""
    row = session.scalar(
        select(LedgerCatalogProduct).where(
            LedgerCatalogProduct.partner_id == partner_id,
            LedgerCatalogProduct.tenant == tenant,
            LedgerCatalogProduct.part_number == part_number,
        )
    )
    if row is None:
        row = LedgerCatalogProduct(
            partner_id=partner_id,
            tenant=tenant,
            part_number=part_number,
            created=False,
            linked=False,
            created_at=runtime.clock(),
        )
        session.add(row)
    row.cw_product_id = product.id
    row.created = row.created or created
    if sent_cost is not None:
        row.sent_cost = sent_cost  # type: ignore[assignment]
        row.echoed_cost = product.cost


def _place(runtime: Runtime, client: Client, writer: Writer, partner_id: str) -> dict[str, object]:
    """Product type and subcategory for our products: the stored ids, else those under the brand's name, created once."""
    chosen = settings.get(runtime, partner_id)
    if chosen.product_type_id is None or chosen.product_subcategory_id is None:
        brand = runtime.config.brand[:50]
        type_id = chosen.product_type_id or _named(
            client.read.product_types, writer.create_product_type, {"name": brand}
        )
        subcategory_id, category_id = chosen.product_subcategory_id, chosen.product_category_id
        if subcategory_id is None:
            category_id = category_id or _named(client.read.categories, writer.create_category, {"name": brand})
            subcategory_id = _named(
                client.read.subcategories, writer.create_subcategory, {"name": brand, "category": {"id": category_id}}
            )
        settings.remember_product_place(
            runtime, partner_id, product_type_id=type_id, category_id=category_id, subcategory_id=subcategory_id
        )
        chosen = settings.get(runtime, partner_id)
    return {"type": {"id": chosen.product_type_id}, "subcategory": {"id": chosen.product_subcategory_id}}


def _named(read: object, create: object, fields: dict[str, object]) -> int:
    """The id of the active row of this name, created if there is none. Found first each time, so a lost answer makes no second one."""
    name = str(fields["name"])

    def found() -> int | None:
        rows: list[NamedItem] = read()  # type: ignore[operator]
        ids = sorted(row.id for row in rows if row.name.casefold() == name.casefold() and not row.inactive)
        return ids[0] if ids else None

    present = found()
    if present is not None:
        return present
    try:
        return int(create(fields).id)  # type: ignore[operator]
    except Invalid as error:
        again = found() if error.has_code("ObjectExists") else None
        if again is None:
            raise
        return again


def _no_place(error: ConnectWiseError) -> str:
    return (
        "The product type, category and subcategory for new products could not be found or created. "
        f"{error.sentence} Needed right: System > Table Setup (Inquire, Add)."
    )
