"""Every request's way: journal, latency, faults, barriers, then lookup or API call, and the answer's ending."""

from __future__ import annotations

import logging
import math
import select
import threading
import time
from collections.abc import Callable, Mapping
from urllib.parse import parse_qsl, unquote

from . import effects, security
from .api import Call, admitted, answer, is_upload, parsed
from .barriers import Barriers
from .faults import EFFECTS, Faults, Rule
from .journal import Entry
from .jsonio import dumps
from .listing import Query
from .problems import HTML_TYPE, Problem, html_not_found, too_many, unauthorized
from .store import Member, Tenant
from .variant import Variant
from .wire import Connection, Ending, Request, Response

log = logging.getLogger(__name__)

API = "apis/3.0/"
LOOKUP = "/login/companyinfo/"
_LOGIN_PAGE = "<!DOCTYPE html><html><head><title>Sign in</title></head><body><h1>Please sign in</h1></body></html>"
_CLOSED = Response(0, ending=Ending.CLOSE)
_SERVER_ERROR = {"code": "InternalServerError", "message": "An unexpected error occurred.", "errors": None}
Subject = tuple[str, str, str, str, bytes]


class Engine:
    """Serves the simulated ConnectWise of all tenants."""

    def __init__(self, variant: Variant, tenants: Mapping[str, Tenant], scheme: str) -> None:
        self.variant = variant
        self.tenants = tenants
        self.scheme = scheme
        self.closing = threading.Event()
        self.faults = Faults()
        self.barriers = Barriers(self.closing)
        self._windows: dict[str, tuple[float, int]] = {}
        self._lock = threading.Lock()

    def tenant(self, company_id: str) -> Tenant | None:
        """The tenant whose company id is this one, case aside."""
        wanted = company_id.casefold()
        return next((tenant for name, tenant in self.tenants.items() if name.casefold() == wanted), None)

    def lookup(self, request: Request) -> Response:
        """GET /login/companyinfo/{id}: no keys, no clientId; `null` for an unknown company (contract.md section 1)."""
        tenant = self.tenant(unquote(request.path)[len(LOOKUP) :].strip("/"))

        def work(_entry: Entry) -> Response:
            site = request.headers.get("host", "")
            found = None if tenant is None else security.company_info(tenant, site)
            return Response(200, dumps(found).encode())

        return self._play(request, tenant or self._first(), None, work)

    def call(self, request: Request) -> Response:
        """Everything below `{codebase}apis/3.0/`."""
        keys = security.credentials(request.headers)
        tenant = self.tenants.get(keys[0]) if keys else None
        member = tenant.members.get(keys[1]) if keys and tenant else None

        def work(entry: Entry) -> Response:
            return self._answer(request, tenant, keys, entry)

        return self._play(request, tenant or self._first(), member, work)

    def _first(self) -> Tenant:
        return next(iter(self.tenants.values()))

    def _below(self, path: str, codebases: set[str]) -> str | None:
        """The part of a path below the API root, if its codebase is one of these."""
        for codebase in codebases:
            prefix = f"/{codebase}{API}"
            if path[: len(prefix)].lower() == prefix.lower():
                return path[len(prefix) :]
        return None

    def _answer(
        self, request: Request, tenant: Tenant | None, keys: tuple[str, str, str] | None, entry: Entry
    ) -> Response:
        path = unquote(request.path)
        below = self._below(path, {each.codebase for each in self.tenants.values()})
        if below is None:
            raise html_not_found()
        member = security.member_of(tenant, keys[1], keys[2]) if tenant is not None and keys is not None else None
        if tenant is None or member is None:
            if self.variant.open_info and below.strip("/").lower() == "system/info":
                return Response(200, dumps(security.info(self._first())).encode())
            raise html_not_found() if self.variant.cloud else unauthorized()
        if self._below(path, {tenant.codebase}) is None:
            raise html_not_found()
        security.check_client(self.variant, request.headers.get("clientid", ""))
        self._limit(tenant)
        host = request.headers.get("host", "")
        query = Query(parse_qsl(request.query, keep_blank_values=True))
        address = f"{self.scheme}://{host}{request.path}"
        call = Call(tenant, member, request.method, below, address, query, request.headers, request.body)
        route, numbers = admitted(call)
        if request.method in {"POST", "PUT", "PATCH"} and not is_upload(route):
            call.payload = entry.body = parsed(call)
        try:
            with tenant.lock:
                return answer(call, route, numbers)
        finally:
            entry.entity_id = call.entity_id

    def _limit(self, tenant: Tenant) -> None:
        limit, length = self.variant.rate_per_minute, self.variant.rate_window
        if limit is None:
            return
        now = time.monotonic()
        with self._lock:
            start, count = self._windows.get(tenant.company_id, (now, 0))
            if now - start >= length:
                start, count = now, 0
            if count < limit:
                self._windows[tenant.company_id] = (start, count + 1)
                return
        raise too_many(max(1, math.ceil(start + length - now)))

    def _play(
        self, request: Request, tenant: Tenant, member: Member | None, work: Callable[[Entry], Response]
    ) -> Response:
        path = unquote(request.path)
        entry = tenant.journal.begin(request.method, path, unquote(request.query), request.connection.gone)
        entry.member = member.identifier if member else None
        entry.client_id = request.headers.get("clientid")
        response: Response | None = None
        answered_at = time.monotonic() + self.variant.latency
        try:
            response = self._through(request, tenant, member, entry, work)
            if (early := answered_at - time.monotonic()) > 0:
                self.closing.wait(early)
            return response
        finally:
            status, after = None, None
            if response is not None and response.ending is not Ending.CLOSE:
                status = response.status
                after = next((float(v) for name, v in response.headers if name == "Retry-After"), None)
            tenant.journal.end(entry, status, after)

    def _through(
        self,
        request: Request,
        tenant: Tenant,
        member: Member | None,
        entry: Entry,
        work: Callable[[Entry], Response],
    ) -> Response:
        identifier = member.identifier if member else ""
        subject: Subject = (request.method, entry.path, tenant.company_id, identifier, request.body)
        decisive = None
        for rule in self.faults.take(subject):
            entry.fault = rule.kind if entry.fault is None else f"{entry.fault}, {rule.kind}"
            if rule.kind == "latency":
                self.closing.wait(rule.seconds(1))
            elif rule.kind in EFFECTS:
                below = self._below(entry.path, {each.codebase for each in self.tenants.values()})
                effects.apply(rule, tenant, member, below or "")
            else:
                decisive = rule
        instead = self._before(decisive, request, tenant) if decisive else None
        if instead is not None:
            return instead
        if not self.barriers.hold("before", entry.n, subject):
            return _CLOSED
        response = self._safely(work, entry)
        if decisive is not None:
            response = self._after(decisive, response, request)
        if not self.barriers.hold("after", entry.n, subject):
            return _CLOSED
        return response

    def _safely(self, work: Callable[[Entry], Response], entry: Entry) -> Response:
        try:
            response = work(entry)
        except Problem as problem:
            response = _error(problem)
        except Exception:  # a defect of the simulator must be seen, and must not look like a refusal
            log.exception("the simulator failed on %s %s", entry.method, entry.path)
            response = Response(500, dumps(_SERVER_ERROR).encode())
        response.headers = (*response.headers, ("api-current-version", security.VERSION))
        return response

    def _before(self, rule: Rule, request: Request, tenant: Tenant) -> Response | None:
        """The answer of a fault that keeps the request from being carried out; None to go on."""
        response = None
        if rule.kind in {"rate_limit_json", "rate_limit_html"}:
            response = _error(too_many(rule.options.get("retry_after", 1), html=rule.kind == "rate_limit_html"))
        elif rule.kind == "error_before":
            response = Response(int(rule.options.get("status", 500)), dumps(_SERVER_ERROR).encode())
        elif rule.kind == "close_before":
            response = _CLOSED
        elif rule.kind == "html_page" and not rule.options.get("done"):
            response = Response(200, _LOGIN_PAGE.encode(), HTML_TYPE)
        elif rule.kind == "hang_before":
            self._wait(rule.seconds(60), request.connection)
            response = _CLOSED
        elif rule.kind == "commit_late":
            generation, end = tenant.generation, time.monotonic() + rule.seconds(2)
            if self._wait(rule.seconds(2), request.connection):
                self.closing.wait(max(0.0, end - time.monotonic()))
            if self.closing.is_set() or tenant.generation != generation:
                response = _CLOSED
        return response

    def _after(self, rule: Rule, response: Response, request: Request) -> Response:
        """What the client gets of an answer once the request has been carried out."""
        if rule.kind == "error_after":
            return Response(int(rule.options.get("status", 500)), dumps(_SERVER_ERROR).encode())
        if rule.kind == "close_after":
            return _CLOSED
        if rule.kind == "truncated":
            response.ending = Ending.TRUNCATE
        if rule.kind == "html_page":
            return Response(200, _LOGIN_PAGE.encode(), HTML_TYPE)
        if rule.kind == "hang_after" and self._wait(rule.seconds(60), request.connection):
            return _CLOSED
        return response

    def _wait(self, seconds: float, connection: Connection) -> bool:
        """Wait, but not longer than the client does; whether it gave up. Ends at once when the sandbox closes."""
        try:
            return bool(select.select([connection.sock], [], [], seconds)[0])
        except (OSError, ValueError):
            return True


def _error(problem: Problem) -> Response:
    if isinstance(problem.body, str):
        return Response(problem.status, problem.body.encode(), HTML_TYPE, problem.headers)
    return Response(problem.status, dumps(problem.body).encode(), headers=problem.headers)
