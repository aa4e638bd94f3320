"""Runs, what they found per account, and every write they proposed."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import JSON, BigInteger, ForeignKey, Index, String, Text, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from cwportal.db import Base

_ACTIVE = text("state IN ('queued', 'reading', 'applying')")


class Run(Base):
    """One export. At most one per partner is queued, reading or applying (partial unique index).

    `lease` names the process that works on it, `heartbeat_at` is its last sign of life, `attempts` how often it was begun;
    lives in which lines were written do not count, but one of them makes it 2.

    `approval`: what was approved beforehand: {} = automatic (limits obeyed), {"all": true} = `--approve`, {"accounts": {account: digest}} =
    exactly what was shown; then "products" are the digests of the changes of products that were shown, "run" is the run in which they were.

    `planned_at`: when its plan was complete, None before that and for a run that could not read everything; `planned` then has the numbers
    of its changes by action, and of those of products.
    """

    __tablename__ = "cwportal_run"
    __table_args__ = (
        Index("uq_cwportal_run_active", "partner_id", unique=True, sqlite_where=_ACTIVE, postgresql_where=_ACTIVE),
        Index("ix_cwportal_run_partner", "partner_id", "id"),
        UniqueConstraint("partner_id", "scheduled_for"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    partner_id: Mapped[str] = mapped_column(String(100))
    tenant: Mapped[str] = mapped_column(String(400))
    trigger: Mapped[str] = mapped_column(String(20))
    state: Mapped[str] = mapped_column(String(20))
    actor: Mapped[str] = mapped_column(String(200))
    approval: Mapped[dict[str, Any]]
    scheduled_for: Mapped[datetime | None]
    created_at: Mapped[datetime]
    started_at: Mapped[datetime | None]
    finished_at: Mapped[datetime | None]
    lease: Mapped[str | None] = mapped_column(String(100))
    heartbeat_at: Mapped[datetime | None]
    attempts: Mapped[int] = mapped_column(default=0)
    cancel_requested: Mapped[bool] = mapped_column(default=False)
    requests: Mapped[int] = mapped_column(default=0)
    counts: Mapped[dict[str, Any]] = mapped_column(default=dict)
    money: Mapped[dict[str, Any]] = mapped_column(default=dict)
    findings: Mapped[list[Any]] = mapped_column(JSON, default=list)
    error: Mapped[str | None] = mapped_column(Text)
    planned_at: Mapped[datetime | None]
    planned: Mapped[dict[str, Any]] = mapped_column(default=dict)


class RunAccount(Base):
    """One account in one run: its plan's digest and findings, and how it ended.

    For lists: `changes` counts its planned changes, `delta_cents` is by how much its monthly price moves (to sort by; amounts are in
    `money`), `loudest` the severity of its loudest finding, `asks` whether it waits for decisions on single lines.
    """

    __tablename__ = "cwportal_run_account"

    run_id: Mapped[int] = mapped_column(ForeignKey("cwportal_run.id", ondelete="CASCADE"), primary_key=True)
    account_id: Mapped[str] = mapped_column(String(100), primary_key=True)
    partner_id: Mapped[str] = mapped_column(String(100))
    cw_agreement_id: Mapped[int | None]
    plan_state: Mapped[str] = mapped_column(String(20))
    state: Mapped[str] = mapped_column(String(20))
    digest: Mapped[str] = mapped_column(String(64))
    findings: Mapped[list[Any]] = mapped_column(JSON)
    money: Mapped[dict[str, Any]]
    unchanged: Mapped[int]
    error: Mapped[str | None] = mapped_column(Text)
    changes: Mapped[int] = mapped_column(default=0)
    delta_cents: Mapped[int] = mapped_column(BigInteger, default=0)
    loudest: Mapped[str | None] = mapped_column(String(20))
    asks: Mapped[bool] = mapped_column(default=False)


_UNSETTLED = "outcome IN ('started', 'unknown')"
UNSETTLED = text(f"cwportal_run_change.{_UNSETTLED}")
"""Sent, and nobody knows what became of it. Written out as in its index: with bound values SQLite would look through all changes ever made."""


class RunChange(Base):
    """One proposed write and what became of it.

    The row is committed as `started` before the request goes out. `known_ids`: additions of that product that were there before the
    attempt; `sent`: exactly the fields sent. An outcome `unknown` is looked up by a later run, which sets `resolved_at`.
    """

    __tablename__ = "cwportal_run_change"
    __table_args__ = (
        Index("ix_cwportal_run_change_run", "run_id", "account_id", "position"),
        Index(
            "ix_cwportal_run_change_open",
            "partner_id",
            "tenant",
            sqlite_where=text(_UNSETTLED),
            postgresql_where=text(_UNSETTLED),
        ),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    run_id: Mapped[int] = mapped_column(ForeignKey("cwportal_run.id", ondelete="CASCADE"))
    partner_id: Mapped[str] = mapped_column(String(100))
    tenant: Mapped[str] = mapped_column(String(400))
    account_id: Mapped[str] = mapped_column(String(100))
    position: Mapped[int]
    kind: Mapped[str] = mapped_column(String(20))
    action: Mapped[str] = mapped_column(String(20))
    part_number: Mapped[str] = mapped_column(String(75))
    cw_agreement_id: Mapped[int | None]
    cw_addition_id: Mapped[int | None]
    cw_product_id: Mapped[int | None]
    key: Mapped[dict[str, Any] | None]
    price_delta: Mapped[Decimal | None]
    before: Mapped[dict[str, Any]]
    after: Mapped[dict[str, Any]]
    reason: Mapped[str] = mapped_column(Text)
    sent: Mapped[dict[str, Any] | None]
    known_ids: Mapped[list[Any] | None] = mapped_column(JSON)
    outcome: Mapped[str] = mapped_column(String(20))
    error: Mapped[str | None] = mapped_column(Text)
    attempted_at: Mapped[datetime | None]
    finished_at: Mapped[datetime | None]
    resolved_at: Mapped[datetime | None]
    resolved_by_run: Mapped[int | None]
