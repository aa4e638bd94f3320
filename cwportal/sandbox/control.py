"""The control API below `/_sandbox/`: no ConnectWise keys, JSON in and out, for tests, the command line and demos."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, unquote

from . import seed
from .inspect import state
from .jsonio import dumps, loads
from .store import Tenant
from .wire import Request, Response

if TYPE_CHECKING:
    from .server import Sandbox

PREFIX = "/_sandbox/"


def handle(sandbox: Sandbox, request: Request) -> Response:
    """Answer one control request: 200 with JSON, 400 with a sentence, 404 or 405."""
    name = unquote(request.path)[len(PREFIX) :].strip("/")
    methods = _CALLS.get(name)
    if methods is None:
        return _json(404, {"error": f"unknown control call {name!r}; known: {', '.join(_CALLS)}"})
    call = methods.get(request.method)
    if call is None:
        return _json(405, {"error": f"{name} takes {', '.join(methods)}"})
    try:
        given = loads(request.body) if request.body.strip() else {}
        if not isinstance(given, dict):
            raise ValueError("the body must be a JSON object")
        values = {**dict(parse_qsl(request.query)), **given}
        return _json(200, call(sandbox, values))
    except (ValueError, TypeError, KeyError) as error:
        return _json(400, {"error": str(error)})


def _json(status: int, value: Any) -> Response:
    return Response(status, dumps(value).encode())


def _tenant(sandbox: Sandbox, values: dict[str, Any]) -> Tenant:
    return sandbox.tenant(str(values["tenant"])) if values.get("tenant") else sandbox.tenant()


def _journal(sandbox: Sandbox, values: dict[str, Any]) -> Any:
    return _tenant(sandbox, values).journal.since(int(values.get("since", 0)))


def _journal_clear(sandbox: Sandbox, values: dict[str, Any]) -> Any:
    chosen = [_tenant(sandbox, values)] if values.get("tenant") else list(sandbox.tenants.values())
    for tenant in chosen:
        tenant.journal.clear()
    return {"cleared": [tenant.company_id for tenant in chosen]}


def _reset(sandbox: Sandbox, values: dict[str, Any]) -> Any:
    values = dict(values.get("variant", {}) or values)
    sandbox.reset(**values)
    return {"variant": sandbox.variant.as_dict()}


def _seed(sandbox: Sandbox, values: dict[str, Any]) -> Any:
    return sandbox.seed(values)


def _state(sandbox: Sandbox, values: dict[str, Any]) -> Any:
    return state(_tenant(sandbox, values))


def _edit(sandbox: Sandbox, values: dict[str, Any]) -> Any:
    tenant = _tenant(sandbox, values)
    seed.edit(tenant, values)
    return {"tenant": tenant.company_id}


def _faults_put(sandbox: Sandbox, values: dict[str, Any]) -> Any:
    sandbox.engine.faults.put(values)
    return sandbox.engine.faults.state()


def _faults_get(sandbox: Sandbox, _values: dict[str, Any]) -> Any:
    return sandbox.engine.faults.state()


def _faults_clear(sandbox: Sandbox, _values: dict[str, Any]) -> Any:
    sandbox.engine.faults.clear()
    return []


def _barriers_put(sandbox: Sandbox, values: dict[str, Any]) -> Any:
    sandbox.engine.barriers.put(values)
    return sandbox.engine.barriers.state()


def _barriers_get(sandbox: Sandbox, _values: dict[str, Any]) -> Any:
    return sandbox.engine.barriers.state()


def _barriers_release(sandbox: Sandbox, values: dict[str, Any]) -> Any:
    return {"released": sandbox.engine.barriers.release(values.get("name"), drop=bool(values.get("drop")))}


def _variant_get(sandbox: Sandbox, _values: dict[str, Any]) -> Any:
    return sandbox.variant.as_dict()


def _variant_put(sandbox: Sandbox, values: dict[str, Any]) -> Any:
    sandbox.set_variant(**values)
    return sandbox.variant.as_dict()


def _tenants(sandbox: Sandbox, _values: dict[str, Any]) -> Any:
    return [{"company_id": tenant.company_id, "name": tenant.name} for tenant in sandbox.tenants.values()]


_Call = Callable[["Sandbox", dict[str, Any]], Any]
_CALLS: dict[str, dict[str, _Call]] = {
    "journal": {"GET": _journal},
    "journal/clear": {"POST": _journal_clear},
    "reset": {"POST": _reset},
    "seed": {"POST": _seed},
    "state": {"GET": _state},
    "edit": {"POST": _edit},
    "faults": {"GET": _faults_get, "POST": _faults_put, "DELETE": _faults_clear},
    "barriers": {"GET": _barriers_get, "POST": _barriers_put},
    "barriers/release": {"POST": _barriers_release},
    "variant": {"GET": _variant_get, "POST": _variant_put},
    "tenants": {"GET": _tenants},
}
