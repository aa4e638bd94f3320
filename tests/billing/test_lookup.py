"""Recognising a write whose answer was lost (rule 12)."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest

from cwportal.billing.lookup import find_created, not_taken, same_amount, was_written
from tests.billing.build import MAIL, d, row

FIRST = date(2026, 11, 1)
SENT = {"quantity": d(3), "unitPrice": d("5.1235"), "unitCost": d(3), "effectiveDate": FIRST}


def made(id_: int, quantity: int = 3, price: str = "5.1235", **more: Any) -> Any:
    return row(id_, quantity, price, 3, effective=FIRST, **more)


CASES: dict[str, tuple[list[Any], frozenset[int], int | None, list[int]]] = {
    "nothing new": ([], frozenset(), None, []),
    "exactly what was sent": ([made(8)], frozenset(), 8, []),
    "as ConnectWise rounds it": ([made(8, price="5.12")], frozenset(), 8, []),
    "exact before rounded": ([made(8, price="5.12"), made(9)], frozenset(), 9, []),
    "it was there before the attempt": ([made(8)], frozenset({8}), None, []),
    "beside one that was there before": ([made(8), made(9)], frozenset({8}), 9, []),
    "beside a new one with other values": ([made(8), made(9, 4)], frozenset(), 8, []),
    "only with other values": ([made(9, 4)], frozenset(), None, [9]),
    "another day": ([row(9, 3, "5.1235", 3, effective=date(2026, 12, 1))], frozenset(), None, [9]),
    "two alike": ([made(8), made(9)], frozenset(), None, [8, 9]),
    "another product": ([made(8, product=999)], frozenset(), None, []),
}


@pytest.mark.parametrize("case", CASES)
def test_the_row_of_a_lost_creation(case: str) -> None:
    rows, known, ours, others = CASES[case]
    found = find_created(tuple(rows), SENT, product_id=MAIL, known=known)
    assert (found.ours and found.ours.id) == ours
    assert [one.id for one in found.others] == others


@pytest.mark.parametrize(
    ("actual", "sent", "before", "written"),
    [
        ("6", "6", "5", True),
        ("5", "6", "5", False),
        ("5.12", "5.1235", "4", True),
        ("5.12", "5.1235", "5.12", False),
        ("7", "6", "5", False),
    ],
    ids=["done", "not done", "done and rounded", "not done, though it looks rounded", "somebody else's value"],
)
def test_whether_a_lost_change_was_done(actual: str, sent: str, before: str, written: bool) -> None:
    assert was_written(row(1, 1, actual), {"unitPrice": d(sent)}, before={"unitPrice": d(before)}) is written


@pytest.mark.parametrize(
    ("actual", "sent", "other"),
    [
        ("5.12", "5.1235", {}),
        ("0", "0.0049", {"unitPrice": 0}),
        ("0.00", "0", {}),
        ("5.2", "5.1235", {"unitPrice": d("5.2")}),
    ],
)
def test_what_connectwise_did_not_take(actual: str, sent: str, other: dict[str, Any]) -> None:
    """Rounded is taken, rounded to nothing is not: it would bill nothing and look right."""
    assert not_taken(row(1, 1, actual), {"unitPrice": d(sent)}) == other


def test_a_cost_rounded_to_nothing_bills_the_same_and_is_taken() -> None:
    """A failure would be repeated in every export, and a lost creation would be a question that has no answer."""
    kept = row(1, 3, "0.05", 0, effective=FIRST)
    sent = {"quantity": d(3), "unitPrice": d("0.05"), "unitCost": d("0.004")}
    assert not_taken(kept, sent) == {}
    assert find_created((kept,), sent, product_id=MAIL, known=frozenset()).ours == kept
    assert not_taken(row(1, 3, "0.05", "0.01"), sent) == {"unitCost": d("0.01")}
    assert same_amount(d(0), d("0.004"))
    assert not same_amount(d(0), d("0.5"))


def test_a_lost_last_day_is_looked_up_too() -> None:
    sent, before = {"cancelledDate": date(2026, 11, 30)}, {"cancelledDate": None}
    assert was_written(row(1, cancelled=date(2026, 11, 30)), sent, before=before)
    assert not was_written(row(1), sent, before=before)
    assert not was_written(row(1, cancelled=date(2026, 12, 1)), sent, before=before)
