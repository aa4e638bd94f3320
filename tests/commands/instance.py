"""The command line as a user has it: real processes where the process is the point, the same code in this process elsewhere."""

from __future__ import annotations

import csv
import io
import json
import logging
import os
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from cwportal import cli as script
from cwportal.sandbox import Sandbox
from cwportal.sandbox.defaults import EXPORT_KEYS
from cwportal.sandbox.inspect import state

PARTNER = "msp"
SCRIPT = Path(sys.executable).parent / "cwportal"
Charge = tuple[str, object, object, object]
"""(sku, quantity, unit cost, unit price)"""
Line = tuple[str, Decimal, Decimal, Decimal]
"""(part number, quantity, unit cost, unit price)"""


@dataclass(frozen=True)
class Result:
    """What a command printed, and its exit status."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """Standard output as JSON."""
        return json.loads(self.out)

    @property
    def error(self) -> str:
        """The one sentence of a command that did not do what was asked."""
        (line,) = self.err.strip().splitlines()
        assert line.startswith("Error: ")
        assert "Traceback" not in self.err
        return line.removeprefix("Error: ")


class Instance:
    """An instance folder with its environment; call it with the words of a command."""

    def __init__(self, folder: Path, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
        self.folder = folder
        self.sandbox = sandbox
        self._monkeypatch = monkeypatch
        for name in list(os.environ):
            if name.startswith("CWPORTAL_") and name != "CWPORTAL_OPENAPI":
                monkeypatch.delenv(name)
        self.set(
            CWPORTAL_INSTANCE=str(folder / "instance"),
            CWPORTAL_ALLOWED_SITES=sandbox.site,
            CWPORTAL_SETTLE="0",
            CWPORTAL_TIMEOUT="5",
        )

    def set(self, **environ: str) -> None:
        """Change the environment of all commands to come."""
        for name, value in environ.items():
            self._monkeypatch.setenv(name, value)

    def __call__(self, *words: object) -> Result:
        """Run a command in this process."""
        out, err = io.StringIO(), io.StringIO()
        handler = logging.StreamHandler(err)
        logging.getLogger().addHandler(handler)
        try:
            with redirect_stdout(out), redirect_stderr(err):
                code = script.run([str(word) for word in words])
        finally:
            logging.getLogger().removeHandler(handler)
        return Result(code, out.getvalue(), err.getvalue())

    def done(self, *words: object) -> str:
        """Run a command that must succeed; what it printed."""
        result = self(*words)
        assert result.code == 0, result.err
        return result.out

    def start(self, *words: object) -> subprocess.Popen[str]:
        """The installed console script, as a process."""
        return subprocess.Popen(
            [SCRIPT, *map(str, words)],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            cwd=self.folder,
        )

    @staticmethod
    def wait_until(what: Callable[[], object], seconds: float = 60.0) -> None:
        """Return when it is true."""
        deadline = time.monotonic() + seconds
        while not what():
            assert time.monotonic() < deadline, "waited in vain"
            time.sleep(0.02)

    def process(self, *words: object) -> Result:
        """The installed console script, to its end."""
        with self.start(*words) as process:
            out, err = process.communicate(timeout=60)
        return Result(process.returncode, out, err)

    # --- the portal's data ------------------------------------------------------------------------------------------
    def write(self, name: str, header: str, rows: Sequence[Sequence[object]]) -> Path:
        """A CSV file in the directory that `load` gets."""
        path = self.folder / "data" / name
        path.parent.mkdir(exist_ok=True)
        with path.open("w", encoding="utf-8", newline="") as file:
            writer = csv.writer(file)
            writer.writerow(header.split(","))
            writer.writerows(rows)
        return path

    def portal(self, accounts: Mapping[str, Sequence[Charge]], **names: str) -> None:
        """Replace all data: accounts with their charges; `names` of accounts that are called something."""
        skus = sorted({charge[0] for charges in accounts.values() for charge in charges})
        self.write("partners.csv", "partner_id,name,timezone,currency", [(PARTNER, "Test MSP", "UTC", "USD")])
        self.write(
            "accounts.csv",
            "partner_id,account_id,name,status",
            [(PARTNER, key, names.get(key, f"Account {key}"), "active") for key in accounts],
        )
        if skus:
            self.write("products.csv", "sku,name", [(sku, f"Product {sku}") for sku in skus])
        self.write(
            "charges.csv",
            "partner_id,account_id,sku,quantity,unit_cost,unit_price",
            [(PARTNER, key, *charge) for key, charges in accounts.items() for charge in charges],
        )
        self.done("load", self.folder / "data")

    def connect(self) -> None:
        """Connect with the keys of the member that has just the needed rights."""
        self.set(CWPORTAL_PRIVATE_KEY=EXPORT_KEYS[1])
        self.done(
            *("connect", "--partner", PARTNER, "--site", self.sandbox.url),
            *("--company-id", "training", "--public-key", EXPORT_KEYS[0]),
        )

    def map(self, **agreements: int | str) -> None:
        """Map accounts to agreements by id, exported."""
        self.done("map", "import", self.mapping(**agreements), "--partner", PARTNER)

    def mapping(self, **agreements: int | str) -> Path:
        """A mapping file: account -> agreement id."""
        companies = {item["id"]: item["company"]["id"] for item in self.state()["agreements"]}
        rows = [(key, companies[int(agreement)], agreement, "yes") for key, agreement in agreements.items()]
        return self.write("mapping.csv", "account_id,company,agreement,export", rows)

    # --- ConnectWise ------------------------------------------------------------------------------------------------
    def company(self, name: str, *agreements: str | Mapping[str, Any]) -> list[int]:
        """A company with monthly agreements, each by its name or fields; their ids."""
        given = [{"name": item} if isinstance(item, str) else item for item in agreements]
        planted = self.sandbox.seed(
            {"companies": [{"name": name, "agreements": [{"billingCycle": "Monthly", **item} for item in given]}]}
        )
        return [item["id"] for item in planted["companies"][0]["agreements"]]

    def state(self) -> dict[str, Any]:
        """Everything the simulator holds."""
        return state(self.sandbox.tenant())

    def additions(self, agreement_id: int) -> list[dict[str, Any]]:
        """Lines of an agreement, all of them, by id."""
        return sorted(self.state()["additions"].get(str(agreement_id), []), key=lambda row: row["id"])

    def lines(self, agreement_id: int) -> list[Line]:
        """Lines of an agreement as values, sorted."""
        products = {item["id"]: item["identifier"] for item in self.state()["catalog"]}
        return sorted(
            (
                products[row["product"]["id"]],
                Decimal(str(row["quantity"])),
                Decimal(str(row["unitCost"])),
                Decimal(str(row["unitPrice"])),
            )
            for row in self.additions(agreement_id)
        )

    def writes(self) -> list[dict[str, Any]]:
        """Every request since the last call that was no GET."""
        journal = self.sandbox.tenant().journal
        entries = [entry for entry in journal.since() if entry["method"] != "GET"]
        journal.clear()
        return entries


def line(sku: str, quantity: object, cost: object, price: object) -> Line:
    """A line as `Instance.lines` gives it."""
    return sku, Decimal(str(quantity)), Decimal(str(cost)), Decimal(str(price))
