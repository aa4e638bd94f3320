"""`make run` as its user has it."""

from __future__ import annotations

import signal
import socket
import subprocess
import sys
import urllib.error
import urllib.request
from pathlib import Path

import pytest

from cwportal.dev.__main__ import main as make_run
from cwportal.dev.claims import Port
from cwportal.dev.programs import Places, programs
from tests.support.demo import Demo, stop


def _get(address: str) -> tuple[int, str]:
    with urllib.request.urlopen(address, timeout=60) as answer:
        return answer.status, answer.read().decode()


def test_from_nothing_to_addresses_and_to_an_end_that_leaves_nothing(tmp_path: Path) -> None:
    demo = Demo(tmp_path)
    process = demo.start()
    try:
        said = demo.up(process)
        for address in (f"{demo.portal}/", f"{demo.sandbox}/", "northwind-demo"):
            assert address in said
        for role in ("viewer", "billing", "admin"):
            assert f"{role}@northwind.example" in said
        assert "admin@harborview.example" in said
        assert "$ cwportal export --partner northwind" in said
        assert "395 created" in said
        status, page = _get(f"{demo.portal}/")
        assert status == 200
        assert "Sign in" in page
        assert _get(f"{demo.sandbox}/")[0] == 200

        second = demo.start()
        assert second.wait(60) == 2
        assert "This is running already in" in demo.said()
    finally:
        assert stop(process) == 0
    assert demo.said().endswith("Stopped.\n")
    assert demo.processes() == []
    for address in (demo.portal, demo.sandbox):
        with pytest.raises(urllib.error.URLError):
            _get(f"{address}/")

    demo.log.write_text("")
    again = demo.start()  # what people have made of the data stays
    try:
        said = demo.up(again)
        assert "$ cwportal load" not in said
        assert "395" in said  # of the run of before
    finally:
        assert stop(again, signal.SIGINT) == 0
    assert demo.processes() == []


@pytest.mark.parametrize(
    ("index", "name", "key"), [(0, "portal", "CWPORTAL_PORT"), (1, "simulator", "CWPORTAL_SANDBOX_PORT")]
)
def test_a_port_that_is_taken(tmp_path: Path, index: int, name: str, key: str) -> None:
    demo = Demo(tmp_path)
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", demo.ports[index]))
        taken.listen()
        assert demo.start().wait(60) == 2
    said = demo.said()
    assert f"Port {demo.ports[index]} of 127.0.0.1" in said
    assert name in said
    assert f"{key}=" in said
    assert demo.processes() == []


@pytest.mark.parametrize(
    ("environ", "told"),
    [
        ({"CWPORTAL_PORT": "abc"}, "'abc' is not a port"),
        ({"CWPORTAL_SANDBOX_PORT": "99999"}, "write a number from 1 to 65535, for instance CWPORTAL_SANDBOX_PORT=8780"),
        ({"CWPORTAL_PORT": "8780", "CWPORTAL_SANDBOX_PORT": "8780"}, "cannot both listen on port 8780"),
        ({"CWPORTAL_INSTANCE": "/dev/null/folder"}, "The folder /dev/null/folder cannot be used (Not a directory)"),
    ],
)
def test_what_cannot_be_used_is_said_before_anything_is_begun(
    environ: dict[str, str], told: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name, value in environ.items():
        monkeypatch.setenv(name, value)
    assert make_run([]) == 2
    assert told in capsys.readouterr().err


def test_the_portal_is_served_with_what_is_loaded_out_of_the_garbage_collector(tmp_path: Path) -> None:
    places = Places(tmp_path, Port(1, ""), Port(2, ""), own_queue=False)
    (serve,) = [program.command for program in programs(places, {}) if "waitress" in program.command]
    module, _, factory = serve[-1].partition(":")
    make = f"from {module} import {factory} as make; make({{'CWPORTAL_INSTANCE': {str(tmp_path)!r}}})"
    command = [sys.executable, "-c", f"{make}; import gc; print(gc.get_freeze_count())"]
    said = subprocess.run(command, capture_output=True, text=True, check=True)
    assert int(said.stdout) > 10_000
