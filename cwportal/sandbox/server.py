"""The sandbox as one object: tenants, listening server, control, persistence."""

from __future__ import annotations

import ssl
import threading
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Self
from urllib.parse import unquote

from . import control, defaults, page, persist, seed
from .engine import LOOKUP, Engine
from .open_tenant import OpenTenant
from .variant import Variant
from .wire import Request, Response, Server


class Sandbox:
    """A ConnectWise simulator listening on `host`:`port` (0: a free port).

    Keyword arguments beyond `state_path` and `tls` are those of `Variant`. It starts with the company `training`,
    its two members and default tables, or with what `state_path` holds.

    >>> with Sandbox(latency=0.05) as sandbox:
    ...     sandbox.seed({"companies": [{"name": "Acme", "agreements": [{"name": "Cloud"}]}]})
    """

    def __init__(
        self,
        host: str = "127.0.0.1",
        port: int = 0,
        *,
        state_path: Path | str | None = None,
        tls: ssl.SSLContext | None = None,
        **variant: Any,
    ) -> None:
        self._initial = variant
        self.variant = Variant()
        self.variant.update(variant)
        self.tenants: dict[str, OpenTenant] = {}
        self._tls = tls
        self.engine = Engine(self.variant, self.tenants, "https" if tls else "http")
        self._keeper = persist.Keeper(Path(state_path), self._snapshots) if state_path else None
        saved = self._keeper.load() if self._keeper else []
        for item in saved:
            persist.restore(self._add(item["company_id"], item["name"]), item)
        if not saved:
            self._add_default()
        self._server = Server(host, port, self._serve, tls=tls, ahead=lambda: self.variant.clock)
        self.site = f"{self._server.host}:{self._server.port}"
        """Host and port, as a person would type the Site."""
        self.url = f"{self.engine.scheme}://{self.site}"
        """Address without a slash at the end."""

    def start(self) -> Self:
        """Begin to answer, in threads of its own."""
        self._server.start()
        if self._keeper:
            self._keeper.start()
        return self

    def close(self) -> None:
        """Stop answering, wait for the threads, save the state. Idempotent."""
        self.engine.closing.set()
        self.engine.barriers.release(drop=True)
        self._server.close()
        if self._keeper:
            self._keeper.close()

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def tenant(self, company_id: str | None = None) -> OpenTenant:
        """A tenant by company id, or the first. Raises KeyError with a sentence."""
        if company_id is None:
            return next(iter(self.tenants.values()))
        found = self._find(company_id)
        if found is None:
            raise KeyError(f"there is no company {company_id!r} in this sandbox")
        return found

    def _find(self, company_id: str) -> OpenTenant | None:
        found = self.engine.tenant(company_id)
        return self.tenants[found.company_id] if found else None

    def seed(self, given: Mapping[str, Any]) -> dict[str, Any]:
        """Put data in (see `seed.plant`); `tenant` names the company, made if new; `tenants` seeds several."""
        several = given.get("tenants")
        if several is not None:
            return {"tenants": [self.seed(item) for item in several]}
        company_id = given.get("tenant")
        tenant = self._find(str(company_id)) if company_id else self.tenant()
        if tenant is None:
            tenant = self._add(str(company_id), str(given.get("name", company_id)))
            self._furnish(tenant)
        return seed.plant(tenant, given)

    def set_variant(self, **values: Any) -> None:
        """Change variants while it runs. Raises ValueError for unknown ones."""
        self.variant.update(values)
        if "codebase" in values:
            for tenant in self.tenants.values():
                tenant.codebase_override = None
        for tenant in self.tenants.values():
            tenant.touch()

    def reset(self, **variant: Any) -> None:
        """Back to a fresh start: variant of the constructor with these changes, no data but the defaults, no faults."""
        fresh = Variant()
        fresh.update({**self._initial, **variant})
        self.engine.faults.clear()
        self.engine.barriers.release(drop=True)
        self.variant.update(fresh.as_dict())
        for tenant in self.tenants.values():
            tenant.generation += 1
        self.tenants.clear()
        self._add_default()

    def _add(self, company_id: str, name: str) -> OpenTenant:
        tenant = OpenTenant(company_id, name, self.variant, lambda: f"{self.url}/")
        if self._keeper:
            tenant.changed = self._keeper.changed
        self.tenants[company_id] = tenant
        return tenant

    def _add_default(self) -> None:
        self._furnish(self._add(defaults.COMPANY_ID, defaults.COMPANY_NAME))

    def _furnish(self, tenant: OpenTenant) -> None:
        seed.plant(tenant, {"members": defaults.members(), "tables": defaults.tables()})

    def _snapshots(self) -> list[str]:
        return [persist.snapshot(tenant) for tenant in list(self.tenants.values())]

    def _serve(self, request: Request) -> Response:
        try:
            return self._answer(request)
        finally:
            if self._keeper and request.method != "GET":
                self._keeper.save()

    def _answer(self, request: Request) -> Response:
        path = unquote(request.path)
        if path.startswith(control.PREFIX):
            return control.handle(self, request)
        if path.lower().startswith(LOOKUP):
            return self.engine.lookup(request)
        if path == "/" or path.startswith("/page/"):
            return page.handle(self, request, path)
        return self.engine.call(request)


def serve(
    port: int,
    state_path: Path | str | None = None,
    *,
    host: str = "127.0.0.1",
    faults: dict[str, Any] | None = None,
    **variant: Any,
) -> None:
    """Run a sandbox until interrupted; prints its address. For the command line. `faults` as the control API takes them."""
    with Sandbox(host, port, state_path=state_path, **variant) as sandbox:
        if faults:
            sandbox.engine.faults.put(faults)
        try:
            print(f"ConnectWise sandbox: {sandbox.url}/  (Ctrl-C stops it)", flush=True)
            threading.Event().wait()
        except KeyboardInterrupt:
            return
