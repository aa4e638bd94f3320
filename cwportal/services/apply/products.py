"""Catalog products: created or changed once per run, before any addition needs them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from functools import partial
from itertools import islice
from typing import cast

from sqlalchemy import Table, bindparam, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from cwportal.billing.lookup import same_amount
from cwportal.billing.scale import canonical, to_scale
from cwportal.billing.values import Change
from cwportal.connectwise.errors import ConnectWiseError, Forbidden, Incomplete
from cwportal.connectwise.records import Product
from cwportal.models import LedgerCatalogProduct
from cwportal.runtime import Runtime
from cwportal.services import ledger
from cwportal.services.apply.journal import Done, Intent
from cwportal.services.apply.product_place import NoPlace, account_of
from cwportal.services.apply.product_place import place as find_place
from cwportal.services.apply.store import Stored
from cwportal.services.apply.work import Work
from cwportal.services.planning.stream import threads
from cwportal.vocabulary import Action, Outcome

_NAMED = 3
"""Products told in a sentence."""


def apply_products(work: Work, changes: list[Stored]) -> None:
    """Write product changes, several at once: each is of another product. A part number that fails is remembered; what depends on it is
    skipped later.
    """
    creations = [stored for stored in changes if stored.change.action is Action.CREATE]
    place: Mapping[str, object] = {}
    if creations and _not_now(work, creations[0].change) is None:
        left = _still_missing(work, creations)
        try:
            place = find_place(work, account_of(work, left[0].id)) if left else {}
        except NoPlace as error:
            _none_created(work, left, error.sentence, error.__cause__)
            left = []
        leave = {stored.id for stored in creations} - {stored.id for stored in left}
        changes = [stored for stored in changes if stored.id not in leave]
    for stored in changes[:1]:  # alone: what refuses one refuses all, and is asked once
        _apply(work, stored, place)
    with ThreadPoolExecutor(threads(work.runtime), thread_name_prefix="products") as pool:
        futures = [pool.submit(_apply, work, stored, place) for stored in changes[1:]]
        try:
            for future in futures:
                future.result()
        except BaseException:
            pool.shutdown(cancel_futures=True)
            raise


def _still_missing(work: Work, creations: list[Stored]) -> list[Stored]:
    """Those that ConnectWise still has no product for. The plan's list may be minutes old, or have been empty by mistake."""
    try:
        missing = work.client.read.missing_products(stored.change.part_number for stored in creations)
    except ConnectWiseError as error:
        why = f"It could not be made sure that ConnectWise has no such product yet. {error.sentence}"
        if isinstance(error, Incomplete) and (named := _unshown(work, creations)):
            why += f" It is about {', '.join(named)}: or look for it there and give it another Product ID, or change the SKU."
        _none_created(work, creations, why, error)
        return []
    there = [stored for stored in creations if stored.change.part_number not in missing]
    for stored in there:
        work.journal.skip(
            [stored.id], "Not tried: ConnectWise has a product of this ID by now. The next export uses it."
        )
        work.failed_products[stored.change.part_number] = (
            "its product came to ConnectWise meanwhile, and the next export uses it"
        )
    return [stored for stored in creations if stored.change.part_number in missing]


