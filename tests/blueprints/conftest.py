from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.blueprints.portal import MINE, OTHER, Portal, opened

_FILE = "cwportal.sqlite"


@pytest.fixture(scope="session")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A database with its tables, two partners and their people, to be copied."""
    folder = tmp_path_factory.mktemp("portal")
    with opened(folder):
        pass
    return folder / _FILE


@pytest.fixture
def portal(tmp_path: Path, template: Path) -> Iterator[Portal]:
    """A portal with two connected partners on SQLite, and a queue that is away."""
    shutil.copy(template, tmp_path / _FILE)
    with opened(tmp_path) as portal:
        portal.connect(MINE, OTHER)
        yield portal


@pytest.fixture
def portal_on_both(tmp_path: Path, database_url: str) -> Iterator[Portal]:
    """The same, once on each kind of database."""
    with opened(tmp_path / "instance", CWPORTAL_DATABASE_URL=database_url) as portal:
        portal.connect(MINE, OTHER)
        yield portal
