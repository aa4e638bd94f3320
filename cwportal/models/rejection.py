"""Plans that a person rejected."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import String
from sqlalchemy.orm import Mapped, mapped_column

from cwportal.db import Base


class Rejection(Base):
    """A plan of one account that must not be written. It stands for exactly this digest; a plan with another one waits anew."""

    __tablename__ = "cwportal_rejection"

    partner_id: Mapped[str] = mapped_column(String(100), primary_key=True)
    account_id: Mapped[str] = mapped_column(String(100), primary_key=True)
    digest: Mapped[str] = mapped_column(String(64))
    rejected_by: Mapped[str] = mapped_column(String(200))
    rejected_at: Mapped[datetime]
