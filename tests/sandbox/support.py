"""A plain client of the simulator whose every answer is held against the OpenAPI document where that is at hand."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import requests

from cwportal.sandbox import Sandbox
from cwportal.sandbox.defaults import ADMIN_KEYS, EXPORT_KEYS
from tests.openapi import location, validate_response

CLIENT_ID = "11111111-2222-3333-4444-555555555555"
CHECKED = {"GET", "POST", "PATCH", "PUT"}

PRODUCT = {
    "identifier": "MBX-50",
    "description": "Mailbox 50 GB",
    "customerDescription": "Hosted mailbox",
    "price": 10.5,
    "cost": 4,
    "type": "Service",
    "subcategory": "Cloud Subscriptions",
}
"""A catalog item as seeds take it."""


class Api:
    """Calls as one API member; `call` gives the response, `get` and the others the parsed body of a success."""

    def __init__(self, sandbox: Sandbox, keys: tuple[str, str] = ADMIN_KEYS, company: str = "training") -> None:
        self.sandbox = sandbox
        self.session = requests.Session()
        self.session.auth = (f"{company}+{keys[0]}", keys[1])
        self.session.headers["clientId"] = CLIENT_ID

    def close(self) -> None:
        self.session.close()

    def url(self, path: str) -> str:
        return f"{self.sandbox.url}/v4_6_release/apis/3.0/{path}"

    def call(self, method: str, path: str, **options: Any) -> requests.Response:
        response = self.session.request(method, self.url(path), timeout=options.pop("timeout", 60), **options)
        self._check(method, path, response)
        return response

    def _check(self, method: str, path: str, response: requests.Response) -> None:
        json_body = response.headers.get("Content-Type", "").startswith("application/json")
        if method in CHECKED and json_body and response.status_code < 300 and location().is_file():
            validate_response(method, path, response.status_code, response.json())

    def _body(self, method: str, path: str, status: int, **options: Any) -> Any:
        response = self.call(method, path, **options)
        assert response.status_code == status, response.text
        return response.json(parse_float=Decimal) if response.content else None

    def get(self, path: str, **params: Any) -> Any:
        return self._body("GET", path, 200, params=params)

    def post(self, path: str, body: Any) -> Any:
        return self._body("POST", path, 201, json=body)

    def put(self, path: str, body: Any) -> Any:
        return self._body("PUT", path, 200, json=body)

    def patch(self, path: str, **values: Any) -> Any:
        operations = [{"op": "replace", "path": name, "value": value} for name, value in values.items()]
        return self._body("PATCH", path, 200, json=operations)

    def delete(self, path: str) -> None:
        self._body("DELETE", path, 204)

    def ids(self, path: str, **params: Any) -> list[int]:
        return [item["id"] for item in self.get(path, **params)]


class Control:
    """The control API."""

    def __init__(self, sandbox: Sandbox) -> None:
        self.root = f"{sandbox.url}/_sandbox/"

    def get(self, name: str, **params: Any) -> Any:
        response = requests.get(self.root + name, params=params, timeout=60)
        assert response.status_code == 200, response.text
        return response.json(parse_float=Decimal)

    def post(self, name: str, body: dict[str, Any] | None = None) -> Any:
        response = requests.post(self.root + name, json=body or {}, timeout=60)
        assert response.status_code == 200, response.text
        return response.json(parse_float=Decimal)

    def refused(self, name: str, body: Any) -> str:
        response = requests.post(self.root + name, json=body, timeout=60)
        assert response.status_code == 400, response.text
        return str(response.json()["error"])

    def fault(self, kind: str, **options: Any) -> None:
        self.post("faults", {"rules": [{"kind": kind, **options}]})


def export_api(sandbox: Sandbox) -> Api:
    """The member with the role that the wizard describes."""
    return Api(sandbox, EXPORT_KEYS)
