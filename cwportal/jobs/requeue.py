"""Runs that nobody works on and that have no job are put back into the queue: what an emptied Redis or a dead worker left."""

from __future__ import annotations

from contextlib import suppress

from redis.exceptions import LockError

from cwportal.jobs.queue import RunQueue, connect
from cwportal.runtime import Runtime
from cwportal.services import runs
from cwportal.services.silent import Watch

_LOCK = "cwportal:requeue"
_LOCK_SECONDS = 10
"""The lock ends by itself, so that a holder that died stops nobody for long. Without it the worst is a superfluous job."""
_AT_ONCE = 100


def requeue(runtime: Runtime, watch: Watch | None = None) -> list[int]:
    """Enqueue every run that needs a worker and has no waiting job; the ids of these runs.

    Needs two small queries when there is nothing to do, and may be called by any number of processes at once. `watch`: of one that calls
    it again and again.
    Raises QueueUnavailable.
    """
    needing = runs.without_worker(runtime, watch)
    if not needing:
        return []
    with connect(runtime) as queue:
        return put_back(queue, needing)


def put_back(queue: RunQueue, run_ids: list[int]) -> list[int]:
    """Enqueue those of these runs that have no waiting job, unless another process is just doing that."""
    lock = queue.redis.lock(_LOCK, timeout=_LOCK_SECONDS)
    if not lock.acquire(blocking=False):
        return []
    done: list[int] = []
    try:
        waiting = queue.waiting()
        missing = [run_id for run_id in run_ids if run_id not in waiting]
        for start in range(0, len(missing), _AT_ONCE):
            lock.reacquire()  # thousands take longer than it lasts
            queue.enqueue(*(some := missing[start : start + _AT_ONCE]))
            done += some
    except LockError:
        return done  # emptied meanwhile, or another process goes on
    finally:
        with suppress(LockError):
            lock.release()
    return done
