"""Companies read again by a real worker: once however often it was asked for, and what went wrong is said."""

from __future__ import annotations

import json
import zlib

import pytest
from redis import Redis

from cwportal.errors import NotConnected
from cwportal.jobs import queue
from cwportal.models import Connection
from cwportal.services import choices
from tests.jobs.crew import Crew
from tests.support.portal import PARTNER


def test_asked_twice_it_is_one_job_whose_argument_is_an_id(crew: Crew, redis: Redis) -> None:
    assert queue.request_refresh(crew.runtime, PARTNER) is None
    assert queue.request_refresh(crew.runtime, PARTNER) is None
    (job_id,) = redis.lrange("rq:queue:cwportal", 0, -1)
    data = json.loads(zlib.decompress(redis.hgetall(f"rq:job:{job_id.decode()}")[b"data"]))
    assert data == [queue.REFRESH_TASK, None, [PARTNER], {}]
    assert choices.standing(crew.runtime, PARTNER).waits


@pytest.mark.parametrize("active", [True, False], ids=["active", "in-the-wizard"])
def test_a_worker_reads_and_it_can_be_asked_for_again(crew: Crew, active: bool) -> None:
    crew.world.agreement("One")
    with crew.runtime.database.write() as session:
        session.get_one(Connection, PARTNER).active = active
    queue.request_refresh(crew.runtime, PARTNER)
    crew.burst()
    standing = choices.standing(crew.runtime, PARTNER)
    assert standing.refreshed_at is not None
    assert not standing.waits
    assert [one.name for one in choices.find_companies(crew.runtime, PARTNER, "One")] == ["Company One"]
    crew.world.agreement("Two")
    queue.request_refresh(crew.runtime, PARTNER)
    assert choices.standing(crew.runtime, PARTNER).waits
    crew.burst()
    assert len(choices.find_companies(crew.runtime, PARTNER, "Company Two")) == 1


def test_why_it_failed_is_kept_and_it_can_be_asked_for_again(crew: Crew) -> None:
    crew.world.faults(
        {"kind": "error_before", "match": {"method": "GET", "path": "/company/companies$"}, "times": None}
    )
    queue.request_refresh(crew.runtime, PARTNER)
    crew.burst()
    standing = choices.standing(crew.runtime, PARTNER)
    assert standing.error
    assert not standing.waits
    crew.world.faults()
    queue.request_refresh(crew.runtime, PARTNER)
    crew.burst()
    assert choices.standing(crew.runtime, PARTNER).error is None


def test_a_queue_that_is_away_is_said(crew: Crew) -> None:
    from dataclasses import replace

    away = replace(crew.runtime, config=replace(crew.runtime.config, redis_url="unix:///nowhere/socket"))
    assert queue.request_refresh(away, PARTNER)
    standing = choices.standing(crew.runtime, PARTNER)
    assert not standing.waits
    assert "cannot reach its queue" in (standing.error or "")


def test_one_that_a_worker_took_and_never_began_can_be_asked_for_again(crew: Crew, redis: Redis) -> None:
    queue.request_refresh(crew.runtime, PARTNER)
    assert redis.lpop("rq:queue:cwportal")  # and then its process ended
    queue.request_refresh(crew.runtime, PARTNER)
    assert redis.llen("rq:queue:cwportal") == 1
    crew.burst()
    assert not choices.standing(crew.runtime, PARTNER).waits


def test_one_whose_worker_died_can_be_asked_for_again_before_anybody_has_tidied_up(crew: Crew, redis: Redis) -> None:
    crew.hold("before", method="GET", path="/company/companies$")
    queue.request_refresh(crew.runtime, PARTNER)
    worker = crew.worker()
    crew.held()
    queue.request_refresh(crew.runtime, PARTNER)
    assert redis.llen("rq:queue:cwportal") == 0, "it is being done"
    worker.kill()
    worker.wait()
    crew.world.control("barriers/release", {"name": "hold", "drop": True})
    for member in redis.zrange("rq:wip:cwportal", 0, -1):
        redis.zadd("rq:wip:cwportal", {member: 1})  # a minute later
    queue.request_refresh(crew.runtime, PARTNER)
    assert redis.llen("rq:queue:cwportal") == 1
    crew.burst()
    assert not choices.standing(crew.runtime, PARTNER).waits


def test_nothing_to_read_without_a_connection(crew: Crew) -> None:
    with crew.runtime.database.write() as session:
        session.delete(session.get_one(Connection, PARTNER))
    with pytest.raises(NotConnected):
        queue.request_refresh(crew.runtime, PARTNER)
