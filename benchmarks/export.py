"""What an export takes: time, requests, CPU and memory, against the numbers of the design and beside two naive exporters.

`python -m benchmarks export --agreements 300 --lines 10 --concurrency 4`.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import platform
import subprocess
import sys
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from itertools import product
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks.child import Job, Measured
from benchmarks.simulator import Simulator
from benchmarks.workload import Workload

DEFAULT_SIZES = ((300, 10), (300, 25))
"""(agreements, lines of each) of `make bench`: about ten minutes."""
FULL_SIZES = ((300, 10), (300, 25), (1_500, 10), (1_500, 25))
"""Those of `--full`: about three quarters of an hour."""
PHASES = ("first", "no change", "1 % change")
_BATCH = 100
_HEADER = (
    f"{'exporter':<14}{'agreements':>11}{'phase':>12}{'C':>3}{'writes':>8}{'requests':>10}{'bound':>8}{'seconds':>10}{'ideal':>9}"
    f"{'ratio':>7}{'full':>6}{'CPU ms/line':>13}{'CPU':>6}{'peak MB':>9}  status"
)


@dataclass(frozen=True, slots=True)
class Options:
    """What to measure. `sample`: agreements that the naive exporters do; 0 = leave them out."""

    sizes: tuple[tuple[int, int], ...]
    concurrency: tuple[int, ...]
    latency: float
    sample: int


@dataclass(frozen=True, slots=True)
class _Line:
    """One line of the table; `times`: how many times the workload is what was measured."""

    exporter: str
    workload: Workload
    phase: str
    concurrency: int
    measured: Measured
    times: float = 1.0

    def bound(self) -> int:
        """Requests by design section 8: reads, and one write per change. A first export also makes the products, and counts once in
        every agreement that it found empty (docs/decisions/001).
        """
        agreements, lines = self.workload.agreements, self.workload.lines
        batches = 2 * math.ceil(agreements / _BATCH) + math.ceil(lines / _BATCH)
        writes = {
            "first": self.workload.additions + lines + agreements,
            "no change": 0,
            "1 % change": self.workload.changes(),
        }
        return math.floor(5 + 1.05 * (agreements + batches)) + writes[self.phase]

    def text(self, latency: float) -> str:
        """As it is printed."""
        found, times = self.measured, self.times
        requests, seconds = found.requests * times, found.seconds * times
        ideal = requests * latency / self.concurrency
        cpu = found.cpu * times / self.workload.additions * 1000
        bound = f"{self.bound():,}" if self.exporter == "cwportal" else ""
        full = f"{found.full:.0%}" if found.full else ""
        size = f"{self.workload.agreements:,} x {self.workload.lines}"
        return (
            f"{self.exporter:<14}{size:>11}{self.phase:>12}{self.concurrency:>3}{found.writes * times:>8,.0f}{requests:>10,.0f}"
            f"{bound:>8}{seconds:>10.1f}{ideal:>9.1f}{seconds / ideal:>7.2f}{full:>6}{cpu:>13.2f}{found.cpu / found.seconds:>6.0%}"
            f"{found.peak_mb:>9.0f}  {found.status or (f'1/{times:.0f} measured' if times > 1 else '')}"
        )


def measure(options: Options) -> Iterator[str]:
    """The table, line by line as it is measured."""
    yield (
        f"Exports on a simulator with {options.latency * 1000:.0f} ms per request, over https on this machine: {machine()}. "
        "ideal = requests x latency / C."
    )
    yield _HEADER
    for (agreements, lines), concurrency in product(options.sizes, options.concurrency):
        with (
            TemporaryDirectory(prefix="cwportal-bench-") as folder,
            Simulator(Path(folder), options.latency) as simulator,
        ):
            workload = Workload(agreements, lines)
            for line in _ours(simulator, Path(folder), workload, concurrency):
                yield line.text(options.latency)
            if options.sample and concurrency == options.concurrency[0]:
                for line in _naive(simulator, Path(folder), workload, options.sample):
                    yield line.text(options.latency)


def _ours(simulator: Simulator, folder: Path, workload: Workload, concurrency: int) -> Iterator[_Line]:
    ids = simulator.seed("ours", workload.agreements)
    _child(_job("prepare", simulator, folder, workload, concurrency, ids))
    yield _Line(
        "bare requests", workload, "-", concurrency, _run("bare", simulator, folder, workload, concurrency, ids)
    )
    for phase in PHASES:
        now = Workload(workload.agreements, workload.lines, changed=phase == PHASES[2])
        yield _Line("cwportal", now, phase, concurrency, _run("export", simulator, folder, now, concurrency, ids))


def _naive(simulator: Simulator, folder: Path, workload: Workload, sample: int) -> Iterator[_Line]:
    """The products are there by now."""
    count = min(sample, workload.agreements)
    for kind in ("requests", "pyconnectwise"):
        ids = simulator.seed(kind, count)
        for phase in PHASES:
            now = Workload(workload.agreements, workload.lines, changed=phase == PHASES[2])
            yield _Line(
                kind, now, phase, 1, _run(kind, simulator, folder, now, 1, ids), times=workload.agreements / count
            )


def _job(
    kind: str, simulator: Simulator, folder: Path, workload: Workload, concurrency: int, ids: Iterable[int]
) -> Job:
    return Job(
        kind=kind,
        folder=str(folder),
        site=simulator.site,
        ca_bundle=simulator.ca_bundle,
        agreements=workload.agreements,
        lines=workload.lines,
        changed=workload.changed,
        concurrency=concurrency,
        ids=list(ids),
    )


def _run(
    kind: str, simulator: Simulator, folder: Path, workload: Workload, concurrency: int, ids: Iterable[int]
) -> Measured:
    return Measured(**json.loads(_child(_job(kind, simulator, folder, workload, concurrency, ids))))


def _child(job: Job) -> str:
    command = [sys.executable, "-m", "benchmarks.child", "-"]
    return subprocess.run(command, input=json.dumps(asdict(job)), stdout=subprocess.PIPE, text=True, check=True).stdout


def machine() -> str:
    """What it ran on, and how busy that was already."""
    load = os.getloadavg()[0]
    return (
        f"{os.cpu_count()} cores, {platform.machine()}, Python {platform.python_version()}, load {load:.1f} at the start, "
        f"{datetime.now(UTC):%d %b %Y %H:%M} UTC"
    )


def main(options: Options) -> None:
    """Print the table."""
    for line in measure(options):
        print(line, flush=True)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What `python -m benchmarks export` takes."""
    parser.add_argument("--agreements", type=int, help="one size only: so many agreements")
    parser.add_argument("--lines", type=int, default=10, help="lines of each, with --agreements (default: %(default)s)")
    parser.add_argument("--concurrency", type=int, nargs="+", default=[4, 8], help="requests in flight (default: 4 8)")
    parser.add_argument("--latency", type=float, default=0.05, help="seconds per request (default: %(default)s)")
    parser.add_argument(
        "--sample", type=int, default=30, help="agreements that the naive exporters do, 0 = none (default: %(default)s)"
    )
    parser.add_argument("--full", action="store_true", help="all four sizes up to 1,500 x 25 (about 45 minutes)")


def options_of(given: argparse.Namespace) -> Options:
    """The parsed arguments."""
    sizes: tuple[tuple[int, int], ...] = FULL_SIZES if given.full else DEFAULT_SIZES
    if given.agreements:
        sizes = ((given.agreements, given.lines),)
    return Options(sizes, tuple(given.concurrency), given.latency, given.sample)
