"""The worker: RQ's, with what a worker of exports needs more.

RQ by itself leaves the forked child alive when the worker is killed, notices dead workers after minutes, gives up a job it watches when
Redis is away for a moment, and ends when Redis is lost. The lease in the database keeps exports single whatever happens here.
"""

from __future__ import annotations

import logging
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from dataclasses import dataclass
from types import FrameType
from typing import Any, Self

from redis.exceptions import RedisError
from rq import Queue, Worker
from rq.job import Job
from rq.serializers import JSONSerializer
from sqlalchemy.exc import SQLAlchemyError

from cwportal.config import Config
from cwportal.errors import CWPortalError
from cwportal.jobs import lifeline, tasks
from cwportal.jobs.queue import QueueUnavailable, connect
from cwportal.jobs.requeue import requeue
from cwportal.runtime import Runtime

Context = Callable[[], AbstractContextManager[Any]]
"""Entered around every job in the child: a Flask application's `app_context`."""

_log = logging.getLogger(__name__)
_AGAIN = 2.0
"""Seconds between attempts to reach Redis."""


@dataclass(frozen=True, slots=True)
class Pace:
    """How often a worker shows and looks for signs of life, in seconds. It follows CWPORTAL_LEASE (60: ttl 30, 15, 5)."""

    ttl: int
    maintenance: int
    monitoring: int

    @classmethod
    def of(cls, config: Config) -> Self:
        """A dead run is noticed at most half a lease after its lease has run out."""
        look = max(1, min(15, int(config.lease / 4)))
        # RQ waits for a job for (ttl - 15) seconds at a time, and looks after other things in between.
        return cls(ttl=15 + look, maintenance=look, monitoring=max(1, min(5, int(config.lease / 12))))


class ExportWorker(Worker):
    """A fork worker whose children end with it, have the application's context, and get the Runtime."""

    max_connection_wait_time = _AGAIN
    runtime: Runtime
    context: Context
    forked: Callable[[], None]
    stopping = False

    def request_stop(self, signum: int, frame: FrameType | None) -> None:
        """SIGTERM, SIGINT: finish the job in hand, then end. A second signal ends the job too; its run is taken up later."""
        self.stopping = True
        super().request_stop(signum, frame)  # type: ignore[no-untyped-call]

    def heartbeat(self, *args: Any, **given: Any) -> None:
        """Tell Redis that we are alive. If it is away, that is no reason to end; our own server is brought back."""
        try:
            super().heartbeat(*args, **given)
        except RedisError:
            _revive(self.runtime)

    def maintain_heartbeats(self, job: Job, execution: Any) -> None:
        """While a job runs, an absent Redis is no reason to leave it: the run's own sign of life is in the database."""
        try:
            super().maintain_heartbeats(job, execution)
        except RedisError as error:
            _log.warning("The queue is away while a job runs, which goes on: %s", error)
            _revive(self.runtime)

    def execute_job(self, job: Job, queue: Queue) -> None:
        """One job. What Redis does not hear of it is known from the database: a run that has not ended is enqueued again."""
        try:
            super().execute_job(job, queue)
        except RedisError as error:
            _log.warning("The queue is away at the end of a job: %s", error)
            if self.horse_pid:
                self.kill_horse()
                self.wait_for_horse()

    def run_maintenance_tasks(self) -> None:
        """RQ's own, and runs without a job are put back into the queue."""
        super().run_maintenance_tasks()  # type: ignore[no-untyped-call]
        put_back(self.runtime)

    def fork_work_horse(self, job: Job, queue: Queue) -> None:
        """No database connection is inherited: a shared one would be used, or closed, by both processes."""
        self.runtime.database.dispose()
        super().fork_work_horse(job, queue)

    def main_work_horse(self, job: Job, queue: Queue) -> None:
        """In the child: an orphan would go on working while another worker takes the same run up."""
        lifeline.end_with(self.pid or 0)
        self.forked()
        super().main_work_horse(job, queue)

    def perform_job(self, job: Job, queue: Queue, execution: Any) -> bool:
        """In the child: with the application's context and the Runtime."""
        with self.context(), tasks.given(self.runtime):
            return super().perform_job(job, queue, execution)


def nothing() -> None:
    """For a host without database connections of its own."""


def serve(
    runtime: Runtime, *, context: Context = nullcontext, forked: Callable[[], None] = nothing, burst: bool = False
) -> None:
    """Work until SIGTERM or SIGINT; `burst`: until the queue is empty.

    `context` is entered around every job; `forked` is called in every child first, to forget what it must not share (a host's
    database connections). A lost Redis is waited for. Raises QueueUnavailable only in a burst, ConfigurationError if there is no Redis to use.
    """
    while True:
        try:
            if _work(runtime, context, forked, burst=burst):
                return
        except QueueUnavailable as error:
            if burst:
                raise
            _log.warning("%s Trying again.", error)
        time.sleep(_AGAIN)


def put_back(runtime: Runtime) -> None:
    """Requeue, and only note it if the queue or the database are away: the next turn comes soon."""
    try:
        for run_id in requeue(runtime):
            _log.info("Run %d: without a worker, put into the queue", run_id)
    except (CWPortalError, SQLAlchemyError) as error:
        _log.warning("Runs without a worker could not be looked for: %s", error)


def _work(runtime: Runtime, context: Context, forked: Callable[[], None], *, burst: bool) -> bool:
    """One life of an RQ worker; whether it ended because it was meant to."""
    pace = Pace.of(runtime.config)
    with connect(runtime) as queue:
        queue.redis.ping()
    put_back(runtime)
    with connect(runtime) as queue, _own_signals():
        worker = ExportWorker(
            [queue.rq],
            connection=queue.redis,
            serializer=JSONSerializer,
            worker_ttl=pace.ttl,
            maintenance_interval=pace.maintenance,
            job_monitoring_interval=pace.monitoring,
        )
        worker.runtime, worker.context, worker.forked = runtime, context, forked
        try:
            worker.work(burst=burst, logging_level="WARNING")
        except RedisError:
            if worker.stopping:
                return True
            raise
        return worker.stopping or burst


@contextmanager
def _own_signals() -> Iterator[None]:
    """RQ's handlers only work while its worker does; afterwards the former ones stand again."""
    former = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in former.items():
            signal.signal(number, handler)


def _revive(runtime: Runtime) -> None:
    if runtime.broker is not None and not runtime.config.redis_url:
        with suppress(CWPortalError):
            runtime.broker()
