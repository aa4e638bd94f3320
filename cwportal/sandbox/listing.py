"""Lists: filters, order, pages with their Link header, and projection (contract.md section 3)."""

from __future__ import annotations

import random
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any
from urllib.parse import quote, urlencode

from . import conditions
from .jsonio import dumps
from .problems import bad_request
from .render import shown, text
from .resources import Resource
from .store import Record, Tenant

DEFAULT_PAGE_SIZE = 25
_BY_ID = re.compile(r"\s*id\s+in\s*\(\s*(\d+(?:\s*,\s*\d+)*)\s*\)\s*$", re.IGNORECASE)


class Query:
    """Query parameters by lower-case name (ConnectWise does not mind the case), in the order they came."""

    def __init__(self, pairs: Sequence[tuple[str, str]]) -> None:
        self.pairs = pairs
        self._values = {name.lower(): value for name, value in pairs}

    def text(self, name: str) -> str:
        """A parameter's value, empty if absent."""
        return self._values.get(name.lower(), "")

    def whole(self, name: str, default: int) -> int:
        """A parameter as a number above 0; 400 otherwise."""
        value = self.text(name)
        if not value:
            return default
        if not value.isdecimal() or int(value) < 1:
            raise bad_request(f"The value '{value}' is not valid for {name}.")
        return int(value)


def matching(tenant: Tenant, resource: Resource, query: Query, records: Iterable[Record]) -> list[Record]:
    """The records that fulfil conditions, childConditions and customFieldConditions."""
    found = list(records)
    if tenant.variant.ignore_conditions:
        return found
    source = query.text("conditions")
    if source.strip():
        by_id = _BY_ID.match(source)
        if by_id:
            wanted = {int(number) for number in by_id[1].split(",")}
            found = [record for record in found if record.id in wanted]
        else:
            test = conditions.own(resource.kind, source)
            found = [record for record in found if test(shown(tenant, resource, record))]
    source = query.text("childConditions")
    if source.strip():
        test = conditions.children(resource.kind, source)
        found = [record for record in found if test(shown(tenant, resource, record))]
    source = query.text("customFieldConditions")
    if source.strip():
        test = conditions.custom(source)
        found = [record for record in found if test(shown(tenant, resource, record))]
    return found


def ordered(tenant: Tenant, resource: Resource, query: Query, records: list[Record]) -> list[Record]:
    """The records in the order of orderBy; without it by id, or in no order with the variant `shuffle`."""
    source = query.text("orderBy").strip()
    if not source:
        if tenant.variant.shuffle:
            records = random.sample(records, len(records))  # nosec B311
        return records
    look_up = conditions.known_fields(resource)
    for part in reversed(source.split(",")):
        words = part.split()
        if not words or len(words) > 2 or (len(words) == 2 and words[1].lower() not in {"asc", "desc"}):
            raise bad_request(f"orderBy cannot be read: {source}")
        backwards = len(words) == 2 and words[1].lower() == "desc"
        if words[0] == "id":
            records = sorted(records, key=lambda record: record.id, reverse=backwards)
            continue
        get, _ = look_up(words[0])
        keys = {record.id: _sort_key(get(shown(tenant, resource, record))) for record in records}
        records = sorted(records, key=lambda record: keys[record.id], reverse=backwards)
    return records


def _sort_key(value: Any) -> tuple[int, Any]:
    if value is None:
        return (0, 0)
    return (1, value.casefold() if isinstance(value, str) else value)


def page(
    tenant: Tenant, resource: Resource, query: Query, records: list[Record], *, forward: bool, address: str
) -> tuple[str, list[tuple[str, str]]]:
    """JSON text of one page and its headers. `address` is the absolute URL without query, for the Link header."""
    size = min(query.whole("pageSize", DEFAULT_PAGE_SIZE), tenant.variant.page_limit)
    if forward:
        last = query.whole("pageId", 0)
        rest = sorted((record for record in records if record.id > last), key=lambda record: record.id)
        part = rest[:size]
        link = ""
        if len(rest) > size:
            link = f'<{_url(address, query, "pageId", part[-1].id)}>; rel="next"'
        return project(tenant, resource, query, part), [("Link", link)]
    number = query.whole("page", 1)
    rows = ordered(tenant, resource, query, records)
    part = rows[(number - 1) * size : number * size]
    pages = max(1, -(-len(rows) // size))
    links = []
    if number > 1:
        links += [("first", 1), ("prev", number - 1)]
    if number < pages:
        links += [("next", number + 1), ("last", pages)]
    value = ", ".join(f'<{_url(address, query, "page", target)}>; rel="{name}"' for name, target in links)
    return project(tenant, resource, query, part), [("Link", value)] if value and tenant.variant.links else []


def _url(address: str, query: Query, parameter: str, target: int) -> str:
    kept = [(name, value) for name, value in query.pairs if name.lower() not in {"page", "pageid"}]
    text = urlencode(kept, quote_via=quote, safe="")
    return f"{address}?{text}&{parameter}={target}" if text else f"{address}?{parameter}={target}"


def project(tenant: Tenant, resource: Resource, query: Query, records: Iterable[Record]) -> str:
    """JSON array of the records, with `fields` applied; `_info` only if it is named there."""
    wanted = query.text("fields")
    if not wanted.strip():
        return "[" + ",".join([text(tenant, resource, record) for record in records]) + "]"
    tree = _tree(wanted)
    return dumps([narrowed(shown(tenant, resource, record), tree) for record in records])


def one(tenant: Tenant, resource: Resource, query: Query, record: Record) -> str:
    """JSON object of one record, with `fields` applied."""
    wanted = query.text("fields")
    if not wanted.strip():
        return text(tenant, resource, record)
    return dumps(narrowed(shown(tenant, resource, record), _tree(wanted)))


def _tree(wanted: str) -> dict[str, Any]:
    tree: dict[str, Any] = {}
    for path in wanted.split(","):
        branch = tree
        for name in path.strip().split("/"):
            if name:
                branch = branch.setdefault(name, {})
    return tree


def narrowed(value: Any, tree: Mapping[str, Any]) -> Any:
    """Only the named fields of an object, or of each object in a list; an empty tree keeps everything."""
    if not tree:
        return value
    if isinstance(value, list):
        return [narrowed(item, tree) for item in value]
    if not isinstance(value, Mapping):
        return value
    return {name: narrowed(value[name], branch) for name, branch in tree.items() if name in value}
