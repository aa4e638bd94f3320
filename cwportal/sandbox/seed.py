"""Data put in by hand: seeds and edits that bypass rights and checks, as a person or another tool would change it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from . import rules
from .fields import Field, Reading, Row, moment
from .resources import Resource, resource_of
from .security import RIGHTS, parse_rights, right_name
from .store import ACTIONS, Member, Record, Tenant

HAND = "byhand"
"""Who seeds and edits are entered by."""


def plant(tenant: Tenant, given: Mapping[str, Any]) -> dict[str, Any]:
    """Put a seed in: members, tables, contacts, catalog, companies with agreements with additions. Ids given back.

    Field names are the API's; references may be `{"id": 1}`, `{"name": …}`, an id, or an identifier or name alone.
    Raises ValueError for unknown names and references.
    """
    known = {"tenant", "name", "codebase", "members", "tables", "contacts", "catalog", "companies", "additions"}
    unknown = set(given) - known
    if unknown:
        raise ValueError(f"a seed does not know {', '.join(sorted(unknown))}; known: {', '.join(sorted(known))}")
    out: dict[str, Any] = {"tenant": tenant.company_id}
    with tenant.lock:
        tenant.name = given.get("name", tenant.name)
        if "codebase" in given:
            tenant.codebase_override = given["codebase"].strip("/") + "/"
        for item in given.get("members", ()):
            add_member(tenant, item)
        for kind, items in given.get("tables", {}).items():
            ids = [record(tenant, kind, item).id for item in items]
            out.setdefault("tables", {})[resource_of(kind).kind] = ids
        out["catalog"] = [_named(record(tenant, "catalog", item), "identifier") for item in given.get("catalog", ())]
        out["companies"] = [_company(tenant, item) for item in given.get("companies", ())]
        out["contacts"] = [record(tenant, "contact", item).id for item in given.get("contacts", ())]
        out["additions"] = [_addition(tenant, item) for item in given.get("additions", ())]
        tenant.touch()
    return out


def _named(planted: Record, name: str) -> dict[str, Any]:
    return {"id": planted.id, name: planted.row.get(name)}


def _company(tenant: Tenant, given: Mapping[str, Any]) -> dict[str, Any]:
    values = {name: value for name, value in given.items() if name not in {"agreements", "contacts", "defaultContact"}}
    if "identifier" not in values:
        values["identifier"] = re.sub(r"[^A-Za-z0-9]", "", str(values.get("name", "")))[:25] or "Company"
    company = record(tenant, "company", values)
    contacts = list(given.get("contacts", ()))
    chosen = given.get("defaultContact")
    if isinstance(chosen, Mapping) and "id" not in chosen:
        contacts.insert(0, chosen)
    ids = [record(tenant, "contact", {**_contact(tenant, item), "company": company.id}).id for item in contacts]
    if chosen is not None:
        company.row["defaultContact"] = {"id": chosen["id"] if "id" in chosen else ids[0]}
    out: dict[str, Any] = {"id": company.id, "identifier": values["identifier"], "contacts": ids, "agreements": []}
    for item in given.get("agreements", ()):
        own = {name: value for name, value in item.items() if name != "additions"}
        own.setdefault("startDate", "2024-01-01")
        own.setdefault("type", rules.default_of(tenant, "agreementType"))
        agreement = record(tenant, "agreement", {**own, "company": company.id})
        additions = [_addition(tenant, {**line, "agreement": agreement.id}) for line in item.get("additions", ())]
        out["agreements"].append({**_named(agreement, "name"), "additions": additions})
    return out


def _contact(tenant: Tenant, given: Mapping[str, Any]) -> dict[str, Any]:
    values = dict(given)
    email = values.pop("email", None)
    if email:
        kinds = tenant.tables["communicationType"].rows.values()
        number = next(kind.id for kind in kinds if kind.row.get("emailFlag"))
        item = {"id": 1, "type": {"id": number}, "value": email, "defaultFlag": True, "communicationType": "Email"}
        values["communicationItems"] = [item]
    return values


def _addition(tenant: Tenant, given: Mapping[str, Any]) -> int:
    values = dict(given)
    agreement = tenant.tables["agreement"].rows.get(values.pop("agreement", 0))
    if agreement is None:
        raise ValueError("an addition needs an existing agreement")
    values.setdefault("billCustomer", "Billable")
    values.setdefault("effectiveDate", rules.addition_start(agreement.row) or "2024-01-01")
    return record(tenant, "addition", values, parent=agreement).id


def record(tenant: Tenant, kind: str, given: Mapping[str, Any], *, parent: Record | None = None) -> Record:
    """Store one record as given, with the server's defaults; `id` chooses its id. Raises ValueError."""
    resource = resource_of(kind)
    number = given.get("id")
    if number is not None and number in tenant.tables[kind].rows:
        raise ValueError(f"{kind} {number} exists already")
    row: Row = dict(resource.defaults)
    row.update(_values(tenant, resource, {name: value for name, value in given.items() if name != "id"}))
    rules.complete(kind, rules.Draft(tenant, row, Reading(), parent=parent))
    return tenant.insert(kind, row, HAND, parent=parent.id if parent else None, number=number)


