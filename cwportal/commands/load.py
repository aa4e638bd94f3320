"""Importing portal data."""

from __future__ import annotations

from pathlib import Path

import click

from cwportal.commands.context import own_portal, runtime
from cwportal.commands.out import note, progress, say
from cwportal.errors import UsageError


@click.command()
@click.argument("directory", metavar="DIR", type=click.Path(path_type=Path))
def load(directory: Path) -> None:
    """Import portal data from the CSV files of DIR, all of it or nothing.

    Files: partners.csv, accounts.csv, products.csv, prices.csv, charges.csv, users.csv. Only kinds whose file is present are replaced,
    for the partners named in them. Every bad row is reported.
    """
    runtime()
    portal = own_portal()
    if portal is None:
        raise UsageError("This portal brings its own data; there is nothing to load.")
    with progress() as show:
        rows, ignored = portal.load(directory, show)
    for name in ignored:
        note(f"Not looked at: {name}")
    say("Loaded: " + ", ".join(f"{count} {kind}" for kind, count in rows.items()) + ".")
