"""Product type, category and subcategory of our products: chosen, or found or created once under the brand's name, and kept by id.

They are small tables that ConnectWise needs before the first product. Each creation is an intent in the run's book too; while the
answer of one is missing none is created again, and afterwards it is found by its name.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from cwportal.connectwise.errors import ConnectWiseError, Invalid
from cwportal.connectwise.reader import same_text
from cwportal.connectwise.records import NamedItem
from cwportal.models import UNSETTLED, RunChange
from cwportal.services import settings
from cwportal.services.apply.journal import Done
from cwportal.services.apply.work import Work
from cwportal.services.runs import confirm
from cwportal.vocabulary import Action, Kind, Outcome

NAME = 50
"""Length of these names (contract section 8)."""
_RIGHT = "Needed right: System > Table Setup (Inquire, Add)."


class NoPlace(ConnectWiseError):
    """There is no type or subcategory for new products, and the sentence says why. No product was sent."""


def place(work: Work, account_id: str) -> dict[str, object]:
    """Type and subcategory as a product needs them. Raises NoPlace; `__cause__` is ConnectWise's error where there is one."""
    partner_id = work.lease.partner_id
    chosen = settings.get(work.runtime, partner_id)
    if chosen.product_type_id is None or chosen.product_subcategory_id is None:
        _none_open(work)
        brand = work.runtime.config.brand[:NAME].strip()
        tables = _Tables(work, account_id, brand)
        type_id = chosen.product_type_id or tables.of_type()
        subcategory_id, category_id = chosen.product_subcategory_id, chosen.product_category_id
        if subcategory_id is None:
            category_id = category_id or tables.of_category()
            subcategory_id = tables.of_subcategory(category_id)
        settings.remember_product_place(
            work.runtime,
            partner_id,
            tenant=work.lease.tenant,
            product_type_id=type_id,
            category_id=category_id,
            subcategory_id=subcategory_id,
        )
        chosen = settings.get(work.runtime, partner_id)
    return {"type": {"id": chosen.product_type_id}, "subcategory": {"id": chosen.product_subcategory_id}}


def account_of(work: Work, change_id: int) -> str:
    """The account under which a product change stands in the run."""
    with work.runtime.database.read() as session:
        return session.get_one(RunChange, change_id).account_id


def _none_open(work: Work) -> None:
    """A creation without an answer may still happen: nothing is created beside it before it was looked up."""
    query = select(RunChange).where(
        RunChange.partner_id == work.lease.partner_id,
        RunChange.tenant == work.lease.tenant,
        RunChange.kind == Kind.PRODUCT_TABLE,
        UNSETTLED,
        RunChange.resolved_at.is_(None),
    )
    with work.runtime.database.read() as session:
        row = session.scalars(query.order_by(RunChange.attempted_at.desc())).first()
    if row is not None:
        when = (row.finished_at or row.attempted_at or work.runtime.clock()) + timedelta(
            seconds=work.runtime.config.settle
        )
        raise NoPlace(
            f"A product {row.before['table']} for the portal's products was sent in run {row.run_id} and not confirmed by ConnectWise. "
            f"It will be checked after {when:%H:%M:%S} UTC and is never sent twice. Start the export again then.",
            certainty="not_sent",
        )


class _Tables:
    """The three tables; rows of the brand's name are used, others created."""

    def __init__(self, work: Work, account_id: str, brand: str) -> None:
        self._work = work
        self._account_id = account_id
        self._brand = brand

    def of_type(self) -> int:
        read, write = self._work.client.read.product_types, self._work.writer.create_product_type
        return self._row("type", read, write, {"name": self._brand})

    def of_category(self) -> int:
        read, write = self._work.client.read.categories, self._work.writer.create_category
        return self._row("category", read, write, {"name": self._brand})

    def of_subcategory(self, category_id: int) -> int:
        read, write = self._work.client.read.subcategories, self._work.writer.create_subcategory
        return self._row("subcategory", read, write, {"name": self._brand, "category": {"id": category_id}})

    def _row(
        self,
        table: str,
        read: Callable[[], list[NamedItem]],
        write: Callable[[Mapping[str, object]], NamedItem],
        fields: dict[str, Any],
    ) -> int:
        """The id of the active row of this name, created if there is none."""
        try:
            present = _active(read(), self._brand)
            return present if present is not None else self._create(table, read, write, fields)
        except NoPlace:
            raise
        except ConnectWiseError as error:
            raise NoPlace(
                f"The product {table} for new products could not be found or created. {error.sentence} {_RIGHT}",
                certainty=error.certainty,
            ) from error

    def _create(
        self,
        table: str,
        read: Callable[[], list[NamedItem]],
        write: Callable[[Mapping[str, object]], NamedItem],
        fields: dict[str, Any],
    ) -> int:
        work = self._work
        change = self._intent(table, fields)
        number, started = change.id, change.attempted_at or work.runtime.clock()
        try:
            record = work.send(number, started, lambda: write(fields))
        except ConnectWiseError as error:
            work.journal.finish(Done(number, work.outcome(error), error.sentence))
            if not isinstance(error, Invalid) or not error.has_code("ObjectExists"):
                raise
            rows = read()
            present = _active(rows, self._brand)
            if present is not None:
                return present
            if any(same_text(row.name, self._brand) for row in rows):
                raise NoPlace(
                    f"The product {table} {self._brand!r} for new products is inactive in ConnectWise. Make it active there, or choose "
                    "another type and subcategory for new products in the settings.",
                    certainty="refused",
                ) from error
            raise
        work.succeeded()
        work.journal.finish(Done(number, Outcome.APPLIED))
        return record.id

    def _intent(self, table: str, fields: dict[str, Any]) -> RunChange:
        work = self._work
        now = work.runtime.clock()
        change = RunChange(
            run_id=work.lease.run_id,
            partner_id=work.lease.partner_id,
            tenant=work.lease.tenant,
            account_id=self._account_id,
            position=_FIRST,
            kind=Kind.PRODUCT_TABLE,
            action=Action.CREATE,
            part_number="",
            before={"table": table},
            after=fields,
            reason=f"The portal's products need a product {table}",
            sent=fields,
            outcome=Outcome.STARTED,
            attempted_at=now,
        )
        with work.runtime.database.durable() as session:
            confirm(session, work.lease, now)
            session.add(change)
            session.flush()
            _detach(session, change)
        return change


_FIRST = -1_000_000
"""Position in the log: before all products."""


def _detach(session: Session, change: RunChange) -> None:
    session.refresh(change)
    session.expunge(change)


def _active(rows: list[NamedItem], name: str) -> int | None:
    return min((row.id for row in rows if same_text(row.name, name) and not row.inactive), default=None)
