"""States, fields and times as people read them, each state with a word, a tone and a shape."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime
from decimal import ROUND_HALF_UP, Decimal, InvalidOperation
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

from cwportal.billing import money
from cwportal.billing.scale import canonical
from cwportal.vocabulary import (
    ACTIVE_RUN_STATES,
    AccountState,
    Action,
    Frequency,
    Kind,
    Outcome,
    RunState,
    Severity,
    Trigger,
)

NOT_BY_ITSELF = "Exports do not start by themselves yet: press Start export now when it is due."
"""Said beside every time that is shown, as long as nothing acts on it."""


class Badge(NamedTuple):
    """`tone` and `icon` are names of the style sheet and of the icons' file."""

    word: str
    tone: str
    icon: str


_SAME = Badge("No change", "", "same")
_RUNS = {
    RunState.QUEUED: Badge("Waiting to start", "t-acc", "run"),
    RunState.READING: Badge("Reading", "t-acc", "run"),
    RunState.APPLYING: Badge("Writing", "t-acc", "run"),
    RunState.SUCCEEDED: Badge("Success", "t-ok", "check"),
    RunState.HELD: Badge("Waiting for approval", "t-wait", "wait"),
    RunState.PARTIAL: Badge("Warning", "t-warn", "warn"),
    RunState.FAILED: Badge("Error", "t-bad", "error"),
    RunState.CANCELLED: Badge("Cancelled", "", "off"),
}
_UNKNOWN = Badge("Not confirmed", "t-warn", "unknown")
_OUTCOMES = {
    Outcome.PLANNED: Badge("Not written", "", "off"),
    Outcome.STARTED: _UNKNOWN,
    Outcome.UNKNOWN: _UNKNOWN,
    Outcome.APPLIED: Badge("Applied", "t-ok", "check"),
    Outcome.FAILED: Badge("Failed", "t-bad", "error"),
    Outcome.SKIPPED: Badge("Skipped", "", "off"),
}
_LEVELS = {
    Severity.HOLD: Badge("Waiting for approval", "t-wait", "wait"),
    Severity.ERROR: Badge("Error", "t-bad", "error"),
    Severity.WARNING: Badge("Warning", "t-warn", "warn"),
    Severity.INFO: Badge("Note", "t-acc", "open"),
}
_ACTIONS = {
    Action.CREATE: Badge("Create", "", "plus"),
    Action.UPDATE: Badge("Update", "", "edit"),
    Action.END: Badge("End", "", "end"),
    Action.ADOPT: Badge("Use this existing line", "", "link"),
}
_KINDS = {
    Kind.PRODUCT: "Product",
    Kind.PRODUCT_TABLE: "Entry for our products",
    Kind.COMPANY: "Company",
    Kind.CONTACT: "Contact",
    Kind.AGREEMENT: "Agreement",
    Kind.ADDITION: "Addition",
    Kind.USERS: "List of users",
}
_TRIGGERS = {Trigger.DAILY: "Daily schedule", Trigger.MONTHLY: "Monthly schedule", Trigger.RETRY: "Started again"}
_ACCOUNTS = {
    AccountState.FAILED: "failed",
    AccountState.PARTIAL: "not complete",
    AccountState.HELD: "waiting",
}
_FREQUENCIES = {Frequency.MANUAL: "by hand only", Frequency.DAILY: "every day", Frequency.MONTHLY: "every month"}
_AMOUNTS = frozenset({"quantity", "unitPrice", "unitCost", "price", "cost"})
_FIELDS = {
    "name": "Name",
    "identifier": "Identifier",
    "description": "Name",
    "firstName": "First name",
    "lastName": "Last name",
    "fileName": "File",
    "rows": "Users",
    "startDate": "From",
    "quantity": "Quantity",
    "unitPrice": "Unit price",
    "unitCost": "Unit cost",
    "price": "Price",
    "cost": "Cost",
    "effectiveDate": "Effective",
    "cancelledDate": "Cancelled",
}
"""Fields that are shown, in this order; what else is sent says nothing to a person."""
_CENT = Decimal("0.01")


def run_badge(run: Any) -> Badge:
    """Of a run: one that succeeded without writing anything has nothing to show."""
    state = RunState(run.state)
    wrote = any(run.counts.get(name) for name in ("created", "updated", "ended", "adopted"))
    return _SAME if state is RunState.SUCCEEDED and not wrote else _RUNS[state]


def is_active(run: Any) -> bool:
    """Whether the run has not ended."""
    return run.state in ACTIVE_RUN_STATES


