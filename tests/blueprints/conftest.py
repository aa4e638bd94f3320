from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.blueprints.portal import FILE, MINE, OTHER, Portal, opened
from tests.support.databases import PostgreSQL


@pytest.fixture(scope="session")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A database with its tables, two partners and their people, to be copied."""
    folder = tmp_path_factory.mktemp("portal")
    with opened(folder):
        pass
    return folder / FILE


@pytest.fixture
def portal(tmp_path: Path, template: Path) -> Iterator[Portal]:
    """A portal with two connected partners on SQLite, and a queue that is away."""
    shutil.copy(template, tmp_path / FILE)
    with opened(tmp_path) as portal:
        portal.connect(MINE, OTHER)
        yield portal


@pytest.fixture(params=["sqlite", "postgresql"])
def portal_on_both(
    request: pytest.FixtureRequest, tmp_path: Path, tmp_path_factory: pytest.TempPathFactory, template: Path
) -> Iterator[Portal]:
    """The same, once on each kind of database."""
    folder = tmp_path / "instance"
    folder.mkdir(mode=0o700)
    config = {}
    if request.param == "sqlite":
        shutil.copy(template, folder / FILE)
    else:
        server: PostgreSQL = request.getfixturevalue("postgresql")

        def begin(url: str) -> None:
            with opened(tmp_path_factory.mktemp("portal"), CWPORTAL_DATABASE_URL=url):
                pass

        config["CWPORTAL_DATABASE_URL"] = server.copy("portal", begin)
    with opened(folder, **config) as portal:
        portal.connect(MINE, OTHER)
        yield portal
