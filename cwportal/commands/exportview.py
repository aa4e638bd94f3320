"""How an export ended: sums, what there is to do, and where to look."""

from __future__ import annotations

from collections import Counter
from decimal import Decimal
from typing import Any

import click

from cwportal.commands import findingsview, words
from cwportal.commands.context import program
from cwportal.commands.out import Paint, say
from cwportal.commands.text import cell
from cwportal.models import Run
from cwportal.runtime import Runtime
from cwportal.services import history, reports
from cwportal.vocabulary import AccountState, RunState, Severity

_COUNTED = {
    "created": "created",
    "updated": "changed",
    "ended": "ended",
    "adopted": "existing used",
    "unchanged": "without a change",
    "failed": "failed",
    "unknown": "not confirmed",
    "skipped": "not tried",
}


def show(runtime: Runtime, run: Run) -> None:
    """Print the summary of an ended run."""
    report, paint = reports.export_json(runtime, run.id), Paint()
    names = {account.id: account.name for account in runtime.source.accounts(run.partner_id)}
    state = RunState(run.state)
    counts = [f"{number} {_COUNTED[name]}" for name, number in report["counts"].items() if number]
    click.echo(f"Run {run.id}: {paint(_word(state, report), bold=True)}. {', '.join(counts) or 'Nothing was written'}.")
    currency = runtime.source.partner(run.partner_id).currency
    if state is RunState.SUCCEEDED and run.money:
        amounts = history.moved(runtime, [run])[run.id]
        before, after = Decimal(amounts["price_before"]), Decimal(amounts["price_after"])
        say(f"Price a month, our lines only: {words.change(before, after, currency)}.")
    if run.error:
        click.echo(f"{paint('Error:', 'red')} {cell(words.for_partner(run.error, run.partner_id))}")
    told = [findingsview.Told(None, reports.stored_finding(one)) for one in run.findings]
    for account in report["accounts"]:
        name = findingsview.account_name(names, account["account_id"])
        told += [findingsview.Told(name, one) for one in account["findings"] if one["severity"] != Severity.INFO]
    for _, line in findingsview.lines(told, run.partner_id, currency, paint):
        click.echo(line)
    well = {one["account_id"] for one in report["accounts"] if one["status"] == AccountState.SUCCEEDED}
    for row in reports.log_rows(runtime, run.id):
        if row["outcome"] in words.BAD_OUTCOMES:
            head = paint("Warning:", "yellow") if row["account_id"] in well else paint("Error:", "red")
            name = findingsview.account_name(names, row["account_id"])
            what = cell(words.subject(row["kind"], row["part_number"], row["addition_id"]))
            click.echo(f"{head} {name}: {what}: {words.OUTCOMES[row['outcome']]}. {cell(row['error'])}")
    states = Counter(words.ACCOUNTS[AccountState(account["status"])] for account in report["accounts"])
    if states:
        say("Accounts: " + ", ".join(f"{number} {word}" for word, number in states.items()) + ".")
    say(f"All of it: {program()} log {run.id}")


def _word(state: RunState, report: dict[str, Any]) -> str:
    wrote = any(report["counts"][name] for name in ("created", "updated", "ended", "adopted"))
    return "No change" if state is RunState.SUCCEEDED and not wrote else words.RUNS[state]
