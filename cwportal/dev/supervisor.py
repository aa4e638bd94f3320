"""A small process supervisor: everything that one machine needs, in one terminal, ending together.

It runs in one thread, because on Linux its children are tied to the thread that forked them: they are killed by the kernel when it dies,
so that even `kill -9` leaves nothing behind. Each child is a process group of its own; Ctrl-C reaches the supervisor only, which ends them
in the reverse order of their start.
"""

from __future__ import annotations

import errno
import os
import selectors
import signal
import subprocess  # nosec B404
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import IO

from cwportal.dev.claims import Port, check_free, only_one
from cwportal.errors import CWPortalError
from cwportal.jobs import lifeline

_TICK = 0.1
_TWICE = 1.0
"""Seconds within which two signals are one: `make` passes on what a service manager has sent to both."""
_CHUNK = 65_536
_NOBODY_READS = frozenset({errno.EPIPE, errno.EIO})
"""A closed pipe, a terminal that is gone."""
_LONGEST_LINE = 8_192
"""Bytes without a line break after which what is there is shown."""


class ProgramFailed(CWPortalError):
    """A program does not stay up, or does not become ready."""


@dataclass(frozen=True, slots=True)
class Program:
    """One process. `ready` is asked until it is true before the next program starts; `stop_after` seconds after SIGTERM comes SIGKILL."""

    name: str
    command: Sequence[str]
    environ: Mapping[str, str] = field(default_factory=dict)
    ports: Sequence[Port] = ()
    ready: Callable[[], bool] | None = None
    ready_within: float = 30.0
    stop_after: float = 10.0


@dataclass(frozen=True, slots=True)
class Patience:
    """When to start a program again: after `first` seconds, doubled each time up to `longest`; given up after `deaths` deaths in a row.

    A life of `healthy` seconds makes former deaths forgotten.
    """

    first: float = 0.5
    longest: float = 15.0
    deaths: int = 6
    healthy: float = 30.0


@dataclass(slots=True, eq=False)
class _Child:
    program: Program
    process: subprocess.Popen[bytes] | None = None
    started: float = 0.0
    deaths: int = 0
    again: float | None = None
    pending: bytes = b""


