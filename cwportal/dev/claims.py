"""What everything on one machine needs for itself alone: its folder and its ports."""

from __future__ import annotations

import fcntl
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from cwportal.errors import UsageError

LOCK = "supervisor.lock"


class AlreadyRunning(UsageError):
    """A supervisor works on this instance folder."""


class PortTaken(UsageError):
    """Something else listens where a program of ours has to."""


@dataclass(frozen=True, slots=True)
class Port:
    """A port of 127.0.0.1 that a program will listen on. `change`: what to type to use another."""

    number: int
    change: str


@contextmanager
def only_one(instance: Path) -> Iterator[None]:
    """Hold the instance folder for this process during the block. AlreadyRunning."""
    instance.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(instance / LOCK, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            who = os.read(descriptor, 200).decode(errors="replace").strip()
            raise AlreadyRunning(
                f"This is running already in {instance}{f' ({who})' if who else ''}. Stop it with Ctrl-C in its terminal, or use "
                "another folder: CWPORTAL_INSTANCE."
            ) from None
        os.ftruncate(descriptor, 0)
        os.write(descriptor, f"process {os.getpid()}, since {datetime.now(UTC):%d %b %Y, %H:%M:%S} UTC".encode())
        yield
    finally:
        os.close(descriptor)


def check_free(name: str, port: Port) -> None:
    """PortTaken, if `name` could not listen there now."""
    with socket.socket() as attempt:
        attempt.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            attempt.bind(("127.0.0.1", port.number))
        except OSError as error:
            raise PortTaken(
                f"Port {port.number} of 127.0.0.1, which {name} needs, cannot be used: {error.strerror}. Use another: {port.change}"
            ) from None
