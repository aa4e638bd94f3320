"""A standalone portal that listens, its simulator, and a worker process: what a person with a browser walks through."""

from __future__ import annotations

import csv
import json
import os
import signal
import subprocess
import sys
import urllib.request
from collections.abc import Iterable, Mapping
from contextlib import ExitStack
from decimal import Decimal
from pathlib import Path
from typing import Any

from flask import Flask
from sqlalchemy import select

from cwportal.app import create_app
from cwportal.commands.context import OWN_PORTAL
from cwportal.dev import valkey
from cwportal.models import Run
from cwportal.runtime import Runtime
from cwportal.sandbox import Sandbox
from cwportal.services import connection, credentials, directory, draft, exports, mapping, schema, settings
from tests.support.listening import listening

ROOT = Path(__file__).parents[2]
PARTNER = "northwind"
PASSWORD = "a long enough password"
KEYS = ("WalkPublicKey123", "WalkPrivateKey9x")
PREFIX = "/integration/connectwise"
COLUMNS = {
    "partners": "partner_id,name,timezone,currency",
    "accounts": "partner_id,account_id,name,status",
    "products": "sku,name,list_cost",
    "prices": "partner_id,sku,unit_price",
    "charges": "partner_id,account_id,sku,quantity,unit_cost,unit_price",
    "users": "partner_id,account_id,email,display_name,status,services",
}
Line = tuple[str, Decimal, Decimal]
"""(part number, quantity, unit price)"""


class Stage:
    """One portal in a folder. Nothing of it is set up but its tables and what `load` and `seed` were given."""

    def __init__(self, folder: Path, sandbox: Sandbox) -> None:
        self.folder = folder
        self.sandbox = sandbox
        self.config = {
            "CWPORTAL_INSTANCE": str(folder / "instance"),
            "CWPORTAL_ALLOWED_SITES": sandbox.site,
            "CWPORTAL_SETTLE": "0",
        }
        self.app: Flask = create_app(self.config, broker=valkey.ensure)
        self.runtime: Runtime = self.app.extensions["cwportal"]
        self.own: Any = self.app.extensions[OWN_PORTAL]
        schema.upgrade(self.runtime.database.engine)
        self.own.migrate()
        self._open = ExitStack()
        self.url = self._open.enter_context(listening(self.app))
        self._worker: subprocess.Popen[bytes] | None = None

    def close(self) -> None:
        """End what was started."""
        if self._worker is not None and self._worker.poll() is None:
            self._worker.send_signal(signal.SIGTERM)
            self._worker.wait(30)
        self._open.close()
        valkey.stop(self.folder / "instance")
        self.runtime.database.dispose()
        self.own.dispose()

    def work(self) -> None:
        """Start a worker process; its log is worker.log."""
        env = {name: value for name, value in os.environ.items() if not name.startswith("CWPORTAL_")}
        with (self.folder / "worker.log").open("ab") as log:
            self._worker = subprocess.Popen(
                [sys.executable, "-m", "cwportal", "worker"],
                cwd=ROOT,
                env={**env, **self.config},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )

    def load(self, **kinds: Iterable[Iterable[object]]) -> None:
        """Portal data, as `cwportal load`: rows by kind, without their first column where that is the partner."""
        files = self.folder / "files"
        files.mkdir(exist_ok=True)
        for kind, rows in kinds.items():
            columns = COLUMNS[kind].split(",")
            first = [PARTNER] if columns[0] == "partner_id" and kind != "partners" else []
            with (files / f"{kind}.csv").open("w", encoding="utf-8", newline="") as file:
                writer = csv.writer(file)
                writer.writerow(columns)
                writer.writerows([*first, *row] for row in rows)
        self.own.load(files, lambda *_: None)

    def staff(self, **roles: str) -> None:
        """Logins `name@northwind.example` with these roles."""
        for name, role in roles.items():
            self.own.add_user(f"{name}@northwind.example", PARTNER, role, PASSWORD)

    def control(self, path: str, body: Mapping[str, Any] | None = None) -> Any:
        """The simulator's control API, numbers exact."""
        data = None if body is None else json.dumps(body, default=str).encode()
        request = urllib.request.Request(f"{self.sandbox.url}/_sandbox/{path}", data=data)
        request.add_header("Content-Type", "application/json")
        with urllib.request.urlopen(request, timeout=30) as answer:
            return json.loads(answer.read() or b"null", parse_float=Decimal)

    def seed(self, *companies: Mapping[str, Any], **more: Any) -> None:
        """Companies with agreements in the simulator, and an API member who may everything."""
        member = {"identifier": "walker", "public_key": KEYS[0], "private_key": KEYS[1], "rights": "admin"}
        self.control("seed", {"members": [member], "companies": list(companies), **more})

    def connect(self) -> None:
        """As `cwportal connect`."""
        connection.connect(
            self.runtime,
            PARTNER,
            site=self.sandbox.url,
            company_id="training",
            public_key=KEYS[0],
            private_key=KEYS[1],
            actor="test",
        )

    def half_connect(self, actor: str) -> None:
        """The wizard's first two steps are done, and companies were read for the third."""
        begun = draft.begin(self.runtime, PARTNER, actor=actor)
        typed = credentials.Typed(self.sandbox.url, "training", *KEYS)
        kept = draft.keep_credentials(self.runtime, PARTNER, typed, version=begun.version, actor=actor)
        proven = credentials.prove(self.runtime, typed)
        draft.accept(self.runtime, PARTNER, proven, version=kept.version, actor=actor)
        draft.keep_settings(self.runtime, PARTNER, {"export": "daily"}, actor=actor, done=True)
        directory.refresh(self.runtime, PARTNER)

    def choose(self, **given: str) -> None:
        """As `cwportal settings`."""
        settings.update(self.runtime, PARTNER, given, actor="test")

    def map(self, *rows: str) -> None:
        """As `cwportal map import`."""
        text = "\n".join(("account_id,company,agreement,export", *rows))
        mapping.import_file(self.runtime, PARTNER, text, actor="test")

    def export(self) -> int:
        """As `cwportal export`."""
        return exports.export(self.runtime, PARTNER, actor="ann@northwind.example", approval={})

    def settled(self) -> bool:
        """Whether the newest run is an export and has ended."""
        with self.runtime.database.read() as session:
            run = session.scalars(select(Run).order_by(Run.id.desc())).first()
            return run is not None and run.trigger != "preview" and run.finished_at is not None

    def lines(self) -> dict[str, list[Line]]:
        """Every addition in ConnectWise that bills something, by agreement."""
        state = self.control("state")
        products = {item["id"]: item["identifier"] for item in state["catalog"]}
        tenant = self.sandbox.tenant("training")
        found: dict[str, list[Line]] = {}
        for agreement in state["agreements"]:
            for row in tenant.additions(agreement["id"]):
                quantity = Decimal(str(row["quantity"]))
                if quantity and not row.get("cancelledDate"):
                    line = (products[row["product"]["id"]], quantity, Decimal(str(row["unitPrice"])))
                    found.setdefault(agreement["name"], []).append(line)
        return {name: sorted(rows) for name, rows in found.items()}


def company(name: str, *agreements: str, **more: Any) -> dict[str, Any]:
    """A company of the simulator with agreements that bill monthly."""
    plans = [{"name": agreement, "billingCycle": "Monthly"} for agreement in agreements]
    return {"name": name, "agreements": plans, **more}


def line(sku: str, quantity: str, price: str) -> Line:
    """A line as `Stage.lines` gives it."""
    return sku, Decimal(quantity), Decimal(price)
