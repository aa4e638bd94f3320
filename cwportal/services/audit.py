"""One line for every deed; written in the transaction of the deed itself."""

from __future__ import annotations

from typing import Any

from sqlalchemy.orm import Session

from cwportal.models import AuditEntry
from cwportal.runtime import Runtime


def record(session: Session, runtime: Runtime, partner_id: str, actor: str, action: str, **detail: Any) -> None:
    """Add the entry to `session`. Never pass a key or password."""
    session.add(AuditEntry(partner_id=partner_id, at=runtime.clock(), actor=actor, action=action, detail=detail))
