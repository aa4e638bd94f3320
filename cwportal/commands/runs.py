"""Exports that were, and what each did."""

from __future__ import annotations

import csv
import json
import sys

import click

from cwportal.commands.context import runtime
from cwportal.commands.options import json_option, partner_option
from cwportal.commands.out import print_json, say
from cwportal.commands.text import cell, harmless, table


@click.command()
@partner_option
@json_option
def runs(partner: str, as_json: bool) -> None:
    """Exports of a partner, newest first."""
    from cwportal.services import reports

    rows = reports.runs_list(runtime(), partner)
    if as_json:
        print_json(rows)
        return
    if not rows:
        say("No exports yet.")
        return
    say(
        table(
            ("run", "status", "started by", "at (UTC)", "created", "updated", "ended", "failed", "unknown", "requests"),
            [
                (
                    row["run_id"],
                    row["status"],
                    row["actor"],
                    row["created"][:19].replace("T", " "),
                    *(row["counts"][name] for name in ("created", "updated", "ended", "failed", "unknown")),
                    row["requests"],
                )
                for row in rows
            ],
            right=(0, 4, 5, 6, 7, 8, 9),
        )
    )


@click.command()
@click.argument("run", type=click.IntRange(1))
@click.option("--csv", "as_csv", is_flag=True, help="Print CSV.")
@json_option
def log(run: int, as_csv: bool, as_json: bool) -> None:
    """Everything that export RUN found and did: findings first, then changes."""
    if as_csv and as_json:
        raise click.UsageError("Choose --csv or --json.")
    from cwportal.commands.logview import show
    from cwportal.services import reports

    ready = runtime()
    if as_json:
        print_json(reports.log_json(ready, run))
    elif as_csv:
        reports.run_row(ready, run)
        writer = csv.writer(sys.stdout, lineterminator="\n")
        writer.writerow(reports.LOG_COLUMNS)
        for row in reports.log_rows(ready, run):
            writer.writerow([harmless(_cell(row[name])) for name in reports.LOG_COLUMNS])
    else:
        show(ready, run)


def _cell(value: object) -> str:
    return cell(json.dumps(value, ensure_ascii=False) if isinstance(value, dict) else value)
