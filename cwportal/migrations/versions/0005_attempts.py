"""How often a run was begun."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Runs that are under way count from now on."""
    op.add_column("cwportal_run", sa.Column("attempts", sa.Integer(), server_default="0", nullable=False))
