"""The lists of users in a schedule: people change, and at rest every account has exactly one list of ours with the right content."""

from __future__ import annotations

import csv
import io
import random
from typing import Any

import requests
from sqlalchemy import select

from cwportal.models import LedgerDocument, RunChange
from cwportal.portal import User
from cwportal.vocabulary import Outcome
from tests.support.world import KEYS, World

UPLOAD = {"method": "POST", "path": "system/documents"}
DELETION = {"method": "DELETE", "path": "system/documents"}
SERVICES = ("Mail", "Backup", "=Sheets", "Phone")
OURS = "Partner Portal users.csv"


class Lists:
    """A campaign's lists, with a random source of their own so that the rest of a seed's story stays the same."""

    def __init__(self, world: World, seed: int) -> None:
        self._world = world
        self._random = random.Random(seed * 7919)
        self.exported = seed % 2 == 0
        self._foreign: set[int] = set()

    def select(self) -> None:
        """Choose users for export, in every other schedule."""
        if self.exported:
            self._world.choose(data="products,quantity,cost,price,users")

    def change(self, name: str) -> None:
        """Other people at this account, or the same."""
        rng = self._random
        if rng.random() < 0.4 and name in self._world.source.people:
            return
        self._world.source.people[name] = [
            User(f"user{number}@{name}.example", f"User {number}", rng.choice(["active", "off"]), self._services())
            for number in rng.sample(range(9), rng.randint(1, 4))
        ]

    def _services(self) -> tuple[str, ...]:
        return tuple(service for service in SERVICES if self._random.random() < 0.5)

    def upload_by_hand(self, agreement: int) -> None:
        """A person attaches a file that is called like ours."""
        site = f"{self._world.sandbox.url}/v4_6_release/apis/3.0/system/documents"
        answer = requests.post(
            site,
            data={"recordType": "Agreement", "recordId": str(agreement), "title": "By hand"},
            files={"file": (OURS, b"by hand")},
            auth=(f"training+{KEYS[0]}", KEYS[1]),
            headers={"clientId": self._world.config.client_id},
            timeout=10,
        )
        answer.raise_for_status()
        self._foreign.add(answer.json()["id"])

    def faults(self, transient: tuple[dict[str, Any], ...]) -> list[dict[str, Any]]:
        """Perhaps a fault on uploads or deletions."""
        rng = self._random
        if not self.exported or rng.random() < 0.5:
            return []
        return [{**rng.choice(transient), "match": rng.choice([UPLOAD, DELETION]), "times": rng.choice([1, 2])}]

    def wrong(self, agreements: dict[str, int], journal: list[dict[str, Any]]) -> str | None:
        """What is not as it must be at rest."""
        if not self.exported:
            return None
        documents = self._world.state()["documents"]
        missing = self._foreign - {document["id"] for document in documents}
        if missing:
            return f"documents of others are gone: {missing}"
        for name, agreement in agreements.items():
            mine = [item for item in documents if item["recordId"] == agreement and item["id"] not in self._foreign]
            if len(mine) != 1:
                return f"{name} has {len(mine)} lists of ours"
            if (found := _rows(mine[0]["text"])) != (wanted := self._wanted(name)):
                return f"the list of {name} says {found}, not {wanted}"
        return self._wrong_books(agreements, documents, journal)

    def _wanted(self, name: str) -> list[list[str]]:
        """Computed here, independently of the product."""
        people = sorted(self._world.source.people[name], key=lambda user: user.email)
        services = sorted({service for user in people for service in user.services})
        safe = {service: f"'{service}" if service.startswith("=") else service for service in SERVICES}
        rows = [["Account", "Name", "E-mail / login", "Status", "Enabled services", *(safe[item] for item in services)]]
        for user in people:
            joined = "; ".join(sorted(user.services))
            rows.append(
                [
                    f"Account {name}",
                    user.display_name,
                    user.email,
                    user.status,
                    f"'{joined}" if joined.startswith("=") else joined,
                    *("yes" if item in user.services else "no" for item in services),
                ]
            )
        return rows

    def _wrong_books(
        self, agreements: dict[str, int], documents: list[dict[str, Any]], journal: list[dict[str, Any]]
    ) -> str | None:
        with self._world.database.read() as session:
            ledger = {
                row.cw_document_id: (row.cw_agreement_id, row.sha256)
                for row in session.scalars(select(LedgerDocument))
                if row.account_id in agreements
            }
            changes = list(session.scalars(select(RunChange).where(RunChange.kind == "users")))
        there = {
            item["id"]: (item["recordId"], item["sha256"])
            for item in documents
            if item["id"] not in self._foreign and item["recordId"] in agreements.values()
        }
        if ledger != there:
            return f"the ledger holds the documents {ledger}, ConnectWise {there}"
        if any(change.outcome in (Outcome.STARTED, Outcome.UNKNOWN) for change in changes):
            return "a write of a list is still not confirmed"
        uploaded = sum(change.outcome == Outcome.APPLIED and change.action != "end" for change in changes)
        made = {
            entry["entity_id"]
            for entry in journal
            if entry["method"] == "POST" and entry["path"].endswith("system/documents") and entry["entity_id"]
        } - self._foreign
        return None if uploaded == len(made) else f"the log says {uploaded} lists were uploaded, ConnectWise {made}"


def _rows(text: str) -> list[list[str]]:
    return list(csv.reader(io.StringIO(text.removeprefix("\ufeff"), newline="")))
