"""What is put into the queue, what happens when it is away or emptied, and who may claim a run."""

from __future__ import annotations

import json
import os
import signal
import socket
import zlib
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import cast

import pytest
from redis import Redis

from cwportal.config import Config
from cwportal.dev import valkey
from cwportal.errors import ConfigurationError, NotConnected, RunUnderWay, UsageError
from cwportal.jobs import queue, requeue
from cwportal.jobs.worker import Pace
from cwportal.models import Connection, Run
from cwportal.portal import PortalSource
from cwportal.sandbox import Sandbox
from cwportal.services import exports, runs
from cwportal.vocabulary import Trigger
from tests.jobs.crew import Crew, eventually, until_written
from tests.support.portal import PARTNER, charge
from tests.support.world import KEYS, group


def test_a_job_is_our_run_id_in_json_and_nothing_else(crew: Crew, redis: Redis) -> None:
    run_id = crew.ask()
    (job_id,) = redis.lrange("rq:queue:cwportal", 0, -1)
    name = job_id.decode()
    assert name.startswith(f"run-{run_id}-")
    assert set(name) <= set("abcdefghijklmnopqrstuvwxyz0123456789-")
    job = redis.hgetall(f"rq:job:{name}")
    everything = b" ".join(job.values())
    assert all(secret.encode() not in everything for secret in (*KEYS, PARTNER))
    data = json.loads(zlib.decompress(job[b"data"]))
    assert data == [queue.TASK, None, [run_id], {}]


def test_a_second_request_is_told_which_run_is_under_way(crew: Crew) -> None:
    run_id = crew.ask()
    with pytest.raises(RunUnderWay, match=rf"Run {run_id} .*by test, queued"):
        crew.ask()


def test_of_many_requests_at_the_same_moment_one_is_a_run(crew_on_both: Crew, redis: Redis) -> None:
    crew = crew_on_both

    def ask(_: int) -> int | None:
        try:
            return crew.ask()
        except RunUnderWay:
            return None

    with ThreadPoolExecutor(8) as pool:
        runs_made = [run_id for run_id in pool.map(ask, range(8)) if run_id is not None]
    assert len(runs_made) == 1
    assert redis.llen("rq:queue:cwportal") == 1


def test_without_a_connection_nothing_is_requested(crew: Crew) -> None:
    with crew.runtime.database.write() as session:
        session.delete(session.get_one(Connection, PARTNER))
    with pytest.raises(NotConnected):
        crew.ask()
    assert runs.without_worker(crew.runtime) == []


def test_a_queue_that_is_away_keeps_the_run_and_says_so(crew: Crew) -> None:
    crew.portal(a=charge("MBX", 3, 2, 5))
    away = replace(crew.runtime, config=replace(crew.runtime.config, redis_url="redis://someone:secret@127.0.0.1:1/0"))
    requested = queue.request_export(away, PARTNER, actor="test")
    assert requested.waits is not None
    assert "127.0.0.1:1/0" in requested.waits
    assert "secret" not in requested.waits
    assert crew.state(requested.run_id) == "queued"
    with pytest.raises(queue.QueueUnavailable):
        requeue.requeue(away)

    assert requeue.requeue(crew.runtime) == [requested.run_id]
    crew.burst()
    assert crew.state(requested.run_id) == "succeeded"


