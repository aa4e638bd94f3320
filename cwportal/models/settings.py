"""What a partner has chosen."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from sqlalchemy import JSON, String
from sqlalchemy.orm import Mapped, mapped_column

from cwportal.db import Base


class Settings(Base):
    """Export settings of one partner. `day` is 1..31 or `last`; `time` HH:MM in `timezone`.

    Limits are in percent, `limit_growth` is a factor, None = default. `version` counts the changes that people made.
    """

    __tablename__ = "cwportal_settings"

    partner_id: Mapped[str] = mapped_column(String(100), primary_key=True)
    export: Mapped[str] = mapped_column(String(20))
    time: Mapped[str] = mapped_column(String(5))
    day: Mapped[str] = mapped_column(String(4))
    timezone: Mapped[str] = mapped_column(String(100))
    data: Mapped[list[Any]] = mapped_column(JSON)
    notify: Mapped[list[Any]] = mapped_column(JSON)
    ended: Mapped[str] = mapped_column(String(20))
    drift: Mapped[str] = mapped_column(String(20))
    adopt: Mapped[str] = mapped_column(String(20))
    agreement_type_id: Mapped[int | None]
    product_type_id: Mapped[int | None]
    product_category_id: Mapped[int | None]
    product_subcategory_id: Mapped[int | None]
    limit_ended: Mapped[Decimal | None]
    limit_ended_all: Mapped[Decimal | None]
    limit_change: Mapped[Decimal | None]
    limit_growth: Mapped[Decimal | None]
    notifications: Mapped[bool]
    taxable: Mapped[str] = mapped_column(String(20))
    version: Mapped[int]
