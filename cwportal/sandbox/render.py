"""From what is stored to what is answered: references filled in, derived amounts, nulls left out, `_info` added."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from .fields import Field, Row
from .jsonio import dumps
from .resources import RESOURCES, Resource
from .store import Record, Tenant

_ZERO = Decimal(0)


def shown(tenant: Tenant, resource: Resource, record: Record) -> dict[str, Any]:
    """The record as the API answers it. Kept until something it shows has changed; callers must not change it."""
    _refresh(tenant, resource, record)
    return record.shown


def text(tenant: Tenant, resource: Resource, record: Record) -> str:
    """The record as JSON text."""
    _refresh(tenant, resource, record)
    return record.text


def _refresh(tenant: Tenant, resource: Resource, record: Record) -> None:
    stamp = (tenant.epoch, tenant.now().toordinal(), tenant.variant.unset_dates)
    if record.stamp == stamp:
        return
    record.shown = _render(tenant, resource, record)
    record.text = dumps(record.shown)
    record.stamp = stamp


def today(tenant: Tenant) -> str:
    """Start of the server's day, in the form of stored dates."""
    return tenant.now().strftime("%Y-%m-%dT00:00:00Z")


def agreement_status(tenant: Tenant, row: Row) -> str:
    """Derived: Cancelled by its flag, Expired after its end, Inactive before its start, else Active."""
    if row.get("cancelledFlag"):
        return "Cancelled"
    day = today(tenant)
    if row.get("endDate", "9999") < day:
        return "Expired"
    return "Inactive" if row.get("startDate", "") > day else "Active"


def _render(tenant: Tenant, resource: Resource, record: Record) -> dict[str, Any]:
    row = record.row
    derived: Mapping[str, Any] = {}
    if resource.kind == "addition":
        derived = _addition(tenant, record)
    elif resource.kind == "agreement":
        derived = {"agreementStatus": agreement_status(tenant, row)}
    out: dict[str, Any] = {"id": record.id}
    for name, spec in resource.fields.items():
        value = derived.get(name) if name in derived else row.get(name)
        if spec.kind == "site" and value is not None:
            out[name] = {"id": record.id, **value}
        elif value is not None:
            out[name] = _show(tenant, spec, value)
        elif spec.kind == "date" and tenant.variant.unset_dates:
            out[name] = tenant.variant.unset_dates
    out["_info"] = _info(tenant, resource, record)
    return out


def _show(tenant: Tenant, spec: Field, value: Any) -> Any:
    if spec.kind == "ref":
        return reference(tenant, spec.options[0], value["id"])
    if spec.kind == "refs":
        return [reference(tenant, spec.options[0], item["id"]) for item in value]
    if spec.kind == "items":
        return [{**item, "type": reference(tenant, "communicationType", item["type"]["id"])} for item in value]
    return value


def reference(tenant: Tenant, kind: str, number: int) -> dict[str, Any]:
    """`{id, identifier, name, _info}` as references are answered; only the id if the record is gone."""
    out: dict[str, Any] = {"id": number}
    record = tenant.tables[kind].rows.get(number)
    if record is None:
        return out
    if kind == "contact":
        out["name"] = " ".join(part for part in (record.row.get("firstName"), record.row.get("lastName")) if part)
    else:
        for name, source in RESOURCES[kind].shown.items():
            if record.row.get(source) is not None:
                out[name] = record.row[source]
    out["_info"] = {f"{kind}_href": f"{tenant.api_root}{'/'.join(RESOURCES[kind].path)}/{number}"}
    return out


def _info(tenant: Tenant, resource: Resource, record: Record) -> dict[str, str]:
    info = {
        "lastUpdated": record.updated,
        "updatedBy": record.updated_by,
        "dateEntered": record.entered,
        "enteredBy": record.entered_by,
    }
    if resource.kind == "agreement":
        info["additions_href"] = f"{tenant.api_root}finance/agreements/{record.id}/additions"
    if resource.kind == "document":
        info["filename"] = str(record.row.get("fileName", ""))
    return info


def _addition(tenant: Tenant, record: Record) -> dict[str, Any]:
    row = record.row
    quantity, less = row.get("quantity", _ZERO), row.get("lessIncluded", _ZERO)
    price, cost = quantity * row.get("unitPrice", _ZERO), quantity * row.get("unitCost", _ZERO)
    agreement = tenant.tables["agreement"].rows.get(record.parent or 0)
    product = tenant.tables["catalog"].rows.get(row["product"]["id"])
    unit = product.row.get("unitOfMeasure") if product else None
    uom = tenant.tables["uom"].rows.get(unit["id"]) if unit else None
    day = today(tenant)
    status = "Active"
    if row.get("cancelledDate", "9999") < day:
        status = "Cancelled"
    elif row.get("effectiveDate", "") > day:
        status = "Inactive"
    return {
        "agreementId": record.parent,
        "billedQuantity": max(quantity - less, _ZERO),
        "uom": uom.row["name"] if uom else None,
        "extPrice": price,
        "extCost": cost,
        "margin": price - cost,
        "prorateCost": _ZERO,
        "proratePrice": _ZERO,
        "extendedProrateCost": _ZERO,
        "extendedProratePrice": _ZERO,
        "agreementStatus": agreement_status(tenant, agreement.row) if agreement else None,
        "additionStatus": status,
    }