def _unshown(work: Work, creations: list[Stored]) -> list[str]:
    """Part numbers that are counted and not shown, three at most; none where list and count agree by now."""

    def those(several: list[Stored]) -> Iterator[str]:
        parts = [stored.change.part_number for stored in several]
        try:
            work.client.read.missing_products(parts)
        except Incomplete:
            if len(parts) == 1:
                yield parts[0]
            else:
                yield from those(several[: len(parts) // 2])
                yield from those(several[len(parts) // 2 :])

    found: list[str] = []
    with suppress(ConnectWiseError):
        found.extend(islice(those(creations), _NAMED))
    return found


def _none_created(work: Work, creations: list[Stored], why: str, cause: BaseException | None) -> None:
    first, *others = creations
    work.journal.finish(Done(first.id, Outcome.FAILED, why))
    if isinstance(cause, ConnectWiseError):
        work.failed(cause)
    work.journal.skip([stored.id for stored in others], f"Not tried: {why}")
    for stored in creations:
        _not_created(work, stored.change)


def _not_created(work: Work, change: Change) -> None:
    if change.action is Action.CREATE:
        work.failed_products[change.part_number] = "its product could not be created"


def _apply(work: Work, stored: Stored, place: Mapping[str, object]) -> None:
    """One product's one write."""
    change = stored.change
    why = _not_now(work, change)
    if why is not None:
        work.journal.skip([stored.id], why)
        _not_created(work, change)
        return
    fields = {**change.after, **place} if change.action is Action.CREATE else dict(change.after)
    started = work.journal.start(Intent(stored.id, change.after, (), change.product_id))
    try:
        record = work.send(stored.id, started, partial(_write, work, change, fields))
    except ConnectWiseError as error:
        if isinstance(error, Forbidden):
            work.refused[change.kind, change.action] = error.sentence
        work.journal.finish(Done(stored.id, work.outcome(error), _told(change, error)))
        _not_created(work, change)
        work.failed(error)
        return
    work.succeeded()
    record = _as_it_is(work, change, record)
    work.new_products[change.part_number] = record.id
    wrong = None if change.action is Action.CREATE else _not_taken(change, record)
    work.journal.finish(
        Done(
            stored.id,
            Outcome.FAILED if wrong else Outcome.APPLIED,
            wrong,
            product_id=record.id,
            ledger=lambda session: remember(session, work, stored, record),
        )
    )


def _told(change: Change, error: ConnectWiseError) -> str:
    """What happened and the next step; that a product exists which nobody shows us says little by itself."""
    if change.action is not Action.CREATE or not error.has_code("ObjectExists"):
        return error.sentence
    return (
        f"ConnectWise says that it already has a product {change.part_number}, but shows none of this ID: either it is hidden from the API "
        "member (give its role Procurement > Product Catalog > Inquire at level All), or a product's ID differs only in signs that "
        "ConnectWise takes for equal, such as accents (give it the ID of the portal, or change the SKU there)."
    )


def leave_products(work: Work, changes: list[Stored], why: str) -> None:
    """Write none of these, and say why; additions that need one to be created are skipped later."""
    for stored in changes:
        work.journal.skip([stored.id], why)
        if stored.change.action is Action.CREATE:
            work.failed_products[stored.change.part_number] = "its product was not part of what was approved"


def _not_now(work: Work, change: Change) -> str | None:
    if work.stopped is not None:
        return f"Not tried: the export stopped before. {work.stopped.sentence}"
    if (change.kind, change.action) in work.refused:
        return f"Not tried: {work.refused[change.kind, change.action]}"
    return None


def _write(work: Work, change: Change, fields: Mapping[str, object]) -> Product:
    if change.action is Action.CREATE:
        return work.writer.create_product(fields)
    return work.writer.patch_product(change.product_id or 0, fields)


def _as_it_is(work: Work, change: Change, record: Product) -> Product:
    """The product after a write. An answer with another cost than was sent may be the product as it was before, so it is read once more."""
    if not _not_taken(change, record):
        return record
    try:
        return work.client.read.products_by_id([record.id]).get(record.id, record)
    except ConnectWiseError:
        return record


def _not_taken(change: Change, record: Product) -> str | None:
    """What ConnectWise did not take although it accepted the write; None if it has what was sent."""
    cost = change.after.get("cost")
    if cost is None or same_amount(to_scale(record.cost), cost):
        return None
    return (
        f"ConnectWise accepted the write and shows another cost on product {record.id}: {canonical(cost)} was sent, it now says "
        f"{canonical(record.cost)}. Look at the product in ConnectWise: a rule or workflow there may change it. The next export tries again."
    )


def remember(session: Session, work: Work, stored: Stored, record: Product) -> None:
    """The product stands for its part number from now on; its cost was sent by us, if ConnectWise took it."""
    put(
        session,
        partner_id=work.lease.partner_id,
        tenant=work.lease.tenant,
        part_number=stored.change.part_number,
        product=record,
        created=stored.change.action is Action.CREATE,
        sent_cost=None if _not_taken(stored.change, record) else stored.change.after.get("cost"),
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


_PRODUCT = cast(Table, LedgerCatalogProduct.__table__)
_NOTED = select(_PRODUCT.c.id).where(
    _PRODUCT.c.partner_id == bindparam("partner_id"),
    _PRODUCT.c.tenant == bindparam("tenant"),
    _PRODUCT.c.part_number == bindparam("part_number"),
)


def note_product(session: Session, runtime: Runtime, owner: ledger.Owner, part_number: str, product_id: int) -> None:
    """Remember which product stands for the part number, so that a renamed identifier makes no second product."""
    which = {"partner_id": owner.partner_id, "tenant": owner.tenant, "part_number": part_number}
    if session.connection().scalar(_NOTED, which) is not None:
        return
    with suppress(IntegrityError), session.begin_nested():  # another thread of this run has noted it just now
        session.add(
            LedgerCatalogProduct(
                partner_id=owner.partner_id,
                tenant=owner.tenant,
                part_number=part_number,
                cw_product_id=product_id,
                created=False,
                linked=False,
                created_at=runtime.clock(),
            )
        )
