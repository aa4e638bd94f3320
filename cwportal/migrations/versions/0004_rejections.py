"""Plans that a person rejected, and what lists of planned accounts are made from."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Runs that are there have no complete plan to show; the next one has."""
    op.create_table(
        "cwportal_rejection",
        sa.Column("partner_id", sa.String(length=100), nullable=False),
        sa.Column("account_id", sa.String(length=100), nullable=False),
        sa.Column("digest", sa.String(length=64), nullable=False),
        sa.Column("rejected_by", sa.String(length=200), nullable=False),
        sa.Column("rejected_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("partner_id", "account_id", name=op.f("pk_cwportal_rejection")),
    )
    op.add_column("cwportal_run", sa.Column("planned_at", sa.DateTime(timezone=True), nullable=True))
    op.add_column("cwportal_run", sa.Column("planned", sa.JSON(), server_default="{}", nullable=False))
    with op.batch_alter_table("cwportal_run_account") as accounts:
        accounts.add_column(sa.Column("changes", sa.Integer(), server_default="0", nullable=False))
        accounts.add_column(sa.Column("delta_cents", sa.BigInteger(), server_default="0", nullable=False))
        accounts.add_column(sa.Column("loudest", sa.String(length=20), nullable=True))
        accounts.add_column(sa.Column("asks", sa.Boolean(), server_default=sa.false(), nullable=False))
