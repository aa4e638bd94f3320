"""What people typed on the mapping page and have not saved, who changed a mapping, and when a refresh was asked for."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """A table and two columns."""
    op.create_table(
        "cwportal_mapping_draft",
        sa.Column("partner_id", sa.String(length=100), nullable=False),
        sa.Column("actor", sa.String(length=200), nullable=False),
        sa.Column("account_id", sa.String(length=100), nullable=False),
        sa.Column("tenant", sa.String(length=400), nullable=False),
        sa.Column("typed", sa.JSON(), nullable=False),
        sa.Column("changed_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("partner_id", "actor", "account_id", name=op.f("pk_cwportal_mapping_draft")),
    )
    op.add_column("cwportal_mapping", sa.Column("changed_by", sa.String(length=200), server_default="", nullable=False))
    op.add_column("cwportal_directory", sa.Column("asked_at", sa.DateTime(timezone=True), nullable=True))
