"""Export settings of a partner: defaults, what goes together, storing, and their translation for the core."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from datetime import datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from cwportal.billing.values import ExportSettings, Limits
from cwportal.errors import NotConnected, UsageError
from cwportal.models import AuditEntry, Connection, Settings
from cwportal.runtime import Runtime
from cwportal.services import audit, settings_tables, settings_typed, way_in
from cwportal.services.settings_typed import BadSettings, Parsed, as_text
from cwportal.vocabulary import Adopt, Data, Drift, Ended, Frequency, Taxable

_DEED = "settings"
_NUMBERS = ("agreement_type_id", "product_type_id", "product_subcategory_id")
_OF_ONE_CONNECTWISE = (*_NUMBERS, "product_category_id")
_LOOKED_BACK = 200
"""Entries of the history in which changes since an older version are looked for."""


@dataclass(frozen=True, slots=True)
class Chosen:
    """What a partner has chosen. `limit_*` in percent (`limit_growth`: a factor), None = the default of design section 5, rule 14."""

    export: Frequency = Frequency.MANUAL
    time: str = "02:00"
    day: str = "1"
    timezone: str = "UTC"
    data: tuple[Data, ...] = (Data.PRODUCTS, Data.QUANTITY, Data.COST, Data.PRICE)
    notifications: bool = False
    notify: tuple[str, ...] = ()
    ended: Ended = Ended.ZERO
    drift: Drift = Drift.OVERWRITE
    adopt: Adopt = Adopt.ASK
    taxable: Taxable = Taxable.DEFAULT
    agreement_type_id: int | None = None
    product_type_id: int | None = None
    product_category_id: int | None = None
    product_subcategory_id: int | None = None
    limit_ended: Decimal | None = None
    limit_ended_all: Decimal | None = None
    limit_change: Decimal | None = None
    limit_growth: Decimal | None = None

    def for_core(self) -> ExportSettings:
        """The part the planner needs."""
        own: dict[str, Any] = {
            "account_ended_percent": self.limit_ended,
            "partner_ended_percent": self.limit_ended_all,
            "partner_change_percent": self.limit_change,
            "growth_factor": self.limit_growth,
        }
        limits = replace(Limits(), **{name: value for name, value in own.items() if value is not None})
        return ExportSettings(frozenset(self.data), self.ended, self.drift, self.adopt, limits, self.taxable)


@dataclass(frozen=True, slots=True)
class Stored:
    """Settings with the number of their last change by a person, 0 where nothing is stored."""

    chosen: Chosen
    version: int


@dataclass(frozen=True, slots=True)
class Meanwhile:
    """What somebody else changed: field, text before and after."""

    field: str
    before: str
    after: str
    actor: str
    at: datetime


class SettingsChanged(UsageError):
    """Somebody else has changed the settings since they were read. `changes` by field; `version` is the present one."""

    def __init__(self, changes: Mapping[str, Meanwhile], version: int) -> None:
        self.changes, self.version = dict(changes), version
        super().__init__("Somebody else has changed these settings in the meantime. Nothing of yours was saved yet.")


def get(runtime: Runtime, partner_id: str) -> Chosen:
    """What is stored, else the defaults in the partner's own time zone."""
    return stored(runtime, partner_id).chosen


def stored(runtime: Runtime, partner_id: str) -> Stored:
    """The same with its version."""
    default = _default(runtime, partner_id)
    with runtime.database.read() as session:
        row = session.get(Settings, partner_id)
        return Stored(default, 0) if row is None else Stored(_chosen(row), row.version)


def update(
    runtime: Runtime,
    partner_id: str,
    given: Mapping[str, str],
    *,
    actor: str,
    version: int | None = None,
    connected: bool = False,
) -> Chosen:
    """Change the settings named in `given` (field of Chosen -> text as typed).

    `connected`: only as long as ConnectWise is, so that a page of before brings nothing back that Disable has let go. Raises BadSettings
    with a sentence for each field, SettingsChanged where `version` is given and is not the present one, and then NotConnected.
    """
    parsed = settings_typed.parse(given)
    with runtime.database.write() as session:
        if connected:
            _refuse_unless_connected(session, partner_id)
        return _put(session, runtime, partner_id, parsed, actor=actor, version=version)


def update_in(session: Session, runtime: Runtime, partner_id: str, given: Mapping[str, str], *, actor: str) -> Chosen:
    """The same in a transaction of the caller's."""
    return _put(session, runtime, partner_id, settings_typed.parse(given), actor=actor, version=None)


def check(runtime: Runtime, partner_id: str, given: Mapping[str, str]) -> Chosen:
    """What the settings would be; nothing is stored. Raises BadSettings."""
    default, parsed = _default(runtime, partner_id), settings_typed.parse(given)
    with runtime.database.read() as session:
        row = session.get(Settings, partner_id)
        return _together(session, partner_id, default if row is None else _chosen(row), parsed)


def _refuse_unless_connected(session: Session, partner_id: str) -> None:
    row = way_in.locked(session, partner_id).connection
    if row is None or not row.active:
        raise NotConnected("ConnectWise was disabled in the meantime; the settings were not kept.")


