"""Which rights of the API member are needed for what a partner has chosen, and which of those are missing."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from cwportal.connectwise import roles
from cwportal.connectwise.rights import MY, NEEDED, Need, RightRow
from cwportal.runtime import Runtime
from cwportal.services import settings
from cwportal.services.credentials import MISSING, read_state
from cwportal.vocabulary import Data

HAS, UNKNOWN = "has", "unknown until first use"
LEVELS = ("Add", "Edit", "Delete", "Inquire")
"""In the order of the role screen."""
_FOR_DATA = {
    (roles.ATTACHMENTS, "add"): {Data.USERS},
    (roles.ATTACHMENTS, "delete"): {Data.USERS},
    (roles.ATTACHMENTS, "inquire"): {Data.USERS},
    (roles.AGREEMENTS, "add"): {Data.PRODUCTS},
    (roles.AGREEMENTS, "edit"): {Data.QUANTITY, Data.COST, Data.PRICE},
    (roles.CATALOG, "add"): {Data.PRODUCTS},
    (roles.CATALOG, "edit"): {Data.COST},
    (roles.TABLES, "add"): {Data.PRODUCTS},
    (roles.TABLES, "edit"): {Data.PRODUCTS},
}
"""Rights that only some of the data selected for export need; all others are always needed, but for API Reports."""


@dataclass(frozen=True, slots=True)
class Right:
    """One tick on ConnectWise's role screen: `state` is has, missing, or unknown until first use. `data`: what needs it, empty = everything.

    `granted`: the level as ConnectWise tells it (All, My, None), "" where it does not.
    """

    module: str
    function: str
    level: str
    needed_for: str
    needed: bool
    state: str
    blocking: bool = False
    data: frozenset[Data] = frozenset()
    granted: str = ""

    @property
    def name(self) -> str:
        """As a partner finds it: "Procurement > Product Catalog > Add"."""
        return f"{self.module} > {self.function} > {self.level}"

    @property
    def told(self) -> str:
        """The state with the level, where ConnectWise tells it: "has (All)"."""
        return f"{self.state} ({self.granted})" if self.state == HAS and self.granted else self.state

    @property
    def is_lacking(self) -> bool:
        """Needed, and missing or not enough: a right that nothing works without has to reach all records."""
        return self.needed and (self.state == MISSING or (self.blocking and self.is_own_only))

    @property
    def is_own_only(self) -> bool:
        """There, at level My: for records of the API member's own, and perhaps for no others."""
        return self.state == HAS and self.granted == MY

    @property
    def wants_all(self) -> bool:
        """Needed, and there at level My only, without keeping everything from working."""
        return self.needed and self.is_own_only and not self.blocking

    def as_dict(self) -> dict[str, Any]:
        """For `check --json`."""
        names = ("module", "function", "level", "needed_for", "needed", "state", "granted")
        return {name: getattr(self, name) for name in names}


@dataclass(frozen=True, slots=True)
class Line:
    """One row of the role screen: a function and its four levels, None where a level is not needed."""

    module: str
    function: str
    cells: tuple[tuple[str, Right | None], ...]
    needed_for: str
    used: bool


def table(runtime: Runtime, partner_id: str, rows: Iterable[RightRow]) -> list[Right]:
    """Every right in the order of the role screen."""
    data = settings.get(runtime, partner_id).data
    return [_right(row.need, row.state, row.granted, data) for row in rows]


def missing(runtime: Runtime, partner_id: str, rows: Iterable[RightRow]) -> list[Right]:
    """The needed rights that are missing."""
    return [right for right in table(runtime, partner_id, rows) if right.is_lacking]


def of_stored(stored: Mapping[str, str], data: Collection[Data]) -> list[Right]:
    """Every right from what a connection keeps (`Connection.rights`), for the data that is selected."""
    rights = [_right(need, UNKNOWN, "", data) for need in NEEDED]
    return [
        _right(need, *read_state(stored.get(right.name, UNKNOWN)), data)
        for need, right in zip(NEEDED, rights, strict=True)
    ]


def screen(rights: Iterable[Right]) -> list[Line]:
    """The rights as ConnectWise lays them out: a line for every function."""
    by_function: dict[tuple[str, str], dict[str, Right]] = {}
    for right in rights:
        by_function.setdefault((right.module, right.function), {})[right.level] = right
    return [
        Line(
            module,
            function,
            tuple((level, cells.get(level)) for level in LEVELS),
            _NEEDED_FOR[module, function],
            (module, function) != roles.REPORTS,
        )
        for (module, function), cells in by_function.items()
    ]


_NEEDED_FOR = {
    roles.COMPANIES: "Every export. Add, Edit: new companies",
    roles.ATTACHMENTS: "List of users",
    roles.AGREEMENTS: "Every export",
    roles.CATALOG: "Products (SKUs), product cost",
    roles.TABLES: "Cycles, statuses and types. Add, Edit: product type and categories under our name",
    roles.REPORTS: "Not used yet",
}


def _right(need: Need, state: str, granted: str, data: Collection[Data]) -> Right:
    area = (need.module, need.function)
    wanted_for = _FOR_DATA.get((area, need.level), set())
    needed = area != roles.REPORTS and (not wanted_for or bool(wanted_for & set(data)))
    return Right(
        need.module,
        need.function,
        need.level.capitalize(),
        need.needed_for,
        needed,
        state,
        need.blocking,
        frozenset(wanted_for),
        granted,
    )
