"""Exports by real worker processes: killed, stopped and doubled."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from redis import Redis
from redis.exceptions import RedisError
from rq import Queue
from rq.serializers import JSONSerializer

from cwportal.dev import valkey
from cwportal.jobs import queue, requeue
from cwportal.jobs.signals import Stop
from cwportal.jobs.worker import ExportWorker
from cwportal.models import Run
from cwportal.services import runs
from cwportal.vocabulary import Trigger
from tests.jobs import process
from tests.jobs.crew import PATIENCE, ROOT, Crew, children, eventually, is_alive
from tests.jobs.signalled import MOMENTS, WITH_JOBS
from tests.support.portal import PARTNER, charge
from tests.support.world import group


def test_a_requested_run_is_done_by_a_worker(crew: Crew) -> None:
    agreements = crew.portal(a=charge("MBX", 3, 2, 5))
    run_id = crew.ask()
    assert crew.state(run_id) == "queued"
    crew.burst()
    assert crew.state(run_id) == "succeeded"
    assert crew.world.lines(agreements["a"]) == [group("MBX", 3, 2, 5)]


@pytest.mark.parametrize("point", ["before", "after"])
def test_a_killed_worker_is_followed_by_another_and_nothing_is_written_twice(crew_on_both: Crew, point: str) -> None:
    crew = crew_on_both
    agreements = crew.portal(a=charge("MBX", 3, 2, 5), b=charge("BCK", 4, 1, 9))
    crew.hold(point)
    run_id = crew.ask()
    victim = crew.worker()
    crew.held()
    horses = children(victim.pid)
    assert horses

    victim.kill()
    victim.wait()
    eventually("the end of the orphan", lambda: not any(is_alive(pid) for pid in horses))
    crew.world.control("barriers/release", {"name": "hold", "drop": point == "before"})
    crew.worker()

    assert crew.ended(run_id) == "succeeded"
    assert crew.world.lines(agreements["a"]) == [group("MBX", 3, 2, 5)]
    assert crew.world.lines(agreements["b"]) == [group("BCK", 4, 1, 9)]
    assert len(crew.created()) == 2


def test_a_worker_that_was_asleep_writes_nothing_more(crew: Crew) -> None:
    agreements = crew.portal(a=charge("MBX", 3, 2, 5), b=charge("BCK", 4, 1, 9), c=charge("MBX", 7, 2, 5))
    crew.hold("after")
    run_id = crew.ask()
    sleeper = crew.worker()
    crew.held()
    asleep = [*children(sleeper.pid), sleeper.pid]
    for pid in asleep:
        os.kill(pid, signal.SIGSTOP)
    crew.release()
    crew.worker()
    assert crew.ended(run_id) == "succeeded"
    crew.world.clear_journal()
    for pid in asleep:
        os.kill(pid, signal.SIGCONT)
    eventually("the end of what was asleep", lambda: not children(sleeper.pid))
    assert [entry["path"] for entry in crew.world.writes()] == []
    assert crew.world.lines(agreements["a"]) == [group("MBX", 3, 2, 5)]
    assert crew.world.lines(agreements["b"]) == [group("BCK", 4, 1, 9)]
    assert crew.world.lines(agreements["c"]) == [group("MBX", 7, 2, 5)]
    assert sleeper.poll() is None


def test_a_killed_child_is_noticed_by_its_own_worker(crew: Crew) -> None:
    agreements = crew.portal(a=charge("MBX", 3, 2, 5))
    crew.hold("after")
    run_id = crew.ask()
    worker = crew.worker()
    crew.held()
    (horse,) = children(worker.pid)
    os.kill(horse, signal.SIGKILL)
    crew.release()
    assert crew.ended(run_id) == "succeeded"
    assert crew.world.lines(agreements["a"]) == [group("MBX", 3, 2, 5)]
    assert worker.poll() is None


def test_a_run_that_kills_its_worker_every_time_is_given_up(crew_on_both: Crew) -> None:
    crew = crew_on_both
    agreements = crew.portal(a=charge("MBX", 3, 2, 5))
    run_id = crew.ask()
    with crew.runtime.database.write() as session:
        session.get_one(Run, run_id).attempts = runs.ATTEMPTS - 1  # as many have died
    crew.hold("before")
    worker = crew.worker()
    crew.held()
    assert crew.run(run_id).attempts == runs.ATTEMPTS
    (horse,) = children(worker.pid)
    os.kill(horse, signal.SIGKILL)
    crew.world.control("barriers/release", {"name": "hold", "drop": True})

    assert crew.ended(run_id) == "partial"  # its product was created before
    told = crew.run(run_id).error or ""
    assert f"begun {runs.ATTEMPTS} times" in told
    assert "start the export again" in told
    assert worker.poll() is None
    assert crew.world.lines(agreements["a"]) == []
    again = crew.ask()
    assert crew.ended(again) == "succeeded"
    assert crew.run(again).attempts == 1
    assert crew.world.lines(agreements["a"]) == [group("MBX", 3, 2, 5)]


def test_sigterm_lets_the_job_in_hand_finish(crew: Crew) -> None:
    crew.portal(a=charge("MBX", 3, 2, 5))
    crew.hold("after")
    run_id = crew.ask()
    worker = crew.worker()
    crew.held()
    worker.terminate()
    with pytest.raises(subprocess.TimeoutExpired):
        worker.wait(1)
    crew.release()
    assert worker.wait(PATIENCE) == 0
    assert crew.state(run_id) == "succeeded"


def test_an_idle_worker_stops_at_once(crew: Crew) -> None:
    worker = crew.worker()
    eventually("the worker in its registry", lambda: queue_of(crew.env["CWPORTAL_REDIS_URL"]))
    worker.terminate()
    assert worker.wait(PATIENCE) == 0


def test_a_signal_at_any_moment_ends_it_with_status_0_and_leaves_nothing_that_blocks(crew: Crew) -> None:
    crew.portal(a=charge("MBX", 3, 2, 5))
    run_id = crew.ask()
    process.leave(crew.folder, crew.world.source)
    command = [sys.executable, "-m", "tests.jobs.signalled"]
    done = subprocess.run(command, cwd=ROOT, env=crew.env, capture_output=True, text=True, check=True)
    found = json.loads(done.stdout)
    assert len(found) == len(MOMENTS)
    for moment, seen in found.items():
        assert (seen["status"], seen["left"]) == (0, []), (moment, done.stderr)
    assert [moment for moment, seen in found.items() if seen["lost"]] == WITH_JOBS
    assert crew.state(run_id) == "succeeded"
    assert "Traceback" not in done.stderr


def test_a_signal_while_the_queue_is_away_lets_the_job_in_hand_finish(
    crew_with: Callable[..., Crew], tmp_path_factory: pytest.TempPathFactory
) -> None:
    away = tmp_path_factory.mktemp("away")
    crew = crew_with(CWPORTAL_REDIS_URL=valkey.ensure(away))
    try:
        crew.portal(a=charge("MBX", 3, 2, 5))
        crew.hold("after")
        run_id = crew.ask()
        worker = crew.worker()
        crew.held()
    finally:
        valkey.stop(away)
    worker.terminate()
    eventually("its answer to the signal", lambda: "Asked to stop" in crew.log())
    crew.release()
    assert crew.ended(run_id) == "succeeded"
    assert worker.wait(PATIENCE) == 0, crew.log()
    assert crew.run(run_id).attempts == 1


def test_a_queue_that_goes_away_between_two_jobs_does_not_end_the_worker(
    crew_with: Callable[..., Crew], tmp_path_factory: pytest.TempPathFactory
) -> None:
    away = tmp_path_factory.mktemp("away")
    crew = crew_with(CWPORTAL_REDIS_URL=valkey.ensure(away))
    try:
        with queue.connect(crew.runtime) as jobs:
            worker = ExportWorker([jobs.rq, jobs.slow], connection=jobs.redis, serializer=JSONSerializer)
            worker.runtime, worker.stop = crew.runtime, Stop()
            valkey.stop(away)
            worker.check_for_suspension(burst=False)
            worker.run_maintenance_tasks()
            worker.set_state("idle")
            assert worker.get_state() == "idle"
            with pytest.raises(RedisError):
                worker.check_for_suspension(burst=True)
    finally:
        valkey.stop(away)


def test_a_clock_that_is_set_back_keeps_no_worker_from_looking(crew: Crew) -> None:
    run_id = runs.request(crew.runtime, PARTNER, crew.tenant(), trigger=Trigger.MANUAL, actor="test", approval={})
    with queue.connect(crew.runtime) as jobs:
        worker = ExportWorker(
            [jobs.rq, jobs.slow], connection=jobs.redis, serializer=JSONSerializer, maintenance_interval=600
        )
        worker.runtime, worker.stop = crew.runtime, Stop()
        worker.last_cleaned_at = datetime.now(UTC) + timedelta(hours=1)  # it has just looked, then the clock was set
        assert worker.should_run_maintenance_tasks
        worker.run_maintenance_tasks()
        assert jobs.waiting() == {run_id}
        assert not worker.should_run_maintenance_tasks


def test_a_worker_with_a_long_job_looks_after_the_runs_of_others(crew: Crew) -> None:
    crew.portal(a=charge("MBX", 3, 2, 5))
    crew.hold("after")
    run_id = crew.ask()
    crew.worker()
    crew.held()
    now = crew.runtime.clock()
    lost = Run(
        partner_id="other",
        tenant="t",
        trigger=Trigger.MANUAL,
        state="queued",
        actor="test",
        approval={},
        created_at=now,
    )
    with crew.runtime.database.write() as session:
        session.add(lost)
    with queue.connect(crew.runtime) as jobs:
        eventually("its job", lambda: jobs.waiting() == {lost.id})
    crew.release()
    assert crew.ended(run_id) == "succeeded"
    assert crew.ended(lost.id) == "failed"  # that partner has no connection


def test_a_second_signal_ends_the_job_too(crew: Crew) -> None:
    crew.portal(a=charge("MBX", 3, 2, 5))
    crew.hold("after")
    run_id = crew.ask()
    worker = crew.worker()
    crew.held()
    (horse,) = children(worker.pid)
    worker.terminate()
    eventually("its answer to the signal", lambda: "Asked to stop" in crew.log())
    time.sleep(1.1)  # sooner it is the same signal
    worker.terminate()
    assert worker.wait(PATIENCE) == 0, crew.log()
    assert not is_alive(horse)
    assert queue_of(crew.env["CWPORTAL_REDIS_URL"]) == 0
    crew.release()
    crew.worker()
    assert crew.ended(run_id) == "succeeded"
    assert len(crew.created()) == 1


def queue_of(url: str) -> int:
    with Redis.from_url(url) as redis:
        return int(redis.scard("rq:workers"))


def test_two_workers_and_two_jobs_for_one_run_are_one_export(crew_with: Callable[..., Crew], database_url: str) -> None:
    crew = crew_with(CWPORTAL_LEASE="60", CWPORTAL_DATABASE_URL=database_url)  # however slow, nobody takes it for dead
    charges = {f"a{number}": charge("MBX", number + 1, 2, 5) for number in range(6)}
    agreements = crew.portal(**charges)
    crew.world.control("variant", {"latency": 0.03})
    crew.world.clear_journal()
    run_id = crew.ask()
    with queue.connect(crew.runtime) as jobs:
        jobs.enqueue(run_id)
        jobs.enqueue(run_id)
    first, second = crew.worker("--burst"), crew.worker("--burst")
    assert (first.wait(PATIENCE), second.wait(PATIENCE)) == (0, 0)
    assert crew.ended(run_id) == "succeeded"
    assert crew.log().count("nothing to do") == 2
    assert len(crew.created()) == len(agreements)
    assert crew.most_in_flight() <= crew.runtime.config.concurrency


def test_a_bare_rq_worker_fails_with_advice_and_loses_nothing(crew: Crew, redis: Redis) -> None:
    crew.portal(a=charge("MBX", 3, 2, 5))
    run_id = crew.ask()
    command = [str(Path(sys.executable).with_name("rq")), "worker", "--burst", "--url", crew.env["CWPORTAL_REDIS_URL"]]
    done = subprocess.run(
        [*command, "--serializer", "json", queue.NAME],
        cwd=ROOT,
        env=crew.env,
        capture_output=True,
        text=True,
        check=False,
    )
    assert "start `cwportal worker`" in done.stderr + done.stdout
    assert crew.state(run_id) == "queued"
    assert len(Queue(queue.NAME, connection=redis, serializer=JSONSerializer).failed_job_registry) == 1
    assert requeue.requeue(crew.runtime) == [run_id]
    crew.burst()
    assert crew.state(run_id) == "succeeded"


@pytest.mark.parametrize("seed", range(2))
def test_workers_killed_again_and_again_still_end_the_run_right(crew_with: Callable[..., Crew], seed: int) -> None:
    crew = crew_with(CWPORTAL_LEASE="3", CWPORTAL_SETTLE="0.3")
    agreements = crew.portal(**{f"a{number}": charge("MBX", number + 1, 2, 5) for number in range(8)})
    crew.world.control("variant", {"latency": 0.1})
    crew.world.clear_journal()
    chance = random.Random(seed)
    run_id = crew.ask()
    for _ in range(3):
        victim, other = crew.worker(), crew.worker()
        time.sleep(chance.uniform(0.7, 1.4))
        for worker in (victim, other):
            worker.kill()
            worker.wait()
    crew.worker()
    crew.worker()
    assert crew.ended(run_id) in {"succeeded", "partial"}
    run_again = crew.ask()
    assert crew.ended(run_again) == "succeeded"
    assert [crew.world.lines(agreement) for agreement in agreements.values()] == [
        [group("MBX", number + 1, 2, 5)] for number in range(8)
    ]
    assert len(crew.created()) == len(agreements)
    assert crew.most_in_flight() <= crew.runtime.config.concurrency
