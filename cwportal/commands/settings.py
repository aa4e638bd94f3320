"""What is exported, and when."""

from __future__ import annotations

from typing import Any

import click

from cwportal.commands.context import actor, runtime
from cwportal.commands.options import partner_option
from cwportal.commands.out import say
from cwportal.commands.text import table

_FIELDS = {"agreement_type": "agreement_type_id"}


@click.command()
@partner_option
@click.option("--export", metavar="manual|daily|monthly", help="When exports start.")
@click.option("--time", metavar="HH:MM", help="At what time they start by themselves.")
@click.option("--day", metavar="1..31|last", help="On which day of the month.")
@click.option("--timezone", metavar="TZ", help="In which time zone, e.g. America/New_York.")
@click.option("--data", metavar="LIST", help="Of: products,quantity,cost,price,users.")
@click.option("--notify", metavar="ADDRESS,…", help="Who is told about exports; empty for nobody.")
@click.option("--ended", metavar="zero|cancel", help="How a line without charges ends.")
@click.option("--drift", metavar="overwrite|keep", help="What happens to values changed in ConnectWise.")
@click.option("--adopt", metavar="ask|yes|no", help="Whether existing lines are used.")
@click.option("--agreement-type", metavar="ID", help="Type of agreements that are created.")
@click.option("--limit-ended", metavar="PERCENT", help="Lines that may end without approval; empty for the default.")
@click.option(
    "--limit-change", metavar="PERCENT", help="Change of the monthly total without approval; empty for the default."
)
def settings(partner: str, **given: str | None) -> None:
    """Show the settings of a partner, after changing those that are given."""
    from cwportal.services import settings as service

    ready = runtime()
    changes = {_FIELDS.get(name, name): text for name, text in given.items() if text is not None}
    chosen = service.update(ready, partner, changes, actor=actor()) if changes else service.get(ready, partner)
    rows = [(name.replace("_", "-"), _shown(getattr(chosen, _FIELDS.get(name, name)))) for name in given]
    say(table(("setting", "value"), rows))


def _shown(value: Any) -> str:
    if value is None:
        return "not set"
    return ",".join(value) if isinstance(value, tuple) else str(value)
