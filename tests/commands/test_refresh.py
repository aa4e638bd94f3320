"""`cwportal refresh` on a simulator."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from cwportal import cli
from cwportal.sandbox import Sandbox
from cwportal.sandbox.defaults import EXPORT_KEYS

PARTNERS = "partner_id,name,timezone,currency\np1,First MSP,UTC,USD\n"


@pytest.fixture
def sandbox(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Sandbox]:
    """A simulator, and a partner p1 connected to it."""
    data = tmp_path / "data"
    data.mkdir()
    (data / "partners.csv").write_text(PARTNERS)
    with Sandbox() as sandbox:
        monkeypatch.setenv("CWPORTAL_INSTANCE", str(tmp_path / "instance"))
        monkeypatch.setenv("CWPORTAL_ALLOWED_SITES", sandbox.site)
        monkeypatch.setenv("CWPORTAL_PRIVATE_KEY", EXPORT_KEYS[1])
        assert cli.run(["init"]) == 0
        assert cli.run(["load", str(data)]) == 0
        yield sandbox


def connect(sandbox: Sandbox) -> None:
    site = ["--site", sandbox.url, "--company-id", "training", "--public-key", EXPORT_KEYS[0]]
    assert cli.run(["connect", "--partner", "p1", *site]) == 0


def test_what_was_read_and_what_cannot_be_chosen(sandbox: Sandbox, capsys: pytest.CaptureFixture[str]) -> None:
    connect(sandbox)
    good = {"name": "Good", "agreements": [{"name": "Managed", "billingCycle": "Monthly"}]}
    sandbox.seed({"companies": [good, {"name": "Binned", "deletedFlag": True}]})
    capsys.readouterr()
    assert cli.run(["refresh", "--partner", "p1"]) == 0
    first, second, third = capsys.readouterr().out.splitlines()
    assert first == "2 companies, 1 can be chosen; the others: recycle bin 1."
    assert second == "1 agreement, 1 can be chosen."
    assert third.startswith("Read everything, in ")
    assert cli.run(["refresh", "--partner", "p1"]) == 0
    assert "new or changed" in capsys.readouterr().out
    assert cli.run(["refresh", "--partner", "p1", "--full"]) == 0
    assert "Read everything" in capsys.readouterr().out


def test_a_failed_refresh_says_what_stays(sandbox: Sandbox, capsys: pytest.CaptureFixture[str]) -> None:
    connect(sandbox)
    assert cli.run(["refresh", "--partner", "p1"]) == 0
    sandbox.engine.faults.put(
        {"rules": [{"kind": "revoked_keys", "match": {"method": "GET", "path": "/finance/agreements$"}}]}
    )
    capsys.readouterr()
    assert cli.run(["refresh", "--partner", "p1"]) == 1
    told = capsys.readouterr()
    assert told.out == ""
    assert "The directory stays as it was read on " in told.err
    assert "Error: ConnectWise does not accept" in told.err


def test_an_unknown_partner_and_one_without_a_connection(sandbox: Sandbox, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.run(["refresh", "--partner", "p2"]) == 2
    assert cli.run(["refresh", "--partner", "p1"]) == 2
    assert "not connected to ConnectWise yet" in capsys.readouterr().err
