"""Plans that a person has rejected: they stay unwritten until somebody takes that back or the plan becomes another."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from cwportal.models import Rejection
from cwportal.runtime import Runtime
from cwportal.services import audit

_AT_ONCE = 500
"""Accounts in one statement: databases limit the number of its parameters."""


@dataclass(frozen=True, slots=True)
class Rejected:
    """Who said no to the plan with this digest, and when."""

    digest: str
    by: str
    at: datetime


def of(session: Session, partner_id: str) -> dict[str, Rejected]:
    """Account -> what was rejected of it."""
    rows = session.scalars(select(Rejection).where(Rejection.partner_id == partner_id))
    return {row.account_id: Rejected(row.digest, row.rejected_by, row.rejected_at) for row in rows}


def reject(
    session: Session, runtime: Runtime, partner_id: str, digests: Mapping[str, str], *, run_id: int, actor: str
) -> None:
    """Remember these plans (account -> digest) as rejected; one rejected before of the same account is replaced."""
    _forget(session, partner_id, digests)
    now = runtime.clock()
    session.add_all(
        Rejection(partner_id=partner_id, account_id=account_id, digest=digest, rejected_by=actor, rejected_at=now)
        for account_id, digest in digests.items()
    )
    audit.record(session, runtime, partner_id, actor, "reject", run=run_id, accounts=sorted(digests))


def take_back(runtime: Runtime, partner_id: str, account_ids: Collection[str], *, actor: str) -> int:
    """What was rejected of these accounts counts again; how many there were."""
    with runtime.database.write() as session:
        there = sorted(of(session, partner_id).keys() & set(account_ids))
        if there:
            _forget(session, partner_id, there)
            audit.record(session, runtime, partner_id, actor, "take_back_rejection", accounts=there)
    return len(there)


def _forget(session: Session, partner_id: str, account_ids: Collection[str]) -> None:
    ids = sorted(account_ids)
    for first in range(0, len(ids), _AT_ONCE):
        some = Rejection.account_id.in_(ids[first : first + _AT_ONCE])
        session.execute(delete(Rejection).where(Rejection.partner_id == partner_id, some))