def test_a_server_that_never_answers_is_asked_once(crew: Crew, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(queue, "_PATIENCE", 0.3)
    asked = []
    with socket.create_server(("127.0.0.1", 0)) as silent:
        crew.world.runtime = replace(
            crew.runtime, config=replace(crew.runtime.config, redis_url=f"redis://127.0.0.1:{silent.getsockname()[1]}")
        )
        requested = queue.request_export(crew.world.runtime, PARTNER, actor="test")
        silent.setblocking(False)
        with suppress(BlockingIOError):
            while True:
                asked.append(silent.accept()[0])
    for each in asked:
        each.close()
    assert len(asked) == 1
    assert requested.waits is not None
    assert crew.state(requested.run_id) == "queued"


def test_without_a_url_and_a_server_of_our_own_the_key_is_named(crew: Crew) -> None:
    alone = replace(crew.runtime, config=replace(crew.runtime.config, redis_url=None), broker=None)
    with pytest.raises(ConfigurationError, match="CWPORTAL_REDIS_URL"), queue.connect(alone):
        pass


@pytest.mark.parametrize(
    "url",
    [
        "localhost:6379",
        "http://127.0.0.1:6379",
        "redis://:geh/eim@127.0.0.1:6379/0",
        "redis://:geheim#x@127.0.0.1:6379/0",
        "redis://127.0.0.1:99999/0",
        "redis://127.0.0.1:6379/0?colour=geheim",
        "unix:///tmp/socket?db=geheim",
        "rediss://127.0.0.1:6379/0?ssl_cert_reqs=geheim",
    ],
)
def test_a_url_that_cannot_be_understood_keeps_the_run_and_tells_no_password(crew: Crew, url: str) -> None:
    wrong = replace(crew.runtime, config=replace(crew.runtime.config, redis_url=url))
    told = queue.request_export(wrong, PARTNER, actor="test").waits or ""
    assert "CWPORTAL_REDIS_URL is not the URL of a Redis server" in told
    assert "geh" not in told


def test_a_server_of_our_own_that_does_not_start_keeps_the_run_and_says_why(crew: Crew, tmp_path: Path) -> None:
    blocked = tmp_path / "blocked"
    blocked.mkdir()
    (blocked / "valkey").write_text("a file where its folder should be")
    config = replace(crew.runtime.config, redis_url=None)
    away = replace(crew.runtime, config=config, broker=partial(valkey.ensure, blocked))
    requested = queue.request_export(away, PARTNER, actor="test")
    assert "cannot keep its files" in (requested.waits or "")
    assert requeue.requeue(crew.runtime) == [requested.run_id]


def test_a_password_and_a_lost_one(crew: Crew, tmp_path_factory: pytest.TempPathFactory) -> None:
    folder = tmp_path_factory.mktemp("locked")
    plain = valkey.ensure(folder)
    with Redis.from_url(plain) as admin:
        admin.config_set("requirepass", "p@ss/#%")
        try:
            given = [
                replace(crew.runtime.config, redis_url=url)
                for url in (_with(plain, "p%40ss%2F%23%25"), _with(plain, "no"), plain)
            ]
            right, wrong, without = (replace(crew.runtime, config=config) for config in given)
            assert queue.request_export(right, PARTNER, actor="test").waits is None
            for runtime in (wrong, without):
                with (
                    pytest.raises(queue.QueueUnavailable, match=r"password|authenticat") as told,
                    queue.connect(runtime) as jobs,
                ):
                    jobs.redis.ping()
                assert "ss/#" not in str(told.value)
        finally:
            admin.config_set("requirepass", "")
            valkey.stop(folder)


def _with(url: str, password: str) -> str:
    return url.replace("unix://", f"unix://:{password}@")


def test_requeue_adds_only_what_is_missing(crew: Crew, redis: Redis) -> None:
    run_id = crew.ask()
    assert requeue.requeue(crew.runtime) == []
    redis.flushall()
    assert requeue.requeue(crew.runtime) == [run_id]
    assert requeue.requeue(crew.runtime) == []
    assert redis.llen("rq:queue:cwportal") == 1


def test_one_at_a_time_looks_for_runs_without_a_job(crew: Crew, redis: Redis) -> None:
    crew.ask()
    redis.flushall()
    redis.set("cwportal:requeue", b"1")
    assert requeue.requeue(crew.runtime) == []
    redis.pexpire("cwportal:requeue", 300)
    eventually("the end of a dead one's turn", lambda: requeue.requeue(crew.runtime))


def test_a_lock_that_another_has_meanwhile_is_left_to_it(
    crew: Crew, redis: Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(requeue, "_AT_ONCE", 2)
    enqueue = queue.RunQueue.enqueue

    def slowly(self: queue.RunQueue, *run_ids: int) -> None:
        enqueue(self, *run_ids)
        if 4 in run_ids:
            redis.set("cwportal:requeue", b"another", ex=10)  # ours has ended by itself

    monkeypatch.setattr(queue.RunQueue, "enqueue", slowly)
    with queue.connect(crew.runtime) as jobs:
        assert requeue.put_back(jobs, [1, 2, 3, 4, 5, 6]) == [1, 2, 3, 4]
        assert jobs.waiting() == {1, 2, 3, 4}
    assert redis.get("cwportal:requeue") == b"another"


def test_a_queue_emptied_while_runs_are_put_back_is_no_error(
    crew: Crew, redis: Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    enqueue = queue.RunQueue.enqueue

    def emptied(self: queue.RunQueue, *run_ids: int) -> None:
        enqueue(self, *run_ids)
        redis.flushall()

    with queue.connect(crew.runtime) as jobs:
        with monkeypatch.context() as patch:
            patch.setattr(queue.RunQueue, "enqueue", emptied)
            assert requeue.put_back(jobs, [1]) == [1]
        assert requeue.put_back(jobs, [1]) == [1]
        assert jobs.waiting() == {1}


def test_a_run_at_work_is_left_alone_until_its_lease_ends(crew_with: Callable[..., Crew]) -> None:
    crew = crew_with(CWPORTAL_LEASE="60")
    run_id = crew.ask()
    with queue.connect(crew.runtime) as jobs:
        jobs.rq.empty()
    lease = runs.claim(crew.runtime, run_id)
    assert lease is not None
    assert not lease.resumed
    assert requeue.requeue(crew.runtime) == []
    crew.world.clock.advance(60.1)
    assert requeue.requeue(crew.runtime) == [run_id]


def test_only_one_can_claim_a_run(crew_with: Callable[..., Crew], database_url: str) -> None:
    crew = crew_with(CWPORTAL_LEASE="60", CWPORTAL_DATABASE_URL=database_url)
    run_id = crew.ask()
    first = runs.claim(crew.runtime, run_id)
    assert first is not None
    assert (first.run_id, first.partner_id, first.resumed) == (run_id, PARTNER, False)
    assert runs.claim(crew.runtime, run_id) is None
    crew.world.clock.advance(60.1)
    second = runs.claim(crew.runtime, run_id)
    assert second is not None
    assert second.resumed
    with crew.runtime.database.write() as session, pytest.raises(runs.LeaseLost):
        runs.confirm(session, first, crew.runtime.clock())
    assert runs.claim(crew.runtime, run_id + 1) is None


def test_an_ended_run_cannot_be_claimed(crew: Crew) -> None:
    run_id = crew.ask()
    assert exports.run(crew.runtime, run_id)
    assert crew.state(run_id) == "succeeded"
    assert runs.claim(crew.runtime, run_id) is None
    assert not exports.run(crew.runtime, run_id)


def test_an_export_in_the_foreground_takes_up_a_queued_run_that_nobody_does(crew_with: Callable[..., Crew]) -> None:
    crew = crew_with(CWPORTAL_LEASE="60")
    agreements = crew.portal(a=charge("MBX", 3, 2, 5))
    run_id = crew.ask()
    with pytest.raises(RunUnderWay):
        crew.world.export()
    crew.world.clock.advance(60.1)
    assert exports.export(crew.runtime, PARTNER, actor="test") == run_id
    assert crew.world.lines(agreements["a"]) == [group("MBX", 3, 2, 5)]
    crew.burst()
    assert "nothing to do" in crew.log()
    assert len(crew.created()) == 1


def test_a_scheduled_instant_has_one_run(crew: Crew) -> None:
    due = datetime(2026, 12, 1, 2, tzinfo=UTC)

    def request() -> int:
        tenant = crew.tenant()
        return runs.request(
            crew.runtime, PARTNER, tenant, trigger=Trigger.DAILY, actor="schedule", approval={}, scheduled_for=due
        )

    run_id = request()
    assert exports.run(crew.runtime, run_id)
    with pytest.raises(RunUnderWay, match="scheduled time"):
        request()
    due += timedelta(days=1)
    assert request() == run_id + 1


def test_a_queued_run_that_is_cancelled_has_ended_though_no_worker_is_there(crew_on_both: Crew, redis: Redis) -> None:
    crew = crew_on_both
    crew.portal(a=charge("MBX", 3, 2, 5))
    run_id = crew.ask()
    runs.cancel(crew.runtime, PARTNER, run_id)
    run = crew.run(run_id)
    assert (run.state, run.finished_at is not None) == ("cancelled", True)
    assert "before it began" in (run.error or "")
    with pytest.raises(UsageError, match="has ended already"):
        runs.cancel(crew.runtime, PARTNER, run_id)
    redis.flushall()
    assert requeue.requeue(crew.runtime) == []
    again = crew.ask()
    crew.burst()
    assert crew.state(again) == "succeeded"
    assert len(crew.created()) == 1


def test_a_cancelled_run_is_not_begun(crew: Crew) -> None:
    crew.portal(a=charge("MBX", 3, 2, 5))
    run_id = crew.ask()
    runs.cancel(crew.runtime, PARTNER, run_id)
    crew.world.clear_journal()
    crew.burst()
    assert crew.state(run_id) == "cancelled"
    assert crew.world.writes() == []


def test_a_run_for_another_connectwise_than_it_was_asked_for_writes_nothing(crew: Crew) -> None:
    crew.portal(a=charge("MBX", 3, 2, 5))
    run_id = crew.ask()
    with crew.runtime.database.write() as session:
        session.get_one(Run, run_id).tenant = "elsewhere.example.com/training"
    crew.world.clear_journal()
    assert exports.run(crew.runtime, run_id)
    assert crew.state(run_id) == "failed"
    assert "another ConnectWise" in (crew.run(run_id).error or "")
    assert crew.world.writes() == []


def test_a_run_whose_keys_cannot_be_read_ends_with_the_sentence(crew: Crew) -> None:
    run_id = crew.ask()
    (crew.folder / "secret_keys").unlink()
    crew.burst()
    assert crew.state(run_id) == "failed"
    assert "CWPORTAL_SECRET_KEYS" in (crew.run(run_id).error or "")
    assert requeue.requeue(crew.runtime) == []


def test_an_error_of_the_portal_ends_the_run_instead_of_repeating_it(
    crew: Crew, monkeypatch: pytest.MonkeyPatch
) -> None:
    run_id = crew.ask()
    broken = replace(crew.runtime, source=cast(PortalSource, object()))
    with pytest.raises(AttributeError):
        exports.run(broken, run_id)
    assert crew.state(run_id) == "failed"

    run_id = crew.ask()
    monkeypatch.setattr(exports, "open_client", lambda *_: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        exports.run(crew.runtime, run_id)
    assert crew.state(run_id) == "failed"
    assert "its operator finds it in the log" in (crew.run(run_id).error or "")


def test_an_emptied_queue_loses_nothing_and_doubles_nothing(crew: Crew, redis: Redis) -> None:
    agreements = crew.portal(a=charge("MBX", 3, 2, 5), b=charge("BCK", 4, 1, 9))
    crew.hold("after")
    run_id = crew.ask()
    redis.flushall()
    worker = crew.worker()
    crew.held()
    redis.flushall()
    assert requeue.requeue(crew.runtime) == []
    crew.release()
    assert crew.ended(run_id) == "succeeded"
    assert worker.poll() is None
    assert crew.world.lines(agreements["b"]) == [group("BCK", 4, 1, 9)]
    assert len(crew.created()) == 2


def test_jobs_survive_the_death_of_valkey(embedded: Crew) -> None:
    embedded.portal(a=charge("MBX", 3, 2, 5))
    run_id = embedded.ask()
    until_written(embedded.runtime.config.instance)
    pid = valkey.pid(embedded.folder)
    assert pid is not None
    os.kill(pid, signal.SIGKILL)
    with queue.connect(embedded.runtime) as jobs:
        assert jobs.waiting() == {run_id}
    embedded.burst()
    assert embedded.state(run_id) == "succeeded"


def test_a_worker_works_in_a_folder_with_odd_characters(tmp_path: Path) -> None:
    folder = tmp_path / "two wörds? 100%"
    folder.mkdir()
    with Sandbox() as sandbox:
        crew = Crew(folder, sandbox, None)
        try:
            crew.portal(a=charge("MBX", 3, 2, 5))
            run_id = crew.ask()
            crew.burst()
            assert crew.state(run_id) == "succeeded"
        finally:
            crew.close()
    assert [entry.name for entry in tmp_path.iterdir()] == [folder.name]  # nothing is beside it
    assert (folder / "cwportal.sqlite").is_file()


def test_a_worker_brings_its_valkey_back_and_the_job_in_hand_goes_on(embedded: Crew) -> None:
    agreements = embedded.portal(a=charge("MBX", 3, 2, 5))
    embedded.hold("after")
    run_id = embedded.ask()
    worker = embedded.worker()
    embedded.held()
    _kill_valkey(embedded)
    eventually("the Valkey that the worker starts", lambda: valkey.pid(embedded.folder))
    _kill_valkey(embedded)
    embedded.release()
    assert embedded.ended(run_id) == "succeeded"
    assert worker.poll() is None

    embedded.world.source.set_charges("a", charge("MBX", 4, 2, 5))
    _kill_valkey(embedded)
    again = eventually("the queue", lambda: valkey.pid(embedded.folder)) and embedded.ask()
    assert embedded.ended(again) == "succeeded"
    assert worker.poll() is None
    assert embedded.world.lines(agreements["a"]) == [group("MBX", 3, 2, 5)]  # the portal data it started with
    assert len(embedded.created()) == 1
    assert embedded.log().count("taken from the queue") == 2
    assert "unhandled exception" not in embedded.log()


def _kill_valkey(crew: Crew) -> None:
    pid = valkey.pid(crew.folder)
    if pid is not None:
        os.kill(pid, signal.SIGKILL)


def test_the_pace_follows_the_lease() -> None:
    assert Pace.of(Config.load({})) == Pace(ttl=30, maintenance=15, monitoring=5)
    assert Pace.of(Config.load({"CWPORTAL_LEASE": "2"})) == Pace(ttl=16, maintenance=1, monitoring=1)
    assert Pace.of(Config.load({"CWPORTAL_LEASE": "3600"})) == Pace(ttl=30, maintenance=15, monitoring=5)
