"""Records that a refresh cannot read: each stays as it was known before, and hides no other.

What cannot be read never looks like what is not there.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import and_, func, select, update
from sqlalchemy.orm import Session

from cwportal.connectwise.batches import UNNAMED
from cwportal.connectwise.errors import Malformed
from cwportal.models import DirectoryAgreement, DirectoryCompany, DirectoryEntry
from cwportal.services.directory_rows import Table

_AT_ONCE = 500
_Tables = type[DirectoryCompany] | type[DirectoryAgreement] | type[DirectoryEntry]


@dataclass(slots=True)
class LeftOut:
    """Why they could not be read, by id; under UNNAMED stands a row without an id, which may be any that was not found."""

    companies: dict[int, Malformed] = field(default_factory=dict)
    agreements: dict[int, Malformed] = field(default_factory=dict)
    _entries: dict[Table, dict[int, Malformed]] = field(default_factory=dict)

    def of(self, table: Table) -> dict[int, Malformed]:
        """Where to note those of a small table."""
        return self._entries.setdefault(table, {})

    @property
    def sentence(self) -> str:
        """For people; "" if there are none."""
        every = [*self.companies.values(), *self.agreements.values()]
        every += [error for noted in self._entries.values() for error in noted.values()]
        if not every:
            return ""
        if len(every) == 1:
            return f"1 record could not be read; it is shown as it was known before, or not at all. {every[0]}"
        return f"{len(every):,} records could not be read; they are shown as they were known before, or not at all. The first: {every[0]}"

    def keep(
        self, session: Session, partner_id: str, tenant: str, current: int | None, staging: int, *, full: bool
    ) -> bool:
        """Stage what the `current` generation knows of them; whether that is all of them, small tables apart.

        `full`: else companies and agreements stay where nothing takes their place.
        """
        for table, noted in self._entries.items():
            self._keep(session, DirectoryEntry, (partner_id, tenant, current, staging), noted, table)
        if not full:
            return not (self.companies or self.agreements)
        known = [
            self._keep(session, table, (partner_id, tenant, current, staging), noted)
            for table, noted in ((DirectoryCompany, self.companies), (DirectoryAgreement, self.agreements))
        ]
        return all(known)

    def _keep(
        self,
        session: Session,
        table: _Tables,
        where: tuple[str, str, int | None, int],
        noted: dict[int, Malformed],
        kind: Table | None = None,
    ) -> bool:
        if not noted:
            return True
        partner_id, tenant, current, staging = where
        if current is None:
            return False
        number = _id_of(table)
        mine: Any = and_(table.partner_id == partner_id, table.tenant == tenant)
        if kind is not None:
            mine = and_(mine, DirectoryEntry.kind == kind)
        if UNNAMED in noted:
            read = select(number).where(mine, table.generation == staging)
            here = (mine, table.generation == current, number.not_in(read))
            session.execute(update(table).where(*here).values(generation=staging))
            return False
        kept = 0
        for ids in _parts(sorted(noted)):
            here = (mine, table.generation == current, number.in_(ids))
            kept += session.scalar(select(func.count()).select_from(table).where(*here)) or 0
            session.execute(update(table).where(*here).values(generation=staging))
        return kept == len(noted)


def _id_of(table: _Tables) -> Any:
    if table is DirectoryCompany:
        return DirectoryCompany.cw_company_id
    return DirectoryAgreement.cw_agreement_id if table is DirectoryAgreement else DirectoryEntry.cw_id


def _parts(ids: list[int]) -> Iterator[list[int]]:
    for start in range(0, len(ids), _AT_ONCE):
        yield ids[start : start + _AT_ONCE]
