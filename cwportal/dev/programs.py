"""What `make run` keeps up: the simulator, the queue's server, one worker and the portal."""

from __future__ import annotations

import socket
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from cwportal.dev import valkey
from cwportal.dev.claims import Port
from cwportal.dev.supervisor import Program

_THREADS = 8
"""Requests the portal serves at once."""
_GRACE = 20.0
"""Seconds a worker has to finish the export in hand; one that is cut off is taken up at the next start."""


@dataclass(frozen=True, slots=True)
class Places:
    """Where everything is. `own_queue`: no Redis was configured, so the embedded one is started."""

    instance: Path
    portal: Port
    sandbox: Port
    own_queue: bool

    @property
    def sandbox_state(self) -> Path:
        """A ConnectWise is known by its address: another port is another ConnectWise, with data of its own."""
        return self.instance / f"sandbox-{self.sandbox.number}.json"


def programs(places: Places, environ: Mapping[str, str]) -> list[Program]:
    """In the order of their start; `environ` comes on top of our own environment."""
    python = sys.executable
    portal, sandbox = places.portal.number, places.sandbox.number
    if places.own_queue:
        environ = {**environ, "CWPORTAL_REDIS_URL": valkey.url(places.instance)}
    queue = Program(
        "queue",
        [python, "-m", "cwportal.dev.valkey", "run", str(places.instance)],
        ready=lambda: valkey.pid(places.instance) is not None,
    )
    return [
        Program(
            "connectwise",
            [python, "-m", "cwportal", "sandbox", "--port", str(sandbox), "--state", str(places.sandbox_state)],
            environ,
            [places.sandbox],
            ready=partial(_listens, sandbox),
        ),
        *([queue] if places.own_queue else []),
        Program("worker", [python, "-m", "cwportal", "worker"], environ, stop_after=_GRACE),
        Program(
            "portal",
            [
                *(python, "-m", "waitress", f"--listen=127.0.0.1:{portal}", f"--threads={_THREADS}"),
                *("--call", "cwportal.app:create_served_app"),
            ],
            environ,
            [places.portal],
            ready=partial(_listens, portal),
        ),
    ]


def _listens(port: int) -> bool:
    with socket.socket() as attempt:
        attempt.settimeout(1.0)
        return attempt.connect_ex(("127.0.0.1", port)) == 0
