"""A partner whose exports are done by real worker processes."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from redis import Redis

from cwportal.dev import valkey
from cwportal.jobs.queue import request_export
from cwportal.models import Run
from cwportal.runtime import Runtime
from cwportal.sandbox import Sandbox
from cwportal.services import connection
from tests.jobs import process
from tests.support.portal import PARTNER
from tests.support.world import World

ROOT = Path(__file__).parents[2]
PATIENCE = 120.0
ADDED = {"method": "POST", "path": "/additions"}
"""Requests that create additions, for barriers."""


def eventually(what: str, look: Callable[[], Any], seconds: float = PATIENCE) -> Any:
    """The first true value of `look`."""
    deadline = time.monotonic() + seconds
    while not (seen := look()):
        assert time.monotonic() < deadline, f"waited {seconds} s for {what}"
        time.sleep(0.05)
    return seen


def children(pid: int) -> list[int]:
    """Processes that this one has forked."""
    return [int(word) for word in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def is_alive(pid: int) -> bool:
    """Whether the process runs (a zombie does not)."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def until_written(instance: Path) -> None:
    """Valkey writes to disk every second, on a busy disk later."""

    def written() -> bool:
        told = redis.info("persistence")
        return not told["aof_buffer_length"] and not told["aof_pending_bio_fsync"]

    with Redis.from_url(valkey.url(instance)) as redis:
        time.sleep(1.2)
        eventually("everything on disk", written)


class Crew:
    """A world, and workers that are started and killed as processes. `redis_url` None: the instance's own Valkey."""

    def __init__(self, folder: Path, sandbox: Sandbox, redis_url: str | None, **config: str) -> None:
        self.folder = folder
        settings = {
            "CWPORTAL_LEASE": "2",
            "CWPORTAL_TIMEOUT": "20",
            "CWPORTAL_REDIS_URL": redis_url or "",
            **config,
        }
        self.world = World(folder, sandbox, **settings)
        self.world.connect()
        self.env = {
            **os.environ,
            "CWPORTAL_INSTANCE": str(folder),
            "CWPORTAL_ALLOWED_SITES": sandbox.site,
            "CWPORTAL_SETTLE": "0",
            **settings,
        }
        self.runtime: Runtime = replace(self.world.runtime, broker=partial(valkey.ensure, folder))
        self.world.runtime = self.runtime
        self.workers: list[subprocess.Popen[bytes]] = []

    def portal(self, **charges: Any) -> dict[str, int]:
        """One account with an agreement per name, mapped, its charge given; the agreements' ids."""
        agreements = {name: self.world.agreement(name) for name in charges}
        for name, charge in charges.items():
            self.world.source.add_account(name, charge)
        self.world.map(dict(agreements))
        return agreements

    def ask(self) -> int:
        """As the button does."""
        return request_export(self.runtime, PARTNER, actor="test").run_id

    def tenant(self) -> str:
        """The ConnectWise of the connection."""
        return connection.get(self.runtime, PARTNER).tenant

    def worker(self, *options: str) -> subprocess.Popen[bytes]:
        """A worker process on the portal data as they are now; its log goes to worker.log."""
        process.leave(self.folder, self.world.source)
        with (self.folder / "worker.log").open("ab") as log:
            started = subprocess.Popen(
                [sys.executable, "-m", "tests.jobs.process", *options], cwd=ROOT, env=self.env, stdout=log, stderr=log
            )
        self.workers.append(started)
        return started

    def burst(self) -> None:
        """A worker that ends when the queue is empty."""
        assert self.worker("--burst").wait(PATIENCE) == 0, self.log()

    def log(self) -> str:
        """What the workers said."""
        return (self.folder / "worker.log").read_text()

    def run(self, run_id: int) -> Run:
        """The run as it is now."""
        with self.runtime.database.read() as session:
            return session.get_one(Run, run_id)

    def state(self, run_id: int) -> str:
        """Its state."""
        return self.run(run_id).state

    def ended(self, run_id: int) -> str:
        """Its state once it has ended."""
        eventually(f"the end of run {run_id}", lambda: self.run(run_id).finished_at)
        return self.state(run_id)

    def hold(self, point: str, **match: str) -> None:
        """Hold the next creation of an addition."""
        self.world.control("barriers", {"name": "hold", "point": point, "match": match or ADDED, "times": 1})

    def held(self) -> None:
        """Wait until somebody is held."""
        eventually("a request at the barrier", lambda: self.world.control("barriers")[0]["waiting"])

    def release(self) -> None:
        """Let it go on."""
        self.world.control("barriers/release", {"name": "hold"})

    def created(self) -> list[Any]:
        """Every creation of an addition that ConnectWise has carried out."""
        return [
            entry["entity_id"]
            for entry in self.world.control("journal")
            if entry["method"] == "POST" and entry["path"].endswith("/additions") and entry["entity_id"]
        ]

    def most_in_flight(self) -> int:
        """The largest number of requests at once since the journal was cleared."""
        return max(entry["concurrent"] for entry in self.world.control("journal"))

    def close(self) -> None:
        """End what was started."""
        for worker in self.workers:
            if worker.poll() is None:
                worker.send_signal(signal.SIGKILL)
            worker.wait()
        valkey.stop(self.folder)
        self.world.close()
