"""The queue on Redis, and the only `.enqueue` of the product.

Redis is a messenger: every job names a run that is in the database, so an emptied or lost Redis costs time and nothing else.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from redis import Redis
from redis.backoff import NoBackoff
from redis.exceptions import RedisError
from redis.retry import Retry
from rq import Queue
from rq.serializers import JSONSerializer

from cwportal.errors import ConfigurationError, CWPortalError, UsageError
from cwportal.runtime import Runtime
from cwportal.services import connection, runs
from cwportal.vocabulary import Trigger

NAME = "cwportal"
TASK = "cwportal.jobs.tasks.run_export"

_PATIENCE = 5.0
"""Seconds to wait for Redis before saying that it cannot be reached."""
_FAILURES_KEPT = 7 * 86_400
"""Seconds for which RQ keeps the traceback of a job that failed."""
_MARGIN = 300
"""Seconds beyond CWPORTAL_RUN_LIMIT after which RQ ends a job by force."""
_JOB_ID = re.compile(r"run-(\d+)-[0-9a-f]+")


class QueueUnavailable(CWPortalError):
    """Redis cannot be reached or does not accept us."""


@dataclass(frozen=True, slots=True)
class Requested:
    """A run that was asked for. `waits` says why it is not in the queue yet, None if it is."""

    run_id: int
    waits: str | None


class RunQueue:
    """An open connection to the queue."""

    def __init__(self, runtime: Runtime, redis: Redis) -> None:
        self.redis = redis
        self.rq = Queue(NAME, connection=redis, serializer=JSONSerializer)
        self._timeout = int(runtime.config.run_limit) + _MARGIN

    def enqueue(self, run_id: int) -> str:
        """Put a run into the queue, under a fresh job id; the run must be committed. Raises redis' errors."""
        job_id = f"run-{run_id}-{secrets.token_hex(6)}"
        self.rq.enqueue_call(
            TASK,
            args=(run_id,),
            job_id=job_id,
            timeout=self._timeout,
            result_ttl=0,
            failure_ttl=_FAILURES_KEPT,
        )
        return job_id

    def waiting(self) -> set[int]:
        """Ids of the runs that have a job which no worker has taken yet."""
        found = (_JOB_ID.fullmatch(job_id) for job_id in self.rq.get_job_ids())
        return {int(match[1]) for match in found if match}


@contextmanager
def connect(runtime: Runtime) -> Iterator[RunQueue]:
    """The queue, closed at the end of the block. Any trouble with Redis inside the block becomes QueueUnavailable."""
    url = url_of(runtime)
    redis: Redis = Redis.from_url(
        url, socket_connect_timeout=_PATIENCE, socket_timeout=_PATIENCE, retry=Retry(NoBackoff(), 1)
    )
    try:
        yield RunQueue(runtime, redis)
    except RedisError as error:
        raise QueueUnavailable(
            f"The queue (Redis at {shown(url)}) cannot be used: {error}. Exports that were asked for are kept and start by themselves "
            "when it is back. Check that the server runs, and CWPORTAL_REDIS_URL."
        ) from None
    finally:
        redis.close()


def url_of(runtime: Runtime) -> str:
    """The URL to connect to; starts our own server if that is what is meant. ConfigurationError where there is neither."""
    if runtime.config.redis_url:
        return runtime.config.redis_url
    if runtime.broker is None:
        raise ConfigurationError(
            "CWPORTAL_REDIS_URL is empty, and this application brings no Redis of its own. Set it to the URL of a Redis or "
            "Valkey server, for instance redis://127.0.0.1:6379/0."
        )
    return runtime.broker()


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
    tenant = connection.get(runtime, partner_id).tenant
    run_id = runs.request(runtime, partner_id, tenant, trigger=trigger, actor=actor, approval=approval or {})
    try:
        with connect(runtime) as queue:
            queue.enqueue(run_id)
    except (QueueUnavailable, UsageError) as error:
        return Requested(run_id, str(error))
    return Requested(run_id, None)
