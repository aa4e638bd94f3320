"""The supervisor as a real process with real children."""

from __future__ import annotations

import errno
import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from cwportal.dev import supervisor
from cwportal.dev.supervisor import Program, Supervisor

ROOT = Path(__file__).parents[2]
PATIENCE = 60.0
SLEEPER = "import os, time; print('pid', os.getpid(), flush=True); time.sleep(600)"
STUBBORN = "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); " + SLEEPER


class House:
    """A supervisor with its output in a file."""

    def __init__(self, folder: Path, *programs: dict[str, Any]) -> None:
        self.output = folder / f"output-{time.monotonic_ns()}"
        with self.output.open("wb") as file:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "tests.dev.supervised", str(folder / "instance"), json.dumps(programs)],
                cwd=ROOT,
                stdout=file,
                stderr=subprocess.STDOUT,
            )

    @property
    def text(self) -> str:
        return self.output.read_text()

    def waits_for(self, pattern: str, seconds: float = PATIENCE) -> re.Match[str]:
        deadline = time.monotonic() + seconds
        while not (found := re.search(pattern, self.text)):
            assert time.monotonic() < deadline, f"no {pattern!r} in:\n{self.text}"
            time.sleep(0.02)
        return found

    def pids(self) -> list[int]:
        return [int(number) for number in re.findall(r"\| pid (\d+)", self.text)]

    def ends(self, seconds: float = PATIENCE) -> int:
        return self.process.wait(seconds)


@pytest.fixture
def house(tmp_path: Path) -> Iterator[Callable[..., House]]:
    """Makes supervisors; whatever is left of them is killed."""
    made: list[House] = []

    def make(*programs: dict[str, Any]) -> House:
        made.append(House(tmp_path, *programs))
        return made[-1]

    yield make
    for each in made:
        each.process.kill()
        each.process.wait()


def program(name: str, code: str = SLEEPER, **more: Any) -> dict[str, Any]:
    return {"name": name, "command": [sys.executable, "-c", code], **more}


def runs(pid: int) -> bool:
    """Whether the process is there and is no zombie that waits for somebody to notice."""
    shown = subprocess.run(["ps", "-o", "stat=", "-p", str(pid)], capture_output=True, text=True, check=False).stdout
    return bool(shown.strip()) and not shown.startswith("Z")


def gone(pids: list[int], seconds: float = PATIENCE) -> bool:
    """Whether all end in this time."""
    deadline = time.monotonic() + seconds
    while any(runs(pid) for pid in pids):
        if time.monotonic() > deadline:
            return False
        time.sleep(0.02)
    return True


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_stops_everything_cleanly(house: Callable[..., House], number: signal.Signals) -> None:
    up = house(program("web"), program("worker"))
    up.waits_for("everything is up")
    up.waits_for(r"(?s)pid.*pid")
    pids = up.pids()
    assert len(pids) == 2
    up.process.send_signal(number)
    assert up.ends() == 0
    assert gone(pids, 0)
    assert up.text.endswith("bye\n")


def test_output_is_merged_line_by_line_with_a_prefix(house: Callable[..., House]) -> None:
    half = "import sys, time; sys.stdout.write('half a '); sys.stdout.flush(); time.sleep(.2); print('line'); "
    code = half + "print('to stderr', file=sys.stderr); time.sleep(600)"
    up = house(program("web", code), program("worker"))
    up.waits_for(r"(?m)^web    \| half a line$")
    up.waits_for(r"(?m)^web    \| to stderr$")
    up.waits_for(r"(?m)^worker \| pid \d+$")


def test_what_dies_is_started_again(house: Callable[..., House]) -> None:
    up = house(program("worker"), program("web"))
    up.waits_for(r"(?s)pid.*pid")
    up.waits_for(r"worker \| pid")
    first = int(up.waits_for(r"worker \| pid (\d+)")[1])
    os.kill(first, signal.SIGKILL)
    up.waits_for(r"worker ended \(killed by SIGKILL\); it starts again")
    up.waits_for(r"(?s)worker \| pid.*worker \| pid")
    assert len(up.pids()) == 3


def test_what_does_not_stay_up_ends_everything_after_some_attempts(house: Callable[..., House]) -> None:
    up = house(program("web"), program("broken", "import sys; print('no such setting'); sys.exit(3)"))
    assert up.ends() == 1
    assert up.text.count("no such setting") == 4
    assert "broken ended 4 times in a row (the last time exit status 3)" in up.text
    assert gone(up.pids(), 0)


def test_a_program_that_cannot_be_started_says_so(house: Callable[..., House]) -> None:
    up = house(program("web"), {"name": "mistake", "command": ["/nowhere/at-all"]})
    assert up.ends() == 1
    assert "mistake cannot be started" in up.text
    assert gone(up.pids(), 0)


def test_kill_9_of_the_supervisor_leaves_nothing_behind(house: Callable[..., House]) -> None:
    up = house(program("web"), program("worker", STUBBORN))
    up.waits_for(r"(?s)pid.*pid")
    pids = up.pids()
    up.process.kill()
    up.ends()
    assert gone(pids)


