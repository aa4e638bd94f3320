"""A partner with real SQLite, connected to a real simulator over HTTP: what service and campaign tests act on."""

from __future__ import annotations

import json
import urllib.request
from decimal import Decimal
from pathlib import Path
from typing import Any

from cwportal.config import Config
from cwportal.db import Database
from cwportal.runtime import Runtime
from cwportal.sandbox import Sandbox
from cwportal.services import connection, decisions, exports, mapping, plans, settings
from tests.support.clock import ScaledClock
from tests.support.databases import make_tables
from tests.support.portal import PARTNER, MemorySource

KEYS = ("campaignpublic", "campaignprivate")
Line = tuple[str, Decimal, Decimal, Decimal]
"""(part number, quantity, unit price, unit cost)"""


class World:
    """One partner and its ConnectWise. Agreements are made by `agreement()`, data by `source`."""

    def __init__(
        self,
        folder: Path,
        sandbox: Sandbox,
        *,
        clock: ScaledClock | None = None,
        database: Database | None = None,
        **config: Any,
    ) -> None:
        self.sandbox = sandbox
        self.clock = clock or ScaledClock()
        self.source = MemorySource()
        values = {
            "CWPORTAL_INSTANCE": str(folder),
            "CWPORTAL_ALLOWED_SITES": sandbox.site,
            "CWPORTAL_SETTLE": "0",
            "CWPORTAL_TIMEOUT": "5",
            **config,
        }
        self.config = Config.load(values)
        self.database = database or Database(self.config.url)
        make_tables(self.database)
        self.runtime = Runtime(self.config, self.database, self.source, self.clock, self.clock.sleep)
        self.control(
            "seed",
            {"members": [{"identifier": "exporter", "public_key": KEYS[0], "private_key": KEYS[1], "rights": "admin"}]},
        )

    def control(self, path: str, body: dict[str, Any] | None = None, *, method: str | None = None) -> Any:
        """The simulator's control API, numbers exact."""
        data = None if body is None else json.dumps(body, default=str).encode()
        request = urllib.request.Request(f"{self.sandbox.url}/_sandbox/{path}", data=data, method=method)
        request.add_header("Content-Type", "application/json")
        with urllib.request.urlopen(request, timeout=30) as answer:
            return json.loads(answer.read() or b"null", parse_float=Decimal)

    def close(self) -> None:
        """Let the database go."""
        self.database.dispose()

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

    def choose(self, **given: str) -> None:
        """As `cwportal settings`."""
        settings.update(self.runtime, PARTNER, given, actor="test")

    def agreement(self, name: str, *additions: dict[str, Any], company: str | None = None, **fields: Any) -> int:
        """A company with one agreement in the simulator; the agreement's id."""
        values = {"name": f"Agreement {name}", "billingCycle": "Monthly", "additions": list(additions), **fields}
        seeded = self.control(
            "seed",
            {
                "companies": [
                    {"identifier": company or f"Co{name}", "name": company or f"Company {name}", "agreements": [values]}
                ]
            },
        )
        return int(seeded["companies"][0]["agreements"][0]["id"])

    def map(self, rows: dict[str, int | None], *, export: bool = True) -> None:
        """As `cwportal map import` with ids."""
        state = self.state()
        lines = ["account_id,company,agreement,export"]
        for account_id, agreement_id in rows.items():
            if agreement_id is None:
                lines.append(f"{account_id},,,no")
                continue
            company = next(item for item in state["agreements"] if item["id"] == agreement_id)["company"]["id"]
            lines.append(f"{account_id},{company},{agreement_id},{'yes' if export else 'no'}")
        mapping.import_file(self.runtime, PARTNER, "\n".join(lines), actor="test")

    def plan(self) -> plans.PartnerPlan:
        """As `cwportal plan`."""
        return plans.preview(self.runtime, PARTNER)

    def export(self, *, approve: bool = False) -> dict[str, Any]:
        """As `cwportal export --json`."""
        from cwportal.services import reports

        run_id = exports.export(self.runtime, PARTNER, actor="test", approval={"all": True} if approve else {})
        return reports.export_json(self.runtime, run_id)

    def decide(self, account_id: str, addition_id: int, answer: str) -> None:
        """As `cwportal decide`."""
        decisions.decide(self.runtime, PARTNER, account_id, addition_id, answer, actor="test")

    def state(self) -> dict[str, Any]:
        """Everything the simulator holds."""
        return dict(self.control("state"))

    def additions(self, agreement_id: int) -> list[dict[str, Any]]:
        """Additions of one agreement as the simulator holds them."""
        return self.sandbox.tenant("training").additions(agreement_id)

    def lines(self, agreement_id: int) -> list[Line]:
        """Live additions with a quantity, sorted."""
        products = {item["id"]: item["identifier"] for item in self.state()["catalog"]}
        return sorted(
            (
                products[row["product"]["id"]],
                Decimal(str(row["quantity"])),
                Decimal(str(row["unitPrice"])),
                Decimal(str(row["unitCost"])),
            )
            for row in self.additions(agreement_id)
            if not row.get("cancelledDate") and Decimal(str(row["quantity"]))
        )

    def edit(self, addition_id: int, **values: Any) -> None:
        """A hand edit of an addition."""
        self.control("edit", {"kind": "addition", "id": addition_id, "set": values})

    def delete(self, addition_id: int) -> None:
        """A person deletes an addition."""
        self.control("edit", {"kind": "addition", "id": addition_id, "delete": True})

    def faults(self, *rules: dict[str, Any], seed: int = 1) -> None:
        """Install fault rules; none = all faults off."""
        if rules:
            self.control("faults", {"seed": seed, "rules": list(rules)})
        else:
            self.control("faults", method="DELETE")

    def writes(self) -> list[dict[str, Any]]:
        """Journal entries of writes since the journal was cleared."""
        return [entry for entry in self.control("journal") if entry["method"] in ("POST", "PATCH", "PUT", "DELETE")]

    def clear_journal(self) -> None:
        """Forget requests so far."""
        self.control("journal/clear", {})


def group(part_number: str, quantity: object, cost: object, price: object) -> Line:
    """A line as `World.lines` gives it."""
    return (part_number, Decimal(str(quantity)), Decimal(str(price)), Decimal(str(cost)))
