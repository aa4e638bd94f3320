"""An export in the foreground."""

from __future__ import annotations

import click

from cwportal.commands.context import actor, runtime
from cwportal.commands.options import json_option, partner_option
from cwportal.commands.out import note, print_json, progress
from cwportal.vocabulary import RunState


@click.command()
@partner_option
@click.option("--approve", is_flag=True, help="Also apply what limits hold, and the end of all lines of an account.")
@json_option
@click.pass_context
def export(context: click.Context, partner: str, approve: bool, as_json: bool) -> None:
    """Plan and apply now, inside the limits. Exit status 1 if something failed, waits for approval or is not confirmed."""
    from cwportal.commands import exportview
    from cwportal.services import exports, reports

    ready = runtime()
    with progress() as show:
        run_id = exports.export(ready, partner, actor=actor(), approval={"all": True} if approve else {}, progress=show)
    row = reports.run_row(ready, run_id)
    if as_json:
        print_json(reports.export_json(ready, run_id))
        if row.error:
            note(f"Error: {row.error}")
    else:
        exportview.show(ready, row)
    if row.state != RunState.SUCCEEDED:
        context.exit(1)
