"""Runs the plugin's migrations on the connection that `cwportal.db.migrate` hands over."""

from __future__ import annotations

from alembic import context

from cwportal import models
from cwportal.db import Base

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=Base.metadata,
    version_table=context.config.attributes["version_table"],
    render_as_batch=True,
)
with context.begin_transaction():
    context.run_migrations()

__all__ = ["models"]
