"""ConnectWise differs from partner to partner. Against each variant ten exports in a row write in the first only."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from cwportal.sandbox import Sandbox
from tests.support.portal import charge
from tests.support.world import World

VARIANTS: dict[str, dict[str, Any]] = {
    "as it is": {},
    "mySecurity refused": {"my_security": "refused"},
    "contact required": {"contact_required": True},
    "prices rounded to 2 decimals": {"round_money": 2},
    "no promised order": {"shuffle": True},
    "page limit": {"page_limit": 2},
    "no promised order, page limit": {"shuffle": True, "page_limit": 2},
    "no Link, page limit": {"links": False, "page_limit": 2},
    "conditions ignored": {"ignore_conditions": True},
    "dates that are not set": {"unset_dates": "0001-01-01T00:00:00Z"},
    "cloud": {"cloud": True},
    "another codebase": {"codebase": "v2026_1/"},
    "old lengths": {"old_limits": True},
    "open info": {"open_info": True},
}


@pytest.fixture(params=VARIANTS)
def world(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[World]:
    with Sandbox(**VARIANTS[request.param]) as sandbox:
        world = World(tmp_path, sandbox)
        world.connect()
        yield world
        world.close()


def test_ten_exports_in_a_row_write_in_the_first_only(world: World) -> None:
    agreement = world.agreement("A")
    world.source.add_account(
        "a",
        charge("MBX", 3, 2, "5.2549"),
        charge("MBX", "4.125", "2.3333", "6.005"),
        charge("BCK", "836.4821", "0.0451", "0.125"),
        charge("LOG", "10", "0.0041", "0.25"),
    )
    world.map({"a": agreement})
    world.choose(data="products,quantity,cost,price,users")
    assert world.export()["status"] == "succeeded"
    assert len(world.writes()) > 0
    before = world.additions(agreement)
    world.clear_journal()
    for _ in range(9):
        result = world.export()
        assert result["status"] == "succeeded"
        assert result["accounts"][0]["findings"] == []
    assert world.writes() == []
    assert world.additions(agreement) == before
