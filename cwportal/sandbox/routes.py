"""Path to resource: case does not count, a trailing slash does not matter (contract.md section 4)."""

from __future__ import annotations

from dataclasses import dataclass

from .resources import REPORT_RIGHT, RESOURCES, Resource


@dataclass(frozen=True, slots=True)
class Route:
    """What a path leads to. `action`: list, count, item, info (light list), info_count, info_item, or a special one."""

    action: str
    methods: tuple[str, ...]
    resource: Resource | None = None
    own_right: str | None = None

    @property
    def right(self) -> str | None:
        """The right it needs, None if every member may."""
        return self.own_right if self.resource is None else self.resource.right


Segments = tuple[str, ...]


def _table() -> dict[Segments, Route]:
    found: dict[Segments, Route] = {}
    for resource in RESOURCES.values():
        path, methods = resource.path, resource.methods
        found[path] = Route("list", tuple(m for m in methods if m in {"GET", "POST"}), resource)
        found[*path, "count"] = Route("count", ("GET",), resource)
        if resource.kind == "documentType":
            found["system", "documenttypes", "{id}", "info"] = Route("item", ("GET",), resource)
            continue
        found[*path, "{id}"] = Route("item", tuple(m for m in methods if m != "POST"), resource)
        if resource.info:
            found[*path, "info"] = Route("info", ("GET",), resource)
            found[*path, "info", "count"] = Route("count", ("GET",), resource)
            found[*path, "{id}", "info"] = Route("info_item", ("GET",), resource)
    document = RESOURCES["document"]
    found[*document.path, "{id}", "download"] = Route("download", ("GET",), document)
    found["system", "info"] = Route("system_info", ("GET",))
    found["system", "reports"] = Route("reports", ("GET",), own_right=REPORT_RIGHT)
    found["system", "mysecurity"] = Route("my_security", ("GET",))
    legacy = RESOURCES["subcategory"]
    found["procurement", "categories", "{id}", "subcategories"] = Route("by_category", ("GET",), legacy)
    return found


ROUTES = _table()
ACTION_OF = {"GET": "inquire", "POST": "add", "PUT": "edit", "PATCH": "edit", "DELETE": "delete"}


def find(path: str) -> tuple[Route | None, tuple[int, ...]]:
    """The route of a decoded path below `apis/3.0`, and the numbers in it."""
    numbers = []
    segments = []
    for segment in path.split("/"):
        if segment.isdecimal() and len(segment) < 12:
            numbers.append(int(segment))
            segments.append("{id}")
        elif segment:
            segments.append(segment.lower())
    return ROUTES.get(tuple(segments)), tuple(numbers)
