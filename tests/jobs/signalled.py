"""Workers that send themselves a signal at chosen moments: `python -m tests.jobs.signalled`, configured by the environment.

Prints as JSON, for every moment, the exit status, and what is left in Redis of the worker.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import time
import traceback
from collections.abc import Callable
from typing import Any

from redis import Redis
from rq import Worker
from rq.worker.base import BaseWorker

from cwportal.jobs import queue, requeue, worker
from cwportal.jobs.lanes import Lanes
from tests.jobs import process

MOMENTS: dict[str, tuple[Any, str, str]] = {
    "before there is a queue": (worker, "_prepare", "before"),
    "while runs are put back": (requeue, "put_back", "before"),
    "between two lives": (time, "sleep", "before"),
    "before it is registered": (BaseWorker, "bootstrap", "before"),
    "when it is registered": (BaseWorker, "register_birth", "after"),
    "when it has subscribed": (BaseWorker, "subscribe", "after"),
    "when RQ sets its handlers": (worker.ExportWorker, "_install_signal_handlers", "after"),
    "while registries are cleaned": (BaseWorker, "clean_group_registries", "before"),
    "before it waits": (Lanes, "may_take_slow", "before"),
    "after a job": (Worker, "monitor_work_horse", "after"),
    "while it is taken off the register": (BaseWorker, "register_death", "before"),
    "when it is off the register": (BaseWorker, "register_death", "after"),
}
"""What is called then, and on which side of the call the signal comes."""
WITH_JOBS = [*MOMENTS][-3:]
"""In these the worker takes the job that waits and ends when there is none left."""
NEVER_LEFT = ("rq:workers*", "rq:clean_registries:*", "cwportal:*", "rq:wip:*")


def signalling(point: str, call: Callable[..., Any]) -> Callable[..., Any]:
    """The call, with a signal to this process."""

    def called(*args: Any, **given: Any) -> Any:
        if point == "before":
            os.kill(os.getpid(), signal.SIGTERM)
        result = call(*args, **given)
        if point == "after":
            os.kill(os.getpid(), signal.SIGTERM)
        return result

    return called


def end(moment: str) -> None:
    """In a child: a worker's life. Does not return."""
    holder, name, point = MOMENTS[moment]
    setattr(holder, name, signalling(point, getattr(holder, name)))
    if moment == "between two lives":
        os.environ["CWPORTAL_REDIS_URL"] = "redis://127.0.0.1:1"
    if moment in WITH_JOBS:
        sys.argv.append("--burst")
    try:
        process.main()
    except BaseException:  # noqa: BLE001 - nothing of it may reach the parent
        traceback.print_exc()
        os._exit(9)
    os._exit(0)


def main() -> None:
    found = {}
    with Redis.from_url(os.environ["CWPORTAL_REDIS_URL"]) as redis:
        for moment in MOMENTS:
            pid = os.fork()
            if pid == 0:
                end(moment)
            _, status = os.waitpid(pid, 0)
            left = [key.decode() for pattern in NEVER_LEFT for key in redis.keys(pattern)]
            lost = not redis.llen(f"rq:queue:{queue.NAME}")
            found[moment] = {"status": os.waitstatus_to_exitcode(status), "left": left, "lost": lost}
    print(json.dumps(found))


if __name__ == "__main__":
    main()
