"""The words of ConnectWise's fields and of our states as people read them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import date
from decimal import ROUND_HALF_UP, Decimal, InvalidOperation
from typing import Any

from cwportal.billing import money
from cwportal.billing.scale import canonical
from cwportal.commands.context import program
from cwportal.commands.text import cell
from cwportal.vocabulary import AccountState, Action, Kind, Outcome, PlanState, RunState, Severity

SIGNS = {Action.CREATE: "+", Action.UPDATE: "~", Action.END: "-", Action.ADOPT: "="}
COLOURS = {Action.CREATE: "green", Action.UPDATE: "yellow", Action.END: "red", Action.ADOPT: "cyan"}
LEVELS = {
    Severity.HOLD: ("Waiting for approval", "magenta"),
    Severity.ERROR: ("Error", "red"),
    Severity.WARNING: ("Warning", "yellow"),
    Severity.INFO: ("Note", "cyan"),
}
"""In the order in which they are shown."""

WAITING = "waiting for approval"
PLANS = {
    PlanState.EMPTY: "no change",
    PlanState.READY: "ready",
    PlanState.HELD: WAITING,
    PlanState.BLOCKED: "error",
}
RUNS = {
    RunState.QUEUED: "Waiting for a worker",
    RunState.READING: "Reading",
    RunState.APPLYING: "Writing",
    RunState.SUCCEEDED: "Success",
    RunState.HELD: "Waiting for approval",
    RunState.PARTIAL: "Warning",
    RunState.FAILED: "Error",
    RunState.CANCELLED: "Cancelled",
}
ACCOUNTS = {
    AccountState.SUCCEEDED: "success",
    AccountState.UNCHANGED: "no change",
    AccountState.PARTIAL: "warning",
    AccountState.FAILED: "error",
    AccountState.HELD: WAITING,
    AccountState.SKIPPED: "not exported",
}
OUTCOMES = {
    Outcome.PLANNED: "not written",
    Outcome.STARTED: "not confirmed by ConnectWise: will be checked, never sent twice",
    Outcome.APPLIED: "done",
    Outcome.FAILED: "failed",
    Outcome.UNKNOWN: "not confirmed by ConnectWise: will be checked, never sent twice",
    Outcome.SKIPPED: "not tried",
}
BAD_OUTCOMES = frozenset({Outcome.STARTED, Outcome.FAILED, Outcome.UNKNOWN, Outcome.SKIPPED})

_FIELDS = {
    "name": "name",
    "identifier": "identifier",
    "description": "name",
    "firstName": "first name",
    "lastName": "last name",
    "fileName": "file",
    "rows": "users",
    "startDate": "from",
    "quantity": "quantity",
    "unitPrice": "price",
    "unitCost": "cost",
    "price": "price",
    "cost": "cost",
    "effectiveDate": "from",
    "cancelledDate": "last day",
}
"""Fields that are shown, in this order; what else is sent is of no interest, such as that a line is billable."""

_KINDS = {Kind.PRODUCT_TABLE: "entry for our products", Kind.USERS: "list of users"}


_NOTHING = "nothing"


def subject(kind: str, part_number: str, addition_id: int | None) -> str:
    """What a change writes to."""
    if kind == Kind.ADDITION:
        return part_number if addition_id is None else f"line {addition_id} of {part_number}"
    return f"{_KINDS.get(Kind(kind), kind)} {part_number}".strip()


def detail(kind: str, action: str, before: Mapping[str, Any], after: Mapping[str, Any]) -> str:
    """What changes, to stand behind the subject; empty where there is nothing worth reading."""
    said = cell(fields(kind, before, after))
    if not said and action == Action.ADOPT:
        said = "stays as it is"
    return f": {said}" if said else ""


def fields(kind: str, before: Mapping[str, Any], after: Mapping[str, Any]) -> str:
    """What changes: "quantity 3 -> 4, price 5.00", a field's former value only where there is one."""
    parts = []
    for name, word in _FIELDS.items():
        if name in after and not (kind == Kind.PRODUCT and name == "identifier"):  # its part number, already said
            new, old = shown(name, after[name]), shown(name, before[name]) if name in before else None
            parts.append(f"{word} {new}" if old in {None, new} else f"{word} {old} -> {new}")
    return ", ".join(parts)


def shown(name: str, value: Any) -> str:
    """One value of a field, as planned or as stored: amounts with at least two decimals."""
    if value is None:
        return _NOTHING
    if isinstance(value, date):
        return value.isoformat()
    if name not in {"quantity", "unitPrice", "unitCost", "price", "cost"}:
        return str(value)
    try:
        number = value if isinstance(value, Decimal) else Decimal(str(value))
    except InvalidOperation:
        return str(value)
    return canonical(number) if name == "quantity" else money.text(number)


def cents(amount: Decimal) -> Decimal:
    """A sum as an invoice shows it. Unit prices may have more decimals, sums to read have two."""
    return amount.quantize(Decimal("0.01"), rounding=ROUND_HALF_UP)


def signed(amount: Decimal) -> str:
    """A sum with its sign."""
    return f"{'-' if amount < 0 else '+'}{money.text(abs(cents(amount)))}"


def change(before: Decimal, after: Decimal, currency: str = "") -> str:
    """ "100.00 -> 120.00 USD (+20.00)", or the one sum that stays."""
    before, after, unit = cents(before), cents(after), f" {currency}" if currency else ""
    if before == after:
        return f"{money.text(after)}{unit}"
    return f"{money.text(before)} -> {money.text(after)}{unit} ({signed(after - before)})"


_COMMAND = re.compile(r"\bcwportal (?=[a-z-]+ --partner …)")


def for_partner(message: str, partner_id: str) -> str:
    """Advice with the partner's id in the commands it names, as they are called here: ready to be copied."""
    here = _COMMAND.sub(f"{program()} ", message)
    return here.replace("--partner …", f"--partner {partner_id}")
