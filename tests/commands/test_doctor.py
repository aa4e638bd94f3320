"""`cwportal doctor` as an operator sees it: the queue's server is a real one, and nothing else is pretended."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from cwportal import cli
from cwportal.dev import valkey


@pytest.fixture
def instance(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """An instance that is set up; its queue's server is ended with the test."""
    folder = tmp_path / "instance"
    monkeypatch.setenv("CWPORTAL_INSTANCE", str(folder))
    assert cli.run(["init"]) == 0
    yield folder
    valkey.stop(folder)


def test_all_is_well(instance: Path, capsys: pytest.CaptureFixture[str]) -> None:
    capsys.readouterr()
    assert cli.run(["doctor"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 8
    assert all(line.startswith("ok ") for line in lines)
    assert cli.run(["doctor", "--json"]) == 0
    checks = json.loads(capsys.readouterr().out)
    assert {check["health"] for check in checks} == {"ok"}
    assert set(checks[0]) == {"name", "health", "what", "why", "todo"}


def test_redis_unreachable(instance: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CWPORTAL_REDIS_URL", f"unix://{instance / 'nothing'}")
    capsys.readouterr()
    assert cli.run(["doctor"]) == 1
    (line,) = [line for line in capsys.readouterr().out.splitlines() if line.startswith("problem")]
    assert line.split(maxsplit=1)[1].startswith("queue: ")
    assert "CWPORTAL_REDIS_URL" in line


def test_a_database_that_was_never_set_up(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CWPORTAL_INSTANCE", str(tmp_path / "new"))
    try:
        assert cli.run(["doctor"]) == 1
    finally:
        valkey.stop(tmp_path / "new")
    (line,) = [line for line in capsys.readouterr().out.splitlines() if line.startswith("problem")]
    assert line.endswith("Run: cwportal init")
