"""Whole state in one JSON file: written atomically about a second after a change and on close, read on start."""

from __future__ import annotations

import base64
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

from .jsonio import dumps, loads
from .resources import RESOURCES
from .store import Member, Record, Tenant

FORMAT = 1
_DELAY = 1.0


def snapshot(tenant: Tenant) -> dict[str, Any]:
    """Everything of a tenant as plain values, without its journal."""
    with tenant.lock:
        return {
            "company_id": tenant.company_id,
            "name": tenant.name,
            "codebase": tenant.codebase_override,
            "members": [
                [m.public_key, m.private_key, m.identifier, m.rights, m.revoked] for m in tenant.members.values()
            ],
            "tables": {
                kind: {
                    "next_id": table.next_id,
                    "rows": [
                        [r.id, r.row, r.parent, r.entered, r.entered_by, r.updated, r.updated_by]
                        for r in table.ordered()
                    ],
                }
                for kind, table in tenant.tables.items()
            },
            "files": {str(key): base64.b64encode(content).decode() for key, content in tenant.files.items()},
        }


def restore(tenant: Tenant, saved: dict[str, Any]) -> None:
    """Fill an empty tenant from its snapshot. Amounts come back as Decimal by their field's kind."""
    tenant.name = saved["name"]
    tenant.codebase_override = saved["codebase"]
    for item in saved["members"]:
        tenant.members[item[0]] = Member(*item)
    for kind, content in saved["tables"].items():
        resource, table = RESOURCES[kind], tenant.tables[kind]
        for number, row, *rest in content["rows"]:
            kept = {name: value for name, value in row.items() if name in resource.fields or kind == "document"}
            table.insert(Record(number, kept, *rest))
        table.next_id = content["next_id"]
    tenant.files = {int(key): base64.b64decode(text) for key, text in saved["files"].items()}
    tenant.touch()


class Keeper:
    """Saves when something changed; use `changed` as the tenants' callback."""

    def __init__(self, path: Path, content: Callable[[], list[dict[str, Any]]]) -> None:
        self._path = path
        self._content = content
        self._dirty = threading.Event()
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._run, name="sandbox-keeper", daemon=True)

    def load(self) -> list[dict[str, Any]]:
        """The saved tenants, none if there is no file yet. Raises ValueError for a file of another kind."""
        if not self._path.exists():
            return []
        saved = loads(self._path.read_bytes())
        if not isinstance(saved, dict) or saved.get("format") != FORMAT:
            raise ValueError(f"{self._path} is not a state file of this simulator")
        tenants: list[dict[str, Any]] = saved["tenants"]
        return tenants

    def start(self) -> None:
        """Begin to save."""
        self._thread.start()

    def changed(self) -> None:
        """Note that there is something to save."""
        self._dirty.set()

    def save(self) -> None:
        """Write the file now."""
        self._dirty.clear()
        self._path.parent.mkdir(parents=True, exist_ok=True)
        fresh = self._path.with_name(self._path.name + ".new")
        fresh.write_text(dumps({"format": FORMAT, "tenants": self._content()}), encoding="utf-8")
        fresh.replace(self._path)

    def _run(self) -> None:
        while not self._closing.is_set():
            if self._dirty.wait(0.5) and not self._closing.wait(_DELAY):
                self.save()

    def close(self) -> None:
        """Stop, and save what is left."""
        self._closing.set()
        if self._thread.is_alive():
            self._thread.join(30)
        if self._dirty.is_set():
            self.save()
