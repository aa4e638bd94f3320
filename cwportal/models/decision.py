"""What people have answered about single lines."""

from __future__ import annotations

from datetime import date, datetime

from sqlalchemy import String
from sqlalchemy.orm import Mapped, mapped_column

from cwportal.db import Base


class LineDecision(Base):
    """An answer of `cwportal decide` about one addition, standing until it is taken back or no longer matters."""

    __tablename__ = "cwportal_decision"

    partner_id: Mapped[str] = mapped_column(String(100), primary_key=True)
    tenant: Mapped[str] = mapped_column(String(400), primary_key=True)
    account_id: Mapped[str] = mapped_column(String(100), primary_key=True)
    cw_addition_id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    answer: Mapped[str] = mapped_column(String(20))
    until: Mapped[date | None]
    decided_by: Mapped[str] = mapped_column(String(200))
    decided_at: Mapped[datetime]
