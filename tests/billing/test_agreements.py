from __future__ import annotations

from datetime import date
from typing import Any

import pytest

from cwportal.billing.values import CompanyFacts
from cwportal.vocabulary import PlanState, Severity
from tests.billing.build import TODAY, agreement, codes, context, group, line, plan, row

CASES: dict[str, tuple[dict[str, Any], list[str]]] = {
    "in force": ({}, []),
    "gone": ({"agreement": None}, ["agreement_gone"]),
    "of another company now": ({"agreement": agreement(company_id=8)}, ["agreement_gone"]),
    "company gone": ({"company": None}, ["company_gone"]),
    "company in the recycle bin": ({"company": CompanyFacts(7, "Alpha", deleted=True)}, ["company_gone"]),
    "cancelled": ({"agreement": agreement(cancelled=True)}, ["agreement_not_live"]),
    "status cancelled": ({"agreement": agreement(status="Cancelled")}, ["agreement_not_live"]),
    "status expired": ({"agreement": agreement(status="expired")}, ["agreement_not_live"]),
    "status inactive": ({"agreement": agreement(status="Inactive")}, ["agreement_not_live"]),
    "status active": ({"agreement": agreement(status="Active")}, []),
    "ended yesterday": ({"agreement": agreement(end=date(2026, 11, 22))}, ["agreement_not_live"]),
    "ends today": ({"agreement": agreement(end=TODAY)}, []),
    "child": ({"agreement": agreement(parent_id=3)}, ["agreement_not_live"]),
    "yearly": ({"agreement": agreement(billing_option="Yearly")}, ["billing_cycle"]),
    "yearly, confirmed": ({"agreement": agreement(billing_option="Yearly"), "per_cycle_confirmed": True}, []),
    "not recurring": ({"agreement": agreement(billing_option="NotRecurring")}, ["billing_cycle"]),
    "not recurring cannot be confirmed": (
        {"agreement": agreement(billing_option="NotRecurring"), "per_cycle_confirmed": True},
        ["billing_cycle"],
    ),
    "cycle not known": ({"agreement": agreement(billing_option=None)}, ["billing_cycle_unknown"]),
    "another currency": ({"agreement": agreement(currency="EUR")}, ["currency_differs"]),
    "currency not known": ({"agreement": agreement(currency=None)}, []),
    "currency in other letters": ({"agreement": agreement(currency="usd ")}, []),
    "everything at once": (
        {"company": None, "agreement": agreement(cancelled=True, billing_option="Weekly", currency="EUR")},
        ["agreement_not_live", "billing_cycle", "company_gone", "currency_differs"],
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_agreement_and_company(case: str) -> None:
    facts, expected = CASES[case]
    # A charge that is right already and one that would be written.
    result = plan([group(1), group(4, part="disk")], [row(1)], [line(1)], **facts)
    assert codes(result) == expected
    if any(one.severity is Severity.ERROR for one in result.findings):
        assert (result.state, result.changes, result.products) == (PlanState.BLOCKED, (), ())
        assert (result.money.price_before, result.money.price_after) == (5, 5)
    else:
        assert result.state is PlanState.READY


def test_an_agreement_that_starts_later_is_in_force() -> None:
    result = plan([group(1)], agreement=agreement(start=date(2027, 1, 1)))
    assert result.changes[0].after["effectiveDate"] == date(2027, 1, 1)


def test_a_line_after_the_agreements_end_blocks_its_part_number_only() -> None:
    ending = agreement(end=date(2026, 11, 30))
    rows = [row(1, cancelled=date(2026, 11, 30)), row(2, 3, product=502)]
    result = plan([group(1), group(4, part="disk")], rows, [line(2, 3, product=502, part="disk")], agreement=ending)
    assert codes(result) == ["agreement_not_live"]
    assert [change.part_number for change in result.changes] == ["disk"]


def test_a_blocked_account_ends_nothing() -> None:
    result = plan([], [row(1), row(2)], [line(1), line(2)], agreement=agreement(cancelled=True), using=context())
    assert (result.changes, result.ended, result.live_before) == ((), 0, 2)


def test_messages_name_the_agreement_and_what_to_do() -> None:
    (found,) = plan([group()], agreement=agreement(currency="EUR")).findings
    assert "Cloud" in found.message
    assert "Map it to an agreement in the same currency" in found.message
