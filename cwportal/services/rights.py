"""Which rights of the API member are needed for what a partner has chosen, and which of those are missing."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from cwportal.connectwise import roles
from cwportal.connectwise.rights import Need, RightRow
from cwportal.runtime import Runtime
from cwportal.services import settings
from cwportal.services.connection import MISSING
from cwportal.vocabulary import Data

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
    """One tick on ConnectWise's role screen: `state` is has, missing, or unknown until first use."""

    module: str
    function: str
    level: str
    needed_for: str
    needed: bool
    state: str

    @property
    def name(self) -> str:
        """As a partner finds it: "Procurement > Product Catalog > Add"."""
        return f"{self.module} > {self.function} > {self.level}"

    @property
    def is_lacking(self) -> bool:
        """Needed and missing."""
        return self.needed and self.state == MISSING

    def as_dict(self) -> dict[str, Any]:
        """For `check --json`."""
        return {name: getattr(self, name) for name in self.__slots__}


def table(runtime: Runtime, partner_id: str, rows: Iterable[RightRow]) -> list[Right]:
    """Every right in the order of the role screen."""
    data = set(settings.get(runtime, partner_id).data)
    return [
        Right(
            row.need.module,
            row.need.function,
            row.need.level.capitalize(),
            row.need.needed_for,
            _is_needed(row.need, data),
            row.state,
        )
        for row in rows
    ]


def missing(runtime: Runtime, partner_id: str, rows: Iterable[RightRow]) -> list[Right]:
    """The needed rights that are missing."""
    return [right for right in table(runtime, partner_id, rows) if right.is_lacking]


def _is_needed(need: Need, data: set[Data]) -> bool:
    area = (need.module, need.function)
    if area == roles.REPORTS:
        return False
    wanted_for = _FOR_DATA.get((area, need.level))
    return wanted_for is None or bool(wanted_for & data)
