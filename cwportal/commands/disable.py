"""Forgetting a partner's ConnectWise."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from cwportal.billing.money import text
from cwportal.commands.context import actor, runtime
from cwportal.commands.options import partner_option
from cwportal.commands.out import note, say
from cwportal.errors import UsageError

if TYPE_CHECKING:
    from cwportal.services.disable import Stays


@click.command()
@partner_option
@click.option("--yes", is_flag=True, help="Do it. Without it only what would happen is said.")
def disable(partner: str, yes: bool) -> None:
    """Forget a partner's credentials and settings, and stop its exports. What was exported stays in ConnectWise and will be invoiced.

    History, the record of our lines and the mapping stay, the mapping with its Export marks off. Exit status 2 without --yes.
    """
    from cwportal.services import connection
    from cwportal.services import disable as service

    ready = runtime()
    owner = ready.source.partner(partner)
    if not yes:
        row = connection.get(ready, partner)
        left = service.stays(ready, partner)
        say(
            f"This forgets the credentials of {connection.where(row.site, row.company_id)} and all settings of {owner.name}."
        )
        say(_stays(left, owner.currency))
        raise UsageError("Nothing was changed. To do it, repeat the command with --yes.")
    done = service.disable(ready, partner, actor=actor())
    say(f"ConnectWise is disabled for {owner.name}: credentials and settings are forgotten.")
    say(_stays(done.stays, owner.currency))
    if done.stopping is not None:
        note(f"Run {done.stopping} stops: it finishes the write it is in, and begins no other.")
    if done.cancelled is not None:
        note(f"Run {done.cancelled}, which was waiting, was cancelled.")


def _stays(left: Stays, currency: str) -> str:
    if not left.lines:
        return "No line of ours bills in ConnectWise now."
    lines = "1 line" if left.lines == 1 else f"{left.lines} lines"
    agreements = "1 agreement" if left.agreements == 1 else f"{left.agreements} agreements"
    return (
        f"{lines} in {agreements} {'stays' if left.lines == 1 else 'stay'} in ConnectWise and will be invoiced: "
        f"{text(left.price)} {currency} a month."
    )
