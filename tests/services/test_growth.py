"""What an export asks the database does not grow with the exports that were before it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import event

from cwportal.sandbox import Sandbox
from tests.support.portal import charge
from tests.support.world import World

GROWING = re.compile(r"\bSCAN (cwportal_run\w*|cwportal_audit\w*)(?! USING (COVERING )?INDEX uq_cwportal_run_active)")


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    with Sandbox() as sandbox:
        world = World(tmp_path, sandbox)
        world.connect()
        yield world
        world.close()


def test_no_statement_of_an_export_looks_through_all_that_ever_was_exported(world: World) -> None:
    world.source.add_account("a", charge("MBX", 3, 2, 5))
    world.map({"a": world.agreement("A")})
    world.export()
    plans: dict[str, list[str]] = {}

    def look(connection: Any, _cursor: Any, statement: str, given: Any, _context: Any, many: bool) -> None:
        if statement not in plans and statement.split(maxsplit=1)[0] in {"SELECT", "UPDATE", "DELETE", "WITH"}:
            rows = connection.connection.driver_connection.execute(
                f"EXPLAIN QUERY PLAN {statement}", given[0] if many else given
            )
            plans[statement] = [row[3] for row in rows]

    event.listen(world.database.engine, "before_cursor_execute", look)
    try:
        world.faults({"kind": "close_after", "match": {"method": "POST", "path": "additions"}, "times": 1})
        world.source.set_charges("a", charge("MBX", 3, 2, 5), charge("BCK", 1, 2, 5))
        assert world.export(approve=True)["counts"]["unknown"] == 1
        world.clock.advance(world.runtime.config.settle + 1)
        assert world.export(approve=True)["status"] == "succeeded"
    finally:
        event.remove(world.database.engine, "before_cursor_execute", look)
    assert len(plans) > 20
    assert {statement: plan for statement, plan in plans.items() if any(GROWING.search(step) for step in plan)} == {}
