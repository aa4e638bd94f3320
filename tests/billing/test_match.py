"""Rules 4, 5 and 9 on one agreement and one product: rows, ledger rows and groups in, writes out."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest

from cwportal.vocabulary import Data, Ended
from tests.billing.build import ALL, MAIL, codes, context, group, key, line, plan, row, writes

NEW = {"effectiveDate": date(2026, 11, 1)}
LAST = date(2026, 11, 30)


def created(quantity: int, price: int = 5, cost: int = 3, **more: Any) -> tuple[Any, ...]:
    after = {"quantity": str(quantity), "unitPrice": str(price), "unitCost": str(cost), **NEW, **more}
    return ("create", None, after)


def zero(id_: int) -> tuple[Any, ...]:
    return ("end", id_, {"quantity": "0"})


CASES: dict[str, tuple[list[Any], list[Any], list[Any], list[Any]]] = {
    "nothing there: created": ([group(2)], [], [], [created(2)]),
    "(a) equal key": ([group(2)], [row(1)], [line(1)], [("update", 1, {"quantity": "2"})]),
    "(a) equal keys, whatever the order of ids": (
        [group(1, 5), group(2, 6)],
        [row(1, 2, 6), row(2, 1, 5)],
        [line(1, 2, 6), line(2, 1, 5)],
        [],
    ),
    "(a) before (b)": (
        [group(1, 5), group(1, 7)],
        [row(1, 1, 6), row(2, 1, 5)],
        [line(1, 1, 6), line(2, 1, 5)],
        [("update", 1, {"unitPrice": "7"})],
    ),
    "(a) of two rows with one key the older stays": ([group(1)], [row(1), row(2)], [line(1), line(2)], [zero(2)]),
    "(b) the price moves": ([group(1, 6)], [row(1)], [line(1)], [("update", 1, {"unitPrice": "6"})]),
    "(b) rows and groups in order of their keys": (
        [group(1, 8), group(1, 7)],
        [row(1, 1, 6), row(2, 1, 5)],
        [line(1, 1, 6), line(2, 1, 5)],
        [("update", 2, {"unitPrice": "7"}), ("update", 1, {"unitPrice": "8"})],
    ),
    "(b) more rows: the rest ends": (
        [group(1, 7)],
        [row(1, 1, 6), row(2, 1, 5)],
        [line(1, 1, 6), line(2, 1, 5)],
        [zero(1), ("update", 2, {"unitPrice": "7"})],
    ),
    "(b) more groups: the rest is created": (
        [group(1, 7), group(1, 8)],
        [row(1)],
        [line(1)],
        [("update", 1, {"unitPrice": "7"}), created(1, 8)],
    ),
    "(c) a zeroed row of the key is used again": (
        [group(3)],
        [row(1, 0), row(2, 0, 6)],
        [line(1, 0), line(2, 0, 6)],
        [("update", 1, {"quantity": "3"})],
    ),
    "(c) the zeroed row of the key, not the first one": (
        [group(3, 6)],
        [row(1, 0, 5), row(2, 0, 6)],
        [line(1, 0, 5), line(2, 0, 6)],
        [("update", 2, {"quantity": "3"})],
    ),
    "(d) else any zeroed row": (
        [group(3, 7)],
        [row(1, 0, 5), row(2, 0, 6)],
        [line(1, 0, 5), line(2, 0, 6)],
        [("update", 1, {"quantity": "3", "unitPrice": "7"})],
    ),
    "a live row of another key before a zeroed one of the key": (
        [group(1, 6)],
        [row(1, 1, 5), row(2, 0, 6)],
        [line(1, 1, 5), line(2, 0, 6)],
        [("update", 1, {"unitPrice": "6"})],
    ),
    "charges gone: ended": ([], [row(1)], [line(1)], [zero(1)]),
    "zeroed and not wanted: nothing": ([], [row(1, 0)], [line(1, 0)], []),
    "foreign rows do not matter while all groups have lines": ([group(1)], [row(1), row(9, 7)], [line(1)], []),
    "foreign rows do not matter without a group": ([], [row(9, 7)], [], []),
    "rows of other products are not looked at": ([group(1)], [row(9, product=999)], [], [created(1)]),
    "a closed foreign row does not matter": ([group(1)], [row(9, cancelled=date(2026, 10, 31))], [], [created(1)]),
    "ours needs the same product": ([], [row(1, product=999)], [line(1, 0)], []),
}


@pytest.mark.parametrize("case", CASES)
def test_pairing(case: str) -> None:
    groups, rows, lines, expected = CASES[case]
    if not groups:  # charges that vanish altogether are held (rule 11); here another product is charged
        groups, rows, lines = [group(1, part="disk")], [*rows, row(50, product=502)], [*lines, disk(50)]
    result = plan(groups, rows, lines)
    assert writes(result) == expected
    assert codes(result) == []


def disk(id_: int) -> Any:
    return line(id_, product=502, part="disk")


def test_ended_with_a_last_day() -> None:
    result = plan(
        [], [row(1), row(2, effective=date(2027, 2, 1))], [line(1), line(2)], using=context(ended=Ended.CANCEL)
    )
    assert writes(result) == [
        ("end", 1, {"cancelledDate": LAST}),
        ("end", 2, {"cancelledDate": date(2027, 2, 1)}),
    ]
    assert [change.before for change in result.changes] == [{"cancelledDate": None}] * 2
    assert [change.price_delta for change in result.changes] == [-5, -5]


def cancelled(id_: int, quantity: int = 1, price: int = 5) -> Any:
    """A line that we ended ourselves."""
    return line(id_, quantity, price, cancelled=LAST)


ENDING: dict[str, tuple[list[Any], list[Any], list[Any], list[Any], tuple[int, ...]]] = {
    "not wanted any more": ([group(part="disk")], [row(1, cancelled=LAST)], [cancelled(1)], [], ()),
    "wanted again before its last day: it covers the group": (
        [group(7)],
        [row(1, cancelled=LAST)],
        [cancelled(1)],
        [],
        (),
    ),
    "wanted at another price: a new line the day after": (
        [group(1, 6)],
        [row(1, cancelled=LAST)],
        [cancelled(1)],
        [created(1, 6, effectiveDate=date(2026, 12, 1))],
        (),
    ),
    "its last day is today": ([group(1)], [row(1, cancelled=date(2026, 11, 23))], [cancelled(1)], [], ()),
    "over: created again, the old one stands for nothing": (
        [group(1)],
        [row(1, cancelled=date(2026, 11, 22))],
        [cancelled(1)],
        [created(1, effectiveDate=date(2026, 11, 23))],
        (1,),
    ),
    "over last month": ([group(1)], [row(1, cancelled=date(2026, 10, 31))], [cancelled(1)], [created(1)], (1,)),
    "over and deleted": ([group(1)], [], [cancelled(1)], [created(1)], (1,)),
    "a live line of the key comes before it": (
        [group(2)],
        [row(1, cancelled=LAST), row(2)],
        [cancelled(1), line(2)],
        [("update", 2, {"quantity": "2"})],
        (),
    ),
    "it comes before a live line of another key": (
        [group(1)],
        [row(1, cancelled=LAST), row(2, 1, 6)],
        [cancelled(1), line(2, 1, 6)],
        [zero(2)],
        (),
    ),
    "it comes before a zeroed line": (
        [group(1)],
        [row(1, cancelled=LAST), row(2, 0)],
        [cancelled(1), line(2, 0)],
        [],
        (),
    ),
    "zeroed lines that were deleted stand for nothing": ([group(1)], [row(1)], [line(1), line(2, 0)], [], (2,)),
    "zeroed lines that were deleted are not asked about while a group has no line": (
        [group(1)],
        [],
        [line(2, 0)],
        [created(1)],
        (2,),
    ),
    "zeroed lines that were ended by hand stand for nothing": (
        [group(1)],
        [row(1), row(2, 0, cancelled=LAST)],
        [line(1), line(2, 0)],
        [],
        (2,),
    ),
}


@pytest.mark.parametrize("case", ENDING)
def test_lines_that_we_ended(case: str) -> None:
    groups, rows, lines, expected, closed = ENDING[case]
    groups, rows, lines = list(groups), [*rows, row(50, product=502)], [*lines, disk(50)]
    if all(one.part_number != "disk" for one in groups):
        groups.append(group(part="disk"))
    result = plan(groups, rows, lines)
    assert writes(result) == expected
    assert result.closed == closed
    assert codes(result) == []


def test_a_line_that_covers_counts_as_billed_and_unchanged() -> None:
    result = plan([group(7)], [row(1, 7, cancelled=LAST)], [cancelled(1, 7)])
    assert (result.unchanged, result.money.price_before, result.money.price_after) == (1, 35, 35)


def test_a_last_day_that_somebody_took_away_is_written_again() -> None:
    result = plan([group(part="disk")], [row(1)], [cancelled(1)], using=context(ended=Ended.CANCEL))
    assert writes(result)[0] == ("end", 1, {"cancelledDate": LAST})
    assert codes(result) == ["drift"]


AMBIGUOUS: dict[str, tuple[list[Any], list[Any], bool]] = {
    "one row, one group": ([5], [6], False),
    "equal keys": ([5, 6], [5, 6], False),
    "two rows, two groups": ([5, 6], [7, 8], True),
    "two rows, one group": ([5, 6], [7], True),
    "one row, two groups": ([5], [7, 8], True),
    "one of each left": ([5, 6], [5, 8], False),
    "nothing left to pair: ended": ([5, 6], [5], False),
    "nothing left to pair: created": ([5], [5, 6], False),
}


@pytest.mark.parametrize("missing", [Data.PRICE, Data.COST])
@pytest.mark.parametrize("case", AMBIGUOUS)
def test_without_price_or_cost_several_lines_are_not_guessed(case: str, missing: Data) -> None:
    keys, prices, held = AMBIGUOUS[case]
    rows = [row(i, 1, price) for i, price in enumerate(keys, 1)]
    lines = [line(i, 1, price) for i, price in enumerate(keys, 1)]
    result = plan([group(3, price) for price in prices], rows, lines, using=context(ALL - {missing}))
    assert ("ambiguous_update" in codes(result)) == held
    assert (result.state == "held") == held
    if held:
        assert result.changes == ()
        assert result.money.price_before == result.money.price_after
    with_all = plan([group(3, price) for price in prices], rows, lines)
    assert with_all.state == "ready"


def test_a_change_carries_the_key_its_line_will_stand_for() -> None:
    result = plan([group(1, 6), group(1, 9)], [row(1)], [line(1)])
    assert [(change.addition_id, change.key) for change in result.changes] == [(1, key(6)), (None, key(9))]
    assert [change.product_id for change in result.changes] == [MAIL, MAIL]


def test_quantity_not_exported() -> None:
    using = context(ALL - {Data.QUANTITY})
    made = plan([group(4)], using=using)
    assert writes(made) == [created(0)]
    assert made.changes[0].price_delta == 0
    kept = plan([group(part="disk"), group(4, 5)], [row(1, 4), row(2, 3, 6)], [line(1, 0), line(2, 0, 6)], using=using)
    assert [(one.code, one.addition_id, one.amount) for one in kept.findings] == [("kept_by_setting", 2, 18)]
    assert "end" not in [change.action for change in kept.changes]


def test_quantity_not_exported_and_ended_with_a_last_day() -> None:
    using = context(ALL - {Data.QUANTITY}, ended=Ended.CANCEL)
    result = plan([group(part="disk")], [row(2, 3)], [line(2, 0)], using=using)
    assert writes(result)[0] == ("end", 2, {"cancelledDate": LAST})


def test_price_not_exported_on_a_new_line() -> None:
    result = plan([group(4)], using=context(ALL - {Data.PRICE}))
    (change,) = result.changes
    assert change.after == {"quantity": 4, "unitCost": 3, **NEW}
    assert change.price_delta is None
