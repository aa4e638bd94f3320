"""The keys that encrypt what is stored."""

from __future__ import annotations

import click

from cwportal.commands.context import actor, runtime
from cwportal.commands.out import say


@click.command("rotate-keys")
def rotate_keys() -> None:
    """Encrypt all stored ConnectWise keys with the newest of CWPORTAL_SECRET_KEYS. Afterwards the older ones can be taken out."""
    from cwportal.services import rotation

    count = rotation.rotate(runtime(), actor=actor())
    say(
        f"The keys of {count} {'connection' if count == 1 else 'connections'} are encrypted with the newest secret key."
    )
