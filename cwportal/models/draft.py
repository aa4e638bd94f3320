"""What was typed in the wizard and is not active yet."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import String, Text
from sqlalchemy.orm import Mapped, mapped_column

from cwportal.db import Base


class Draft(Base):
    """One a partner; beside an active connection it holds other credentials until a person has confirmed them.

    Keys are encrypted and bound to the partner, "" where none was typed. `key_by`: who typed the private key. `step`: the furthest step
    that was reached, 1 to 3. `tested`: the partner's inactive connection was made from exactly these credentials.
    `version` counts every change, so that the second of two people is told. `not_before`: ConnectWise asked to be left alone until then.
    """

    __tablename__ = "cwportal_draft"

    partner_id: Mapped[str] = mapped_column(String(100), primary_key=True)
    version: Mapped[int]
    step: Mapped[int]
    site: Mapped[str] = mapped_column(String(300))
    company_id: Mapped[str] = mapped_column(String(100))
    public_key: Mapped[str] = mapped_column(Text)
    private_key: Mapped[str] = mapped_column(Text)
    key_by: Mapped[str] = mapped_column(String(200))
    tested: Mapped[bool]
    settings: Mapped[dict[str, Any]]
    not_before: Mapped[datetime | None]
    changed_at: Mapped[datetime]
    changed_by: Mapped[str] = mapped_column(String(200))
