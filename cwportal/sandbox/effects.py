"""Faults that change the world just before a request: rights, keys, codebase, and records under the client's feet."""

from __future__ import annotations

from collections.abc import Callable

from . import seed
from .faults import Rule
from .routes import find
from .store import Member, Tenant


def apply(rule: Rule, tenant: Tenant, member: Member | None, path: str) -> None:
    """Play one effect; `path` is below `apis/3.0`. Nothing happens where it addresses no record."""
    _EFFECTS[rule.kind](rule, tenant, member, path)


def _addressed(tenant: Tenant, path: str, kind: str) -> int | None:
    """Id of the record of this kind that a path is about; the company of an agreement counts."""
    route, numbers = find(path)
    if route is None or route.resource is None or not numbers:
        return None
    if route.resource.kind == kind:
        return numbers[-1] if route.resource.parent is None or len(numbers) > 1 else None
    if route.resource.parent == kind:
        return numbers[0]
    agreement = numbers[0] if "agreement" in (route.resource.kind, route.resource.parent) else 0
    record = tenant.tables["agreement"].rows.get(agreement)
    return int(record.row["company"]["id"]) if kind == "company" and record is not None else None


def _edit(rule: Rule, tenant: Tenant, path: str, kind: str, change: dict[str, object]) -> None:
    number = rule.options.get("id", _addressed(tenant, path, kind))
    if number in tenant.tables[kind].rows:
        seed.edit(tenant, {"kind": kind, "id": number, **change})


def _revoke(_rule: Rule, tenant: Tenant, member: Member | None, _path: str) -> None:
    if member is not None:
        member.revoked = True
        tenant.changed()


def _lose(rule: Rule, tenant: Tenant, member: Member | None, _path: str) -> None:
    if member is not None:
        seed.lose(tenant, member, str(rule.options.get("right", "")), rule.options.get("level"))


def _move(rule: Rule, tenant: Tenant, _member: Member | None, _path: str) -> None:
    with tenant.lock:
        tenant.codebase_override = str(rule.options.get("to", "v2026_1/")).strip("/") + "/"
        tenant.touch()


def _cancel(rule: Rule, tenant: Tenant, _member: Member | None, path: str) -> None:
    today = tenant.now().strftime("%Y-%m-%d")
    _edit(rule, tenant, path, "agreement", {"set": {"cancelledFlag": True, "dateCancelled": today}})


def _agreement_gone(rule: Rule, tenant: Tenant, _member: Member | None, path: str) -> None:
    _edit(rule, tenant, path, "agreement", {"delete": True})


def _company_gone(rule: Rule, tenant: Tenant, _member: Member | None, path: str) -> None:
    _edit(rule, tenant, path, "company", {"delete": True})


def _company_inactive(rule: Rule, tenant: Tenant, _member: Member | None, path: str) -> None:
    statuses = tenant.tables["companyStatus"].ordered()
    number = next((status.id for status in statuses if status.row.get("inactiveFlag")), None)
    _edit(rule, tenant, path, "company", {"set": {"status": number}})


def _hand_edit(rule: Rule, tenant: Tenant, _member: Member | None, path: str) -> None:
    route, _ = find(path)
    kind = rule.options.get("record")
    if kind is None and route is not None and route.resource is not None:
        kind = route.resource.kind
        if route.action == "list" and route.resource.parent is not None:
            kind = route.resource.parent
    if kind is not None:
        _edit(rule, tenant, path, str(kind), {"set": rule.options.get("set", {})})


_EFFECTS: dict[str, Callable[[Rule, Tenant, Member | None, str], None]] = {
    "revoked_keys": _revoke,
    "right_lost": _lose,
    "codebase_changed": _move,
    "agreement_cancelled": _cancel,
    "agreement_gone": _agreement_gone,
    "company_gone": _company_gone,
    "company_inactive": _company_inactive,
    "hand_edit": _hand_edit,
}
