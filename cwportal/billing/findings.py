"""Everything a plan can tell a person, as data: code -> how loud it is and what it stops (table of design section 5)."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal

from cwportal.billing.values import Finding
from cwportal.vocabulary import Effect, Severity

_WARNINGS = (
    "not_mapped",
    "export_off_lines_stay",
    "price_below_cost",
    "scale",
    "billing_cycle_unknown",
    "catalog_price_bills",
    "less_included",
    "pinned",
    "kept_by_setting",
    "starts_later",
)
_ACCOUNT_ERRORS = (
    "agreement_gone",
    "agreement_not_live",
    "company_gone",
    "billing_cycle",
    "currency_differs",
    "contact_missing",
    "agreement_type_missing",
    "company_exists",
    "agreement_exists",
    "missing_right",
    "read_failed",
)
_PART_NUMBER_ERRORS = (
    "price_missing",
    "negative_amount",
    "unknown_sku",
    "part_number_invalid",
    "part_number_twins",
    "product_inactive",
    "product_ambiguous",
    "product_bundle",
    "products_not_selected",
)
_HOLDS = (
    "existing_lines",
    "charges_vanished",
    "limit_account",
    "ended_by_hand",
    "gone",
    "product_changed",
    "other_account_lines",
    "unconfirmed_write",
    "ambiguous_update",
)

CODES: dict[str, tuple[Severity, Effect]] = {
    **dict.fromkeys(_WARNINGS, (Severity.WARNING, Effect.NONE)),
    "drift": (Severity.INFO, Effect.NONE),
    **dict.fromkeys(_ACCOUNT_ERRORS, (Severity.ERROR, Effect.ACCOUNT)),
    **dict.fromkeys(_PART_NUMBER_ERRORS, (Severity.ERROR, Effect.PART_NUMBER)),
    **dict.fromkeys(_HOLDS, (Severity.HOLD, Effect.ACCOUNT)),
    "limit_partner": (Severity.HOLD, Effect.RUN),
}
"""Code -> (severity, effect). `drift` is a warning where the partner keeps ConnectWise's values."""


APPROVE = "cwportal export --partner … --approve"
"""The command that approves what limits hold, and vanished charges."""


def finding(
    code: str,
    message: str,
    *,
    part_number: str | None = None,
    addition_id: int | None = None,
    amount: Decimal | None = None,
    severity: Severity | None = None,
    effect: Effect | None = None,
    command: str | None = None,
) -> Finding:
    """A finding with the severity and effect of its code, unless the case at hand is milder or narrower than the rule."""
    usual = CODES[code]
    return Finding(code, severity or usual[0], effect or usual[1], message, part_number, addition_id, amount, command)


def decide(account_id: str, line: int, answers: str) -> str:
    """The command with which a person answers what is asked about a line."""
    return f"cwportal decide --partner … --account {account_id} --line {line} {answers}"


def in_order(findings: Iterable[Finding]) -> tuple[Finding, ...]:
    """Whole-account findings first, then by part number; independent of the order in which they were found."""
    return tuple(
        sorted(
            set(findings),
            key=lambda f: (f.part_number is not None, f.part_number or "", f.code, f.addition_id or 0, f.message),
        )
    )


def has(findings: Iterable[Finding], severity: Severity) -> bool:
    """Whether any finding speaks this loudly."""
    return any(one.severity is severity for one in findings)
