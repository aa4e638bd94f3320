"""A temporary instance of the standalone portal, a simulator, and the command line on both."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from cwportal.sandbox import Sandbox
from tests.commands.instance import Instance


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    """A fresh ConnectWise."""
    with Sandbox() as sandbox:
        yield sandbox


@pytest.fixture
def cli(tmp_path: Path, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> Instance:
    """The command line on an empty instance folder, the simulator allowed."""
    return Instance(tmp_path, sandbox, monkeypatch)


@pytest.fixture
def msp(cli: Instance) -> Instance:
    """The same, initialised, with the partner `msp` and two accounts without charges, connected."""
    cli.done("init")
    cli.portal({"a": [], "b": []})
    cli.connect()
    return cli


@pytest.fixture
def msp_on_both(cli: Instance, database_url: str) -> Instance:
    """`msp`, once on each kind of database; the tables are made by `init` or there already."""
    cli.set(CWPORTAL_DATABASE_URL=database_url)
    cli.done("init")
    cli.portal({"a": [], "b": []})
    cli.connect()
    return cli
