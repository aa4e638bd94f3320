"""The wizard's draft, whether a connection is active, and more settings."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Connections that are there were made by `cwportal connect`, and are active."""
    op.add_column("cwportal_connection", sa.Column("active", sa.Boolean(), server_default=sa.true(), nullable=False))
    op.add_column("cwportal_connection", sa.Column("companies", sa.Integer(), nullable=True))
    op.create_table(
        "cwportal_draft",
        sa.Column("partner_id", sa.String(length=100), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("step", sa.Integer(), nullable=False),
        sa.Column("site", sa.String(length=300), nullable=False),
        sa.Column("company_id", sa.String(length=100), nullable=False),
        sa.Column("public_key", sa.Text(), nullable=False),
        sa.Column("private_key", sa.Text(), nullable=False),
        sa.Column("key_by", sa.String(length=200), nullable=False),
        sa.Column("tested", sa.Boolean(), nullable=False),
        sa.Column("settings", sa.JSON(), nullable=False),
        sa.Column("not_before", sa.DateTime(timezone=True), nullable=True),
        sa.Column("changed_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("changed_by", sa.String(length=200), nullable=False),
        sa.PrimaryKeyConstraint("partner_id", name=op.f("pk_cwportal_draft")),
    )
    _settings()


def _settings() -> None:
    """Whoever had addresses was told; one limit on ended lines held for one account and for all of them."""
    table = "cwportal_settings"
    op.add_column(table, sa.Column("limit_ended_all", sa.Text(), nullable=True))
    op.add_column(table, sa.Column("limit_growth", sa.Text(), nullable=True))
    op.add_column(table, sa.Column("notifications", sa.Boolean(), server_default=sa.false(), nullable=False))
    op.add_column(table, sa.Column("taxable", sa.String(length=20), server_default="default", nullable=False))
    op.add_column(table, sa.Column("version", sa.Integer(), server_default="1", nullable=False))
    op.execute("UPDATE cwportal_settings SET limit_ended_all = limit_ended")
    op.execute("UPDATE cwportal_settings SET notifications = (CAST(notify AS TEXT) <> '[]')")
    op.add_column("cwportal_directory_entry", sa.Column("cw_parent_id", sa.Integer(), nullable=True))
