"""The queue on Redis, and the only `.enqueue` of the product.

Redis is a messenger: every job names a run or a partner that is in the database, so an emptied or lost Redis costs time and nothing else.
"""

from __future__ import annotations

import hashlib
import re
import secrets
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from redis import Redis
from redis.backoff import NoBackoff
from redis.exceptions import ConnectionError, RedisError  # noqa: A004 (not the one of Python)
from redis.retry import Retry
from rq import Queue
from rq.exceptions import DuplicateJobError, NoSuchJobError
from rq.job import Job, JobStatus
from rq.serializers import JSONSerializer

from cwportal.errors import ConfigurationError, CWPortalError, UsageError
from cwportal.runtime import Runtime
from cwportal.services import connection, directory, lanes, runs
from cwportal.vocabulary import Trigger

NAME = "cwportal"
SLOW = "cwportal-slow"
"""The queue of runs that are likely to take long (`services.lanes`)."""
TASK = "cwportal.jobs.tasks.run_export"
REFRESH_TASK = "cwportal.jobs.tasks.refresh_directory"

_PATIENCE = 5.0
"""Seconds to wait for Redis before saying that it cannot be reached."""
_FAILURES_KEPT = 7 * 86_400
"""Seconds for which RQ keeps the traceback of a job that failed."""
_REFRESH_FAILURES_KEPT = 60
"""Seconds for which the trace of a refresh that was killed is kept; why one failed stands in the directory."""
_UNDER_WAY = frozenset(
    {JobStatus.CREATED, JobStatus.QUEUED, JobStatus.STARTED, JobStatus.DEFERRED, JobStatus.SCHEDULED}
)
_MARGIN = 300
"""Seconds beyond CWPORTAL_RUN_LIMIT after which RQ ends a job by force."""
_KEPT = "Exports that were asked for are kept and start by themselves when it is back."
_JOB_ID = re.compile(r"run-(\d+)-[0-9a-f]+")


class QueueUnavailable(CWPortalError):
    """Redis cannot be reached or does not accept us."""


@dataclass(frozen=True, slots=True)
class Requested:
    """A run that was asked for. `waits` says why it is not in the queue yet, None if it is."""

    run_id: int
    waits: str | None


class RunQueue:
    """An open connection to the queue: `rq` for most, `slow` for runs that are likely to take long."""

    def __init__(self, runtime: Runtime, redis: Redis) -> None:
        self.redis = redis
        self.rq = Queue(NAME, connection=redis, serializer=JSONSerializer)
        self.slow = Queue(SLOW, connection=redis, serializer=JSONSerializer)
        self._runtime = runtime
        self._timeout = int(runtime.config.run_limit) + _MARGIN

    def enqueue(self, *run_ids: int) -> None:
        """Put runs into the queue, all or none, each under a fresh job id; they must be committed. Raises redis' errors."""
        slow = lanes.slow(self._runtime, run_ids)
        with self.redis.pipeline() as together:
            for run_id in run_ids:
                queue = self.slow if run_id in slow else self.rq
                queue.enqueue_call(
                    TASK,
                    args=(run_id,),
                    job_id=f"run-{run_id}-{secrets.token_hex(6)}",
                    timeout=self._timeout,
                    result_ttl=0,
                    failure_ttl=_FAILURES_KEPT,
                    pipeline=together,
                )
            together.execute()

    def enqueue_refresh(self, partner_id: str) -> None:
        """Put a refresh into the queue, unless this partner's waits there or is being done. Raises redis' errors."""
        job_id = f"directory-{hashlib.sha256(partner_id.encode()).hexdigest()[:32]}"
        for _ in range(2):
            try:
                self.rq.enqueue_call(
                    REFRESH_TASK,
                    args=(partner_id,),
                    job_id=job_id,
                    timeout=self._timeout,
                    result_ttl=0,
                    failure_ttl=_REFRESH_FAILURES_KEPT,
                    unique=True,
                )
            except DuplicateJobError:
                try:
                    job = Job.fetch(job_id, connection=self.redis, serializer=JSONSerializer)
                    if self._is_under_way(job):
                        return
                    job.delete()
                except NoSuchJobError:
                    continue
            else:
                return

    def _is_under_way(self, job: Job) -> bool:
        """Whether the job waits or is being done. One that a worker took and never began, because it ended just then, is neither."""
        status = job.get_status()
        if status == JobStatus.STARTED:
            self.rq.started_job_registry.cleanup()  # what dead workers left is no longer started
            status = job.get_status()
        elif status == JobStatus.QUEUED:
            return self.rq.get_job_position(job) is not None
        return status in _UNDER_WAY

    def waiting(self) -> set[int]:
        """Ids of the runs that have a job which no worker has taken yet."""
        job_ids = [*self.rq.get_job_ids(), *self.slow.get_job_ids()]
        found = map(_JOB_ID.fullmatch, job_ids)
        return {int(match[1]) for match in found if match}


