"""Why something cannot be chosen, one reason after the other; and never otherwise than the export will see it."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta
from itertools import product

import pytest

from cwportal.billing.agreements import agreement_findings
from cwportal.billing.choosable import Unfit, agreement_reasons, company_reasons
from cwportal.billing.values import AgreementFacts
from cwportal.vocabulary import Severity
from tests.billing.build import TODAY, account, agreement, context

YESTERDAY = TODAY - timedelta(days=1)
LIVE = agreement(status="Active")


@pytest.mark.parametrize(
    ("deleted", "inactive", "reasons"),
    [
        (False, False, ()),
        (True, False, (Unfit.RECYCLE_BIN,)),
        (False, True, (Unfit.INACTIVE,)),
        (True, True, (Unfit.RECYCLE_BIN, Unfit.INACTIVE)),
    ],
)
def test_companies(deleted: bool, inactive: bool, reasons: tuple[Unfit, ...]) -> None:
    assert company_reasons(deleted=deleted, inactive_status=inactive) == reasons


@pytest.mark.parametrize(
    ("change", "reasons"),
    [
        ({}, ()),
        ({"cancelled": True}, (Unfit.CANCELLED,)),
        ({"status": " cancelled"}, (Unfit.CANCELLED,)),
        ({"status": "Expired"}, (Unfit.EXPIRED,)),
        ({"end": YESTERDAY}, (Unfit.EXPIRED,)),
        ({"end": TODAY}, ()),
        ({"status": "Inactive"}, (Unfit.INACTIVE,)),
        ({"status": None}, ()),
        ({"billing_option": "NotRecurring"}, (Unfit.NOT_RECURRING,)),
        ({"billing_option": "Yearly"}, ()),
        ({"billing_option": None}, ()),
        ({"parent_id": 7}, (Unfit.CHILD,)),
        ({"currency": "EUR"}, (Unfit.CURRENCY_DIFFERS,)),
        ({"currency": "usd "}, ()),
        ({"currency": None}, ()),
        (
            {"cancelled": True, "end": date(2025, 1, 1), "currency": "EUR"},
            (Unfit.CANCELLED, Unfit.EXPIRED, Unfit.CURRENCY_DIFFERS),
        ),
    ],
)
def test_agreements(change: dict[str, object], reasons: tuple[Unfit, ...]) -> None:
    assert agreement_reasons(replace(LIVE, **change), today=TODAY, currency="USD") == reasons  # type: ignore[arg-type]


def test_what_can_be_chosen_is_what_an_export_accepts_once_its_cycle_is_confirmed() -> None:
    for cancelled, status, end, option, currency, parent in product(
        (False, True),
        ("Active", "Cancelled", "Expired", "Inactive", None),
        (None, YESTERDAY, TODAY),
        ("Monthly", "Yearly", "NotRecurring", None),
        ("USD", "EUR", None),
        (None, 7),
    ):
        facts = agreement(
            cancelled=cancelled, status=status, end=end, billing_option=option, currency=currency, parent_id=parent
        )
        chosen = not agreement_reasons(facts, today=TODAY, currency="USD")
        assert chosen is not _blocked(facts), facts


def _blocked(facts: AgreementFacts) -> bool:
    found = agreement_findings(account(agreement=facts, per_cycle_confirmed=True), context())
    return any(finding.severity is Severity.ERROR for finding in found)
