"""The preview."""

from __future__ import annotations

import click

from cwportal.commands.context import runtime
from cwportal.commands.options import json_option, partner_option
from cwportal.commands.out import Paint, print_json, progress
from cwportal.vocabulary import PlanState


@click.command()
@partner_option
@json_option
@click.pass_context
def plan(context: click.Context, partner: str, as_json: bool) -> None:
    """Preview: what an export would do now, and what to look at first. Writes nothing to ConnectWise.

    + a new line, ~ a changed one, - one that ends, = an existing line that is used. Exit status 1 if something is waiting for approval, or
    cannot be exported because of an error.
    """
    from cwportal.commands import planview
    from cwportal.services import plans, reports

    ready = runtime()
    ready.source.partner(partner)
    with progress() as show:
        found = plans.preview(ready, partner, progress=show)
    if as_json:
        print_json(reports.plan_json(found))
    else:
        for line in planview.lines(found, partner, reports.agreements(ready, partner), Paint()):
            click.echo(line)
    if found.state in {PlanState.HELD, PlanState.BLOCKED}:
        context.exit(1)
