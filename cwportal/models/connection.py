"""A partner's way into its ConnectWise."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import String, Text, true
from sqlalchemy.orm import Mapped, mapped_column

from cwportal.db import Base


class Connection(Base):
    """Site, company ID and keys of one partner, and what was learnt about them.

    `tenant` is `<api host>/<company ID as companyinfo confirms it>`. Keys are encrypted and bound to the partner.
    `not_before`: no request before this instant (Retry-After), for all processes. `active`: exports may use it; one that the wizard has
    tested and nobody has finished is not. `companies`: how many the API member saw at the last test.
    """

    __tablename__ = "cwportal_connection"

    partner_id: Mapped[str] = mapped_column(String(100), primary_key=True)
    tenant: Mapped[str] = mapped_column(String(400), index=True)
    site: Mapped[str] = mapped_column(String(300))
    company_id: Mapped[str] = mapped_column(String(100))
    public_key: Mapped[str] = mapped_column(Text)
    private_key: Mapped[str] = mapped_column(Text)
    codebase: Mapped[str] = mapped_column(String(100))
    is_cloud: Mapped[bool]
    active: Mapped[bool] = mapped_column(default=True, server_default=true())
    rights: Mapped[dict[str, Any]] = mapped_column(default=dict)
    companies: Mapped[int | None]
    not_before: Mapped[datetime | None]
    connected_at: Mapped[datetime]
    checked_at: Mapped[datetime | None]
