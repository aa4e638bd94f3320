"""How an export ended: sums, what there is to do, and where to look."""

from __future__ import annotations

from collections import Counter
from decimal import Decimal
from typing import Any

from cwportal.commands import words
from cwportal.commands.out import Paint, say
from cwportal.commands.text import cell
from cwportal.models import Run
from cwportal.runtime import Runtime
from cwportal.services import reports
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
    say(f"Run {run.id}: {paint(_word(state, report), bold=True)}. {', '.join(counts) or 'Nothing was written'}.")
    currency = runtime.source.partner(run.partner_id).currency
    if state is RunState.SUCCEEDED and run.money:
        before, after = Decimal(run.money["price_before"]), Decimal(run.money["price_after"])
        say(f"Price a month, our lines only: {words.change(before, after, currency)}.")
    if run.error:
        say(f"{paint('Error:', 'red')} {cell(words.for_partner(run.error, run.partner_id))}")
    for finding in run.findings:
        _finding("", finding, run.partner_id, paint)
    for account in report["accounts"]:
        where = f"{cell(names.get(account['account_id'], ''))} ({cell(account['account_id'])})"
        for finding in account["findings"]:
            if finding["severity"] != Severity.INFO:
                _finding(f"{where}: ", finding, run.partner_id, paint)
    for row in reports.log_rows(runtime, run.id):
        if row["outcome"] in words.BAD_OUTCOMES:
            what = cell(f"{row['account_id']}, {words.subject(row['kind'], row['part_number'], row['addition_id'])}")
            said = f"{words.OUTCOMES[row['outcome']]}. {cell(row['error'])}"
            say(f"{paint('Error:', 'red')} {what}: {said}")
    states = Counter(words.ACCOUNTS[AccountState(account["status"])] for account in report["accounts"])
    if states:
        say("Accounts: " + ", ".join(f"{number} {word}" for word, number in states.items()) + ".")
    say(f"All of it: cwportal log {run.id}")


def _word(state: RunState, report: dict[str, Any]) -> str:
    wrote = any(report["counts"][name] for name in ("created", "updated", "ended", "adopted"))
    return "No change" if state is RunState.SUCCEEDED and not wrote else words.RUNS[state]


def _finding(where: str, finding: dict[str, Any], partner_id: str, paint: Paint) -> None:
    word, colour = words.LEVELS[Severity(finding["severity"])]
    say(f"{paint(f'{word}:', colour)} {where}{cell(words.for_partner(finding['message'], partner_id))}")
