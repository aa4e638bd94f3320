"""Commands that are promised and do not exist yet: they say so, and end with status 2."""

from __future__ import annotations

import click

from cwportal.errors import UsageError


def not_yet(name: str, summary: str) -> click.Command:
    """A command that only says that it is not there."""

    @click.command(name, help=f"{summary} (Not yet available.)", context_settings={"ignore_unknown_options": True})
    @click.argument("anything", nargs=-1, type=click.UNPROCESSED)
    def command(anything: tuple[str, ...]) -> None:  # noqa: ARG001
        raise UsageError(f"cwportal {name} is not yet available.")

    return command


suggest = not_yet("suggest", "Suggest companies for accounts.")
match = not_yet("match", "Suggestions for two lists of names.")