class Supervisor:
    """Runs programs until SIGINT, SIGTERM or SIGHUP, or until one of them cannot be kept up.

    `write` gets whole lines without their end (default: printed). If it fails because nobody reads any more, everything is stopped; a line
    for which there is no room (a full disk) is lost.
    """

    def __init__(
        self,
        instance: Path,
        programs: Sequence[Program],
        *,
        write: Callable[[str], None] | None = None,
        patience: Patience | None = None,
    ) -> None:
        self._instance = instance
        self._children = [_Child(program) for program in programs]
        self._write = write or _print
        self._patience = patience or Patience()
        self._width = max((len(program.name) for program in programs), default=0)
        self._selector = selectors.DefaultSelector()
        self._signals = 0
        self._signalled = 0.0

    def run(self, *, started: Callable[[], None] | None = None) -> None:
        """Start all, in order, and keep them up until a signal; returns when all have ended.

        `started` is called once everything is up. Raises AlreadyRunning, PortTaken and ProgramFailed; then, too, nothing is left running.
        """
        with only_one(self._instance), self._handlers():
            for child in self._children:
                for port in child.program.ports:
                    check_free(child.program.name, port)
            try:
                for child in self._children:
                    self._start(child)
                    self._await_ready(child)
                if started is not None and not self._signals:
                    started()
                while not self._signals:
                    self._turn()
            finally:
                self._stop_all()
                self._selector.close()

    def _start(self, child: _Child) -> None:
        program = child.program
        try:
            process = subprocess.Popen(  # nosec B603
                list(program.command),
                env={**os.environ, "PYTHONUNBUFFERED": "1", **program.environ},
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                preexec_fn=partial(lifeline.end_with, os.getpid()),  # noqa: PLW1509 (one thread)
            )
        except OSError as error:
            raise ProgramFailed(f"{program.name} cannot be started: {error}") from None
        child.process, child.started, child.again = process, time.monotonic(), None
        if process.stdout is not None:
            os.set_blocking(process.stdout.fileno(), False)
            self._selector.register(process.stdout, selectors.EVENT_READ, child)

    def _await_ready(self, child: _Child) -> None:
        deadline = time.monotonic() + child.program.ready_within
        while not self._signals and child.program.ready is not None and not child.program.ready():
            if time.monotonic() > deadline:
                raise ProgramFailed(
                    f"{child.program.name} is not ready after {child.program.ready_within:.0f} seconds; its last lines are above."
                )
            self._turn()

    def _turn(self, seconds: float = _TICK) -> None:
        """Show what was said, notice what died, start what is due."""
        self._show(seconds)
        now = time.monotonic()
        for child in self._children:
            if child.process is not None and child.process.poll() is not None:
                self._buried(child, now)
            if child.again is not None and now >= child.again:
                self._start(child)

    def _buried(self, child: _Child, now: float) -> None:
        ended = self._end_of(child)
        child.deaths = 1 if now - child.started >= self._patience.healthy else child.deaths + 1
        if child.deaths >= self._patience.deaths:
            raise ProgramFailed(
                f"{child.program.name} ended {child.deaths} times in a row (the last time {ended}); its last lines are above. "
                "Everything is stopped."
            )
        pause = min(self._patience.first * 2 ** (child.deaths - 1), self._patience.longest)
        child.again = now + pause
        self._say(f"{child.program.name} ended ({ended}); it starts again in {pause:.1f} s")

    def _end_of(self, child: _Child) -> str:
        """Take leave of a process that has ended: its last words are shown. How it ended, in words."""
        process = child.process
        if process is None:
            return ""
        code = process.wait()
        if process.stdout is not None:
            self._read(child)
            if child.pending:
                self._line(child, child.pending)
                child.pending = b""
            self._forget(process.stdout)
            process.stdout.close()
        child.process = None
        return f"exit status {code}" if code >= 0 else f"killed by {signal.Signals(-code).name}"

    def _stop_all(self) -> None:
        """SIGTERM in reverse order, SIGKILL for those that do not go or when a second signal comes."""
        seen = self._signals
        if seen:
            self._say("Stopping, what is in hand is finished first; Ctrl-C once more does not wait for it.")
        for child in reversed(self._children):
            child.again = None
            process = child.process
            if process is None:
                continue
            deadline = time.monotonic() + child.program.stop_after
            process.terminate()
            while process.poll() is None and time.monotonic() < deadline and self._signals <= max(seen, 1):
                self._show(_TICK)
            if process.poll() is None:
                self._say(f"{child.program.name} does not stop and is killed")
                with suppress(ProcessLookupError):
                    os.killpg(process.pid, signal.SIGKILL)
            self._end_of(child)

    def _show(self, seconds: float) -> None:
        if not self._selector.get_map():
            time.sleep(seconds)
            return
        for key, _ in self._selector.select(seconds):
            self._read(key.data)

    def _read(self, child: _Child) -> None:
        """Show every whole line that is there."""
        output = child.process.stdout if child.process else None
        if output is None:
            return
        with suppress(BlockingIOError):
            while chunk := os.read(output.fileno(), _CHUNK):
                *lines, child.pending = (child.pending + chunk).split(b"\n")
                for line in lines:
                    self._line(child, line)
                if len(child.pending) > _LONGEST_LINE:
                    self._line(child, child.pending)
                    child.pending = b""
            self._forget(output)  # closed by the program

    def _forget(self, output: IO[bytes]) -> None:
        with suppress(KeyError):
            self._selector.unregister(output)

    def _line(self, child: _Child, line: bytes) -> None:
        self._put(f"{child.program.name:<{self._width}} | {line.decode(errors='replace').rstrip()}")

    def _say(self, text: str) -> None:
        self._put(f"{'*':<{self._width}} | {text}")

    def _put(self, line: str) -> None:
        try:
            self._write(line)
        except OSError as error:
            if error.errno in _NOBODY_READS:
                self._signals = max(self._signals, 1)

    @contextmanager
    def _handlers(self) -> Iterator[None]:
        def note(_signum: int, _frame: object) -> None:
            now = time.monotonic()
            if not self._signals or now - self._signalled >= _TWICE:
                self._signals, self._signalled = self._signals + 1, now

        numbers = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
        former = {number: signal.signal(number, note) for number in numbers}
        try:
            yield
        finally:
            for number, handler in former.items():
                signal.signal(number, handler)


def _print(line: str) -> None:
    """What the terminal's character set does not have is shown by its number."""
    coding = sys.stdout.encoding or "utf-8"
    print(line.encode(coding, "backslashreplace").decode(coding), flush=True)
