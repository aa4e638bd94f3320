"""Look for what is wrong with an installation: the traps that cost a night, each as one line with what to do.

A problem is something that will make exports fail or be wrong; a warning is something that an operator should have meant.

Lives here: the checks, one module for what each looks at.
May import: what services may.
Must never: change anything, not even generate a key, or say a secret.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from sqlalchemy import select

from cwportal.models import Connection
from cwportal.runtime import Runtime
from cwportal.services.doctor.check import Check, Health
from cwportal.services.doctor.clock import clocks
from cwportal.services.doctor.configuration import allowed_sites, client_id, instance_folder, settle
from cwportal.services.doctor.database import database
from cwportal.services.doctor.queue import queue
from cwportal.services.doctor.secret_keys import secret_keys

__all__ = ["Check", "Health", "examine"]


def examine(
    runtime: Runtime,
    *,
    ping: Callable[[], None],
    host_is_current: Callable[[], bool] = lambda: True,
    program: str = "cwportal",
) -> list[Check]:
    """Every check, in a fixed order. `ping` tries the queue's server and raises CWPortalError if it cannot be used.

    `host_is_current`: whether the host's own tables are set up too. `program`: how commands are called here. Connections are looked at only
    in a database that is set up.
    """
    found = database(runtime, host_is_current, program)
    set_up = found.health is Health.OK
    rows = _connections(runtime) if set_up else []
    return [
        found,
        secret_keys(runtime.config, rows),
        queue(runtime, ping, set_up=set_up, program=program),
        *clocks(runtime, rows),
        instance_folder(runtime.config),
        client_id(runtime.config, rows),
        allowed_sites(runtime.config),
        settle(runtime.config),
    ]


def _connections(runtime: Runtime) -> Sequence[Connection]:
    with runtime.database.read() as session:
        return session.scalars(select(Connection).order_by(Connection.partner_id)).all()
