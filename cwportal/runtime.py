"""What a running app provides to services, tasks and threads: passed in, never looked up."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime

from cwportal.config import Config
from cwportal.db import Database
from cwportal.portal import PortalSource


def system_clock() -> datetime:
    """Now, aware, in UTC: the only place that reads the clock."""
    return datetime.now(UTC)


@dataclass(frozen=True, slots=True)
class Runtime:
    """Frozen, safe to hand to threads. Tests replace `clock` and `sleep`.

    `broker` gives the URL of the queue's server where CWPORTAL_REDIS_URL is empty, and starts that server if it is down.
    """

    config: Config
    database: Database
    source: PortalSource
    clock: Callable[[], datetime] = system_clock
    sleep: Callable[[float], None] = time.sleep
    broker: Callable[[], str] | None = None
