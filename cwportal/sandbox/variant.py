"""How this ConnectWise behaves where real ones differ. One object per sandbox, changeable while it runs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

_MONEY = {"addition": ("unitPrice", "unitCost"), "catalog": ("price", "cost")}


@dataclass(slots=True)
class Variant:
    """The differences between ConnectWise installations that contract.md knows of.

    Durations are seconds. Field notes say what each setting stands for.
    """

    latency: float = 0.0
    """Every API request is answered this much later."""
    cloud: bool = False
    """Bad company id or keys give the edge's 404 in HTML instead of the application's 401."""
    my_security: str = "allowed"
    """`refused`: GET /system/mySecurity gives 403."""
    contact_required: bool = False
    """Agreements need a contact (releases from 2025.1 on)."""
    address_required: bool = False
    """Companies need one of addressLine1, addressLine2, city, state, zip, country (the spec's descriptions)."""
    round_money: int | None = None
    """Prices and costs are stored with this many decimals, rounded half up."""
    shuffle: bool = False
    """Lists without orderBy come in another order each time."""
    page_limit: int = 1000
    """Larger pageSize values are silently capped."""
    links: bool = True
    """Lists say in a Link header where there are more rows; without it a client must ask."""
    ignore_conditions: bool = False
    """Lists give every row, whatever was asked for."""
    stale_answers: bool = False
    """PATCH does what was asked for and answers with the record as it was before."""
    unset_dates: str = ""
    """What stands where a date is not set, such as 0001-01-01T00:00:00Z; empty leaves the field out."""
    codebase: str = "v4_6_release/"
    """Path before `apis/3.0`, as companyinfo tells it."""
    old_limits: bool = False
    """Maximum lengths of 2022.1: company identifier 25, company name 50, catalog identifier 60."""
    rate_per_minute: int | None = None
    """Requests a tenant may make per `rate_window` seconds before 429 with Retry-After."""
    rate_window: float = 60.0
    """Length of the rate window in seconds."""
    client_id_status: int = 400
    """Status when clientId is missing or unknown; sources say 400, 401 or 403."""
    client_ids: tuple[str, ...] | None = None
    """The registered clientIds; None accepts every one that is not empty."""
    open_info: bool = False
    """GET /system/info answers without keys, as one self-hosted server was reported to do."""
    clock: float = 0.0
    """Seconds by which this server's clock is ahead."""

    def stored(self, kind: str, row: dict[str, Any]) -> dict[str, Any]:
        """A row as this ConnectWise keeps it: prices and costs rounded where `round_money` says so."""
        names = _MONEY.get(kind, ())
        if self.round_money is None or not any(name in row for name in names):
            return row
        step = Decimal(1).scaleb(-self.round_money)
        return {**row, **{name: row[name].quantize(step, ROUND_HALF_UP) for name in names if name in row}}

    def update(self, values: Mapping[str, Any]) -> None:
        """Set several at once; raises ValueError for an unknown name or a value of the wrong type, then sets nothing."""
        known = {field.name: field.type for field in fields(self)}
        checked = {}
        for name, value in values.items():
            if name not in known:
                raise ValueError(f"unknown variant {name!r}; known: {', '.join(sorted(known))}")
            checked[name] = _fit(name, str(known[name]), value)
        for name, value in checked.items():
            setattr(self, name, value)

    def as_dict(self) -> dict[str, Any]:
        """Name to value, JSON-able."""
        values = {field.name: getattr(self, field.name) for field in fields(self)}
        values["client_ids"] = None if self.client_ids is None else list(self.client_ids)
        return values


def _fit(name: str, wanted: str, value: Any) -> Any:  # noqa: PLR0911 - one return per type
    if value is None and wanted.endswith("| None"):
        return None
    kind = wanted.removesuffix(" | None")
    if kind == "bool" and isinstance(value, bool):
        return value
    if kind == "int" and isinstance(value, int) and not isinstance(value, bool):
        return value
    if kind == "float" and not isinstance(value, bool | str):
        return float(value)
    if kind == "str" and isinstance(value, str):
        if name == "codebase":
            return value.strip("/") + "/"
        if name == "my_security" and value not in {"allowed", "refused"}:
            raise ValueError("my_security is 'allowed' or 'refused'")
        return value
    if kind.startswith("tuple") and isinstance(value, list | tuple):
        return tuple(str(item) for item in value)
    raise ValueError(f"variant {name} cannot be {value!r}")
