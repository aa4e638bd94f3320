"""One measured exporter in a process of its own, so that its memory and CPU are its own: `python -m benchmarks.child JSON`.

Prints one JSON object: seconds, CPU seconds, requests, peak memory in MB, and how the export ended.
"""

from __future__ import annotations

import json
import resource
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from benchmarks import naive
from benchmarks.flight import Flight
from benchmarks.workload import PARTNER, Source, Workload, account_id
from cwportal.config import Config
from cwportal.db import Database
from cwportal.runtime import Runtime
from cwportal.sandbox.defaults import COMPANY_ID, EXPORT_KEYS
from cwportal.services import connection, exports, mapping, reports, schema

BARE = 400
"""Requests of the run that does nothing else."""


@dataclass(frozen=True, slots=True)
class Job:
    """What to do: `prepare`, `export`, `bare`, `requests` or `pyconnectwise`. `ids`: agreements in ConnectWise, in order."""

    kind: str
    folder: str
    site: str
    ca_bundle: str
    agreements: int
    lines: int
    changed: bool
    concurrency: int
    ids: list[int]

    @property
    def workload(self) -> Workload:
        """What is exported."""
        return Workload(self.agreements, self.lines, self.changed)


Told = Callable[[], tuple[int, str, int]]
"""Asked for when the time is up: requests, how it ended, and writes."""


@dataclass(frozen=True, slots=True)
class Measured:
    """`status`: how the run ended; empty for the naive exporters. `full`: the share of the time with as many requests under way as may be."""

    seconds: float
    cpu: float
    requests: int
    peak_mb: float
    status: str
    writes: int
    full: float = 0.0


def _runtime(job: Job) -> Runtime:
    values = {
        "CWPORTAL_INSTANCE": job.folder,
        "CWPORTAL_ALLOWED_SITES": job.site,
        "CWPORTAL_CA_BUNDLE": job.ca_bundle,
        "CWPORTAL_CONCURRENCY": str(job.concurrency),
    }
    config = Config.load(values)
    return Runtime(config, Database(config.url), Source(job.workload))


def prepare(job: Job) -> None:
    """Make the database, connect the partner and map every account to its agreement."""
    runtime = _runtime(job)
    schema.upgrade(runtime.database.engine)
    connection.connect(
        runtime,
        PARTNER,
        site=f"https://{job.site}",
        company_id=COMPANY_ID,
        public_key=EXPORT_KEYS[0],
        private_key=EXPORT_KEYS[1],
        actor="benchmark",
    )
    rows = [f"{account_id(number)},identifier:ours{number},{given},yes" for number, given in enumerate(job.ids)]
    mapping.import_file(runtime, PARTNER, "\n".join(["account_id,company,agreement,export", *rows]), actor="benchmark")
    runtime.database.dispose()


def _export(job: Job) -> Told:
    runtime = _runtime(job)
    run_id = exports.export(runtime, PARTNER, actor="benchmark")

    def told() -> tuple[int, str, int]:
        ended = reports.run_row(runtime, run_id)
        runtime.database.dispose()
        return ended.requests, ended.state, sum(ended.counts[name] for name in ("created", "updated", "ended"))

    return told


def _naive(api: naive.Api, job: Job) -> Told:
    sent = naive.run(api, job.workload, job.ids)
    return lambda: (sent, "", sent - 1 - len(job.ids))


def _bare(job: Job) -> Told:
    sent = naive.bare(job.site, job.ca_bundle, job.concurrency, BARE)
    return lambda: (sent, "", 0)


def _ready(job: Job) -> Callable[[], Told]:
    """What is measured, with everything imported: a sample's fixed costs would be multiplied."""
    if job.kind == "export":
        return partial(_export, job)
    if job.kind == "bare":
        return partial(_bare, job)
    make = naive.plain if job.kind == "requests" else naive.library
    api = make(job.site, job.ca_bundle, naive.client_id())
    api.products()  # the library imports its models when they are first used
    if job.ids:
        api.additions(job.ids[0])
    return partial(_naive, api, job)


def measure(job: Job) -> Measured:
    """Do it and say what it took."""
    do = _ready(job)
    flight = Flight()
    with flight.watching():
        before, start = _cpu(), time.perf_counter()
        told = do()
        seconds, cpu = time.perf_counter() - start, _cpu() - before
    sent, status, writes = told()
    return Measured(seconds, cpu, sent, _peak_mb(), status, writes, flight.share(job.concurrency))


def _cpu() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def _peak_mb() -> float:
    """Of this process alone: what getrusage tells on Linux begins with the memory of the process that started it."""
    status = Path("/proc/self/status")
    if status.exists():
        line = next(line for line in status.read_text().splitlines() if line.startswith("VmHWM"))
        return int(line.split()[1]) / 1024
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / 1024 / 1024 if sys.platform == "darwin" else peak / 1024


def main() -> None:
    """The job is the one argument, or standard input where that is `-`."""
    text = sys.stdin.read() if sys.argv[1] == "-" else sys.argv[1]
    job = Job(**json.loads(text))
    if job.kind == "prepare":
        prepare(job)
        print("{}")
        return
    measured = measure(job)
    print(json.dumps({name: getattr(measured, name) for name in Measured.__slots__}))


if __name__ == "__main__":
    main()
