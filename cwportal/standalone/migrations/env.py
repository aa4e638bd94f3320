"""Runs the portal's migrations on the connection that `cwportal.plugin.migrate` hands over."""

from __future__ import annotations

from alembic import context

from cwportal.standalone.tables import Base

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=Base.metadata,
    version_table=context.config.attributes["version_table"],
    render_as_batch=True,
)
with context.begin_transaction():
    context.run_migrations()
