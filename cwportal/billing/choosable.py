"""Why a company or an agreement of the directory cannot be chosen for an account.

The same facts block an export (rule 2, `agreements.py`); here they are told before anybody has chosen. What a person may still confirm
(a billing cycle that is not monthly) is no reason.
"""

from __future__ import annotations

from datetime import date
from enum import StrEnum

from cwportal.billing.values import AgreementFacts


class Unfit(StrEnum):
    """One reason."""

    RECYCLE_BIN = "recycle_bin"
    INACTIVE = "inactive"
    CANCELLED = "cancelled"
    EXPIRED = "expired"
    NOT_RECURRING = "not_recurring"
    CHILD = "child"
    CURRENCY_DIFFERS = "currency_differs"


_STATUSES = {"cancelled": Unfit.CANCELLED, "expired": Unfit.EXPIRED, "inactive": Unfit.INACTIVE}
_NEVER = "notrecurring"
"""Values of agreementStatus and billingOptions (contract section 8)."""


def company_reasons(*, deleted: bool, inactive_status: bool) -> tuple[Unfit, ...]:
    """Every reason against a company, none if it can be chosen. Names of statuses are the partner's own, so only their flag counts."""
    found = ((Unfit.RECYCLE_BIN, deleted), (Unfit.INACTIVE, inactive_status))
    return tuple(reason for reason, holds in found if holds)


def agreement_reasons(agreement: AgreementFacts, *, today: date, currency: str) -> tuple[Unfit, ...]:
    """Every reason against an agreement on the partner's day `today`, none if it can be chosen. What is not known is no reason."""
    by_status = _STATUSES.get((agreement.status or "").strip().casefold())
    ended = agreement.end is not None and agreement.end < today
    other_currency = bool(agreement.currency) and not _same(agreement.currency or "", currency)
    found = (
        (Unfit.CANCELLED, agreement.cancelled or by_status is Unfit.CANCELLED),
        (Unfit.EXPIRED, ended or by_status is Unfit.EXPIRED),
        (Unfit.INACTIVE, by_status is Unfit.INACTIVE),
        (Unfit.NOT_RECURRING, _same(agreement.billing_option or "", _NEVER)),
        (Unfit.CHILD, agreement.parent_id is not None),
        (Unfit.CURRENCY_DIFFERS, other_currency),
    )
    return tuple(reason for reason, holds in found if holds)


def _same(one: str, other: str) -> bool:
    return one.strip().casefold() == other.strip().casefold()
