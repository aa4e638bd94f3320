"""The demo partner: a managed service provider with 40 accounts, and the ConnectWise it might have.

`DEMO_DIR` is a directory for `cwportal load`; beside the portal's files it holds `mapping.csv` for `cwportal map
import`, and what the simulator should contain: `connectwise.csv` (companies and agreements, named a little
differently from the portal's accounts, as in real life) and `connectwise_lines.csv` (the partner's own lines).
"""

from __future__ import annotations

import csv
from collections import defaultdict
from pathlib import Path
from typing import Any

import requests

DEMO_DIR = Path(__file__).parent / "demo"

PARTNER = "northwind"
TENANT = "training"
"""Company id of the simulator's own ConnectWise."""

_START = "2024-01-01T00:00:00Z"
_CANCELLED = "2023-12-31T00:00:00Z"
_TIMEOUT = 30.0


def seed_sandbox(url: str) -> int:
    """Fill the simulator at `url` with the demo's companies, agreements and lines; how many companies were new.

    What is there already is left alone, so doing it again changes nothing. Raises `requests.RequestException` if the
    simulator does not answer or refuses.
    """
    with requests.Session() as session:
        session.trust_env = False
        state = session.get(f"{url}/_sandbox/state", params={"tenant": TENANT}, timeout=_TIMEOUT)
        state.raise_for_status()
        seed = _missing(state.json())
        if not seed["companies"] and not seed["catalog"]:
            return 0
        answer = session.post(f"{url}/_sandbox/seed", json={"tenant": TENANT, **seed}, timeout=_TIMEOUT)
        answer.raise_for_status()
        return len(seed["companies"])


def _missing(state: dict[str, Any]) -> dict[str, list[dict[str, Any]]]:
    companies = {company["identifier"] for company in state["companies"]}
    products = {product["identifier"] for product in state["catalog"]}
    return {
        "catalog": [product for product in _catalog() if product["identifier"] not in products],
        "companies": [company for company in _companies() if company["identifier"] not in companies],
    }


def _table(name: str) -> list[dict[str, str]]:
    with (DEMO_DIR / name).open(encoding="utf-8", newline="") as file:
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
    for row in _table("connectwise.csv"):
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
            },
        )
        if row["agreement"]:
            agreement = {
                "name": row["agreement"],
                "startDate": _START,
                "additions": lines[identifier, row["agreement"]],
            }
            if row["agreement_status"] == "cancelled":
                agreement |= {"cancelledFlag": True, "dateCancelled": _CANCELLED}
            company["agreements"].append(agreement)
    return list(companies.values())
