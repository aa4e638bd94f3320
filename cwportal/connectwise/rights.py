"""The rights the API member's role should have, and which of them it has (contract section 7, design section 6).

Rights are known from `mySecurity` where the role may call it, else by GET probes. Nothing is ever written to find out,
so without `mySecurity` Add, Edit and Delete stay "unknown until first use".
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from cwportal.connectwise import roles
from cwportal.connectwise.errors import Forbidden, Invalid, Malformed, NotFound, NotJson, ServerFailed
from cwportal.connectwise.reader import AGREEMENTS, CATALOG, COMPANIES, Reader
from cwportal.connectwise.records import SecurityRow

State = Literal["has", "missing", "unknown until first use"]
Area = tuple[str, str]
MY, ALL = "My", "All"
"""Levels at which a right is granted."""


@dataclass(frozen=True, slots=True)
class Need:
    """One tick on ConnectWise's role screen. `blocking`: without it there can be no connection at all."""

    module: str
    function: str
    level: roles.Level
    needed_for: str
    blocking: bool = False


@dataclass(frozen=True, slots=True)
class RightRow:
    """A need and whether it is met. `granted` is what ConnectWise says (None, My, All), "" where it does not tell.

    `My` counts as met, but may hide records of others instead of refusing them (contract section 7).
    """

    need: Need
    state: State
    granted: str = ""

    @property
    def is_own_only(self) -> bool:
        """Met for records of the API member's own, and perhaps for no others."""
        return self.state == "has" and self.granted == MY

    @property
    def blocks(self) -> bool:
        """Nothing works like this: every company and agreement has to be seen, and level My shows as absent what is another's."""
        return self.need.blocking and (self.state == "missing" or self.is_own_only)


def _needs(area: Area, **levels: str) -> tuple[Need, ...]:
    blocking = area in {roles.COMPANIES, roles.AGREEMENTS}
    order: tuple[roles.Level, ...] = ("add", "edit", "delete", "inquire")
    return tuple(
        Need(*area, level, levels[level], blocking and level == "inquire") for level in order if level in levels
    )


NEEDED: tuple[Need, ...] = (
    *_needs(
        roles.COMPANIES,
        add="create companies",
        edit="create companies",
        inquire="connect, map accounts to companies",
    ),
    *_needs(
        roles.ATTACHMENTS, add="list of users", delete="replace the list of users", inquire="replace the list of users"
    ),
    *_needs(
        roles.AGREEMENTS,
        add="products: create additions, create agreements",
        edit="quantity, cost and price of additions",
        inquire="connect, map accounts to agreements, every export",
    ),
    *_needs(
        roles.CATALOG,
        add="products: create catalog items",
        edit="cost of catalog items",
        inquire="products: find catalog items",
    ),
    *_needs(
        roles.TABLES,
        add="products: create type, category and subcategory",
        edit="products: create type, category and subcategory",
        inquire="billing cycles, statuses and types",
    ),
    *_needs(roles.REPORTS, inquire="not used yet"),
)

_PROBES: dict[Area, str] = {
    roles.COMPANIES: COMPANIES,
    roles.AGREEMENTS: AGREEMENTS,
    roles.CATALOG: CATALOG,
    roles.TABLES: "/finance/billingCycles",
}


def _granted(rows: Sequence[SecurityRow], need: Need) -> str | None:
    """What mySecurity says, None where it does not list the function. ConnectWise writes the module as Companies."""
    for row in rows:
        same_module = row.module.casefold()[:6] == need.module.casefold()[:6]
        if same_module and row.function.casefold() == need.function.casefold():
            return {"add": row.add, "edit": row.edit, "delete": row.delete, "inquire": row.inquire}[need.level]
    return None


def _any_agreement(reader: Reader) -> int | None:
    """Documents can only be listed of a record: some agreement's id, if we may see one."""
    try:
        found = reader.probe(AGREEMENTS, {"fields": "id"})
    except Forbidden:
        return None
    first = found[0] if found else None
    number = first.get("id") if isinstance(first, dict) else None
    return number if isinstance(number, int) else None


def _probe(reader: Reader, area: Area) -> State:
    try:
        if area == roles.ATTACHMENTS:
            number = _any_agreement(reader)
            if number is None:
                return "unknown until first use"
            reader.probe("/system/documents", {"recordType": "Agreement", "recordId": str(number)})
        elif area in _PROBES:
            reader.probe(_PROBES[area], {"fields": "id"})
        else:
            return "unknown until first use"
    except Forbidden:
        return "missing"
    except NotFound:
        return "unknown until first use"
    return "has"


def check_rights(reader: Reader) -> tuple[RightRow, ...]:
    """Every needed right with its state, in the order of the role screen.

    The two blocking rights are always proven by reading, whatever `mySecurity` says. Errors other than a missing right
    (keys, network) are raised, but a release whose `mySecurity` fails or says something else can be used without it.
    """
    try:
        rows: Sequence[SecurityRow] = reader.my_security()
    except (Forbidden, NotFound, Invalid, ServerFailed, NotJson, Malformed):
        rows = ()
    found: list[RightRow] = []
    for need in NEEDED:
        granted = _granted(rows, need)
        state: State
        if granted in {MY, ALL}:
            state = "has"
        elif granted == "None":
            state = "missing"
        else:
            state = "unknown until first use"
        if need.level == "inquire" and (need.blocking or state == "unknown until first use"):
            state = _probe(reader, (need.module, need.function))
        found.append(RightRow(need, state, granted or ""))
    return tuple(found)
