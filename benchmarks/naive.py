"""What a straightforward exporter does: for each agreement read its lines, then one write per line that differs, one after the other.

No plan, no ledger, no intents, no limits: it could not be trusted with money, and is the speed to compare with.
"""

from __future__ import annotations

import os
import warnings
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import requests

from benchmarks.workload import COST, PRICE, Workload
from cwportal.config import Config
from cwportal.sandbox.defaults import COMPANY_ID, EXPORT_KEYS

Row = tuple[int, int, float]
"""(addition id, product id, quantity)"""


@dataclass(frozen=True, slots=True)
class Api:
    """The four calls such an exporter makes."""

    products: Callable[[], dict[str, int]]
    additions: Callable[[int], list[Row]]
    create: Callable[[int, dict[str, Any]], object]
    change: Callable[[int, int, int], object]


def run(api: Api, workload: Workload, agreements: list[int]) -> int:
    """Make the first agreements of the workload right; how many requests that took."""
    sent, products = 1, api.products()
    for number, agreement_id in enumerate(agreements):
        rows = {product: (row, quantity) for row, product, quantity in api.additions(agreement_id)}
        sent += 1
        for line, sku in enumerate(workload.skus):
            wanted, found = workload.quantity(number, line), rows.get(products[sku])
            if found is None:
                body = {
                    "product": {"id": products[sku]},
                    "quantity": wanted,
                    "unitPrice": float(PRICE),
                    "unitCost": float(COST),
                    "billCustomer": "Billable",
                    "effectiveDate": "2026-11-01T00:00:00Z",
                }
                api.create(agreement_id, body)
                sent += 1
            elif found[1] != wanted:
                api.change(agreement_id, found[0], wanted)
                sent += 1
    return sent


def plain(site: str, ca_bundle: str, client_id: str) -> Api:
    """On `requests`, one session."""
    session = requests.Session()
    session.trust_env = False
    session.verify = ca_bundle
    session.auth = (f"{COMPANY_ID}+{EXPORT_KEYS[0]}", EXPORT_KEYS[1])
    session.headers["clientId"] = client_id
    root = f"https://{site}/v4_6_release/apis/3.0"

    def call(method: str, path: str, **options: Any) -> Any:
        answer = session.request(method, f"{root}{path}", timeout=60, **options)
        answer.raise_for_status()
        return answer.json()

    def additions(agreement_id: int) -> list[Row]:
        rows = call("GET", f"/finance/agreements/{agreement_id}/additions", params={"pageSize": 1000})
        return [(row["id"], row["product"]["id"], row["quantity"]) for row in rows]

    return Api(
        products=lambda: {
            item["identifier"]: item["id"] for item in call("GET", "/procurement/catalog", params={"pageSize": 1000})
        },
        additions=additions,
        create=lambda agreement_id, body: call("POST", f"/finance/agreements/{agreement_id}/additions", json=body),
        change=lambda agreement_id, addition_id, quantity: call(
            "PATCH",
            f"/finance/agreements/{agreement_id}/additions/{addition_id}",
            json=[{"op": "replace", "path": "quantity", "value": quantity}],
        ),
    )


def library(site: str, ca_bundle: str, client_id: str) -> Api:
    """On pyconnectwise, as its documentation shows it."""
    warnings.simplefilter("ignore")  # its models use what newer pydantic has deprecated
    from pyconnectwise import ConnectWiseManageAPIClient

    os.environ["REQUESTS_CA_BUNDLE"] = ca_bundle
    client = ConnectWiseManageAPIClient(COMPANY_ID, site, client_id, *EXPORT_KEYS)
    agreements, catalog = client.finance.agreements, client.procurement.catalog
    every: Any = {"pageSize": 1000}

    def additions(agreement_id: int) -> list[Row]:
        rows: list[Any] = agreements.id(agreement_id).additions.get(params=every)
        return [(row.id, row.product.id, row.quantity) for row in rows]

    def products() -> dict[str, int]:
        items: list[Any] = catalog.get(params=every)
        return {item.identifier: item.id for item in items}

    def change(agreement_id: int, addition_id: int, quantity: int) -> object:
        patch: Any = [{"op": "replace", "path": "quantity", "value": quantity}]
        return agreements.id(agreement_id).additions.id(addition_id).patch(data=patch)

    return Api(
        products=products,
        additions=additions,
        create=lambda agreement_id, body: agreements.id(agreement_id).additions.post(data=body),
        change=change,
    )


def bare(site: str, ca_bundle: str, concurrency: int, count: int) -> int:
    """Only requests, `concurrency` at once, nothing done with the answers: what the machine and the simulator allow. How many."""

    def several(_: int) -> None:
        api = plain(site, ca_bundle, client_id())
        for _number in range(count // concurrency):
            api.products()

    with ThreadPoolExecutor(concurrency) as pool:
        list(pool.map(several, range(concurrency)))
    return count // concurrency * concurrency


def client_id() -> str:
    """The clientId the simulator takes."""
    return Config.load({}).client_id
