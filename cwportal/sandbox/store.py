"""The data of one simulated company: tables of records, API members, and one lock over all of it."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from .fields import Row
from .journal import Journal
from .resources import RESOURCES, Resource
from .variant import Variant

_SEEN_ELSEWHERE = {
    "agreement": ("cancelledFlag", "startDate", "endDate"),
    "catalog": ("unitOfMeasure",),
    "contact": ("firstName", "lastName"),
}
"""Fields that answers about other records show, besides those of a reference."""

LEVELS = ("None", "My", "All")
ACTIONS = ("add", "edit", "delete", "inquire")


@dataclass(slots=True)
class Member:
    """An API member. `rights` is right name -> action -> level (None, My, All), or None for the Admin role."""

    public_key: str
    private_key: str
    identifier: str
    rights: dict[str, dict[str, str]] | None = None
    revoked: bool = False

    def level(self, right: str, action: str) -> str:
        """How far the member may do `action` (add, edit, delete, inquire): None, My or All."""
        if self.rights is None:
            return "All"
        return self.rights.get(right, {}).get(action, "None")


@dataclass(slots=True, eq=False)
class Record:
    """A stored record: `row` holds canonical values, references as `{"id": n}`; the rest is who and when.

    A row is not changed, but replaced. `kept`: a row and its text in the state file.
    """

    id: int
    row: Row
    parent: int | None
    entered: str
    entered_by: str
    updated: str
    updated_by: str
    stamp: tuple[int, int, str] | None = None
    shown: dict[str, Any] = field(default_factory=dict)
    text: str = ""
    kept: tuple[Row, str] | None = None


class Table:
    """Records of one kind by id, with an index over the parent and over the unique fields."""

    def __init__(self, resource: Resource) -> None:
        self.resource = resource
        self.rows: dict[int, Record] = {}
        self.children: dict[int, dict[int, Record]] = {}
        self.next_id = 1
        self.sorted = True
        self._keys: dict[tuple[Any, ...], set[int]] = {}

    def _key(self, row: Row) -> tuple[Any, ...]:
        parts = (row.get(name) for name in self.resource.unique)
        return tuple(p.casefold() if isinstance(p, str) else p["id"] if isinstance(p, dict) else p for p in parts)

    def insert(self, record: Record) -> None:
        """Add a record under its id."""
        if record.id < self.next_id - 1:
            self.sorted = False
        self.next_id = max(self.next_id, record.id + 1)
        self.rows[record.id] = record
        if record.parent is not None:
            self.children.setdefault(record.parent, {})[record.id] = record
        if self.resource.unique:
            self._keys.setdefault(self._key(record.row), set()).add(record.id)

    def replace(self, record: Record, row: Row) -> None:
        """Give a record new values."""
        if self.resource.unique:
            self._keys[self._key(record.row)].discard(record.id)
            self._keys.setdefault(self._key(row), set()).add(record.id)
        record.row = row
        record.stamp = None

    def remove(self, record: Record) -> None:
        """Take a record out."""
        del self.rows[record.id]
        if record.parent is not None:
            del self.children[record.parent][record.id]
        if self.resource.unique:
            self._keys[self._key(record.row)].discard(record.id)

    def twins(self, row: Row, own_id: int | None) -> bool:
        """Whether another record has the same unique fields; case does not count, as in ConnectWise's database."""
        if not self.resource.unique:
            return False
        return bool(self._keys.get(self._key(row), set()) - {own_id})

    def ordered(self, parent: int | None = None) -> list[Record]:
        """All records (of a parent) by id."""
        rows = self.rows if parent is None else self.children.get(parent, {})
        return list(rows.values()) if self.sorted else [rows[key] for key in sorted(rows)]


class Tenant:
    """One ConnectWise company. Whoever reads or writes its data holds `lock`; ids mean something only in here."""

    def __init__(self, company_id: str, name: str, variant: Variant, root: Callable[[], str]) -> None:
        self.company_id = company_id
        self.name = name
        self.variant = variant
        self.lock = threading.RLock()
        self.journal = Journal()
        self.members: dict[str, Member] = {}
        self.tables = {kind: Table(resource) for kind, resource in RESOURCES.items()}
        self.files: dict[int, bytes] = {}
        self.codebase_override: str | None = None
        self.changed: Callable[[], None] = lambda: None
        self.epoch = 0
        self.generation = 0
        self._root = root

    @property
    def codebase(self) -> str:
        """Path before `apis/3.0/`, with its slash at the end."""
        return self.codebase_override or self.variant.codebase

    @property
    def api_root(self) -> str:
        """Absolute address of the API, for the links in `_info`."""
        return f"{self._root()}{self.codebase}apis/3.0/"

    def now(self) -> datetime:
        """The server's clock: aware UTC, `clock` seconds ahead of the real one."""
        return datetime.now(UTC) + timedelta(seconds=self.variant.clock)

    def touch(self) -> None:
        """Say that something changed which other records' answers may show; all are rendered again when asked for."""
        self.epoch += 1
        self.changed()

    def insert(self, kind: str, row: Row, by: str, *, parent: int | None = None, number: int | None = None) -> Record:
        """Store a new record; `number` chooses its id (seeds)."""
        table = self.tables[kind]
        now = self.now().strftime("%Y-%m-%dT%H:%M:%SZ")
        record = Record(number or table.next_id, self.variant.stored(kind, row), parent, now, by, now, by)
        table.insert(record)
        self.changed()
        return record

    def replace(self, kind: str, record: Record, row: Row, by: str) -> None:
        """Store new values of a record."""
        table = self.tables[kind]
        seen = (*table.resource.shown.values(), *_SEEN_ELSEWHERE.get(kind, ()))
        noticed = any(record.row.get(name) != row.get(name) for name in seen)
        row = self.variant.stored(kind, row)
        table.replace(record, row)
        record.updated = self.now().strftime("%Y-%m-%dT%H:%M:%SZ")
        record.updated_by = by
        if noticed:
            self.touch()
        else:
            self.changed()

    def remove(self, kind: str, record: Record) -> None:
        """Delete a record, and with an agreement its additions."""
        if kind == "agreement":
            for child in self.tables["addition"].ordered(record.id):
                self.tables["addition"].remove(child)
        if kind == "document":
            self.files.pop(record.id, None)
        self.tables[kind].remove(record)
        self.touch()

    def users_of(self, kind: str, number: int) -> Iterator[str]:
        """Nouns of the resources with a record that refers to this one."""
        for table in self.tables.values():
            names = [f.name for f in table.resource.fields.values() if f.options == (kind,) and f.kind == "ref"]
            wanted = {"id": number}
            if names and any(record.row.get(name) == wanted for record in table.rows.values() for name in names):
                yield table.resource.noun