def _put(
    session: Session, runtime: Runtime, partner_id: str, parsed: Parsed, *, actor: str, version: int | None
) -> Chosen:
    way_in.enter(session, partner_id)
    row = session.get(Settings, partner_id, with_for_update=True)
    before = _default(runtime, partner_id) if row is None else _chosen(row)
    present = 0 if row is None else row.version
    if version is not None and version != present and not parsed.problems:
        raise SettingsChanged(_since(session, partner_id, version), present)
    after = _together(session, partner_id, before, parsed)
    fresh = row is None
    if row is None:
        row = Settings(partner_id=partner_id, version=_last_version(session, partner_id))
    changes = {
        field.name: [as_text(getattr(before, field.name)), as_text(getattr(after, field.name))]
        for field in fields(Chosen)
        if getattr(before, field.name) != getattr(after, field.name)
    }
    if changes or fresh:
        row.version += 1
        _fill(session, row, after)
        audit.record(session, runtime, partner_id, actor, _DEED, version=row.version, changes=changes)
    return after


def remember_product_place(
    runtime: Runtime,
    partner_id: str,
    *,
    tenant: str,
    product_type_id: int,
    category_id: int | None,
    subcategory_id: int,
) -> None:
    """Keep the ids of the product type and subcategory chosen or created for our products. No change by a person: the version stays."""
    default = _default(runtime, partner_id)
    with runtime.database.write() as session:
        way_in.enter(session, partner_id)
        connection = session.get(Connection, partner_id, with_for_update=True)
        if connection is None or connection.tenant != tenant:  # disabled meanwhile: nothing of it is kept
            return
        row = session.get(Settings, partner_id, with_for_update=True)
        chosen = replace(
            default if row is None else _chosen(row),
            product_type_id=product_type_id,
            product_category_id=category_id,
            product_subcategory_id=subcategory_id,
        )
        fresh = Settings(partner_id=partner_id, version=_last_version(session, partner_id) + 1)
        _fill(session, row or fresh, chosen)


def forget_numbers(session: Session, runtime: Runtime, partner_id: str, *, actor: str) -> None:
    """Let go the ids of a ConnectWise that was left. A new version: a page that still shows them is told, and brings none back."""
    row = session.get(Settings, partner_id, with_for_update=True)
    if row is None:
        return
    changes = {
        name: [as_text(getattr(row, name)), ""] for name in _OF_ONE_CONNECTWISE if getattr(row, name) is not None
    }
    for name in changes:
        setattr(row, name, None)
    row.version += 1
    audit.record(session, runtime, partner_id, actor, _DEED, version=row.version, changes=changes)


def _together(session: Session, partner_id: str, before: Chosen, parsed: Parsed) -> Chosen:
    """The settings with what was given; BadSettings if something in it is wrong, or does not go with the rest."""
    values, problems = dict(parsed.values), dict(parsed.problems)
    if any(values.get(name) is not None for name in _NUMBERS):
        tables = settings_tables.read(session, partner_id)
        problems |= tables.problems(
            {name: values.get(name) for name in _NUMBERS if values.get(name) != getattr(before, name)}
        )
        if category_id := tables.category_of(values.get("product_subcategory_id")):
            values["product_category_id"] = category_id
    if values.get("product_subcategory_id", 0) is None:
        values["product_category_id"] = None
    after = replace(before, **values)
    if after.notifications and not after.notify and not {"notify", "notifications"} & problems.keys():
        problems["notify"] = (
            "Notifications are allowed and nobody is chosen; choose at least one contact, or do not allow them."
        )
    if problems:
        raise BadSettings(problems)
    return after


def _since(session: Session, partner_id: str, version: int) -> dict[str, Meanwhile]:
    """Changes later than `version`, from the history: before the first and after the last of them, by field."""
    query = select(AuditEntry).where(AuditEntry.partner_id == partner_id, AuditEntry.action == _DEED)
    entries = session.scalars(query.order_by(AuditEntry.id.desc()).limit(_LOOKED_BACK))
    found: dict[str, Meanwhile] = {}
    for entry in reversed([one for one in entries if one.detail.get("version", 0) > version]):
        for name, (before, after) in entry.detail["changes"].items():
            first = found[name].before if name in found else before
            found[name] = Meanwhile(name, first, after, entry.actor, entry.at)
    return {name: change for name, change in found.items() if change.before != change.after}


def _last_version(session: Session, partner_id: str) -> int:
    """The last one there was, also before ConnectWise was disabled: a page of that time must not pass for one of today."""
    query = select(AuditEntry).where(AuditEntry.partner_id == partner_id, AuditEntry.action == _DEED)
    entry = session.scalar(query.order_by(AuditEntry.id.desc()).limit(1))
    return 0 if entry is None else int(entry.detail.get("version", 0))


def _default(runtime: Runtime, partner_id: str) -> Chosen:
    return Chosen(timezone=runtime.source.partner(partner_id).timezone)


def _fill(session: Session, row: Settings, chosen: Chosen) -> None:
    for field in fields(Chosen):
        value = getattr(chosen, field.name)
        setattr(row, field.name, list(value) if isinstance(value, tuple) else value)
    session.add(row)


_KINDS: dict[str, Any] = {
    "export": Frequency,
    "ended": Ended,
    "drift": Drift,
    "adopt": Adopt,
    "taxable": Taxable,
    "data": lambda words: tuple(Data(word) for word in words),
    "notify": tuple,
}


def _chosen(row: Settings) -> Chosen:
    return Chosen(
        **{
            field.name: _KINDS.get(field.name, lambda value: value)(getattr(row, field.name))
            for field in fields(Chosen)
        }
    )
