"""The embedded Valkey: one per folder, jobs on disk, stopped only if it is ours."""

from __future__ import annotations

import os
import signal
import socket
import stat
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from redis import Redis

from cwportal.dev import valkey

ROOT = Path(__file__).parents[2]
PATIENCE = 60.0


@pytest.fixture
def instance(tmp_path: Path) -> Iterator[Path]:
    """An instance folder whose server is ended after the test."""
    yield tmp_path
    valkey.stop(tmp_path)


def test_it_starts_once_for_many_at_once(instance: Path) -> None:
    with ThreadPoolExecutor(8) as pool:
        urls = set(pool.map(lambda _: valkey.ensure(instance), range(8)))
    assert urls == {valkey.url(instance)}
    held = [path for path in Path("/proc").glob("[0-9]*/cmdline") if str(instance).encode() in _read(path)]
    assert len(held) == 1


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError:
        return b""


def _until_written(redis: Redis) -> None:
    """It writes to disk every second, on a busy disk later; what is not written yet is what the database is for."""
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        time.sleep(1.2)
        told = redis.info("persistence")
        if not told["aof_buffer_length"] and not told["aof_pending_bio_fsync"]:
            return
    raise AssertionError(f"the jobs did not get to the disk in {PATIENCE} s")


def test_jobs_survive_kill_9(instance: Path) -> None:
    with Redis.from_url(valkey.ensure(instance)) as redis:
        for number in range(200):
            redis.rpush("jobs", number)
        _until_written(redis)
        first = valkey.pid(instance)
        assert first is not None
        os.kill(first, signal.SIGKILL)
        valkey.ensure(instance)
        assert redis.llen("jobs") == 200
        assert valkey.pid(instance) != first


def test_everything_survives_a_stop(instance: Path) -> None:
    with Redis.from_url(valkey.ensure(instance)) as redis:
        redis.set("last", "word")
    assert valkey.stop(instance)
    assert valkey.pid(instance) is None
    assert not valkey.stop(instance)
    with Redis.from_url(valkey.ensure(instance)) as redis:
        assert redis.get("last") == b"word"


def test_it_is_set_up_for_a_queue_and_reachable_by_its_owner_only(instance: Path) -> None:
    with Redis.from_url(valkey.ensure(instance)) as redis:
        names = ("appendonly", "appendfsync", "save", "maxmemory-policy", "port")
        settings = [redis.config_get(name)[name] for name in names]
    assert settings == ["yes", "everysec", "", "noeviction", "0"]
    assert stat.S_IMODE((instance / "valkey" / "socket").stat().st_mode) == 0o600
    assert stat.S_IMODE((instance / "valkey").stat().st_mode) == 0o700


def test_two_instances_are_two_servers(instance: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    other = tmp_path_factory.mktemp("other")
    try:
        with Redis.from_url(valkey.ensure(instance)) as mine, Redis.from_url(valkey.ensure(other)) as theirs:
            mine.set("whose", "mine")
            assert theirs.get("whose") is None
        assert valkey.stop(other)
        assert valkey.pid(instance) is not None
    finally:
        valkey.stop(other)


def test_a_deep_folder_with_odd_characters_works(tmp_path: Path) -> None:
    deep = tmp_path / ("a folder #1 " * 8) / ("ünï?" * 10)
    try:
        with Redis.from_url(valkey.ensure(deep)) as redis:
            assert redis.ping()
    finally:
        assert valkey.stop(deep)


def test_an_instance_never_used_is_not_touched_by_stop(tmp_path: Path) -> None:
    assert not valkey.stop(tmp_path / "none")
    assert list(tmp_path.iterdir()) == []


def test_a_socket_left_behind_is_no_obstacle(instance: Path) -> None:
    (instance / "valkey").mkdir(mode=0o700)
    with socket.socket(socket.AF_UNIX) as dead:
        dead.bind(str(instance / "valkey" / "socket"))
    with Redis.from_url(valkey.ensure(instance)) as redis:
        assert redis.ping()


def test_a_server_that_does_not_start_says_why(instance: Path) -> None:
    (instance / "valkey" / "appendonlydir").mkdir(parents=True)
    (instance / "valkey" / "appendonlydir" / "appendonly.aof.manifest").write_text("nonsense\n")
    with pytest.raises(
        valkey.ValkeyFailed, match=r"as soon as it is started.*manifest file format.*CWPORTAL_REDIS_URL"
    ) as told:
        valkey.ensure(instance)
    assert "Nothing in that folder is needed: moved away" in str(told.value)
    (instance / "valkey").rename(instance / "away")
    with Redis.from_url(valkey.ensure(instance)) as redis:
        assert redis.ping()


def test_a_folder_that_cannot_hold_it_is_said_in_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "valkey").write_text("a file where its folder should be")
    with pytest.raises(valkey.ValkeyFailed, match=r"cannot keep its files in .*\(File exists\).*CWPORTAL_REDIS_URL"):
        valkey.ensure(tmp_path)


def test_in_the_foreground_it_takes_over_and_ends_with_its_process(instance: Path) -> None:
    with Redis.from_url(valkey.ensure(instance)) as redis:
        redis.set("last", "word")
    background = valkey.pid(instance)
    with subprocess.Popen(
        [sys.executable, "-m", "cwportal.dev.valkey", "run", str(instance)], cwd=ROOT, stdout=subprocess.DEVNULL
    ) as process:
        deadline = time.monotonic() + PATIENCE
        while valkey.pid(instance) in (background, None):
            assert time.monotonic() < deadline
            time.sleep(0.02)
        assert valkey.pid(instance) == process.pid
        with Redis.from_url(valkey.ensure(instance)) as redis:
            assert redis.get("last") == b"word"
        process.terminate()
        assert process.wait(PATIENCE) == 0
    assert valkey.pid(instance) is None


def test_the_command_says_what_it_did(instance: Path) -> None:
    def run(*words: str) -> tuple[int, str]:
        command = [sys.executable, "-m", "cwportal.dev.valkey", *words]
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
        return done.returncode, done.stdout + done.stderr

    valkey.ensure(instance)
    assert run("url", str(instance)) == (0, f"{valkey.url(instance)}\n")
    assert run("stop", str(instance)) == (0, "stopped\n")
    assert run("stop", str(instance)) == (0, "was not running\n")
    assert run("start")[0] == 2
