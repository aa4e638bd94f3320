"""Which documents of an agreement are our lists of users: written with the outcome of the request that made or deleted them."""

from __future__ import annotations

from collections.abc import Mapping

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from cwportal.models import LedgerDocument
from cwportal.runtime import Runtime
from cwportal.services.ledger import Owner


def put(
    session: Session, runtime: Runtime, owner: Owner, account_id: str, document_id: int, sent: Mapping[str, object]
) -> list[LedgerDocument]:
    """The document is the account's list from now on. Returns those it takes the place of."""
    mine = (
        LedgerDocument.partner_id == owner.partner_id,
        LedgerDocument.tenant == owner.tenant,
        LedgerDocument.account_id == account_id,
    )
    session.execute(update(LedgerDocument).where(*mine).values(superseded=True))
    older = list(session.scalars(select(LedgerDocument).where(*mine).order_by(LedgerDocument.id)))
    session.add(
        LedgerDocument(
            partner_id=owner.partner_id,
            tenant=owner.tenant,
            account_id=account_id,
            cw_agreement_id=sent["agreementId"],
            cw_document_id=document_id,
            file_name=sent["fileName"],
            rows=sent["rows"],
            sha256=sent["sha256"],
            superseded=False,
            uploaded_at=runtime.clock(),
        )
    )
    return older


def forget(session: Session, owner: Owner, document_id: int) -> None:
    """The document is gone."""
    row = session.scalar(
        select(LedgerDocument).where(
            LedgerDocument.tenant == owner.tenant, LedgerDocument.cw_document_id == document_id
        )
    )
    if row is not None:
        session.delete(row)
