"""What is billed a month on the status page: amounts, and their course from the second month on."""

from __future__ import annotations

from datetime import timedelta

from cwportal.services import connection
from tests.blueprints.portal import MINE, OTHER, PREFIX, Portal

MONEY = {"price_before": "0", "price_after": "1234.50", "cost_before": "0", "cost_after": "1000"}
BEFORE = {"price_before": "0", "price_after": "1200", "cost_before": "0", "cost_after": "900"}


def _export(portal: Portal, money: dict[str, str], *, ago: timedelta = timedelta(), partner: str = MINE) -> None:
    at = portal.runtime.clock() - ago
    tenant = connection.get(portal.runtime, partner).tenant
    portal.run(partner, tenant=tenant, money=money, created_at=at, finished_at=at)


def _page(portal: Portal) -> str:
    return portal.client("viewer").get(f"{PREFIX}/").text.replace("&nbsp;", " ")


def test_nothing_is_said_before_the_first_good_export(portal: Portal) -> None:
    _export(portal, MONEY, partner=OTHER)
    assert "Billed a month" not in _page(portal)


def test_one_month_is_amounts_without_a_course(portal: Portal) -> None:
    _export(portal, MONEY)
    page = _page(portal)
    assert "Billed a month" in page
    assert '1,234.50 <span class="cur">USD</span>' in page
    assert '234.50 <span class="cur">USD</span>' in page
    assert '<svg class="cw-spark"' not in page


def test_two_months_are_a_course_that_can_be_read_without_seeing_it(portal: Portal) -> None:
    _export(portal, BEFORE, ago=timedelta(days=31))
    _export(portal, MONEY)
    page = _page(portal)
    assert '<svg class="cw-spark"' in page
    assert "Price went from 1,200.00 to 1,234.50 USD, margin from 300.00 to 234.50 USD." in page
    assert '+34.50 <span class="cur">USD</span>' in page
    assert '−65.50 <span class="cur">USD</span>' in page
    assert page.count('<th scope="row">') == 2


def test_amounts_say_of_when_they_are_and_what_they_leave_out(portal: Portal) -> None:
    for ago in (timedelta(days=93), timedelta(days=62)):
        _export(portal, MONEY, ago=ago)
    at = portal.runtime.clock() - timedelta(days=62)
    page = " ".join(_page(portal).split())
    assert f"After the last successful export of {at:%b %Y}, without lines that are no longer exported." in page
