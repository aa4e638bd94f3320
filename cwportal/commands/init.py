"""Setting the database up."""

from __future__ import annotations

import click

from cwportal.commands.context import own_portal, runtime
from cwportal.commands.out import note


@click.command()
def init() -> None:
    """Create or migrate the database. Doing it again changes nothing."""
    from cwportal.services import schema

    ready = runtime(migrated=False)
    schema.upgrade(ready.database.engine)
    portal = own_portal()
    if portal is not None:
        portal.migrate()
    note("The database is ready.")
