"""Accounts that are not exported, and lines that stay behind (rule 0)."""

from __future__ import annotations

from cwportal.billing.findings import finding
from cwportal.billing.lines import still_bills
from cwportal.billing.money import ZERO, text
from cwportal.billing.tell import amount_of
from cwportal.billing.values import AccountInput, Finding, LedgerLine


def not_exported(account: AccountInput) -> list[Finding]:
    """What to say about an account that is unmapped or whose Export is unchecked; nothing where that is on purpose and complete."""
    found: list[Finding] = []
    mapped = account.mapped
    if not mapped and (account.charges.groups or account.charges.blocked):
        amount = sum((amount_of(group) for group in account.charges.groups), ZERO)
        found.append(
            finding(
                "not_mapped",
                f"{account.name} has charges of {text(amount)} a month and is not mapped to an agreement, so nothing of it is billed. Map it.",
                amount=amount,
            )
        )
    stay = [line for line in (*account.lines, *account.stray_lines) if still_bills(line)]
    if stay:
        why = "its Export is unchecked" if mapped else "it is not mapped any more"
        found.append(
            finding(
                "export_off_lines_stay",
                f"{_count(stay)} of {account.name} on {_agreements(stay)} {_go(stay)} on billing unchanged, because {why}. "
                "End them in ConnectWise, or export the account again.",
            )
        )
    return found


def lines_stay(account: AccountInput) -> list[Finding]:
    """An exported account with lines on an agreement it is no longer mapped to."""
    stay = [line for line in account.stray_lines if still_bills(line)]
    if not stay:
        return []
    now = "a new agreement" if account.agreement_id is None else f"agreement {account.agreement_id}"
    return [
        finding(
            "export_off_lines_stay",
            f"{_count(stay)} of {account.name} on {_agreements(stay)} {_go(stay)} on billing unchanged, because the account is now mapped to "
            f"{now}. End them in ConnectWise, or map the account back.",
        )
    ]


def _count(lines: list[LedgerLine]) -> str:
    return "1 line" if len(lines) == 1 else f"{len(lines)} lines"


def _go(lines: list[LedgerLine]) -> str:
    return "goes" if len(lines) == 1 else "go"


def _agreements(lines: list[LedgerLine]) -> str:
    ids = sorted({line.agreement_id for line in lines})
    return f"agreement{'s' if len(ids) > 1 else ''} {', '.join(map(str, ids))}"
