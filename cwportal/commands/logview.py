"""A run's log to read."""

from __future__ import annotations

import click

from cwportal.commands import words
from cwportal.commands.out import Paint, say
from cwportal.commands.text import cell
from cwportal.runtime import Runtime
from cwportal.services import reports
from cwportal.vocabulary import Action, Outcome, RunState, Severity


def show(runtime: Runtime, run_id: int) -> None:
    """Print findings first, then changes by account with before -> after, outcome and error."""
    run, paint = reports.run_row(runtime, run_id), Paint()
    ended = f", ended {run.finished_at:%d %b %Y, %H:%M:%S}" if run.finished_at else ""
    state = words.RUNS[RunState(run.state)]
    say(
        f"Run {run.id} of {run.partner_id}: {state}. Started {run.created_at:%d %b %Y, %H:%M:%S}{ended} UTC by {run.actor} "
        f"({run.trigger}), {run.requests} requests."
    )
    account: str | None = ""
    for row in reports.log_rows(runtime, run_id):
        if row["outcome"] is None:
            word, colour = words.LEVELS[Severity(row["level"])]
            where = f"{cell(row['account_id'])}: " if row["account_id"] else ""
            message = cell(words.for_partner(row["reason"], run.partner_id))
            click.echo(f"{paint(f'{word}:', colour)} {where}{message}")
            continue
        if row["account_id"] != account:
            account = row["account_id"]
            click.echo("")
            agreement = f", agreement {row['agreement_id']}" if row["agreement_id"] else ""
            click.echo(paint(cell(account), bold=True) + agreement)
        action, outcome = Action(row["action"]), Outcome(row["outcome"])
        what = cell(words.subject(row["kind"], row["part_number"], row["addition_id"]))
        detail = words.detail(row["kind"], action, row["before"], row["after"])
        error = f" {cell(row['error'])}" if row["error"] else ""
        said = paint(words.OUTCOMES[outcome], "green" if outcome is Outcome.APPLIED else "red")
        click.echo(f"  {words.SIGNS[action]} {what}{detail}  ({cell(row['reason'])}): {said}.{error}")
