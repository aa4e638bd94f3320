"""The demo partner: a managed service provider with 40 accounts, and the ConnectWise it might have.

`NEWCOMER` is a second partner in `NEWCOMER_DIR`, which has not connected yet: its companies are in the same simulator.

`DEMO_DIR` is a directory for `cwportal load`; beside the portal's files it holds `mapping.csv` for `cwportal map
import`, and what the simulator should contain: `connectwise.csv` (companies and agreements, named a little
differently from the portal's accounts, as in real life) and `connectwise_lines.csv` (the partner's own lines).
"""

from __future__ import annotations

import csv
import json
from collections import defaultdict
from http.client import HTTPConnection
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from cwportal.errors import CWPortalError

DEMO_DIR = Path(__file__).parent / "demo"
NEWCOMER_DIR = Path(__file__).parent / "newcomer"

PARTNER = "northwind"
NEWCOMER = "harborview"
TENANT = "training"
"""Company id of the simulator's own ConnectWise."""

_START = "2024-01-01T00:00:00Z"
_CANCELLED = "2023-12-31T00:00:00Z"
_TIMEOUT = 30.0


def seed_sandbox(url: str) -> int:
    """Fill the simulator at `url` (http) with the demo's companies, agreements and lines; how many companies were new.

    What is there already is left alone, so doing it again changes nothing. Raises OSError if the simulator does not
    answer, and CWPortalError with its answer if it refuses.
    """
    seed = _missing(_call(url, "GET", f"/_sandbox/state?tenant={TENANT}"))
    if seed["companies"] or seed["catalog"]:
        _call(url, "POST", "/_sandbox/seed", {"tenant": TENANT, **seed})
    return len(seed["companies"])


def _call(url: str, method: str, path: str, body: dict[str, Any] | None = None) -> dict[str, Any]:
    parts = urlsplit(url)
    connection = HTTPConnection(parts.hostname or "", parts.port or 80, timeout=_TIMEOUT)
    try:
        sent = None if body is None else json.dumps(body).encode()
        connection.request(method, path, sent, {"Content-Type": "application/json"})
        answer = connection.getresponse()
        content = answer.read()
    finally:
        connection.close()
    if answer.status >= 300:
        shown = content.decode("utf-8", errors="replace")
        raise CWPortalError(f"The simulator at {url} refused {method} {path} with {answer.status}: {shown}")
    parsed: dict[str, Any] = json.loads(content)
    return parsed


def _missing(state: dict[str, Any]) -> dict[str, list[dict[str, Any]]]:
    companies = {company["identifier"] for company in state["companies"]}
    products = {product["identifier"] for product in state["catalog"]}
    return {
        "catalog": [product for product in _catalog() if product["identifier"] not in products],
        "companies": [company for company in _companies() if company["identifier"] not in companies],
    }


def _table(name: str, folder: Path = DEMO_DIR) -> list[dict[str, str]]:
    with (folder / name).open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file, strict=True))


def _catalog() -> list[dict[str, Any]]:
    found: dict[str, dict[str, Any]] = {}
    for line in _table("connectwise_lines.csv"):
        found.setdefault(
            line["product"],
            {
                "identifier": line["product"],
                "description": line["description"],
                "customerDescription": line["description"],
                "productClass": "Service",
                "subcategory": {"name": "Support Plans"},
                "type": {"name": "Service"},
                "price": line["unit_price"],
                "cost": line["unit_cost"],
            },
        )
    return list(found.values())


def _companies() -> list[dict[str, Any]]:
    lines: dict[tuple[str, str], list[dict[str, Any]]] = defaultdict(list)
    for line in _table("connectwise_lines.csv"):
        lines[line["company_identifier"], line["agreement"]].append(
            {
                "product": {"identifier": line["product"]},
                "billCustomer": "Billable",
                "quantity": line["quantity"],
                "unitPrice": line["unit_price"],
                "unitCost": line["unit_cost"],
                "effectiveDate": _START,
            }
        )
    companies: dict[str, dict[str, Any]] = {}
    for row in (*_table("connectwise.csv"), *_table("connectwise.csv", NEWCOMER_DIR)):
        identifier = row["company_identifier"]
        company = companies.setdefault(
            identifier,
            {
                "identifier": identifier,
                "name": row["company_name"],
                "addressLine1": row["address1"],
                "city": row["city"],
                "zip": row["zip"],
                "agreements": [],
                **({"state": row["state"], "country": {"name": row["country"]}} if row["state"] else {}),
            },
        )
        if row["agreement"]:
            agreement: dict[str, Any] = {
                "name": row["agreement"],
                "startDate": _START,
                "additions": lines[identifier, row["agreement"]],
            }
            if row["agreement_status"] == "cancelled":
                agreement |= {"cancelledFlag": True, "dateCancelled": _CANCELLED}
            company["agreements"].append(agreement)
    return list(companies.values())
