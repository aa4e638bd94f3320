"""What is exported, and when."""

from __future__ import annotations

import click

from cwportal.commands.context import actor, runtime
from cwportal.commands.options import partner_option
from cwportal.commands.out import note, say
from cwportal.commands.text import table

_FIELDS = {
    "agreement_type": "agreement_type_id",
    "product_type": "product_type_id",
    "product_subcategory": "product_subcategory_id",
}


@click.command()
@partner_option
@click.option("--export", metavar="manual|daily|monthly", help="When exports start.")
@click.option("--time", metavar="HH:MM", help="At what time they start by themselves.")
@click.option("--day", metavar="1..31|last", help="On which day of the month.")
@click.option("--timezone", metavar="TZ", help="In which time zone, e.g. America/New_York.")
@click.option("--data", metavar="LIST", help="Of: products,quantity,cost,price,users.")
@click.option("--notifications", metavar="yes|no", help="Whether anybody is told about exports; --notify sets it, too.")
@click.option("--notify", metavar="ADDRESS,…", help="Who is told about exports; empty for nobody.")
@click.option("--ended", metavar="zero|cancel", help="How a line without charges ends.")
@click.option("--drift", metavar="overwrite|keep", help="What happens to values changed in ConnectWise.")
@click.option("--adopt", metavar="ask|yes|no", help="Whether existing lines are used.")
@click.option("--taxable", metavar="default|yes|no", help="How new products and lines are marked.")
@click.option("--agreement-type", metavar="ID", help="Type of agreements that are created; empty for none.")
@click.option("--product-type", metavar="ID", help="Type of products that are created; empty: one under our name.")
@click.option("--product-subcategory", metavar="ID", help="Their subcategory; empty: one under our name.")
@click.option("--limit-ended", metavar="PERCENT", help="Lines that may end without approval; empty for the default.")
@click.option(
    "--limit-ended-all", metavar="PERCENT", help="Of all accounts together, if another one than --limit-ended."
)
@click.option(
    "--limit-change", metavar="PERCENT", help="Change of the monthly total without approval; empty for the default."
)
@click.option("--limit-growth", metavar="TIMES", help="Growth of a quantity that waits; empty for the default.")
def settings(partner: str, **given: str | None) -> None:
    """Show the settings of a partner, after changing those that are given."""
    from cwportal.services import settings as service
    from cwportal.services import settings_notes
    from cwportal.services.settings_typed import as_text

    ready = runtime()
    changes = {_FIELDS.get(name, name): text for name, text in given.items() if text is not None}
    chosen = service.update(ready, partner, changes, actor=actor()) if changes else service.get(ready, partner)
    values = {name: getattr(chosen, _FIELDS.get(name, name)) for name in given}
    rows = [(name.replace("_", "-"), "not set" if value is None else as_text(value)) for name, value in values.items()]
    say(table(("setting", "value"), rows))
    for sentence in settings_notes.notes(chosen) if changes else ():
        note(f"Warning: {sentence}")
