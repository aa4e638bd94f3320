"""Server time of every page with a large partner in the database while an export writes its rows.

The application is served by waitress in a process of its own, as in production; each page is asked for 30 times over one connection.
"""

from __future__ import annotations

import argparse
import gc
import itertools
import multiprocessing
import re
import shutil
import tempfile
import threading
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from http.client import HTTPConnection
from multiprocessing.connection import Connection
from pathlib import Path
from statistics import quantiles
from typing import Any
from urllib.parse import urlsplit

from sqlalchemy import event, insert, update

from cwportal.app import create_app
from cwportal.commands.context import OWN_PORTAL
from cwportal.models import Run, RunChange
from cwportal.services import schema
from cwportal.standalone.tables import PartnerRow, StaffRow
from tests.support.volume import Filled, Volume, fill

_PARTNER, _ADMIN = "msp", "ann@msp.example"
_NOWHERE = "unix:///nowhere/socket"
_TIMES = 30
_WARM = 3
"""Requests before these: a process that has just started reads its templates."""
_PAUSE = 0.03
"""Seconds between two writes of the export under way: an outcome is committed about so often."""
_LIMIT = 0.1


@dataclass(frozen=True, slots=True)
class Measured:
    """One page. `first` is the time to the first byte: files are sent while they are read."""

    path: str
    status: int
    size: int
    p50: float
    p95: float
    first: float
    statements: int


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What can be chosen."""
    parser.add_argument("--accounts", type=int, default=1500, help="pages: accounts (default: %(default)s)")
    parser.add_argument("--companies", type=int, default=20_000, help="pages: companies (default: %(default)s)")
    parser.add_argument(
        "--page-lines", type=int, default=25, help="pages: lines of each account (default: %(default)s)"
    )


def main(given: argparse.Namespace) -> None:
    """Fill a database, serve it, ask for every page, and print a table."""
    volume = Volume(given.accounts, given.page_lines, given.companies, 60)
    folder = Path(tempfile.mkdtemp(prefix="cwportal-pages-"))
    ours, theirs = multiprocessing.Pipe()
    server = multiprocessing.get_context("spawn").Process(target=_serve, args=(folder, volume, theirs), daemon=True)
    server.start()
    writer = None
    try:
        while not ours.poll(1):
            if not server.is_alive():
                raise SystemExit("The process that serves the pages has ended.")
        port, cookie, paths, running = ours.recv()
        writer = multiprocessing.get_context("spawn").Process(
            target=_export, args=(folder, volume, running), daemon=True
        )
        writer.start()
        rows = [_measure(port, cookie, path, ours) for path in paths]
    finally:
        for process in filter(None, (writer, server)):
            process.terminate()
            process.join()
        shutil.rmtree(folder)
    size = f"{volume.accounts:,} accounts x {volume.lines} lines, {volume.companies:,} companies, {volume.runs} exports, one under way"
    print(f"Pages of a partner with {size}; {_TIMES} requests each\n")
    print(
        "| page | status | kB | statements | p50 ms | p95 ms | first byte p95 ms |\n|---|---:|---:|---:|---:|---:|---:|"
    )
    for row in rows:
        slow = " **slow**" if row.first > _LIMIT else ""
        print(
            f"| `{row.path}` | {row.status} | {row.size / 1000:,.0f} | {row.statements} | {row.p50 * 1000:.0f} | {row.p95 * 1000:.0f} | "
            f"{row.first * 1000:.0f}{slow} |"
        )


def _measure(port: int, cookie: str, path: str, server: Any) -> Measured:
    connection = HTTPConnection("127.0.0.1", port, timeout=60)
    firsts, wholes, status, size = [], [], 0, 0
    for number in range(_WARM + _TIMES):
        if number == _WARM:
            server.send("count")
            server.recv()
        began = time.perf_counter()
        connection.request("GET", path, headers={"Cookie": cookie})
        answer = connection.getresponse()
        answer.read(1)
        firsts.append(time.perf_counter() - began)
        size = len(answer.read()) + 1
        wholes.append(time.perf_counter() - began)
        status = answer.status
    connection.close()
    firsts, wholes = firsts[_WARM:], wholes[_WARM:]
    server.send("count")
    statements = server.recv() // _TIMES
    return Measured(
        path,
        status,
        size,
        quantiles(wholes, n=20)[9],
        quantiles(wholes, n=20)[18],
        quantiles(firsts, n=20)[18],
        statements,
    )


def _serve(folder: Path, volume: Volume, pipe: Connection) -> None:
    import waitress  # type: ignore[import-untyped]

    app = create_app({"CWPORTAL_INSTANCE": str(folder), "CWPORTAL_REDIS_URL": _NOWHERE})
    runtime, own = app.extensions["cwportal"], app.extensions[OWN_PORTAL]
    schema.upgrade(runtime.database.engine)
    own.migrate()
    person = {"email": _ADMIN, "partner_id": _PARTNER, "role": "admin", "password_hash": "none"}
    with own.engine.begin() as connection:
        partner = {"id": _PARTNER, "name": "Large MSP", "timezone": "America/New_York", "currency": "USD"}
        connection.execute(insert(PartnerRow), [partner])
        connection.execute(insert(StaffRow), [person])
    ids = fill(runtime, own.engine, _PARTNER, volume, datetime.now(UTC))
    count = [0]

    def note(*given: Any) -> None:
        count[0] += not given[2].startswith("BEGIN")

    for engine in {runtime.database.engine, own.engine}:
        event.listen(engine, "before_cursor_execute", note)

    gc.collect()
    gc.freeze()  # as wsgi.py does
    server = waitress.create_server(app, host="127.0.0.1", port=0, threads=8)
    pipe.send((server.effective_port, _cookie(app), _paths(app, ids, volume), ids.running))

    def answer() -> None:
        while pipe.recv():
            pipe.send(count[0])
            count[0] = 0

    threading.Thread(target=answer, daemon=True).start()
    server.run()


def _export(folder: Path, volume: Volume, run_id: int) -> None:
    """What a worker writes: one outcome after the other, each on the disk before the next."""
    runtime = create_app({"CWPORTAL_INSTANCE": str(folder), "CWPORTAL_REDIS_URL": _NOWHERE}).extensions["cwportal"]
    for number in itertools.cycle(range(volume.accounts * volume.lines)):
        account, line = divmod(number, volume.lines)
        mine = (RunChange.run_id == run_id, RunChange.account_id == f"a{account:05}", RunChange.position == line)
        with runtime.database.durable() as session:
            session.execute(update(RunChange).where(*mine).values(outcome="applied", finished_at=runtime.clock()))
            session.execute(update(Run).where(Run.id == run_id).values(heartbeat_at=runtime.clock()))
        time.sleep(_PAUSE)


def _cookie(app: Any) -> str:
    """That of somebody who is signed in."""
    signer = app.session_interface.get_signing_serializer(app)
    return f"{app.config['SESSION_COOKIE_NAME']}={signer.dumps({'_user_id': _ADMIN})}"


def _paths(app: Any, ids: Filled, volume: Volume) -> list[str]:
    """Every GET route with ids filled in, and the variants that work hardest."""
    values = {"account_id": "a00001", "staff_id": 1, "name": "cwportal.css", "filename": "", "run_id": ids.export}
    found = []
    for rule in app.url_map.iter_rules():
        if "GET" not in (rule.methods or ()) or rule.endpoint == "static":
            continue
        chosen = {**values, "run_id": _run(rule.endpoint, ids)}
        with app.test_request_context():
            built = rule.build({name: chosen[name] for name in rule.arguments}, append_unknown=False)
        found.append(urlsplit(built[1]).path)
    base = re.sub(r"static/.*", "", next(path for path in found if "/static/" in path))
    last = volume.accounts * volume.lines // 50
    more = (
        f"exports/{ids.export}?page={last}",
        f"exports/{ids.export}?text=changed",
        f"exports/{ids.export}?account=customer+number+a01",
        f"exports/{ids.export}?code=price_missing",
        f"preview/{ids.preview}?page=20",
        "mapping?page=20",
        "mapping?q=number",
        "mapping/companies?q=company+199",
        "mapping/companies?q=nothing",
    )
    return sorted(found) + [base + path for path in more]


def _run(endpoint: str, ids: Filled) -> int:
    if endpoint.endswith(".progress"):
        return ids.running
    return ids.preview if ".preview." in endpoint else ids.export
