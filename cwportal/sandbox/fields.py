"""The field language: what each ConnectWise field may hold, parsed from compact text tables.

A table is words like `name!:str100 type!:ref(agreementType) quantity:num`. Marks after the name: `!` required on
POST, `^` required on PUT, `=` derived by the server (what is sent is ignored). Field sets, lengths and enums are
those of the OpenAPI document.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from .problems import Flaw

Row = dict[str, Any]

_WORD = re.compile(r"(?P<name>\w+)(?P<marks>[!^=]*):(?P<kind>[a-z]+)(?P<limit>\d*)(?:\((?P<options>[^)]*)\))?$")
_DATE = re.compile(r"\d{4}-\d\d-\d\d(T\d\d:\d\d:\d\dZ)?$")
_LARGEST_AMOUNT = Decimal(10) ** 12


@dataclass(frozen=True, slots=True)
class Field:
    """One field: `kind` is str, num, int, bool, date, enum, ref, refs, items, site, custom or words."""

    name: str
    kind: str
    limit: int | None = None
    options: tuple[str, ...] = ()
    required: bool = False
    on_put: bool = False
    derived: bool = False


def words(text: str) -> tuple[str, ...]:
    """The words of a text table."""
    return tuple(text.split())


def table(text: str) -> dict[str, Field]:
    """Parse a table of fields, keeping its order, which is the order of the answers."""
    found: dict[str, Field] = {}
    for word in text.split():
        match = _WORD.match(word)
        if match is None:
            raise ValueError(f"field definition {word!r}")
        marks = match["marks"]
        found[match["name"]] = Field(
            name=match["name"],
            kind=match["kind"],
            limit=int(match["limit"]) if match["limit"] else None,
            options=tuple(match["options"].split("|")) if match["options"] else (),
            required="!" in marks,
            on_put="^" in marks,
            derived="=" in marks,
        )
    return found


@dataclass(slots=True)
class Reading:
    """Turns sent values into stored ones and collects every flaw, so that one answer names them all."""

    flaws: list[Flaw] = field(default_factory=list)

    def flaw(self, code: str, message: str, name: str) -> Any:
        """Note one flaw; gives None so that callers can `return` it as the value."""
        self.flaws.append(Flaw(code, message, name))
        return None

    def value(self, spec: Field, sent: Any, limit: int | None) -> Any:  # noqa: PLR0911 - one branch per kind
        """The stored form of `sent`, or None after noting a flaw. References come back as they were sent."""
        kind = spec.kind
        if kind == "str":
            if not isinstance(sent, str):
                return self.wrong(spec, "a string")
            if limit is not None and len(sent) > limit:
                text = f"The field {spec.name} must be a string with a maximum length of {limit}."
                return self.flaw("MaxLengthField", text, spec.name)
            return sent
        if kind == "num":
            return self._amount(spec, sent)
        if kind == "int":
            return self._whole(spec, sent)
        if kind == "bool":
            return sent if isinstance(sent, bool) else self.wrong(spec, "true or false")
        if kind == "date":
            return self._moment(spec, sent)
        if kind == "enum":
            if sent in spec.options:
                return sent
            return self.wrong(spec, "one of " + ", ".join(spec.options))
        if kind == "words":
            good = isinstance(sent, list) and all(isinstance(item, str | int) for item in sent)
            return sent if good else self.wrong(spec, "a list")
        if kind in {"refs", "items", "custom"}:
            good = isinstance(sent, list) and all(isinstance(item, dict) for item in sent)
            return sent if good else self.wrong(spec, "a list of objects")
        return sent if isinstance(sent, dict) else self.wrong(spec, "an object")

    def wrong(self, spec: Field, wanted: str) -> Any:
        """Note a value of the wrong type; the code is not in contract.md."""
        return self.flaw("InvalidField", f"The field {spec.name} must be {wanted}.", spec.name)

    def _amount(self, spec: Field, sent: Any) -> Any:
        # Decimals as strings: seen to be accepted (contract.md section 4, djcw).
        if isinstance(sent, bool) or not isinstance(sent, int | Decimal | str):
            return self.wrong(spec, "a number")
        if isinstance(sent, str) and not re.fullmatch(r"-?\d{1,20}(\.\d{1,20})?", sent):
            return self.wrong(spec, "a number")
        value = Decimal(sent)
        if abs(value) >= _LARGEST_AMOUNT:
            return self.flaw("OutOfRange", f"The field {spec.name} is out of range.", spec.name)
        return value

    def _whole(self, spec: Field, sent: Any) -> Any:
        if isinstance(sent, bool) or not isinstance(sent, int):
            return self.wrong(spec, "a whole number")
        low, high = (int(spec.options[0]), int(spec.options[1])) if spec.options else (-(2**31), 2**31 - 1)
        if not low <= sent <= high:
            return self.flaw("OutOfRange", f"The field {spec.name} must be between {low} and {high}.", spec.name)
        return sent

    def _moment(self, spec: Field, sent: Any) -> Any:
        if sent == "":
            return None  # the empty form of an unset date (contract.md section 8)
        text = moment(sent)
        return self.wrong(spec, "a date such as 2025-01-01T00:00:00Z") if text is None else text


def moment(sent: Any) -> str | None:
    """`YYYY-MM-DDTHH:MM:SSZ` of a date-time or bare date, None for any other form (contract.md section 9)."""
    if not isinstance(sent, str) or not _DATE.match(sent):
        return None
    text = sent if len(sent) > 10 else f"{sent}T00:00:00Z"
    try:
        datetime.strptime(text, "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC)
    except ValueError:
        return None
    return text
