"""One API call on one tenant, from a route to an answer. Called with the tenant's lock held."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from . import documents, listing, security
from .jsonio import dumps, loads
from .problems import (
    bad_request,
    forbidden,
    gone,
    in_use,
    no_such_path,
    unsupported_media,
    wrong_method,
)
from .records import build, patched
from .render import text
from .resources import RESOURCES, Resource
from .routes import ACTION_OF, Route, find
from .store import Member, Record, Tenant
from .wire import Response

_JSON_TYPES = ("application/json", "application/vnd.connectwise.com+json")


@dataclass(slots=True)
class Call:
    """A request of a known member. `path` is decoded and below `apis/3.0`; `address` is the URL without query."""

    tenant: Tenant
    member: Member
    method: str
    path: str
    address: str
    query: listing.Query
    headers: Mapping[str, str]
    body: bytes
    payload: Any = None
    entity_id: int | None = None


def parsed(call: Call) -> Any:
    """The JSON body; 400 if it is none."""
    try:
        return loads(call.body)
    except ValueError as error:
        raise bad_request(f"The request body is not valid JSON: {error}") from None


def is_upload(route: Route) -> bool:
    """Whether the body is multipart and not JSON."""
    return route.resource is RESOURCES["document"]


def admitted(call: Call) -> tuple[Route, tuple[int, ...]]:
    """Route, method, right and content type in this order; raises 404, 405, 403, 415."""
    route, numbers = find(call.path)
    if route is None:
        raise no_such_path(call.path)
    if call.method not in route.methods:
        raise wrong_method(route.methods)
    if route.right is not None and call.member.level(route.right, ACTION_OF[call.method]) == "None":
        raise forbidden()
    if call.method in {"POST", "PUT", "PATCH"}:
        sent = call.headers.get("content-type", "").split(";")[0].strip().lower()
        wanted = ("multipart/form-data",) if is_upload(route) else _JSON_TYPES
        if sent not in wanted:
            raise unsupported_media()
    return route, numbers


def answer(call: Call, route: Route, numbers: tuple[int, ...]) -> Response:
    """Carry the call out. Raises Problem."""
    resource = route.resource
    if resource is None:
        return Response(200, dumps(_special(call, route)).encode())
    if route.action == "by_category":
        return _by_category(call, resource, numbers[0])
    parent, own = _parent(call, resource, numbers)
    if own is not None:
        return _one(call, route, resource, own, parent)
    if call.method == "POST":
        return _create(call, resource, parent)
    return _many(call, route, resource, parent)


def _special(call: Call, route: Route) -> Any:
    if route.action == "system_info":
        return security.info(call.tenant)
    if route.action == "reports":
        return [{"name": name} for name in security.REPORTS]
    return security.rows(call.tenant, call.member)


def _parent(call: Call, resource: Resource, numbers: tuple[int, ...]) -> tuple[Record | None, int | None]:
    if resource.parent is None:
        return None, (numbers[0] if numbers else None)
    record = call.tenant.tables[resource.parent].rows.get(numbers[0])
    if record is None:
        raise gone(RESOURCES[resource.parent].title, numbers[0])
    return record, (numbers[1] if len(numbers) > 1 else None)


def _own_only(call: Call, resource: Resource) -> bool:
    return resource.right is not None and call.member.level(resource.right, "inquire") == "My"


def _visible(call: Call, resource: Resource, record: Record) -> bool:
    """Level My shows only records that the member entered (contract.md section 7, unverified)."""
    return not _own_only(call, resource) or record.entered_by == call.member.identifier


def _records(call: Call, resource: Resource, parent: Record | None) -> list[Record]:
    records = call.tenant.tables[resource.kind].ordered(parent.id if parent else None)
    if _own_only(call, resource):
        records = [record for record in records if _visible(call, resource, record)]
    if resource.kind == "document":
        records = documents.of_record(call.query, records)
    return listing.matching(call.tenant, resource, call.query, records)


def _many(call: Call, route: Route, resource: Resource, parent: Record | None) -> Response:
    return _page(call, route, resource, _records(call, resource, parent))


def _page(call: Call, route: Route, resource: Resource, records: list[Record]) -> Response:
    if route.action == "count":
        return Response(200, dumps({"count": len(records)}).encode())
    query = call.query
    if route.action == "info" and not query.text("fields").strip():
        query = listing.Query([*query.pairs, ("fields", ",".join([*resource.info, "_info"]))])
    forward = call.headers.get("pagination-type", "").lower() == "forward-only"
    body, headers = listing.page(call.tenant, resource, query, records, forward=forward, address=call.address)
    return Response(200, body.encode(), headers=tuple(headers))


def _by_category(call: Call, resource: Resource, number: int) -> Response:
    if number not in call.tenant.tables["category"].rows:
        raise gone(RESOURCES["category"].title, number)
    wanted = {"id": number}
    records = [record for record in _records(call, resource, None) if record.row.get("category") == wanted]
    return _page(call, Route("list", ("GET",), resource), resource, records)


def _object(call: Call) -> dict[str, Any]:
    if not isinstance(call.payload, dict):
        raise bad_request("The request body must be a JSON object.")
    return call.payload


def _create(call: Call, resource: Resource, parent: Record | None) -> Response:
    tenant = call.tenant
    if resource.kind == "document":
        record = documents.upload(tenant, call.member, call.headers, call.body)
    else:
        row = build(tenant, resource, _object(call), parent=parent)
        number = parent.id if parent else None
        record = tenant.insert(resource.kind, row, call.member.identifier, parent=number)
        if resource.kind == "contact":
            _default_contact(tenant, record)
    call.entity_id = record.id
    return Response(201, text(tenant, resource, record).encode())


def _default_contact(tenant: Tenant, record: Record) -> None:
    company = record.row.get("company")
    holder = tenant.tables["company"].rows.get(company["id"]) if company else None
    if holder is not None and (record.row.get("defaultFlag") or "defaultContact" not in holder.row):
        tenant.tables["company"].replace(holder, {**holder.row, "defaultContact": {"id": record.id}})
        tenant.touch()


def _one(call: Call, route: Route, resource: Resource, number: int, parent: Record | None) -> Response:
    tenant = call.tenant
    record = tenant.tables[resource.kind].rows.get(number)
    if record is None or (parent is not None and record.parent != parent.id) or not _visible(call, resource, record):
        raise gone(resource.title, number)
    call.entity_id = number
    if route.action == "download":
        return documents.download(tenant, record)
    if call.method == "GET":
        query = call.query
        if route.action == "info_item":
            query = listing.Query([("fields", ",".join([*resource.info, "_info"]))])
        return Response(200, listing.one(tenant, resource, query, record).encode())
    if call.method == "DELETE":
        user = next(iter(tenant.users_of(resource.kind, number)), None)
        if user is not None:
            raise in_use(resource.title, number, user)
        tenant.remove(resource.kind, record)
        return Response(204)
    if call.method == "PUT":
        row = build(tenant, resource, _object(call), old=record, put=True, parent=parent)
    else:
        sent, named = patched(resource, record, call.payload)
        row = build(tenant, resource, sent, old=record, parent=parent, named=named)
    before = text(tenant, resource, record)
    hidden = {name: value for name, value in record.row.items() if name not in resource.fields}
    tenant.replace(resource.kind, record, {**row, **hidden}, call.member.identifier)
    stale = tenant.variant.stale_answers and call.method == "PATCH"
    return Response(200, (before if stale else text(tenant, resource, record)).encode())