def test_who_ignores_sigterm_is_killed(house: Callable[..., House]) -> None:
    up = house(program("worker", STUBBORN, stop_after=0.5))
    up.waits_for("pid")
    up.process.terminate()
    assert up.ends() == 0
    assert "worker does not stop and is killed" in up.text
    assert gone(up.pids(), 0)


def test_a_second_signal_does_not_wait(house: Callable[..., House]) -> None:
    up = house(program("worker", STUBBORN, stop_after=600))
    up.waits_for("pid")
    up.process.terminate()
    up.waits_for("Stopping")
    time.sleep(1.1)  # sooner it is the same signal
    assert up.process.poll() is None
    up.process.terminate()
    assert up.ends() == 0
    assert gone(up.pids(), 0)


@pytest.mark.parametrize(("one_within", "in_order"), [(1e9, True), (0.0, False)])
def test_a_signal_that_comes_twice_at_once_is_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, one_within: float, in_order: bool
) -> None:
    monkeypatch.setattr(supervisor, "_TWICE", one_within)
    again = "os.kill(os.getppid(), signal.SIGHUP); time.sleep(1); print('tidy', flush=True); sys.exit(0)"
    code = f"import os, signal, sys, time\ndef leave(*_):\n    {again}\nsignal.signal(signal.SIGTERM, leave)\n"
    said: list[str] = []

    def write(line: str) -> None:
        said.append(line)
        if "ready" in line:
            os.kill(os.getpid(), signal.SIGTERM)

    program = Program("worker", [sys.executable, "-c", code + "print('ready', flush=True); time.sleep(600)"])
    Supervisor(tmp_path, [program], write=write).run()
    assert ("tidy" in "".join(said)) is in_order


def test_a_terminal_with_few_characters_ends_nothing(
    house: Callable[..., House], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYTHONIOENCODING", "ascii")
    name = "import sys; sys.stdout.buffer.write('Caf\\u00e9 \\u65e5'.encode() + b'\\xff\\n'); sys.stdout.flush(); "
    up = house(program("worker", name + SLEEPER))
    up.waits_for(r"\| Caf\\xe9 \\u65e5\\ufffd")
    up.waits_for("pid")
    assert up.process.poll() is None


@pytest.mark.parametrize(("number", "goes_on"), [(errno.ENOSPC, True), (errno.EPIPE, False), (errno.EIO, False)])
def test_output_that_fails_loses_lines_or_ends_everything_in_order(tmp_path: Path, number: int, goes_on: bool) -> None:
    said: list[str] = []

    def write(line: str) -> None:
        said.append(line)
        if "second" in line:
            os.kill(os.getpid(), signal.SIGTERM)
        raise OSError(number, os.strerror(number))

    pause = 0 if goes_on else 600
    code = f"import time; print('first', flush=True); time.sleep({pause}); print('second', flush=True); time.sleep(600)"
    Supervisor(tmp_path, [Program("web", [sys.executable, "-c", code])], write=write).run()
    assert ("second" in "".join(said)) is goes_on


def test_they_stop_in_the_reverse_order_of_their_start(house: Callable[..., House]) -> None:
    leaves = "import signal, sys, time; signal.signal(signal.SIGTERM, lambda *_: (print('leaves'), sys.exit(0))); "
    code = leaves + "print('is there', flush=True); time.sleep(600)"
    up = house(program("first", code), program("second", code))
    up.waits_for(r"(?s)is there.*is there")
    up.process.terminate()
    up.ends()
    assert re.findall(r"(\w+) +\| leaves", up.text) == ["second", "first"]


def test_the_next_waits_until_the_former_is_ready(house: Callable[..., House], tmp_path: Path) -> None:
    marker = tmp_path / "ready"
    code = f"import pathlib, time; time.sleep(.4); print('ready now', flush=True); pathlib.Path({str(marker)!r}).touch(); time.sleep(600)"
    up = house(program("queue", code, ready=str(marker)), program("web"))
    up.waits_for("everything is up")
    up.waits_for("web +. pid")
    assert up.text.index("ready now") < up.text.index("web   | pid")


def test_what_never_gets_ready_ends_everything(house: Callable[..., House], tmp_path: Path) -> None:
    up = house(program("queue", ready=str(tmp_path / "never"), ready_within=0.5), program("web"))
    assert up.ends() == 1
    assert "queue is not ready after" in up.text
    assert "web" not in up.text
    assert gone(up.pids(), 0)


def test_a_second_start_says_that_one_runs(house: Callable[..., House]) -> None:
    up = house(program("web"))
    up.waits_for("everything is up")
    second = house(program("web"))
    assert second.ends() == 2
    assert f"process {up.process.pid}" in second.text
    assert "running already" in second.text
    up.process.kill()
    up.ends()
    third = house(program("web"))
    third.waits_for("everything is up")


def test_a_taken_port_is_named_with_the_way_out(house: Callable[..., House]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        number = taken.getsockname()[1]
        up = house(program("web", ports=[number]))
        assert up.ends() == 2
    assert f"Port {number} of 127.0.0.1, which web needs" in up.text
    assert "make run PORT=5001" in up.text
    assert up.pids() == []
