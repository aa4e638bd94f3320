"""The portal's own migrations, on its own tables and with its own version table."""

from __future__ import annotations

from admin_host import create_app
from admin_host.tables import Base, db
from alembic import context

from cwportal.plugin import is_our_table


def _include(name: str | None, kind: str, _parents: object) -> bool:
    """Without this, autogenerate would propose to drop the tables of the integration."""
    return kind != "table" or name is None or not is_our_table(name)


with create_app().app_context(), db.engine.connect() as connection:
    context.configure(connection=connection, target_metadata=Base.metadata, include_name=_include, render_as_batch=True)
    with context.begin_transaction():
        context.run_migrations()
