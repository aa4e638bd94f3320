"""Partners, accounts, products, prices, charges, account users and staff."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create the portal's tables."""
    op.create_table(
        "portal_partner",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("timezone", sa.String(), nullable=False),
        sa.Column("currency", sa.String(), nullable=False),
        sa.Column("revision", sa.Integer(), server_default="0", nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_portal_partner"),
    )
    op.create_table(
        "portal_product",
        sa.Column("sku", sa.String(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("list_cost", sa.String(), nullable=True),
        sa.PrimaryKeyConstraint("sku", name="pk_portal_product"),
    )
    op.create_table(
        "portal_account",
        sa.Column("partner_id", sa.String(), nullable=False),
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("status", sa.String(), nullable=False),
        *(
            sa.Column(name, sa.String(), nullable=False)
            for name in (
                "address1",
                "city",
                "state",
                "zip",
                "country",
                "phone",
                "website",
                "contact_first_name",
                "contact_last_name",
                "contact_email",
            )
        ),
        sa.CheckConstraint("status IN ('active', 'suspended', 'closed')", name=op.f("ck_portal_account_status")),
        sa.ForeignKeyConstraint(["partner_id"], ["portal_partner.id"], name="fk_portal_account_partner_id"),
        sa.PrimaryKeyConstraint("partner_id", "id", name="pk_portal_account"),
    )
    op.create_table(
        "portal_price",
        sa.Column("partner_id", sa.String(), nullable=False),
        sa.Column("sku", sa.String(), nullable=False),
        sa.Column("unit_price", sa.String(), nullable=False),
        sa.ForeignKeyConstraint(["partner_id"], ["portal_partner.id"], name="fk_portal_price_partner_id"),
        sa.ForeignKeyConstraint(["sku"], ["portal_product.sku"], name="fk_portal_price_sku"),
        sa.PrimaryKeyConstraint("partner_id", "sku", name="pk_portal_price"),
    )
    op.create_table(
        "portal_charge",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("partner_id", sa.String(), nullable=False),
        sa.Column("account_id", sa.String(), nullable=False),
        sa.Column("sku", sa.String(), nullable=False),
        sa.Column("quantity", sa.String(), nullable=False),
        sa.Column("unit_cost", sa.String(), nullable=False),
        sa.Column("unit_price", sa.String(), nullable=True),
        sa.ForeignKeyConstraint(
            ["partner_id", "account_id"],
            ["portal_account.partner_id", "portal_account.id"],
            name="fk_portal_charge_partner_id_account_id",
        ),
        sa.ForeignKeyConstraint(["sku"], ["portal_product.sku"], name="fk_portal_charge_sku"),
        sa.PrimaryKeyConstraint("id", name="pk_portal_charge"),
    )
    op.create_index("ix_portal_charge_partner_id_account_id", "portal_charge", ["partner_id", "account_id"])
    op.create_table(
        "portal_account_user",
        sa.Column("partner_id", sa.String(), nullable=False),
        sa.Column("account_id", sa.String(), nullable=False),
        sa.Column("email", sa.String(), nullable=False),
        sa.Column("display_name", sa.String(), nullable=False),
        sa.Column("status", sa.String(), nullable=False),
        sa.Column("services", sa.String(), nullable=False),
        sa.ForeignKeyConstraint(
            ["partner_id", "account_id"],
            ["portal_account.partner_id", "portal_account.id"],
            name="fk_portal_account_user_partner_id_account_id",
        ),
        sa.PrimaryKeyConstraint("partner_id", "account_id", "email", name="pk_portal_account_user"),
    )
    op.create_table(
        "portal_staff",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("email", sa.String(), nullable=False),
        sa.Column("password_hash", sa.String(), nullable=False),
        sa.Column("partner_id", sa.String(), nullable=False),
        sa.Column("role", sa.String(), nullable=False),
        sa.CheckConstraint("role IN ('viewer', 'billing', 'admin')", name=op.f("ck_portal_staff_role")),
        sa.ForeignKeyConstraint(["partner_id"], ["portal_partner.id"], name="fk_portal_staff_partner_id"),
        sa.PrimaryKeyConstraint("id", name="pk_portal_staff"),
        sa.UniqueConstraint("email", name="uq_portal_staff_email"),
    )
    op.create_index("ix_portal_staff_partner_id", "portal_staff", ["partner_id"])


def downgrade() -> None:
    """Drop them again, children first."""
    for table in (
        "portal_staff",
        "portal_account_user",
        "portal_charge",
        "portal_price",
        "portal_account",
        "portal_product",
        "portal_partner",
    ):
        op.drop_table(table)
