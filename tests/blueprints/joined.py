"""A portal beside a simulator: nobody is connected yet, and a person walks through the wizard by its forms."""

from __future__ import annotations

import json
import re
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from flask.testing import FlaskClient
from sqlalchemy import select
from werkzeug.test import TestResponse

from cwportal.models import Connection, Draft
from cwportal.sandbox import Sandbox
from tests.blueprints.portal import MINE, PREFIX, Portal, opened

PUBLIC, PRIVATE = "publickeyof16let", "Xq9PRIVATEzz71key"
STEP_1, STEP_2, STEP_3 = (f"{PREFIX}/connect/{name}" for name in ("credentials", "settings", "mapping"))
SETTINGS = {
    "export": "daily",
    "time": "02:00",
    "day": "1",
    "timezone": "America/New_York",
    "data": ["products", "quantity", "cost", "price"],
    "ended": "zero",
    "drift": "overwrite",
    "adopt": "ask",
    "taxable": "default",
}


def hidden_fields(page: str) -> dict[str, str]:
    """Token and version of the first form that has them."""
    found: dict[str, str] = {}
    for tag in re.findall(r"<input[^>]*>", page):
        given = dict(re.findall(r'([a-z]+)="([^"]*)"', tag))
        if given.get("type") == "hidden" and given.get("name") in ("csrf_token", "version"):
            found.setdefault(given["name"], given["value"])
    return found


class Joined:
    """`who`: the person at the browser."""

    def __init__(self, portal: Portal, sandbox: Sandbox, who: str = "admin") -> None:
        self.portal, self.sandbox, self.runtime = portal, sandbox, portal.runtime
        self.client: FlaskClient = portal.client(who)
        self.seen: list[TestResponse] = []

    def control(self, path: str, body: dict[str, Any]) -> Any:
        """The simulator's control API."""
        request = urllib.request.Request(f"{self.sandbox.url}/_sandbox/{path}", json.dumps(body).encode())
        request.add_header("Content-Type", "application/json")
        with urllib.request.urlopen(request, timeout=30) as answer:
            return json.loads(answer.read() or b"null")

    def asked(self) -> list[str]:
        """Addresses that the simulator was asked for."""
        with urllib.request.urlopen(f"{self.sandbox.url}/_sandbox/journal", timeout=30) as answer:
            return [entry["path"] for entry in json.loads(answer.read())]

    def member(self, rights: object = "admin", **more: str) -> None:
        """An API member with our keys."""
        one = {"identifier": "exporter", "public_key": PUBLIC, "private_key": PRIVATE, "rights": rights, **more}
        self.control("seed", {"members": [one]})

    def get(self, path: str) -> TestResponse:
        """A page."""
        answer = self.client.get(path)
        self.seen.append(answer)
        return answer

    def post(self, path: str, page: str | None = None, **fields: Any) -> TestResponse:
        """A form of `page` (or of where it goes), with its hidden fields."""
        shown = self.get(page or path).text
        hidden = hidden_fields(shown)
        answer = self.client.post(path, data={**hidden, **fields})
        self.seen.append(answer)
        return answer

    def begin(self) -> None:
        """Get started."""
        assert self.post(f"{PREFIX}/connect", f"{PREFIX}/start").status_code == 303

    def step_one(self, **fields: str) -> TestResponse:
        """Press Next in step 1 with good values, or others."""
        good = {"site": self.sandbox.url, "company_id": "training", "public_key": PUBLIC, "private_key": PRIVATE}
        return self.post(STEP_1, **{**good, **fields})

    def walk(self) -> TestResponse:
        """All of it, to Finish."""
        self.begin()
        assert self.step_one().status_code == 303
        answer = self.post(STEP_2, **SETTINGS)
        assert (answer.status_code, answer.location) == (303, STEP_3), answer.text
        return self.post(f"{PREFIX}/connect/finish", f"{PREFIX}/start")

    def row(self) -> Connection | None:
        """The connection."""
        with self.runtime.database.read() as session:
            return session.get(Connection, MINE)

    def draft(self) -> Draft | None:
        """The draft."""
        with self.runtime.database.read() as session:
            return session.scalar(select(Draft).where(Draft.partner_id == MINE))


@contextmanager
def joined(folder: Path, **config: Any) -> Iterator[Joined]:
    """For the block."""
    with (
        Sandbox() as sandbox,
        opened(folder, CWPORTAL_ALLOWED_SITES=sandbox.site, **{"CWPORTAL_TIMEOUT": "3", **config}) as portal,
    ):
        yield Joined(portal, sandbox)