@contextmanager
def connect(runtime: Runtime) -> Iterator[RunQueue]:
    """The queue, closed at the end of the block. Any trouble with Redis inside the block becomes QueueUnavailable.

    ConfigurationError where no Redis is configured, or none that can be understood.
    """
    url = url_of(runtime)
    redis = _open(url)
    try:
        yield RunQueue(runtime, redis)
    except RedisError as error:
        raise QueueUnavailable(
            f"The queue (Redis at {shown(url)}) cannot be used: {str(error).rstrip('.')}. {_KEPT} Check that the server runs, and "
            "CWPORTAL_REDIS_URL."
        ) from None
    finally:
        redis.close()


def _open(url: str) -> Redis:
    """A connection that is made when it is used. What is wrong is not quoted: it may be a part of the password.

    One that breaks is made again once; a server that does not answer is not asked twice, somebody waits before a page.
    """
    again = Retry(NoBackoff(), 1, supported_errors=(ConnectionError,))
    try:
        redis: Redis = Redis.from_url(url, socket_connect_timeout=_PATIENCE, socket_timeout=_PATIENCE, retry=again)
        pool = redis.connection_pool
        pool.connection_class(**pool.connection_kwargs)  # options that it does not know show here
    except (ValueError, TypeError, RedisError):
        raise ConfigurationError(
            "CWPORTAL_REDIS_URL is not the URL of a Redis server. Write it like redis://user:password@host:6379/0, rediss://… (with TLS) "
            "or unix:///path/to/socket?db=0; in a password write / as %2F, # as %23, ? as %3F, @ as %40 and % as %25."
        ) from None
    return redis


def url_of(runtime: Runtime) -> str:
    """The URL to connect to; starts our own server if that is what is meant.

    ConfigurationError where there is neither, QueueUnavailable if our own does not start.
    """
    if runtime.config.redis_url:
        return runtime.config.redis_url
    if runtime.broker is None:
        raise ConfigurationError(
            "CWPORTAL_REDIS_URL is empty, and this application brings no Redis of its own. Set it to the URL of a Redis or "
            "Valkey server, for instance redis://127.0.0.1:6379/0."
        )
    try:
        return runtime.broker()
    except CWPortalError as error:
        raise QueueUnavailable(f"{error} {_KEPT}") from None


def shown(url: str) -> str:
    """The URL without user name and password."""
    parts = urlsplit(url)
    return parts.path if parts.scheme == "unix" else f"{parts.hostname}:{parts.port or 6379}{parts.path}"


def request_export(
    runtime: Runtime,
    partner_id: str,
    *,
    actor: str,
    trigger: Trigger = Trigger.MANUAL,
    approval: Mapping[str, Any] | None = None,
) -> Requested:
    """Ask for an export by a worker. If the queue is away, the run is kept and is enqueued when it is back.

    `approval` as in `services.exports.export`. Raises RunUnderWay, NotConnected, UnknownPartner.
    """
    return _request(runtime, partner_id, actor=actor, trigger=trigger, approval=approval or {})


def request_preview(runtime: Runtime, partner_id: str, *, actor: str) -> Requested:
    """Ask for a preview by a worker: a run that reads and plans, and writes nothing. As `request_export` in all else."""
    return _request(runtime, partner_id, actor=actor, trigger=Trigger.PREVIEW, approval={})


def _request(
    runtime: Runtime, partner_id: str, *, actor: str, trigger: Trigger, approval: Mapping[str, Any]
) -> Requested:
    tenant = connection.get(runtime, partner_id).tenant
    run_id = runs.request(runtime, partner_id, tenant, trigger=trigger, actor=actor, approval=approval)
    try:
        with connect(runtime) as queue:
            queue.enqueue(run_id)
    except (QueueUnavailable, UsageError) as error:
        return Requested(run_id, str(error))
    return Requested(run_id, None)


def request_refresh(runtime: Runtime, partner_id: str, *, everything: bool = False) -> str | None:
    """Ask a worker to read the partner's companies and agreements again; asked twice it is done once. `everything`: not only what changed.

    None if it is in the queue, else why not; then ask again later, and the directory says so, too. Raises NotConnected (a connection that
    the wizard has tested will do).
    """
    at = runtime.clock()
    directory.asked(runtime, partner_id, at, everything=everything)  # before a worker can begin
    try:
        with connect(runtime) as queue:
            queue.enqueue_refresh(partner_id)
    except (QueueUnavailable, UsageError) as error:
        directory.asked(
            runtime, partner_id, at, failure="The portal cannot reach its queue. Try again in some minutes."
        )
        return str(error)
    return None
