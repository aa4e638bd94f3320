"""Runs that nobody works on and that have no job are put back into the queue: what an emptied Redis or a dead worker left."""

from __future__ import annotations

from cwportal.jobs.queue import RunQueue, connect
from cwportal.runtime import Runtime
from cwportal.services import runs

_LOCK = "cwportal:requeue"
_LOCK_SECONDS = 10
"""The lock ends by itself, so that a holder that died stops nobody for long. Without it the worst is a superfluous job."""


def requeue(runtime: Runtime) -> list[int]:
    """Enqueue every run that needs a worker and has no waiting job; the ids of these runs.

    Needs one small query when there is nothing to do, and may be called by any number of processes at once.
    Raises QueueUnavailable.
    """
    needing = runs.without_worker(runtime)
    if not needing:
        return []
    with connect(runtime) as queue:
        return put_back(queue, needing)


def put_back(queue: RunQueue, run_ids: list[int]) -> list[int]:
    """Enqueue those of these runs that have no waiting job, unless another process is just doing that."""
    if not queue.redis.set(_LOCK, b"1", nx=True, ex=_LOCK_SECONDS):
        return []
    try:
        waiting = queue.waiting()
        missing = [run_id for run_id in run_ids if run_id not in waiting]
        queue.enqueue(*missing)
    finally:
        queue.redis.delete(_LOCK)
    return missing
