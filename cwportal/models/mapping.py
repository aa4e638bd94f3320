"""Which company and agreement an account is billed on."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import String, UniqueConstraint
from sqlalchemy.orm import Mapped as Column
from sqlalchemy.orm import mapped_column

from cwportal.db import Base


class Mapping(Base):
    """Account -> company + agreement, plus the Export check mark.

    (tenant, agreement) belongs to one account over all partners. Two accounts are swapped in one save by clearing first
    (services do it), since SQLite checks unique constraints row by row.

    `new_company`, `new_agreement`: a person asked for a new one. Until it is created its id is None; the mark stays afterwards, so that
    the same request made again does not ask for another one. `cw_contact_id`: the contact created for it.
    `changed_by`: who chose it, empty where that is not known.
    """

    __tablename__ = "cwportal_mapping"
    __table_args__ = (UniqueConstraint("tenant", "cw_agreement_id"),)

    partner_id: Column[str] = mapped_column(String(100), primary_key=True)
    account_id: Column[str] = mapped_column(String(100), primary_key=True)
    tenant: Column[str] = mapped_column(String(400))
    cw_company_id: Column[int | None]
    cw_agreement_id: Column[int | None]
    company_name: Column[str] = mapped_column(String(200))
    agreement_name: Column[str] = mapped_column(String(200))
    export: Column[bool]
    per_cycle_confirmed: Column[bool]
    new_company: Column[bool] = mapped_column(default=False)
    new_agreement: Column[bool] = mapped_column(default=False)
    cw_contact_id: Column[int | None]
    changed_at: Column[datetime]
    changed_by: Column[str] = mapped_column(String(200), default="")

    @property
    def mapped(self) -> bool:
        """Whether there is an agreement, or one is to be created."""
        return self.cw_agreement_id is not None or self.new_agreement


class MappingDraft(Base):
    """What one person has typed for one account on the mapping page and has not saved. `typed` as in `services.mapping_draft.Typed`."""

    __tablename__ = "cwportal_mapping_draft"

    partner_id: Column[str] = mapped_column(String(100), primary_key=True)
    actor: Column[str] = mapped_column(String(200), primary_key=True)
    account_id: Column[str] = mapped_column(String(100), primary_key=True)
    tenant: Column[str] = mapped_column(String(400))
    typed: Column[dict[str, Any]]
    changed_at: Column[datetime]
