"""Settings as people type them: text in, value out, or a sentence that says what to write instead; and values as text again."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal, InvalidOperation
from enum import StrEnum
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from cwportal.billing.scale import canonical
from cwportal.errors import UsageError
from cwportal.vocabulary import Adopt, Data, Drift, Ended, Frequency, Taxable

LARGEST_ID = 2**31 - 1
_OPTIONS = {
    "agreement_type_id": "agreement-type",
    "product_type_id": "product-type",
    "product_subcategory_id": "product-subcategory",
}
_BRIEF = 60
"""Letters of what somebody typed that a sentence repeats."""


class BadSettings(UsageError):
    """Settings that cannot be used: field of Chosen -> sentence. As text one line each, under the names of the command line."""

    def __init__(self, problems: Mapping[str, str]) -> None:
        self.problems = dict(problems)
        super().__init__("\n".join(f"{option(name)}: {sentence}" for name, sentence in self.problems.items()))


@dataclass(frozen=True, slots=True)
class Parsed:
    """Fields that were given: their values, and sentences for those that have none."""

    values: dict[str, Any] = field(default_factory=dict)
    problems: dict[str, str] = field(default_factory=dict)


class _NotThat(Exception):
    """`str()` is the sentence."""


def option(name: str) -> str:
    """The name of a field on the command line, without dashes in front."""
    return _OPTIONS.get(name, name.replace("_", "-"))


def parse(given: Mapping[str, str]) -> Parsed:
    """Values of the fields that were given as text."""
    parsed = Parsed()
    for name, text in given.items():
        try:
            parsed.values[name] = PARSERS[name](text.strip())
        except _NotThat as wrong:
            parsed.problems[name] = str(wrong)
    if "limit_ended" in parsed.values:  # one limit for one account and for all of them, unless both are given
        parsed.values.setdefault("limit_ended_all", parsed.values["limit_ended"])
    if "notify" in parsed.values:
        parsed.values.setdefault("notifications", bool(parsed.values["notify"]))
    return parsed


def flat(typed: Mapping[str, str | list[str]]) -> dict[str, str]:
    """Fields of a form as `parse` takes them: what was ticked, with commas between."""
    return {name: text if isinstance(text, str) else ",".join(text) for name, text in typed.items() if name in PARSERS}


def as_text(value: Any) -> str:
    """A value as one would type it; "" where nothing is chosen."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, tuple):
        return ",".join(value)
    return canonical(value) if isinstance(value, Decimal) else str(value)


def _brief(text: str) -> str:
    return f"“{text[:_BRIEF]}{'…' if len(text) > _BRIEF else ''}”"


def _not_one(text: str) -> str:
    return f"{_brief(text)} is not one of the choices" if text else "Nothing is chosen"


def _one_of(kind: type[StrEnum]) -> Callable[[str], Any]:
    def parse_one(text: str) -> Any:
        try:
            return kind(text.lower())
        except ValueError:
            raise _NotThat(f"{_not_one(text)}; choose one of: {', '.join(kind)}.") from None

    return parse_one


def _yes_no(text: str) -> bool:
    if text.lower() not in {"yes", "no"}:
        raise _NotThat(f"{_brief(text)} is neither yes nor no.")
    return text.lower() == "yes"


def _time(text: str) -> str:
    if not re.fullmatch(r"([01]\d|2[0-3]):[0-5]\d", text, re.ASCII):
        wrong = f"{_brief(text)} is not a time of day" if text else "No time is given"
        raise _NotThat(f"{wrong}; write it like 02:00 or 14:30.")
    return text


def _day(text: str) -> str:
    if text.lower() == "last":
        return "last"
    if not text.isascii() or not text.isdigit() or len(text) > 2 or not 1 <= int(text) <= 31:
        raise _NotThat(f"{_brief(text)} is not a day of every month; choose one from 1 to 31, or last.")
    return str(int(text))


def _timezone(text: str) -> str:
    try:
        ZoneInfo(text)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise _NotThat(
            f"{_brief(text)} is not a time zone that is known here; write it like America/New_York or Europe/Berlin."
        ) from None
    return text


def _data(text: str) -> tuple[Data, ...]:
    parse_one = _one_of(Data)
    chosen = {parse_one(word.strip()) for word in text.split(",") if word.strip()}
    if not chosen:
        raise _NotThat(f"Nothing is selected, so nothing could be exported; select at least one of: {', '.join(Data)}.")
    return tuple(word for word in Data if word in chosen)


def _notify(text: str) -> tuple[str, ...]:
    addresses = tuple(dict.fromkeys(word.strip() for word in text.split(",") if word.strip()))
    for address in addresses:
        if not re.fullmatch(r"[^@\s,;<>\"]+@[^@\s,;<>\"]+", address):
            raise _NotThat(f"{_brief(address)} is not an e-mail address; write it like ann@example.com.")
    return addresses


def _number(least: str, example: str, unit: str) -> Callable[[str], Decimal | None]:
    """A limit; empty for the default."""

    def parse_number(text: str) -> Decimal | None:
        if text.lower() in {"", "default"}:
            return None
        try:
            value = Decimal(text.removesuffix("%").strip().replace(",", "."))
        except InvalidOperation:
            value = Decimal("NaN")
        if not value.is_finite() or not Decimal(least) <= value <= 1000 or _places(value) > 4:
            raise _NotThat(
                f"{_brief(text)} cannot be used; write {unit} from {least} to 1000, such as {example}, or leave it empty for the default."
            )
        return value

    return parse_number


def _places(value: Decimal) -> int:
    exponent = value.as_tuple().exponent
    return -exponent if isinstance(exponent, int) else 0


def _record_id(text: str) -> int | None:
    if text.lower() in {"", "default"}:
        return None
    if not text.isascii() or not text.isdigit() or len(text) > 10 or not 1 <= int(text) <= LARGEST_ID:
        raise _NotThat(f"{_brief(text)} is not a number; write the number of the record in ConnectWise.")
    return int(text)


PARSERS: dict[str, Callable[[str], Any]] = {
    "export": _one_of(Frequency),
    "time": _time,
    "day": _day,
    "timezone": _timezone,
    "data": _data,
    "notifications": _yes_no,
    "notify": _notify,
    "ended": _one_of(Ended),
    "drift": _one_of(Drift),
    "adopt": _one_of(Adopt),
    "taxable": _one_of(Taxable),
    "agreement_type_id": _record_id,
    "product_type_id": _record_id,
    "product_subcategory_id": _record_id,
    "limit_ended": _number("0", "30", "a percentage"),
    "limit_ended_all": _number("0", "10", "a percentage"),
    "limit_change": _number("0", "25", "a percentage"),
    "limit_growth": _number("1", "10", "a number"),
}
"""Field of Chosen -> its reading. An empty number or percentage means the default."""
