"""One export from beginning to end (design section 4): its lease, its client, and how it ends whatever happens."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from typing import Any

from cwportal.errors import CWPortalError, ExportFailed
from cwportal.runtime import Runtime
from cwportal.services import interpreter, outcome, runs
from cwportal.services.connection import Client, open_client
from cwportal.services.export_run import ExportRun
from cwportal.services.progress import Progress, silent
from cwportal.services.runs import Cancelled, Lease, LeaseLost
from cwportal.vocabulary import RunState, Trigger

_PORTAL_ERROR = "The export stopped because of an error in the portal itself; its operator finds it in the log."
_INTERRUPTED = "The export was interrupted. What was written stays; start it again for the rest."

_GIVEN_UP = (
    f"This was begun {runs.ATTEMPTS} times, and every time the process that did it ended unexpectedly (killed, or out of memory), so it is "
    "not tried any more. What was written stays. Tell the portal's operator, who finds more in the log of the workers; then start the "
    "export again."
)


def export(
    runtime: Runtime,
    partner_id: str,
    *,
    actor: str,
    trigger: Trigger = Trigger.MANUAL,
    approval: Mapping[str, Any] | None = None,
    progress: Progress = silent,
) -> int:
    """Plan and apply in this process, under the same lock as workers. Returns the run's id; its end is on the run.

    `approval`: {} obeys limits, {"all": True} also applies what limits or vanished charges hold, {"accounts": {id: digest}} applies
    exactly the plans that were shown. A run whose process died is taken up instead of a new one, with this approval.
    Raises RunUnderWay, NotConnected, UnknownPartner; everything after the run's beginning ends as the run's state and sentence.
    """
    runtime.source.partner(partner_id)
    with open_client(runtime, partner_id) as client:
        lease = runs.begin(runtime, partner_id, client.tenant, trigger=trigger, actor=actor, approval=approval or {})
        with runs.heartbeat(runtime, lease):
            execute(runtime, client, lease, progress)
    return lease.run_id


def run(runtime: Runtime, run_id: int, *, progress: Progress = silent) -> bool:
    """Carry out a requested run here, or one whose process died; False if another process has it, or it has ended.

    One whose process has died several times is ended instead.

    Once the run is ours, whatever goes wrong ends as the run's state and sentence; only errors of the portal itself are raised too.
    """
    lease = runs.claim(runtime, run_id)
    if lease is None:
        return False
    if lease.attempts > runs.ATTEMPTS:
        _end_unread(runtime, lease, _GIVEN_UP)
        return True
    with runs.heartbeat(runtime, lease):
        try:
            with open_client(runtime, lease.partner_id) as client:
                execute(runtime, client, lease, progress)
        except CWPortalError as error:
            _end_unread(runtime, lease, str(error))
        except BaseException:
            with suppress(Exception):
                _end_unread(runtime, lease, _PORTAL_ERROR)
            raise
    return True


def _end_unread(runtime: Runtime, lease: Lease, error: str) -> None:
    """End a run that could not begin to read; nothing happens if it has been ended, or taken up, already."""
    with suppress(LeaseLost):
        outcome.conclude(runtime, lease, written=set(), plans={}, held=(), requests=0, error=error, state=None)


def execute(runtime: Runtime, client: Client, lease: Lease, progress: Progress) -> None:
    """Carry a begun run to its end. Safe to repeat after any crash: what was tried is looked up, the rest planned anew."""
    export_run = ExportRun(runtime, client, lease, progress)
    try:
        if client.tenant != lease.tenant:
            raise ExportFailed(
                f"The connection was changed to another ConnectWise ({client.tenant}) after run {lease.run_id} was asked for; "
                "nothing was written to it. Start the export again."
            )
        with interpreter.paced():
            export_run.carry_out()
    except LeaseLost:
        return
    except Cancelled as error:
        export_run.end(error=str(error), state=RunState.CANCELLED)
    except CWPortalError as error:
        export_run.end(error=str(error))
    except BaseException as error:
        with suppress(Exception):
            export_run.end(error=_PORTAL_ERROR if isinstance(error, Exception) else _INTERRUPTED)
        raise
