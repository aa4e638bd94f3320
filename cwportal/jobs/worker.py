"""The worker: RQ's, with what a worker of exports needs more.

RQ by itself leaves the forked child alive when the worker is killed, notices dead workers after minutes, gives up a job it watches when
Redis is away for a moment, ends when Redis is lost, and is killed by a signal while it starts. The lease in the database keeps exports
single whatever happens here.
"""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext, suppress
from dataclasses import dataclass
from typing import Any, Self

from redis import Redis
from redis.exceptions import RedisError, ResponseError
from rq import Queue, Worker
from rq.exceptions import StopRequested
from rq.job import Job
from rq.serializers import JSONSerializer
from sqlalchemy.exc import SQLAlchemyError

from cwportal.config import Config
from cwportal.errors import CWPortalError
from cwportal.jobs import lanes, lifeline, signals, tasks
from cwportal.jobs.lanes import Lanes
from cwportal.jobs.queue import SLOW, QueueUnavailable, connect
from cwportal.jobs.requeue import requeue
from cwportal.jobs.signals import Stop, Stopped
from cwportal.runtime import Runtime
from cwportal.services.silent import Watch

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
        """A dead run is noticed at most half a lease after its lease has run out, by a worker that began later within a lease."""
        look = max(1, min(15, int(config.lease / 4)))
        # RQ waits for a job for (ttl - 15) seconds at a time, and looks after other things in between.
        return cls(ttl=15 + look, maintenance=look, monitoring=max(1, min(5, int(config.lease / 12))))


class ExportWorker(Worker):
    """A fork worker whose children end with it, have the application's context, and get the Runtime.

    SIGTERM and SIGINT: the job in hand is finished, then it ends. A later signal ends the job too; its run is taken up again.
    """

    max_connection_wait_time = _AGAIN
    runtime: Runtime
    context: Context
    forked: Callable[[], None]
    stop: Stop
    watch: Watch | None = None
    lanes: Lanes | None = None
    """None: takes what there is, whatever others do."""
    quick_in_a_row = 0
    looked = -math.inf
    """When runs without a job were looked for, by a clock that nobody sets."""

    def told(self) -> None:
        """By the first signal."""
        self._stop_requested = True
        if self.horse_pid:
            _log.info("Asked to stop: when the export in hand has ended. A second signal ends it at once.")

    def forced(self) -> None:
        """By a later one."""
        if self.horse_pid:
            self.kill_horse()
            self.wait_for_horse()

    def _set_ip_address(self, connection: Redis) -> None:
        """Nobody needs the address, and redis-py cannot read it where the path of a socket has a space."""
        with suppress(ResponseError):
            connection.client_setname(self.name)
        self.ip_address = "unknown"

    def _install_signal_handlers(self) -> None:
        """Those of `serve` stand: they also work while RQ's worker starts and ends."""

    def dequeue_job_and_maintain_ttl(
        self, timeout: int | None, max_idle_time: int | None = None
    ) -> tuple[Job, Queue] | None:
        """Wait for a job: the only thing that a signal interrupts."""
        try:
            with self.stop.at_once():
                return super().dequeue_job_and_maintain_ttl(timeout, max_idle_time)
        except Stopped:
            raise StopRequested from None

    def _lanes_now(self) -> list[Queue]:
        quick, slow = self.queues
        if self.lanes is not None and not self.lanes.may_take_slow():
            return [quick]
        return [slow, quick] if self.quick_in_a_row >= lanes.TURNS else [quick, slow]

    _ordered_queues = property(_lanes_now, lambda _self, _given: None)
    """RQ asks for it every time it begins to wait, at most `Pace.maintenance` seconds apart."""

    def check_for_suspension(self, burst: bool) -> None:
        """A Redis that is away has suspended nobody. It is waited for where jobs are, except in a burst."""
        try:
            super().check_for_suspension(burst)
        except RedisError:
            if burst:
                raise

    def set_state(self, state: str, pipeline: Any = None) -> None:
        """It is kept here; what Redis is told of it is for people who look."""
        with suppress(RedisError):
            super().set_state(state, pipeline)

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
            self._in_hand(job)
        except RedisError as error:
            _log.warning("The queue is away while a job runs, which goes on: %s", error)
            _revive(self.runtime)
        if self.should_run_maintenance_tasks:
            self._look_after_runs()  # those of the others: who is busy for long sees best that one of them has died

    def execute_job(self, job: Job, queue: Queue) -> None:
        """One job. What Redis does not hear of it is known from the database: a run that has not ended is enqueued again."""
        self.quick_in_a_row = 0 if job.origin == SLOW else self.quick_in_a_row + 1
        try:
            self._in_hand(job)
            super().execute_job(job, queue)
        except RedisError as error:
            _log.warning("The queue is away at the end of a job: %s", error)
            if self.horse_pid:
                self.kill_horse()
                self.wait_for_horse()

    def _in_hand(self, job: Job) -> None:
        if self.lanes is not None:
            self.lanes.work(slow=job.origin == SLOW)

    def _due(self) -> bool:
        return time.monotonic() - self.looked >= self.maintenance_interval

    should_run_maintenance_tasks = property(_due)
    """Not by the clock of the machine: set back by an hour it would keep RQ from looking for an hour."""

    def run_maintenance_tasks(self) -> None:
        """RQ's own, and runs without a job are put back into the queue. A lock of RQ's that is left behind lasts 15 minutes."""
        with self.stop.later(), suppress(RedisError):
            super().run_maintenance_tasks()  # type: ignore[no-untyped-call]
        self._look_after_runs()

    def _look_after_runs(self) -> None:
        put_back(self.runtime, self.watch)
        self.looked = time.monotonic()

    def prepare_job_execution(self, job: Job, remove_from_intermediate_queue: bool = False) -> None:  # noqa: ARG002
        """RQ does not expect a worker of two queues to wait for one of them, which then keeps what was taken in another list."""
        super().prepare_job_execution(job, remove_from_intermediate_queue=True)

    def register_death(self) -> None:
        """The others need not wait until this worker is silent."""
        if self.lanes is not None:
            self.lanes.leave()
        super().register_death()  # type: ignore[no-untyped-call]

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
    watch = None if burst else Watch()
    with signals.listening() as stop, suppress(Stopped):
        while True:
            try:
                with stop.at_once():
                    _prepare(runtime, watch)
                if _work(runtime, context, forked, stop, watch):
                    return
            except QueueUnavailable as error:
                if burst:
                    raise
                _log.warning("%s Trying again.", error)
            with stop.at_once():
                time.sleep(_AGAIN)


