"""What is billed a month, by month: from exports in which everything was right, and of the present ConnectWise only."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from decimal import Decimal
from zoneinfo import ZoneInfo

import pytest

from cwportal.blueprints import billed_chart
from cwportal.services import billed, connection, exports
from cwportal.services.billed import Month
from cwportal.vocabulary import Trigger
from tests.support.portal import PARTNER, charge
from tests.support.world import World

ZONE = "America/New_York"


def seen(world: World) -> list[tuple[date, Decimal, Decimal]]:
    tenant = connection.get(world.runtime, PARTNER).tenant
    return [(month.first, month.price, month.margin) for month in billed.months(world.runtime, PARTNER, tenant, ZONE)]


@pytest.fixture
def exported(world: World) -> Callable[[str], str]:
    """Exports with this quantity of one line and says how it ended; another 31 days pass afterwards."""
    number = world.agreement("a")
    world.source.add_account("a", charge("MBX", 100, 2, 5))
    world.map({"a": number})

    def export(quantity: str, price: str | None = "5") -> str:
        world.source.set_charges("a", charge("MBX", quantity, 2, price))
        return str(world.export()["status"])

    return export


def test_nothing_before_the_first_good_export(world: World, exported: Callable[..., str]) -> None:
    assert seen(world) == []
    assert exported("100", None) == "failed"
    assert seen(world) == []


def test_the_last_good_export_of_each_month_counts(world: World, exported: Callable[..., str]) -> None:
    assert exported("100") == "succeeded"
    assert exported("102") == "succeeded"
    first = world.clock()
    assert [row[1:] for row in seen(world)] == [(Decimal(510), Decimal(306))]
    world.clock.advance(32 * 86_400)
    assert exported("104") == "succeeded"
    assert exported("106", None) == "failed"  # nothing of it is known to be billed
    rows = seen(world)
    assert [row[1:] for row in rows] == [(Decimal(510), Decimal(306)), (Decimal(520), Decimal(312))]
    assert [row[0] for row in rows] == [
        at.astimezone(ZoneInfo(ZONE)).date().replace(day=1) for at in (first, world.clock())
    ]


def test_a_year_is_looked_back_at(world: World, exported: Callable[..., str]) -> None:
    exported("100")
    world.clock.advance(330 * 86_400)
    assert len(seen(world)) == 1
    world.clock.advance(40 * 86_400)
    assert seen(world) == []


def test_another_connectwise_and_previews_do_not_count(world: World, exported: Callable[..., str]) -> None:
    exported("100")
    assert billed.months(world.runtime, PARTNER, "elsewhere", ZONE) == []
    world.source.set_charges("a", charge("MBX", 103, 2, 5))
    exports.export(world.runtime, PARTNER, actor="test", trigger=Trigger.PREVIEW)
    assert [row[1] for row in seen(world)] == [Decimal(500)]


def month(number: int, price: int, cost: int) -> Month:
    return Month(date(2026, number, 1), Decimal(price), Decimal(cost))


@pytest.mark.parametrize("months", [[], [month(11, 5, 2)]])
def test_one_point_is_no_course(months: list[Month]) -> None:
    assert billed_chart.chart(months) is None


@pytest.mark.parametrize(
    ("months", "price", "margin", "ground"),
    [
        ([month(1, 50, 25), month(2, 100, 50)], "6.0,70.0 308.0,12.0", "6.0,99.0 308.0,70.0", "128.0"),
        # A month without a good export leaves its place free.
        (
            [month(1, 0, 0), month(2, 50, 0), month(5, 100, 0)],
            "6.0,128.0 81.5,70.0 308.0,12.0",
            "6.0,128.0 81.5,70.0 308.0,12.0",
            "128.0",
        ),
        # A margin below zero goes below the ground.
        ([month(1, 100, 100), month(2, 100, 200)], "6.0,12.0 308.0,12.0", "6.0,70.0 308.0,128.0", "70.0"),
        ([month(1, 0, 0), month(2, 0, 0)], "6.0,128.0 308.0,128.0", "6.0,128.0 308.0,128.0", "128.0"),
    ],
)
def test_where_the_lines_go(months: list[Month], price: str, margin: str, ground: str) -> None:
    drawn = billed_chart.chart(months)
    assert drawn is not None
    assert (drawn.price, drawn.margin, drawn.ground) == (price, margin, ground)
    assert Decimal(drawn.margin_label) - Decimal(drawn.price_label) >= 28


@pytest.mark.parametrize(
    ("amount", "text"),
    [("28140.70", "28.1k"), ("999", "999"), ("1250000", "1.2m"), ("-4200", "-4.2k"), ("999960", "1.0m"), ("0", "0")],
)
def test_labels_are_short(amount: str, text: str) -> None:
    assert billed_chart.short(Decimal(amount)) == text
