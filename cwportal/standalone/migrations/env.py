"""Runs the portal's migrations on the connection that `cwportal.standalone.migrate` hands over."""

from __future__ import annotations

from alembic import context

from cwportal.standalone.tables import Base

VERSION_TABLE = "portal_alembic_version"

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=Base.metadata,
    version_table=VERSION_TABLE,
    render_as_batch=True,
)
with context.begin_transaction():
    context.run_migrations()
