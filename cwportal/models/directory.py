"""What was read of a partner's ConnectWise so that people can choose from it: companies, agreements and small tables.

Rows are written under a new generation number and count only when the `Directory` row names that number, so a read that fails halfway is
never seen. Facts are kept as ConnectWise tells them; why something cannot be chosen depends on the day and is computed from them.
"""

from __future__ import annotations

from datetime import date, datetime

from sqlalchemy import Index, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from cwportal.db import Base


class Directory(Base):
    """State of one partner's directory of one tenant.

    `generation`: whose rows count, None before the first complete read. `staging`: the generation that is being read now.
    `read_to`: changes of ConnectWise up to this instant of *its* clock are in; None: everything is to be read. `full_at`: when the last
    reading of everything began, so what was there before and is not in the directory is gone.
    A failed refresh leaves everything but `failed_at` and `error`; without `failed_at` that tells which records could not be read.
    `asked_at`: when a refresh was last asked for or begun; it goes on while it has not been refreshed or failed since.
    """

    __tablename__ = "cwportal_directory"

    partner_id: Mapped[str] = mapped_column(String(100), primary_key=True)
    tenant: Mapped[str] = mapped_column(String(400), primary_key=True)
    generation: Mapped[int | None]
    staging: Mapped[int | None]
    last_generation: Mapped[int]
    read_to: Mapped[datetime | None]
    full_at: Mapped[datetime | None]
    refreshed_at: Mapped[datetime | None]
    failed_at: Mapped[datetime | None]
    error: Mapped[str | None] = mapped_column(Text)
    asked_at: Mapped[datetime | None]


class DirectoryCompany(Base):
    """A company, also one in the recycle bin. `search` is name and identifier without case."""

    __tablename__ = "cwportal_directory_company"

    partner_id: Mapped[str] = mapped_column(String(100), primary_key=True)
    tenant: Mapped[str] = mapped_column(String(400), primary_key=True)
    generation: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    cw_company_id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    identifier: Mapped[str] = mapped_column(Text)
    name: Mapped[str] = mapped_column(Text)
    search: Mapped[str] = mapped_column(Text)
    deleted: Mapped[bool]
    cw_status_id: Mapped[int | None]
    cw_contact_id: Mapped[int | None]


class DirectoryAgreement(Base):
    """An agreement, also an ended one."""

    __tablename__ = "cwportal_directory_agreement"
    __table_args__ = (
        Index("ix_cwportal_directory_agreement_company", "partner_id", "tenant", "generation", "cw_company_id"),
    )

    partner_id: Mapped[str] = mapped_column(String(100), primary_key=True)
    tenant: Mapped[str] = mapped_column(String(400), primary_key=True)
    generation: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    cw_agreement_id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    name: Mapped[str] = mapped_column(Text)
    cw_company_id: Mapped[int | None]
    cw_type_id: Mapped[int | None]
    cw_cycle_id: Mapped[int | None]
    cw_parent_id: Mapped[int | None]
    cancelled: Mapped[bool]
    status: Mapped[str | None] = mapped_column(Text)
    starts_on: Mapped[date | None]
    ends_on: Mapped[date | None]
    bills_from: Mapped[date | None]
    currency: Mapped[str | None] = mapped_column(String(3))


class DirectoryEntry(Base):
    """A row of one of the partner's own small tables. `kind` is a `services.directory.Table`; `billing_options` of billing cycles only.

    `cw_parent_id`: the category of a subcategory.
    """

    __tablename__ = "cwportal_directory_entry"

    partner_id: Mapped[str] = mapped_column(String(100), primary_key=True)
    tenant: Mapped[str] = mapped_column(String(400), primary_key=True)
    generation: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    kind: Mapped[str] = mapped_column(String(30), primary_key=True)
    cw_id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    name: Mapped[str] = mapped_column(Text)
    inactive: Mapped[bool]
    preset: Mapped[bool]
    billing_options: Mapped[str | None] = mapped_column(Text)
    cw_parent_id: Mapped[int | None]
