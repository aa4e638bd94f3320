"""Attempts to sign in, so that they can be limited over all processes."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create the table."""
    op.create_table(
        "portal_attempt",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("subject", sa.String(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_portal_attempt"),
    )
    op.create_index("ix_portal_attempt_subject_at", "portal_attempt", ["subject", "at"])


def downgrade() -> None:
    """Drop it."""
    op.drop_table("portal_attempt")
