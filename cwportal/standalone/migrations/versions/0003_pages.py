"""What the portal's pages need: history of prices, usage by SKU, sessions that end with their password."""

from __future__ import annotations

from decimal import Decimal, localcontext

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create the tables, and count the charges that are there."""
    op.create_table(
        "portal_price_change",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("partner_id", sa.String(), nullable=False),
        sa.Column("sku", sa.String(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("actor", sa.String(), nullable=False),
        sa.Column("before", sa.String(), nullable=True),
        sa.Column("after", sa.String(), nullable=True),
        sa.ForeignKeyConstraint(["partner_id"], ["portal_partner.id"], name="fk_portal_price_change_partner_id"),
        sa.ForeignKeyConstraint(["sku"], ["portal_product.sku"], name="fk_portal_price_change_sku"),
        sa.PrimaryKeyConstraint("id", name="pk_portal_price_change"),
    )
    op.create_index("ix_portal_price_change_partner_id_sku_id", "portal_price_change", ["partner_id", "sku", "id"])
    op.create_index("ix_portal_price_change_partner_id_id", "portal_price_change", ["partner_id", "id"])
    usage = op.create_table(
        "portal_usage",
        sa.Column("partner_id", sa.String(), nullable=False),
        sa.Column("sku", sa.String(), nullable=False),
        sa.Column("accounts", sa.Integer(), nullable=False),
        sa.Column("retail_accounts", sa.Integer(), nullable=False),
        sa.Column("retail_quantity", sa.String(), nullable=False),
        sa.Column("retail_cost", sa.String(), nullable=False),
        sa.ForeignKeyConstraint(["partner_id"], ["portal_partner.id"], name="fk_portal_usage_partner_id"),
        sa.ForeignKeyConstraint(["sku"], ["portal_product.sku"], name="fk_portal_usage_sku"),
        sa.PrimaryKeyConstraint("partner_id", "sku", name="pk_portal_usage"),
    )
    op.add_column("portal_staff", sa.Column("generation", sa.BigInteger(), server_default="0", nullable=False))
    op.add_column("portal_staff", sa.Column("must_change", sa.Boolean(), server_default=sa.false(), nullable=False))
    rows = _usage(op.get_bind())
    if rows:
        op.bulk_insert(usage, rows)


def _usage(connection: sa.Connection) -> list[dict[str, object]]:
    """What the charges of every partner come to by SKU."""
    counted = connection.execute(
        sa.text(
            "SELECT partner_id, sku, count(DISTINCT account_id),"
            " count(DISTINCT CASE WHEN unit_price IS NULL THEN account_id END)"
            " FROM portal_charge GROUP BY partner_id, sku"
        )
    ).all()
    sums: dict[tuple[str, str], list[Decimal]] = {}
    with localcontext(prec=80):
        for partner_id, sku, quantity, cost, times in connection.execute(
            sa.text(
                "SELECT partner_id, sku, quantity, unit_cost, count(*) FROM portal_charge"
                " WHERE unit_price IS NULL GROUP BY partner_id, sku, quantity, unit_cost"
            )
        ):
            found = sums.setdefault((partner_id, sku), [Decimal(0), Decimal(0)])
            found[0] += Decimal(quantity) * times
            found[1] += Decimal(quantity) * Decimal(cost) * times
    nothing = [Decimal(0), Decimal(0)]
    return [
        {
            "partner_id": partner_id,
            "sku": sku,
            "accounts": accounts,
            "retail_accounts": retail,
            "retail_quantity": format(sums.get((partner_id, sku), nothing)[0], "f"),
            "retail_cost": format(sums.get((partner_id, sku), nothing)[1], "f"),
        }
        for partner_id, sku, accounts, retail in counted
    ]


def downgrade() -> None:
    """Drop them."""
    with op.batch_alter_table("portal_staff") as staff:
        staff.drop_column("must_change")
        staff.drop_column("generation")
    op.drop_table("portal_usage")
    op.drop_table("portal_price_change")
