"""Sentences about companies and agreements of a mapping: what is the case, what it means, what to do."""

from __future__ import annotations

from datetime import date

from cwportal.billing.choosable import Unfit
from cwportal.billing.values import AgreementFacts

MONTHLY = "monthly"
_REST = ", so nothing can be billed on it. Choose another one, or make it active again in ConnectWise."


def day(value: date) -> str:
    """ "23 Nov 2026"."""
    return f"{value.day} {value:%b %Y}"


def company_short(reason: Unfit) -> str:
    """Behind a company's name in a list."""
    return "in the recycle bin" if reason is Unfit.RECYCLE_BIN else "inactive"


def company_problem(name: str, reason: Unfit) -> str:
    """Why it cannot be chosen."""
    if reason is Unfit.RECYCLE_BIN:
        return f"The company “{name}” is in ConnectWise's recycle bin. Restore it there, or choose another company."
    return (
        f"The company “{name}” has a status in ConnectWise that means inactive. Give it another status there "
        "(Companies > Companies > the company > Status), or choose another company."
    )


def agreement_short(facts: AgreementFacts, reason: Unfit) -> str:
    """Behind an agreement's name in a list."""
    match reason:
        case Unfit.CANCELLED:
            return "cancelled"
        case Unfit.EXPIRED:
            return f"ended {day(facts.end)}" if facts.end else "ended"
        case Unfit.NOT_RECURRING:
            return "not recurring"
        case Unfit.CHILD:
            return "child agreement"
        case Unfit.CURRENCY_DIFFERS:
            return f"in {facts.currency}"
    return "inactive"


def agreement_problem(facts: AgreementFacts, reason: Unfit, currency: str) -> str:
    """Why nothing can be billed on it."""
    name = f"The agreement “{facts.name}”"
    match reason:
        case Unfit.CANCELLED:
            return f"{name} is cancelled in ConnectWise{_REST}"
        case Unfit.EXPIRED:
            when = f"ended on {day(facts.end)}" if facts.end else "has ended"
            return f"{name} {when}, so nothing can be billed on it. Choose another one, or give it a later end date in ConnectWise."
        case Unfit.NOT_RECURRING:
            return (
                f"{name} is not recurring, so ConnectWise does not bill it every month. Choose one that bills monthly."
            )
        case Unfit.CHILD:
            return f"{name} is a child agreement, which is billed through its parent. Choose its parent."
        case Unfit.CURRENCY_DIFFERS:
            other = facts.currency
            return f"{name} is in {other} and the portal's prices are in {currency}, so amounts would be wrong. Choose one in {currency}."
    return f"{name} is inactive in ConnectWise{_REST}"


def cycle_word(facts: AgreementFacts | None) -> str | None:
    """How often it bills, where a person must confirm what prices are per; None if it bills monthly or that is not known."""
    option = (facts.billing_option or "").strip() if facts else ""
    return None if option.casefold() in ("", MONTHLY) else option


def lines_stay(count: int, agreement: str) -> str:
    """What remains in ConnectWise."""
    if count == 1:
        return f"1 line on agreement “{agreement}” stays and will be invoiced"
    return f"{count:,} lines on agreement “{agreement}” stay and will be invoiced"
