"""From what was sent to what is stored: types, lengths, references, required fields, and the rules of each kind."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from . import rules
from .fields import Field, Reading, Row
from .problems import bad_request, invalid
from .resources import Resource
from .store import Record, Tenant


def build(
    tenant: Tenant,
    resource: Resource,
    sent: Mapping[str, Any],
    *,
    old: Record | None = None,
    put: bool = False,
    parent: Record | None = None,
    named: frozenset[str] = frozenset(),
) -> Row:
    """The row to store for a POST, a PUT (`put`) or a PATCH (`old` with its operations already applied in `sent`).

    `parent` is the agreement of an addition, `named` the fields that a PATCH speaks of.

    The whole record is validated each time, a PATCH's untouched fields too (contract.md section 4). Raises the
    400 that names every flaw.
    """
    reading = Reading()
    replacing = old is None or put
    row: Row = {}
    for name, spec in resource.fields.items():
        value = sent.get(name)
        if value is None and replacing:
            value = resource.defaults.get(name)
        if spec.derived or value is None:
            continue
        kept = _read(tenant, resource, reading, spec, value)
        if kept is not None:
            row[name] = kept
    if put:
        _need(reading, row, [spec for spec in resource.fields.values() if spec.on_put])
    draft = rules.Draft(tenant, row, reading, old, put, parent, named)
    rules.complete(resource.kind, draft)
    _need(reading, row, [spec for spec in resource.fields.values() if spec.required])
    if not reading.flaws:
        rules.check(resource.kind, draft)
    if not reading.flaws and tenant.tables[resource.kind].twins(row, old.id if old else None):
        name = resource.unique[0]
        reading.flaw("ObjectExists", f"{resource.title} {row.get(name)} already exists.", name)
    if reading.flaws:
        raise invalid(resource.noun, reading.flaws)
    return row


def _need(reading: Reading, row: Row, specs: list[Field]) -> None:
    flawed = {flaw.field.split("/")[0] for flaw in reading.flaws}
    for spec in specs:
        if spec.name not in flawed and row.get(spec.name) in (None, ""):
            name = f"{spec.name}/id" if spec.kind == "ref" else spec.name
            reading.flaw("MissingRequiredField", f"The {name} field is required.", name)


def _read(tenant: Tenant, resource: Resource, reading: Reading, spec: Field, value: Any) -> Any:
    limit = spec.limit
    if tenant.variant.old_limits:
        limit = resource.old_limits.get(spec.name, limit)
    kept = reading.value(spec, value, limit)
    if kept is None:
        return None
    if spec.kind == "ref":
        return resolve(tenant, reading, spec, kept, f"{spec.name}/id")
    if spec.kind == "refs":
        found = [resolve(tenant, reading, spec, item, f"{spec.name}/id") for item in kept]
        return [item for item in found if item is not None]
    if spec.kind == "items":
        return rules.communication_items(tenant, reading, kept)
    return kept


def resolve(tenant: Tenant, reading: Reading, spec: Field, sent: Mapping[str, Any], path: str) -> Row | None:
    """`{"id": n}` of a sent reference, by id, else by identifier or name; a product by id only (contract.md section 8)."""
    kind = spec.options[0]
    number = sent.get("id")
    table = tenant.tables.get(kind)
    if number is not None:
        if table is not None and isinstance(number, int) and number in table.rows:
            return {"id": number}
        reading.flaw("NotFound", f"{spec.name} {number} not found for {path}.", path)
        return None
    if table is not None and kind != "catalog":
        for shown, source in table.resource.shown.items():
            wanted = sent.get(shown)
            if isinstance(wanted, str) and wanted:
                for record in table.rows.values():
                    if str(record.row.get(source, "")).casefold() == wanted.casefold():
                        return {"id": record.id}
                reading.flaw("NotFound", f"{spec.name} {wanted} not found for {spec.name}/{shown}.", path)
                return None
    reading.flaw("MissingRequiredField", f"The {path} field is required.", path)
    return None


def patched(resource: Resource, record: Record, operations: Any) -> tuple[dict[str, Any], frozenset[str]]:
    """The record with a PATCH's operations applied, not yet validated, and the fields they name.

    `operations` is the parsed body: an array of op (add, replace, remove, lower case), path (a field name, with or
    without a leading slash, case-sensitive) and value. A sub-path answers 200 and changes nothing. Raises 400.
    """
    if not isinstance(operations, list) or not operations:
        raise bad_request("The patch document must be an array of operations.")
    sent = dict(record.row)
    named = set()
    for operation in operations:
        if not isinstance(operation, dict):
            raise bad_request("Each patch operation must be an object with op, path and value.")
        op, path = operation.get("op"), operation.get("path")
        if op not in ("add", "replace", "remove"):
            raise bad_request(f"The patch operation {op!r} is not one of add, replace, remove.")
        if not isinstance(path, str) or not path.strip("/"):
            raise bad_request("Each patch operation needs a path.")
        name, _, rest = path.removeprefix("/").partition("/")
        if name not in resource.fields and name != "id":
            raise bad_request(f"The path {path} does not exist on {resource.noun}.")
        if op != "remove" and "value" not in operation:
            raise bad_request(f"The patch operation on {path} needs a value.")
        if not rest:
            sent[name] = None if op == "remove" else operation["value"]
            named.add(name)
    return sent, frozenset(named)
