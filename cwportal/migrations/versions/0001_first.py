"""Everything of the first release: connections, settings, mappings, decisions, directory, ledger, runs and audit."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create the plugin's tables."""
    op.create_table(
        "cwportal_audit",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("partner_id", sa.String(length=100), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("actor", sa.String(length=200), nullable=False),
        sa.Column("action", sa.String(length=100), nullable=False),
        sa.Column("detail", sa.JSON(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_cwportal_audit")),
    )
    op.create_index("ix_cwportal_audit_partner", "cwportal_audit", ["partner_id", "id"], unique=False)
    op.create_table(
        "cwportal_connection",
        sa.Column("partner_id", sa.String(length=100), nullable=False),
        sa.Column("tenant", sa.String(length=400), nullable=False),
        sa.Column("site", sa.String(length=300), nullable=False),
        sa.Column("company_id", sa.String(length=100), nullable=False),
        sa.Column("public_key", sa.Text(), nullable=False),
        sa.Column("private_key", sa.Text(), nullable=False),
        sa.Column("codebase", sa.String(length=100), nullable=False),
        sa.Column("is_cloud", sa.Boolean(), nullable=False),
        sa.Column("rights", sa.JSON(), nullable=False),
        sa.Column("not_before", sa.DateTime(timezone=True), nullable=True),
        sa.Column("connected_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("checked_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("partner_id", name=op.f("pk_cwportal_connection")),
    )
    op.create_index(op.f("ix_cwportal_connection_tenant"), "cwportal_connection", ["tenant"], unique=False)
    op.create_table(
        "cwportal_decision",
        sa.Column("partner_id", sa.String(length=100), nullable=False),
        sa.Column("tenant", sa.String(length=400), nullable=False),
        sa.Column("account_id", sa.String(length=100), nullable=False),
        sa.Column("cw_addition_id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("answer", sa.String(length=20), nullable=False),
        sa.Column("until", sa.Date(), nullable=True),
        sa.Column("decided_by", sa.String(length=200), nullable=False),
        sa.Column("decided_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint(
            "partner_id", "tenant", "account_id", "cw_addition_id", name=op.f("pk_cwportal_decision")
        ),
    )
    op.create_table(
        "cwportal_directory",
        sa.Column("partner_id", sa.String(length=100), nullable=False),
        sa.Column("tenant", sa.String(length=400), nullable=False),
        sa.Column("generation", sa.Integer(), nullable=True),
        sa.Column("staging", sa.Integer(), nullable=True),
        sa.Column("last_generation", sa.Integer(), nullable=False),
        sa.Column("read_to", sa.DateTime(timezone=True), nullable=True),
        sa.Column("full_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("refreshed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("failed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("error", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("partner_id", "tenant", name=op.f("pk_cwportal_directory")),
    )
    op.create_table(
        "cwportal_directory_agreement",
        sa.Column("partner_id", sa.String(length=100), nullable=False),
        sa.Column("tenant", sa.String(length=400), nullable=False),
        sa.Column("generation", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("cw_agreement_id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("cw_company_id", sa.Integer(), nullable=True),
        sa.Column("cw_type_id", sa.Integer(), nullable=True),
        sa.Column("cw_cycle_id", sa.Integer(), nullable=True),
        sa.Column("cw_parent_id", sa.Integer(), nullable=True),
        sa.Column("cancelled", sa.Boolean(), nullable=False),
        sa.Column("status", sa.Text(), nullable=True),
        sa.Column("starts_on", sa.Date(), nullable=True),
        sa.Column("ends_on", sa.Date(), nullable=True),
        sa.Column("bills_from", sa.Date(), nullable=True),
        sa.Column("currency", sa.String(length=3), nullable=True),
        sa.PrimaryKeyConstraint(
            "partner_id", "tenant", "generation", "cw_agreement_id", name=op.f("pk_cwportal_directory_agreement")
        ),
    )
    op.create_index(
        "ix_cwportal_directory_agreement_company",
        "cwportal_directory_agreement",
        ["partner_id", "tenant", "generation", "cw_company_id"],
        unique=False,
    )
    op.create_table(
        "cwportal_directory_company",
        sa.Column("partner_id", sa.String(length=100), nullable=False),
        sa.Column("tenant", sa.String(length=400), nullable=False),
        sa.Column("generation", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("cw_company_id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("identifier", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("search", sa.Text(), nullable=False),
        sa.Column("deleted", sa.Boolean(), nullable=False),
        sa.Column("cw_status_id", sa.Integer(), nullable=True),
        sa.Column("cw_contact_id", sa.Integer(), nullable=True),
        sa.PrimaryKeyConstraint(
            "partner_id", "tenant", "generation", "cw_company_id", name=op.f("pk_cwportal_directory_company")
        ),
    )
    op.create_table(
        "cwportal_directory_entry",
        sa.Column("partner_id", sa.String(length=100), nullable=False),
        sa.Column("tenant", sa.String(length=400), nullable=False),
        sa.Column("generation", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("kind", sa.String(length=30), nullable=False),
        sa.Column("cw_id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("inactive", sa.Boolean(), nullable=False),
        sa.Column("preset", sa.Boolean(), nullable=False),
        sa.Column("billing_options", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint(
            "partner_id", "tenant", "generation", "kind", "cw_id", name=op.f("pk_cwportal_directory_entry")
        ),
    )
    op.create_table(
        "cwportal_ledger_addition",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("partner_id", sa.String(length=100), nullable=False),
        sa.Column("tenant", sa.String(length=400), nullable=False),
        sa.Column("account_id", sa.String(length=100), nullable=False),
        sa.Column("cw_agreement_id", sa.Integer(), nullable=False),
        sa.Column("cw_addition_id", sa.Integer(), nullable=False),
        sa.Column("cw_product_id", sa.Integer(), nullable=False),
        sa.Column("part_number", sa.String(length=75), nullable=False),
        sa.Column("key_price", sa.Text(), nullable=True),
        sa.Column("key_cost", sa.Text(), nullable=True),
        sa.Column("sent_quantity", sa.Text(), nullable=True),
        sa.Column("sent_price", sa.Text(), nullable=True),
        sa.Column("sent_cost", sa.Text(), nullable=True),
        sa.Column("sent_cancelled", sa.Date(), nullable=True),
        sa.Column("echoed_quantity", sa.Text(), nullable=True),
        sa.Column("echoed_price", sa.Text(), nullable=True),
        sa.Column("echoed_cost", sa.Text(), nullable=True),
        sa.Column("echoed_cancelled", sa.Date(), nullable=True),
        sa.Column("origin", sa.String(length=20), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("closed_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_cwportal_ledger_addition")),
        sa.UniqueConstraint(
            "tenant",
            "cw_agreement_id",
            "cw_addition_id",
            name=op.f("uq_cwportal_ledger_addition_tenant_cw_agreement_id_cw_addition_id"),
        ),
    )
    op.create_index(
        "ix_cwportal_ledger_addition_account",
        "cwportal_ledger_addition",
        ["partner_id", "tenant", "account_id"],
        unique=False,
    )
    op.create_table(
        "cwportal_ledger_document",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("partner_id", sa.String(length=100), nullable=False),
        sa.Column("tenant", sa.String(length=400), nullable=False),
        sa.Column("account_id", sa.String(length=100), nullable=False),
        sa.Column("cw_agreement_id", sa.Integer(), nullable=False),
        sa.Column("cw_document_id", sa.Integer(), nullable=False),
        sa.Column("file_name", sa.String(length=200), nullable=False),
        sa.Column("rows", sa.Integer(), nullable=False),
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.Column("superseded", sa.Boolean(), nullable=False),
        sa.Column("uploaded_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_cwportal_ledger_document")),
        sa.UniqueConstraint("tenant", "cw_document_id", name=op.f("uq_cwportal_ledger_document_tenant_cw_document_id")),
    )
    op.create_index(
        "ix_cwportal_ledger_document_account",
        "cwportal_ledger_document",
        ["partner_id", "tenant", "account_id"],
        unique=False,
    )
    op.create_table(
        "cwportal_ledger_product",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("partner_id", sa.String(length=100), nullable=False),
        sa.Column("tenant", sa.String(length=400), nullable=False),
        sa.Column("part_number", sa.String(length=75), nullable=False),
        sa.Column("cw_product_id", sa.Integer(), nullable=False),
        sa.Column("created", sa.Boolean(), nullable=False),
        sa.Column("linked", sa.Boolean(), nullable=False),
        sa.Column("sent_cost", sa.Text(), nullable=True),
        sa.Column("echoed_cost", sa.Text(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_cwportal_ledger_product")),
        sa.UniqueConstraint(
            "partner_id", "tenant", "part_number", name=op.f("uq_cwportal_ledger_product_partner_id_tenant_part_number")
        ),
    )
    op.create_index(
        "uq_cwportal_ledger_product_linked",
        "cwportal_ledger_product",
        ["partner_id", "tenant", "cw_product_id"],
        unique=True,
        sqlite_where=sa.text("linked"),
        postgresql_where=sa.text("linked"),
    )
    op.create_table(
        "cwportal_mapping",
        sa.Column("partner_id", sa.String(length=100), nullable=False),
        sa.Column("account_id", sa.String(length=100), nullable=False),
        sa.Column("tenant", sa.String(length=400), nullable=False),
        sa.Column("cw_company_id", sa.Integer(), nullable=True),
        sa.Column("cw_agreement_id", sa.Integer(), nullable=True),
        sa.Column("company_name", sa.String(length=200), nullable=False),
        sa.Column("agreement_name", sa.String(length=200), nullable=False),
        sa.Column("export", sa.Boolean(), nullable=False),
        sa.Column("per_cycle_confirmed", sa.Boolean(), nullable=False),
        sa.Column("new_company", sa.Boolean(), nullable=False),
        sa.Column("new_agreement", sa.Boolean(), nullable=False),
        sa.Column("cw_contact_id", sa.Integer(), nullable=True),
        sa.Column("changed_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("partner_id", "account_id", name=op.f("pk_cwportal_mapping")),
        sa.UniqueConstraint("tenant", "cw_agreement_id", name=op.f("uq_cwportal_mapping_tenant_cw_agreement_id")),
    )
    op.create_table(
        "cwportal_run",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("partner_id", sa.String(length=100), nullable=False),
        sa.Column("tenant", sa.String(length=400), nullable=False),
        sa.Column("trigger", sa.String(length=20), nullable=False),
        sa.Column("state", sa.String(length=20), nullable=False),
        sa.Column("actor", sa.String(length=200), nullable=False),
        sa.Column("approval", sa.JSON(), nullable=False),
        sa.Column("scheduled_for", sa.DateTime(timezone=True), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("finished_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("lease", sa.String(length=100), nullable=True),
        sa.Column("heartbeat_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("cancel_requested", sa.Boolean(), nullable=False),
        sa.Column("requests", sa.Integer(), nullable=False),
        sa.Column("counts", sa.JSON(), nullable=False),
        sa.Column("money", sa.JSON(), nullable=False),
        sa.Column("findings", sa.JSON(), nullable=False),
        sa.Column("error", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_cwportal_run")),
        sa.UniqueConstraint("partner_id", "scheduled_for", name=op.f("uq_cwportal_run_partner_id_scheduled_for")),
    )
    op.create_index("ix_cwportal_run_partner", "cwportal_run", ["partner_id", "id"], unique=False)
    op.create_index(
        "uq_cwportal_run_active",
        "cwportal_run",
        ["partner_id"],
        unique=True,
        sqlite_where=sa.text("state IN ('queued', 'reading', 'applying')"),
        postgresql_where=sa.text("state IN ('queued', 'reading', 'applying')"),
    )
    op.create_table(
        "cwportal_settings",
        sa.Column("partner_id", sa.String(length=100), nullable=False),
        sa.Column("export", sa.String(length=20), nullable=False),
        sa.Column("time", sa.String(length=5), nullable=False),
        sa.Column("day", sa.String(length=4), nullable=False),
        sa.Column("timezone", sa.String(length=100), nullable=False),
        sa.Column("data", sa.JSON(), nullable=False),
        sa.Column("notify", sa.JSON(), nullable=False),
        sa.Column("ended", sa.String(length=20), nullable=False),
        sa.Column("drift", sa.String(length=20), nullable=False),
        sa.Column("adopt", sa.String(length=20), nullable=False),
        sa.Column("agreement_type_id", sa.Integer(), nullable=True),
        sa.Column("product_type_id", sa.Integer(), nullable=True),
        sa.Column("product_category_id", sa.Integer(), nullable=True),
        sa.Column("product_subcategory_id", sa.Integer(), nullable=True),
        sa.Column("limit_ended", sa.Text(), nullable=True),
        sa.Column("limit_change", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("partner_id", name=op.f("pk_cwportal_settings")),
    )
    op.create_table(
        "cwportal_run_account",
        sa.Column("run_id", sa.Integer(), nullable=False),
        sa.Column("account_id", sa.String(length=100), nullable=False),
        sa.Column("partner_id", sa.String(length=100), nullable=False),
        sa.Column("cw_agreement_id", sa.Integer(), nullable=True),
        sa.Column("plan_state", sa.String(length=20), nullable=False),
        sa.Column("state", sa.String(length=20), nullable=False),
        sa.Column("digest", sa.String(length=64), nullable=False),
        sa.Column("findings", sa.JSON(), nullable=False),
        sa.Column("money", sa.JSON(), nullable=False),
        sa.Column("unchanged", sa.Integer(), nullable=False),
        sa.Column("error", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(
            ["run_id"],
            ["cwportal_run.id"],
            name=op.f("fk_cwportal_run_account_run_id_cwportal_run"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("run_id", "account_id", name=op.f("pk_cwportal_run_account")),
    )
    op.create_table(
        "cwportal_run_change",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("run_id", sa.Integer(), nullable=False),
        sa.Column("partner_id", sa.String(length=100), nullable=False),
        sa.Column("tenant", sa.String(length=400), nullable=False),
        sa.Column("account_id", sa.String(length=100), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("kind", sa.String(length=20), nullable=False),
        sa.Column("action", sa.String(length=20), nullable=False),
        sa.Column("part_number", sa.String(length=75), nullable=False),
        sa.Column("cw_agreement_id", sa.Integer(), nullable=True),
        sa.Column("cw_addition_id", sa.Integer(), nullable=True),
        sa.Column("cw_product_id", sa.Integer(), nullable=True),
        sa.Column("key", sa.JSON(), nullable=True),
        sa.Column("price_delta", sa.Text(), nullable=True),
        sa.Column("before", sa.JSON(), nullable=False),
        sa.Column("after", sa.JSON(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("sent", sa.JSON(), nullable=True),
        sa.Column("known_ids", sa.JSON(), nullable=True),
        sa.Column("outcome", sa.String(length=20), nullable=False),
        sa.Column("error", sa.Text(), nullable=True),
        sa.Column("attempted_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("finished_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("resolved_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("resolved_by_run", sa.Integer(), nullable=True),
        sa.ForeignKeyConstraint(
            ["run_id"], ["cwportal_run.id"], name=op.f("fk_cwportal_run_change_run_id_cwportal_run"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_cwportal_run_change")),
    )
    op.create_index(
        "ix_cwportal_run_change_open",
        "cwportal_run_change",
        ["partner_id", "tenant"],
        unique=False,
        sqlite_where=sa.text("outcome IN ('started', 'unknown')"),
        postgresql_where=sa.text("outcome IN ('started', 'unknown')"),
    )
    op.create_index(
        "ix_cwportal_run_change_run", "cwportal_run_change", ["run_id", "account_id", "position"], unique=False
    )


def downgrade() -> None:
    """Drop them again, children first."""
    for table in (
        "cwportal_run_change",
        "cwportal_run_account",
        "cwportal_settings",
        "cwportal_run",
        "cwportal_mapping",
        "cwportal_ledger_product",
        "cwportal_ledger_document",
        "cwportal_ledger_addition",
        "cwportal_directory_entry",
        "cwportal_directory_company",
        "cwportal_directory_agreement",
        "cwportal_directory",
        "cwportal_decision",
        "cwportal_connection",
        "cwportal_audit",
    ):
        op.drop_table(table)