def edit(tenant: Tenant, given: Mapping[str, Any]) -> None:
    """Change or delete a record by hand: {kind, id, set: {...}} or {kind, id, delete: true}. Raises ValueError.

    Kind `member` is addressed by `public_key` or `identifier` and takes rights, revoked, private_key.
    """
    kind, number = str(given.get("kind", "")), given.get("id")
    with tenant.lock:
        if kind == "member":
            _edit_member(tenant, given)
            return
        resource = resource_of(kind)
        found = tenant.tables[kind].rows.get(number if isinstance(number, int) else -1)
        if found is None:
            raise ValueError(f"{kind} {number} does not exist")
        if given.get("delete"):
            tenant.remove(kind, found)
            return
        changes = given.get("set")
        if not isinstance(changes, Mapping):
            raise ValueError("an edit needs set: {field: value} or delete: true")
        values = _values(tenant, resource, changes)
        row = {name: value for name, value in found.row.items() if name not in changes}
        tenant.replace(kind, found, {**row, **values}, HAND)


def _values(tenant: Tenant, resource: Resource, given: Mapping[str, Any]) -> Row:
    row: Row = {}
    for name, value in given.items():
        spec = resource.fields.get(name)
        if spec is None:
            raise ValueError(f"{resource.kind} has no field {name!r}")
        if value is not None:
            row[name] = _value(tenant, spec, value)
    return row


def _value(tenant: Tenant, spec: Field, value: Any) -> Any:
    if spec.kind == "num":
        return Decimal(str(value))
    if spec.kind == "date":
        text = moment(value)
        if text is None:
            raise ValueError(f"{spec.name}: {value!r} is no date such as 2025-01-01")
        return text
    if spec.kind == "enum" and value not in spec.options:
        raise ValueError(f"{spec.name}: {value!r} is not one of {', '.join(spec.options)}")
    if spec.kind == "ref":
        return _reference(tenant, spec, value)
    if spec.kind == "refs":
        return [_reference(tenant, spec, item) for item in value]
    return value


def _reference(tenant: Tenant, spec: Field, value: Any) -> dict[str, int]:
    table = tenant.tables.get(spec.options[0])
    wanted = value
    if isinstance(value, Mapping):
        wanted = value.get("id", value.get("identifier", value.get("name")))
    if table is not None and isinstance(wanted, int) and wanted in table.rows:
        return {"id": wanted}
    if table is not None and isinstance(wanted, str):
        for source in dict.fromkeys(("identifier", "name", *table.resource.shown.values())):
            for found in table.rows.values():
                if str(found.row.get(source, "")).casefold() == wanted.casefold():
                    return {"id": found.id}
    raise ValueError(f"{spec.name}: there is no {spec.options[0]} {value!r}")


def add_member(tenant: Tenant, given: Mapping[str, Any]) -> Member:
    """An API member with keys and rights ("admin", or right -> actions). Raises ValueError."""
    try:
        member = Member(
            given["public_key"],
            given["private_key"],
            given.get("identifier", given["public_key"]),
            parse_rights(given.get("rights", "admin")),
        )
    except KeyError as missing:
        raise ValueError(f"a member needs {missing}") from None
    tenant.members[member.public_key] = member
    tenant.changed()
    return member


def _edit_member(tenant: Tenant, given: Mapping[str, Any]) -> None:
    wanted = given.get("public_key", given.get("identifier"))
    found = next((m for m in tenant.members.values() if wanted in (m.public_key, m.identifier)), None)
    if found is None:
        raise ValueError(f"there is no member {wanted!r}")
    if given.get("delete"):
        del tenant.members[found.public_key]
    changes = given.get("set", {})
    if set(changes) - {"rights", "revoked", "private_key"}:
        raise ValueError("a member takes rights, revoked, private_key")
    if "rights" in changes:
        found.rights = parse_rights(changes["rights"])
    found.revoked = bool(changes.get("revoked", found.revoked))
    found.private_key = str(changes.get("private_key", found.private_key))
    tenant.changed()


def lose(tenant: Tenant, member: Member, right: str, level: str | None) -> None:
    """Take a right, or one action of it, from a member; an administrator becomes a member with all the others."""
    name = right_name(right)
    with tenant.lock:
        if member.rights is None:
            member.rights = {each: dict.fromkeys(ACTIONS, "All") for each in RIGHTS}
        if level is None:
            member.rights.pop(name, None)
        else:
            member.rights.get(name, {}).pop(level, None)
        tenant.changed()
