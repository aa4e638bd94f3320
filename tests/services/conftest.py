"""One simulator and one database per test: real HTTP, real SQLite."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from cwportal.sandbox import Sandbox
from tests.support.world import World


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    with Sandbox() as sandbox:
        world = World(tmp_path, sandbox)
        world.connect()
        yield world
        world.close()
