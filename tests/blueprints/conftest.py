from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.blueprints.portal import MINE, OTHER, Portal, opened


@pytest.fixture
def portal(tmp_path: Path) -> Iterator[Portal]:
    """A portal with two connected partners on SQLite, and a queue that is away."""
    with opened(tmp_path) as portal:
        portal.connect(MINE, OTHER)
        yield portal


@pytest.fixture
def portal_on_both(tmp_path: Path, database_url: str) -> Iterator[Portal]:
    """The same, once on each kind of database."""
    with opened(tmp_path / "instance", CWPORTAL_DATABASE_URL=database_url) as portal:
        portal.connect(MINE, OTHER)
        yield portal
