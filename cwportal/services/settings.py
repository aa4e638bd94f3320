"""Export settings of a partner: defaults, checks, and their translation for the core."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from decimal import Decimal, InvalidOperation
from enum import StrEnum
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from sqlalchemy.orm import Session

from cwportal.billing.values import ExportSettings, Limits
from cwportal.errors import UsageError
from cwportal.models import Settings
from cwportal.runtime import Runtime
from cwportal.services import audit
from cwportal.vocabulary import Adopt, Data, Drift, Ended, Frequency


@dataclass(frozen=True, slots=True)
class Chosen:
    """What a partner has chosen. `limit_*` in percent, None = the default of design section 5, rule 14."""

    export: Frequency = Frequency.MANUAL
    time: str = "02:00"
    day: str = "1"
    timezone: str = "UTC"
    data: tuple[Data, ...] = (Data.PRODUCTS, Data.QUANTITY, Data.COST, Data.PRICE)
    notify: tuple[str, ...] = ()
    ended: Ended = Ended.ZERO
    drift: Drift = Drift.OVERWRITE
    adopt: Adopt = Adopt.ASK
    agreement_type_id: int | None = None
    product_type_id: int | None = None
    product_category_id: int | None = None
    product_subcategory_id: int | None = None
    limit_ended: Decimal | None = None
    limit_change: Decimal | None = None

    def for_core(self) -> ExportSettings:
        """The part the planner needs. `limit_ended` holds for one account and for all of the partner."""
        limits = Limits()
        if self.limit_ended is not None:
            limits = replace(limits, account_ended_percent=self.limit_ended, partner_ended_percent=self.limit_ended)
        if self.limit_change is not None:
            limits = replace(limits, partner_change_percent=self.limit_change)
        return ExportSettings(frozenset(self.data), self.ended, self.drift, self.adopt, limits)


def get(runtime: Runtime, partner_id: str) -> Chosen:
    """What is stored, else the defaults in the partner's own time zone."""
    partner = runtime.source.partner(partner_id)
    with runtime.database.read() as session:
        row = session.get(Settings, partner_id)
        return Chosen(timezone=partner.timezone) if row is None else _chosen(row)


def update(runtime: Runtime, partner_id: str, given: Mapping[str, str], *, actor: str) -> Chosen:
    """Change the settings named in `given` (field of Chosen -> text as typed); UsageError names the field."""
    default = Chosen(timezone=runtime.source.partner(partner_id).timezone)
    parsed = {name: _PARSERS[name](text.strip()) for name, text in given.items()}
    with runtime.database.write() as session:
        row = session.get(Settings, partner_id, with_for_update=True)
        before = default if row is None else _chosen(row)
        after = replace(before, **parsed)
        _put(session, row or Settings(partner_id=partner_id), after)
        changed = {name: str(given[name]) for name in given if getattr(before, name) != getattr(after, name)}
        if changed:
            audit.record(session, runtime, partner_id, actor, "settings", **changed)
    return after


def remember_product_place(
    runtime: Runtime, partner_id: str, *, product_type_id: int, category_id: int | None, subcategory_id: int
) -> None:
    """Keep the ids of the product type and subcategory chosen or created for our products."""
    default = Chosen(timezone=runtime.source.partner(partner_id).timezone)
    with runtime.database.write() as session:
        row = session.get(Settings, partner_id, with_for_update=True)
        chosen = replace(
            default if row is None else _chosen(row),
            product_type_id=product_type_id,
            product_category_id=category_id,
            product_subcategory_id=subcategory_id,
        )
        _put(session, row or Settings(partner_id=partner_id), chosen)


def _put(session: Session, row: Settings, chosen: Chosen) -> None:
    for field in fields(Chosen):
        value = getattr(chosen, field.name)
        setattr(row, field.name, list(value) if isinstance(value, tuple) else value)
    session.add(row)


def _chosen(row: Settings) -> Chosen:
    return Chosen(
        export=Frequency(row.export),
        time=row.time,
        day=row.day,
        timezone=row.timezone,
        data=tuple(Data(word) for word in row.data),
        notify=tuple(row.notify),
        ended=Ended(row.ended),
        drift=Drift(row.drift),
        adopt=Adopt(row.adopt),
        agreement_type_id=row.agreement_type_id,
        product_type_id=row.product_type_id,
        product_category_id=row.product_category_id,
        product_subcategory_id=row.product_subcategory_id,
        limit_ended=row.limit_ended,
        limit_change=row.limit_change,
    )


def _one_of(name: str, kind: type[StrEnum]) -> Any:
    def parse(text: str) -> Any:
        try:
            return kind(text.lower())
        except ValueError:
            raise UsageError(f"{name} is {text!r}; choose one of: {', '.join(kind)}.") from None

    return parse


def _time(text: str) -> str:
    if not re.fullmatch(r"([01]\d|2[0-3]):[0-5]\d", text):
        raise UsageError(f"time is {text!r}; write it like 02:00 or 14:30.")
    return text


def _day(text: str) -> str:
    if text.lower() == "last":
        return "last"
    if not text.isascii() or not text.isdigit() or not 1 <= int(text) <= 31:
        raise UsageError(f"day is {text!r}; write a day of the month from 1 to 31, or last.")
    return str(int(text))


def _timezone(text: str) -> str:
    try:
        ZoneInfo(text)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise UsageError(f"timezone {text!r} is not known; write it like America/New_York or Europe/Berlin.") from None
    return text


def _data(text: str) -> tuple[Data, ...]:
    parse = _one_of("data", Data)
    chosen = {parse(word.strip()) for word in text.split(",") if word.strip()}
    if not chosen:
        raise UsageError(f"data is empty; choose from: {', '.join(Data)}.")
    return tuple(word for word in Data if word in chosen)


def _notify(text: str) -> tuple[str, ...]:
    addresses = tuple(dict.fromkeys(word.strip() for word in text.split(",") if word.strip()))
    for address in addresses:
        if not re.fullmatch(r"[^@\s,;<>\"]+@[^@\s,;<>\"]+", address):
            raise UsageError(f"notify: {address!r} is not an e-mail address.")
    return addresses


def _percent(name: str) -> Any:
    def parse(text: str) -> Decimal | None:
        if text.lower() in {"", "default"}:
            return None
        try:
            value = Decimal(text.removesuffix("%").strip())
        except InvalidOperation:
            value = Decimal(-1)
        if not value.is_finite() or not 0 <= value <= 1000:
            raise UsageError(f"{name} is {text!r}; write a percentage from 0 to 1000, such as 30.")
        return value

    return parse


def _record_id(name: str) -> Any:
    def parse(text: str) -> int:
        if not text.isascii() or not text.isdigit() or int(text) < 1:
            raise UsageError(f"{name} is {text!r}; write the number of the record in ConnectWise.")
        return int(text)

    return parse


_PARSERS: dict[str, Any] = {
    "export": _one_of("export", Frequency),
    "time": _time,
    "day": _day,
    "timezone": _timezone,
    "data": _data,
    "notify": _notify,
    "ended": _one_of("ended", Ended),
    "drift": _one_of("drift", Drift),
    "adopt": _one_of("adopt", Adopt),
    "agreement_type_id": _record_id("agreement-type"),
    "limit_ended": _percent("limit-ended"),
    "limit_change": _percent("limit-change"),
}