def outcome_badge(outcome: str) -> Badge:
    """Of one change."""
    return _OUTCOMES[Outcome(outcome)]


def level_badge(level: str) -> Badge:
    """Of a finding."""
    return _LEVELS[Severity(level)]


def action_badge(action: str) -> Badge:
    """What a change does."""
    return _ACTIONS[Action(action)]


def kind_word(kind: str) -> str:
    """What a change writes to."""
    return _KINDS[Kind(kind)]


def started_by(run: Any) -> str:
    """Who or what asked for the run."""
    return _TRIGGERS.get(Trigger(run.trigger)) or str(run.actor)


def fields(before: Mapping[str, Any], after: Mapping[str, Any]) -> list[tuple[str, str | None, str]]:
    """(field, former value or None if there was none, new value) in ConnectWise's words."""
    return [
        (word, _shown(name, before[name]) if name in before else None, _shown(name, after[name]))
        for name, word in _FIELDS.items()
        if name in after
    ]


def _shown(name: str, value: Any) -> str:
    if value is None:
        return "nothing"
    if isinstance(value, date):
        return f"{value.day} {value:%b %Y}"
    if name not in _AMOUNTS:
        return str(value)
    try:
        number = Decimal(str(value))
    except InvalidOperation:
        return str(value)
    return canonical(number) if name == "quantity" else money.text(number)


def delta(amounts: Mapping[str, Any], what: str) -> str | None:
    """The change of a sum ("price" or "cost") with its sign, in cents; None where it is not known."""
    try:
        before, after = Decimal(amounts[f"{what}_before"]), Decimal(amounts[f"{what}_after"])
    except (KeyError, InvalidOperation):
        return None
    return _signed(after - before)


def margin_delta(amounts: Mapping[str, Any]) -> str | None:
    """The change of price less cost; None where it is not known."""
    price, cost = delta(amounts, "price"), delta(amounts, "cost")
    if price is None or cost is None:
        return None
    values = [Decimal(amounts[name]) for name in ("price_after", "price_before", "cost_after", "cost_before")]
    return _signed((values[0] - values[1]) - (values[2] - values[3]))


def _signed(amount: Decimal) -> str:
    cents = amount.quantize(_CENT, rounding=ROUND_HALF_UP)
    sign = "" if not cents else "+" if cents > 0 else "−"
    return sign + money.text(abs(cents))


def amount(value: Decimal, signed: bool = False) -> str:
    """A sum in cents, with its sign where it is a change."""
    if signed:
        return _signed(value)
    cents = value.quantize(_CENT, rounding=ROUND_HALF_UP)
    return ("−" if cents < 0 else "") + money.text(abs(cents))


def count(number: int, noun: str) -> str:
    """ "1 account", "2 accounts"."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def account_states(states: Mapping[AccountState, int]) -> str:
    """ "1 failed, 3 waiting": accounts of a run that need a word; empty where there are none."""
    return ", ".join(f"{states[state]} {word}" for state, word in _ACCOUNTS.items() if states.get(state))


def frequency(value: str) -> str:
    """How often exports are due."""
    return _FREQUENCIES[Frequency(value)]


def full_moment(instant: datetime, zone: str) -> str:
    """ "Tuesday 24 November 2026, 02:00" in that zone."""
    local = instant.astimezone(ZoneInfo(zone))
    return f"{local:%A} {local.day} {local:%B %Y, %H:%M}"


def day(instant: datetime, zone: str) -> str:
    """ "Monday 23 November 2026" in that zone."""
    local = instant.astimezone(ZoneInfo(zone))
    return f"{local:%A} {local.day} {local:%B %Y}"


def moment(instant: datetime, zone: str) -> str:
    """ "23 Nov 2026, 02:00 EST" in the partner's zone."""
    local = instant.astimezone(ZoneInfo(zone))
    return f"{local:%d %b %Y, %H:%M} {local.tzname()}".lstrip("0")


def cell_moment(instant: datetime, zone: str) -> str:
    """The same for a column that names the zone in its head."""
    return f"{instant.astimezone(ZoneInfo(zone)):%d %b %Y %H:%M}".lstrip("0")


def month(first: date) -> str:
    """ "Nov 2026"."""
    return f"{first:%b %Y}"


def clock_time(instant: datetime, zone: str) -> str:
    """The time of day."""
    return f"{instant.astimezone(ZoneInfo(zone)):%H:%M:%S}"
