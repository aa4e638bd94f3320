"""What workers do. A task's arguments are ids of ours and nothing else."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from cwportal.errors import ConfigurationError, CWPortalError
from cwportal.runtime import Runtime
from cwportal.services import directory, exports

_log = logging.getLogger(__name__)
_given: ContextVar[Runtime] = ContextVar("cwportal_runtime")


@contextmanager
def given(runtime: Runtime) -> Iterator[None]:
    """Tasks inside the block work with this Runtime: only the worker of `cwportal worker` gives one."""
    token = _given.set(runtime)
    try:
        yield
    finally:
        _given.reset(token)


def run_export(run_id: int) -> None:
    """Carry out one run. Running twice, or at the same time as another, is harmless: the lease in the database decides."""
    runtime = _runtime()
    _log.info("Run %d: taken from the queue", run_id)
    done = exports.run(runtime, run_id)
    _log.info("Run %d: %s", run_id, "ended" if done else "nothing to do, it has ended or another process works on it")


def refresh_directory(partner_id: str) -> None:
    """Read companies and agreements of a partner again. Why it failed is kept with the directory, and pages say it."""
    runtime = _runtime()
    try:
        done = directory.refresh(runtime, partner_id)
    except CWPortalError as error:
        _log.warning("Directory of %s: not read: %s", partner_id, error)
    else:
        _log.info("Directory of %s: %d companies, %d agreements read", partner_id, done.companies, done.agreements)


def _runtime() -> Runtime:
    runtime = _given.get(None)
    if runtime is None:
        raise ConfigurationError(
            "Export jobs need the worker that knows the application: start `cwportal worker` (in a host: `flask cwportal worker`) "
            "instead of a bare `rq worker`. The run is kept and is enqueued again by that worker."
        )
    return runtime
