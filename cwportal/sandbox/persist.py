"""Whole state in one JSON file, written atomically: before a change is answered, about a second after one of other origin, and on close.

So what a client was told to be done is there after the process was killed, too. The file is read on start.
"""

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


def snapshot(tenant: Tenant) -> str:
    """JSON of everything of a tenant, without its journal."""
    with tenant.lock:
        tables = ",".join(
            f'"{kind}":{{"next_id":{table.next_id},"rows":[{",".join(map(_text, table.ordered()))}]}}'
            for kind, table in tenant.tables.items()
        )
        rest = {
            "company_id": tenant.company_id,
            "name": tenant.name,
            "codebase": tenant.codebase_override,
            "members": [
                [m.public_key, m.private_key, m.identifier, m.rights, m.revoked] for m in tenant.members.values()
            ],
            "files": {str(key): base64.b64encode(content).decode() for key, content in tenant.files.items()},
        }
        return f'{dumps(rest)[:-1]},"tables":{{{tables}}}}}'


def _text(record: Record) -> str:
    """Kept with the record until it gets new values, so that a large state is put together fast."""
    if record.kept is None or record.kept[0] is not record.row:
        r = record
        record.kept = (r.row, dumps([r.id, r.row, r.parent, r.entered, r.entered_by, r.updated, r.updated_by]))
    return record.kept[1]


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

    def __init__(self, path: Path, content: Callable[[], list[str]]) -> None:
        self._path = path
        self._content = content
        self._dirty = threading.Event()
        self._closing = threading.Event()
        self._saving = threading.Lock()
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
        """Write what has changed before this was called, unless somebody else just has; back when it is in the file."""
        with self._saving:
            if not self._dirty.is_set():
                return
            self._dirty.clear()
            try:
                self._write()
            except OSError:
                self._dirty.set()
                raise

    def _write(self) -> None:
        self._path.parent.mkdir(parents=True, exist_ok=True)
        fresh = self._path.with_name(self._path.name + ".new")
        fresh.write_text(f'{{"format":{FORMAT},"tenants":[{",".join(self._content())}]}}', encoding="utf-8")
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
        self.save()
