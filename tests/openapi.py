"""Checks requests and answers against ConnectWise's own OpenAPI document, as a second opinion on client and simulator.

The document is not part of the repository: CWPORTAL_OPENAPI names it, else `../shared/connectwise/openapi.json`
beside the repository is used. Without it these checks are skipped, in CI (CI=true) they fail.
"""

from __future__ import annotations

import json
import os
import re
from functools import cache
from pathlib import Path
from typing import Any

import jsonschema
import pytest

_REPOSITORY = Path(__file__).resolve().parent.parent
_EXTRA = {"additionStatus"}
"""Fields that real answers hold although the document lacks them (contract.md section 4)."""


def location() -> Path:
    """Where the document is looked for."""
    named = os.environ.get("CWPORTAL_OPENAPI")
    return Path(named) if named else _REPOSITORY.parent / "shared" / "connectwise" / "openapi.json"


def require_openapi() -> None:
    """Skip the calling test where the document is absent; fail it in CI."""
    if location().is_file():
        return
    reason = f"the OpenAPI document is not at {location()}; set CWPORTAL_OPENAPI"
    if os.environ.get("CI") == "true":
        pytest.fail(reason)
    pytest.skip(reason)


@cache
def _document() -> dict[str, Any]:
    document: dict[str, Any] = json.loads(location().read_text(encoding="utf-8"))
    return document


@cache
def _paths() -> list[tuple[re.Pattern[str], str]]:
    found = []
    for template in _document()["paths"]:
        pattern = re.sub(r"\\{\w+\\}", "[^/]+", re.escape(template.rstrip("/")))
        found.append((re.compile(pattern + "/?$", re.IGNORECASE), template))
    return sorted(found, key=lambda item: item[1].count("{"))


def _below(path: str) -> str:
    """A path, full path or URL as the document writes paths: below `apis/3.0`, without query."""
    return "/" + (path.partition("apis/3.0")[2] or path).partition("?")[0].strip("/")


def operation(method: str, path: str) -> dict[str, Any]:
    """The operation of a path below `apis/3.0` (a full path or URL is cut); AssertionError if there is none."""
    below = _below(path)
    for pattern, template in _paths():
        if pattern.match(below) and method.lower() in _document()["paths"][template]:
            found: dict[str, Any] = _document()["paths"][template][method.lower()]
            return found
    raise AssertionError(f"{method} {below} is not in the OpenAPI document")


def _schema(given: dict[str, Any], *, required: bool) -> dict[str, Any]:
    """OpenAPI 3.0 schema -> JSON schema: references resolved, `nullable` as a type, x-maxLength as maxLength."""
    if "$ref" in given:
        name = given["$ref"].rsplit("/", 1)[-1]
        return _component(name, required)
    out: dict[str, Any] = {}
    for key, value in given.items():
        if key == "properties":
            out["properties"] = {name: _schema(item, required=False) for name, item in value.items()}
        elif key == "items":
            out["items"] = _schema(value, required=required)
        elif key == "required" and required:
            out["required"] = value
        elif key == "additionalProperties" and isinstance(value, dict):
            out[key] = _schema(value, required=False)
        elif key in {"type", "enum", "additionalProperties"}:
            out[key] = value
        elif key == "x-maxLength":
            out["maxLength"] = value
        elif key == "format" and value in {"date-time", "uuid", "int32"}:
            out[key] = value
    if out.get("type") == "object" and "properties" not in out and "additionalProperties" not in out:
        del out["type"]  # PatchOperation.value and custom field values: the document says object and means anything
    if given.get("nullable"):
        out["type"] = [out["type"], "null"] if "type" in out else out.get("type")
        if "enum" in out:
            out["enum"] = [*out["enum"], None]
    return {key: value for key, value in out.items() if value is not None}


_BUILDING: list[str] = []


@cache
def _known(name: str) -> frozenset[str]:
    return frozenset(_document()["components"]["schemas"][name].get("properties", {}))


def _component(name: str, required: bool) -> dict[str, Any]:
    if name in _BUILDING:
        return {}
    _BUILDING.append(name)
    try:
        built = _schema(_document()["components"]["schemas"][name], required=required)
    finally:
        _BUILDING.pop()
    if "properties" in built and "additionalProperties" not in built:
        built["additionalProperties"] = False
        built["properties"] = {**built["properties"], **{extra: {} for extra in _EXTRA}}
    return built


_FORMATS = jsonschema.FormatChecker(formats=())


@_FORMATS.checks("date-time")
def _is_moment(value: object) -> bool:
    return not isinstance(value, str) or re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", value) is not None


@_FORMATS.checks("uuid")
def _is_uuid(value: object) -> bool:
    return not isinstance(value, str) or re.fullmatch(r"[0-9a-fA-F-]{36}", value) is not None


@_FORMATS.checks("int32")
def _is_int32(value: object) -> bool:
    return not isinstance(value, int) or -(2**31) <= value < 2**31


@cache
def _validator(method: str, path: str, part: str) -> Any:
    found = operation(method, path)
    if part == "request":
        content = found.get("requestBody", {}).get("content", {}).get("application/json")
    else:
        content = next(iter(found["responses"].get(part, {}).get("content", {}).values()), None)
        assert part in found["responses"], f"{method} {path} does not answer {part} in the OpenAPI document"
    if content is None:
        return None
    schema = _schema(content["schema"], required=part == "request" and method.upper() != "PATCH")
    return jsonschema.Draft202012Validator(schema, format_checker=_FORMATS)


def _check(method: str, path: str, part: str, body: Any, *, allow_missing: frozenset[str] = frozenset()) -> None:
    template = re.sub(r"/\d+(?=/|$)", "/1", _below(path))
    validator = _validator(method.upper(), template, part)
    if validator is None:
        assert body in (None, "", b""), f"{method} {path}: no body is known for {part}, got {body!r}"
        return
    errors = []
    for error in validator.iter_errors(body):
        if error.validator == "required" and any(f"'{name}'" in error.message for name in allow_missing):
            continue
        errors.append(f"{'/'.join(str(step) for step in error.absolute_path) or 'body'}: {error.message[:300]}")
    assert not errors, f"{method} {path} ({part}) does not fit the OpenAPI document:\n" + "\n".join(errors)


def validate_request(method: str, path: str, body: Any, *, allow_missing: frozenset[str] = frozenset()) -> None:
    """AssertionError unless a JSON body (floats, not Decimal) fits the operation; unknown fields count as wrong.

    `allow_missing` names required fields that may be absent, such as an agreement's contact before 2025.1.
    """
    require_openapi()
    _check(method, path, "request", body, allow_missing=allow_missing)


def validate_response(method: str, path: str, status: int, body: Any) -> None:
    """AssertionError unless an answer fits the operation and its status, or is an error message for 400 and above.

    Required fields may be absent, because ConnectWise omits nulls; unknown fields count as wrong.
    """
    require_openapi()
    if status >= 400:
        operation(method, path)
        schema = _component("ErrorResponseMessage", False)
        if isinstance(body, dict) and "error" in body and status == 429:
            return
        jsonschema.Draft202012Validator(_nullable(schema)).validate(body)
        return
    _check(method, path, str(status), body)


def _nullable(schema: dict[str, Any]) -> dict[str, Any]:
    """The error message with `errors` null allowed (contract.md section 5)."""
    properties = dict(schema["properties"])
    properties["errors"] = {"anyOf": [properties.get("errors", {}), {"type": "null"}]}
    return {**schema, "properties": properties}
