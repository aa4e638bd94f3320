"""A sandbox to talk to, with the documented role's keys, on fake time.

Every body that was sent is held against ConnectWise's own OpenAPI document when the sandbox is closed.
"""

from __future__ import annotations

import json
import time
import urllib.request
from decimal import Decimal
from typing import Any

from cwportal.connectwise.guard import AddressGuard
from cwportal.connectwise.protocol import Credentials
from cwportal.connectwise.reader import Reader
from cwportal.connectwise.session import Transport
from cwportal.connectwise.site import parse_site
from cwportal.connectwise.writer import Writer
from cwportal.sandbox import Sandbox
from tests.openapi import validate_request

from .support import FakeTime

ROLE = ("ExportPublicKey1", "ExportPrivateKey")
CLIENT_ID = "11111111-2222-3333-4444-555555555555"


class World:
    """A sandbox, and a transport with the documented role's keys on fake time."""

    def __init__(self) -> None:
        self.sandbox = Sandbox().start()
        self.time = FakeTime()
        self.codebases: list[str] = []
        self.transports: list[Transport] = []
        self.transport = self.connect()
        self.read = Reader(self.transport)
        self.write = Writer(self.transport)

    def connect(self, *keys: str, **options: Any) -> Transport:
        allowed = frozenset({self.sandbox.site})
        site = parse_site(self.sandbox.url, allowed)
        public, private = keys or ROLE
        settings: dict[str, Any] = {
            "endpoint": site.endpoint("v4_6_release/"),
            "client_id": CLIENT_ID,
            "guard": AddressGuard(allowed),
            "gate": OpenGate(),
            "clock": self.time.now,
            "sleep": self.time.sleep,
            "random": lambda: 0.0,
            "timeout": 5.0,
            "on_codebase": self.codebases.append,
        } | options
        transport = Transport(Credentials("training", public, private), **settings)
        self.transports.append(transport)
        return transport

    def close(self) -> None:
        for transport in self.transports:
            transport.close()
        sent = [entry for entry in self.control("journal") if entry["body"] is not None]
        self.sandbox.close()
        for entry in sent:
            if not entry["path"].endswith("/system/documents"):
                validate_request(entry["method"], entry["path"], entry["body"], allow_missing=frozenset({"contact"}))

    def control(self, name: str) -> Any:
        """What the sandbox's control API tells."""
        with urllib.request.urlopen(f"{self.sandbox.url}/_sandbox/{name}") as answer:
            return json.load(answer)

    def agreement(self, additions: int = 0) -> int:
        """A new agreement with this many additions, put in by hand."""
        catalog = {"identifier": f"SKU-{time.monotonic_ns()}", "description": "SKU"}
        line = {"product": catalog["identifier"], "quantity": 1}
        agreement = {"name": "Cloud", "additions": [line] * additions}
        found = self.sandbox.seed(
            {"catalog": [catalog], "companies": [{"name": f"Acme {time.monotonic_ns()}", "agreements": [agreement]}]}
        )
        number = found["companies"][0]["agreements"][0]["id"]
        assert isinstance(number, int)
        return number

    def product(self, identifier: str) -> int:
        """A product written with the export role."""
        fields = {
            "identifier": identifier,
            "description": identifier,
            "customerDescription": identifier,
            "type": {"id": self.read.product_types()[0].id},
            "subcategory": {"id": self.read.subcategories()[0].id},
            "productClass": "Agreement",
        }
        return self.write.create_product(fields).id

    def fault(self, kind: str, **rule: Any) -> None:
        match = {"method": "POST", "path": "additions"}
        self.sandbox.engine.faults.put({"rules": [{"kind": kind, "match": match, **rule}]})


class OpenGate:
    """Never shut: the sandbox's clock is real, ours is not."""

    def wait(self) -> None: ...

    def hold(self, seconds: float) -> None:
        assert seconds >= 0


def addition(product: int, **fields: object) -> dict[str, object]:
    return {"product": {"id": product}, "billCustomer": "Billable", "quantity": Decimal(3), **fields}
