"""`make run` as a process, on free ports in a folder of its own."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).parents[2]
PATIENCE = 120.0


def free_port() -> int:
    """A port nobody listens on now."""
    with socket.socket() as attempt:
        attempt.bind(("127.0.0.1", 0))
        return int(attempt.getsockname()[1])


class Demo:
    """What runs. `portal` and `sandbox` are addresses without a slash at their end."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.ports = free_port(), free_port()
        self.portal, self.sandbox = (f"http://127.0.0.1:{port}" for port in self.ports)
        self.env = {
            **{name: value for name, value in os.environ.items() if not name.startswith("CWPORTAL_")},
            "CWPORTAL_INSTANCE": str(folder / "instance"),
            "CWPORTAL_PORT": str(self.ports[0]),
            "CWPORTAL_SANDBOX_PORT": str(self.ports[1]),
        }
        self.log = folder / "log"

    def start(self, **environ: str) -> subprocess.Popen[bytes]:
        """Another process of it; what it says goes to the log."""
        with self.log.open("ab") as log:
            return subprocess.Popen(
                [sys.executable, "-m", "cwportal.dev"],
                cwd=ROOT,
                env={**self.env, **environ},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )

    def said(self) -> str:
        """Everything so far."""
        return self.log.read_text(errors="replace")

    def up(self, process: subprocess.Popen[bytes]) -> str:
        """Wait until it says where everything is; everything it has said."""
        deadline = time.monotonic() + PATIENCE
        while "Ctrl-C stops it.\n" not in self.said():
            assert process.poll() is None, self.said()
            assert time.monotonic() < deadline, self.said()
            time.sleep(0.1)
        return self.said()

    def processes(self) -> list[str]:
        """Commands of all processes that have this folder in their environment or command."""
        found = []
        needle = os.fsencode(self.folder)
        for entry in Path("/proc").iterdir():
            if not entry.name.isdigit() or int(entry.name) == os.getpid():
                continue
            try:
                command = (entry / "cmdline").read_bytes()
                around = (entry / "environ").read_bytes()
            except OSError:
                continue
            if command and (needle in command or needle in around):
                found.append(re.sub(rb"\0", b" ", command).decode(errors="replace"))
        return found


def stop(process: subprocess.Popen[bytes], number: int = signal.SIGTERM) -> int:
    """Ask it to end; its exit status."""
    process.send_signal(number)
    return process.wait(60)


@contextmanager
def running(folder: Path) -> Iterator[Demo]:
    """It is up inside the block."""
    demo = Demo(folder)
    process = demo.start()
    try:
        demo.up(process)
        yield demo
    finally:
        if process.poll() is None:
            stop(process)
