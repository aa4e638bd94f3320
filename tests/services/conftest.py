"""One simulator and one database per test: real HTTP, real SQLite and real PostgreSQL."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from cwportal.sandbox import Sandbox
from tests.support.world import World


@pytest.fixture
def world(tmp_path: Path, database_url: str) -> Iterator[World]:
    """A connected partner, once on each kind of database."""
    with Sandbox() as sandbox:
        world = World(tmp_path, sandbox, CWPORTAL_DATABASE_URL=database_url)
        world.connect()
        yield world
        world.close()
