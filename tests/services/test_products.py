"""Products are written before the lines that need them."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor

from tests.support.portal import charge
from tests.support.world import World


def test_products_are_created_several_at_once_after_the_first(world: World) -> None:
    agreement = world.agreement("a")
    world.source.add_account("a", *(charge(f"S{number}", 1, 2, 5) for number in range(6)))
    world.map({"a": agreement})
    products = {"method": "POST", "path": "procurement/catalog"}

    def held(name: str, count: int) -> None:
        until = time.monotonic() + 30
        while next(barrier["waiting"] for barrier in world.control("barriers") if barrier["name"] == name) < count:
            assert time.monotonic() < until
            time.sleep(0.01)

    world.control("barriers", {"name": "first", "match": products, "point": "after", "times": 1})
    with ThreadPoolExecutor(1) as pool:
        exporting = pool.submit(world.export)
        try:
            held("first", 1)
            time.sleep(0.2)
            assert len(world.state()["catalog"]) == 1
            world.control("barriers", {"name": "others", "match": products, "point": "after"})
            world.control("barriers/release", {"name": "first"})
            held("others", min(5, world.runtime.config.concurrency))
        finally:
            world.control("barriers/release", {})
        assert exporting.result(60)["status"] == "succeeded"
    assert len(world.state()["catalog"]) == len(world.lines(agreement)) == 6
