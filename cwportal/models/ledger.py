"""The ledger: what in ConnectWise is ours."""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal

from sqlalchemy import Index, String, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from cwportal.db import Base


class LedgerAddition(Base):
    """One addition that is ours: the group key it stands for, and per field what we sent and what ConnectWise echoed.

    `closed_at`: stands for nothing any more (ended, or lost and accepted); kept as history.
    """

    __tablename__ = "cwportal_ledger_addition"
    __table_args__ = (
        UniqueConstraint("tenant", "cw_agreement_id", "cw_addition_id"),
        Index("ix_cwportal_ledger_addition_account", "partner_id", "tenant", "account_id"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    partner_id: Mapped[str] = mapped_column(String(100))
    tenant: Mapped[str] = mapped_column(String(400))
    account_id: Mapped[str] = mapped_column(String(100))
    cw_agreement_id: Mapped[int]
    cw_addition_id: Mapped[int]
    cw_product_id: Mapped[int]
    part_number: Mapped[str] = mapped_column(String(75))
    key_price: Mapped[Decimal | None]
    key_cost: Mapped[Decimal | None]
    sent_quantity: Mapped[Decimal | None]
    sent_price: Mapped[Decimal | None]
    sent_cost: Mapped[Decimal | None]
    sent_cancelled: Mapped[date | None]
    echoed_quantity: Mapped[Decimal | None]
    echoed_price: Mapped[Decimal | None]
    echoed_cost: Mapped[Decimal | None]
    echoed_cancelled: Mapped[date | None]
    origin: Mapped[str] = mapped_column(String(20))
    created_at: Mapped[datetime]
    closed_at: Mapped[datetime | None]


class LedgerCatalogProduct(Base):
    """The catalog product that stands for a part number. `created`: by us, so its cost is ours to keep; `linked`: by a person."""

    __tablename__ = "cwportal_ledger_product"
    __table_args__ = (
        UniqueConstraint("partner_id", "tenant", "part_number"),
        Index(
            "uq_cwportal_ledger_product_linked",
            "partner_id",
            "tenant",
            "cw_product_id",
            unique=True,
            sqlite_where=text("linked"),
            postgresql_where=text("linked"),
        ),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    partner_id: Mapped[str] = mapped_column(String(100))
    tenant: Mapped[str] = mapped_column(String(400))
    part_number: Mapped[str] = mapped_column(String(75))
    cw_product_id: Mapped[int]
    created: Mapped[bool]
    linked: Mapped[bool]
    sent_cost: Mapped[Decimal | None]
    echoed_cost: Mapped[Decimal | None]
    created_at: Mapped[datetime]


class LedgerDocument(Base):
    """A list of users that we uploaded. `superseded`: a newer one has taken its place, and it is still to be deleted in ConnectWise."""

    __tablename__ = "cwportal_ledger_document"
    __table_args__ = (
        UniqueConstraint("tenant", "cw_document_id"),
        Index("ix_cwportal_ledger_document_account", "partner_id", "tenant", "account_id"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    partner_id: Mapped[str] = mapped_column(String(100))
    tenant: Mapped[str] = mapped_column(String(400))
    account_id: Mapped[str] = mapped_column(String(100))
    cw_agreement_id: Mapped[int]
    cw_document_id: Mapped[int]
    file_name: Mapped[str] = mapped_column(String(200))
    rows: Mapped[int]
    sha256: Mapped[str] = mapped_column(String(64))
    superseded: Mapped[bool]
    uploaded_at: Mapped[datetime]