def put_back(runtime: Runtime, watch: Watch | None = None) -> None:
    """Requeue, and only note it if the queue or the database are away: the next turn comes soon."""
    try:
        for run_id in requeue(runtime, watch):
            _log.info("Run %d: without a worker, put into the queue", run_id)
    except (CWPortalError, SQLAlchemyError) as error:
        _log.warning("Runs without a worker could not be looked for: %s", error)


def _prepare(runtime: Runtime, watch: Watch | None) -> None:
    """Before a worker is registered: is there a queue, and is everything in it?"""
    with connect(runtime) as queue:
        queue.redis.ping()
    put_back(runtime, watch)


def _work(runtime: Runtime, context: Context, forked: Callable[[], None], stop: Stop, watch: Watch | None) -> bool:
    """One life of an RQ worker; whether it ended because it was meant to. Without a `watch`: until the queue is empty."""
    pace, burst = Pace.of(runtime.config), watch is None
    with connect(runtime) as queue:
        worker = ExportWorker(
            [queue.rq, queue.slow],
            connection=queue.redis,
            serializer=JSONSerializer,
            worker_ttl=pace.ttl,
            maintenance_interval=pace.maintenance,
            job_monitoring_interval=pace.monitoring,
        )
        worker.runtime, worker.context, worker.forked, worker.stop = runtime, context, forked, stop
        worker.watch = watch
        worker.lanes = None if burst else Lanes(queue.redis, worker.name, silent=pace.ttl)
        stop.told, stop.forced = worker.told, worker.forced
        try:
            if not stop.requested:
                worker.work(burst=burst, logging_level="WARNING")
        except RedisError:
            if not stop.requested:
                raise
        return stop.requested or burst


def _revive(runtime: Runtime) -> None:
    if runtime.broker is not None and not runtime.config.redis_url:
        with suppress(CWPortalError):
            runtime.broker()
