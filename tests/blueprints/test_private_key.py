"""The private key is nowhere: pages, cookies, logs, every table, the database's bytes, the queue, the audit trail."""

from __future__ import annotations

import base64
import logging
from collections.abc import Iterator
from pathlib import Path

import pytest
from redis import Redis
from sqlalchemy import inspect, text

from cwportal.dev import valkey
from cwportal.services import exports
from tests.blueprints.joined import PRIVATE, PUBLIC, STEP_1, Joined, joined
from tests.blueprints.portal import MINE, PREFIX

SECOND = "zz4SecondPRIVATE91"
WRONG = "Wr0ngPRIVATE77key"
PATHS = (
    "/",
    "/start",
    "/settings",
    "/settings/credentials",
    "/mapping",
    "/disable",
    "/preview",
    "/exports/1",
    "/exports/1/log.csv",
)


@pytest.fixture
def server(tmp_path: Path) -> Iterator[str]:
    folder = tmp_path / "queue"
    folder.mkdir()
    yield valkey.ensure(folder)
    valkey.stop(folder)


def test_nowhere(tmp_path: Path, server: str, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    queue: list[bytes] = []
    with joined(tmp_path / "instance", CWPORTAL_REDIS_URL=server) as here:
        here.member()
        here.control(
            "seed", {"members": [{"identifier": "b", "public_key": "pub2", "private_key": SECOND, "rights": "admin"}]}
        )
        here.begin()
        here.step_one(private_key=WRONG)
        here.step_one(private_key=f"{WRONG} with spaces")
        here.step_one(site="https://10.1.2.3")
        here.step_one()
        here.get(STEP_1)
        here.post(f"{PREFIX}/connect", f"{PREFIX}/start", over="yes")
        here.walk()
        queue.append(_everything(server))
        _look_at_all(here)
        for run in here.portal.runs():
            exports.run(here.runtime, run.id)
        here.post(f"{PREFIX}/exports", f"{PREFIX}/")
        for run in here.portal.runs():
            exports.run(here.runtime, run.id)
        page = f"{PREFIX}/settings/credentials"
        values = {"site": here.sandbox.url, "company_id": "training", "public_key": PUBLIC}
        here.post(page, **values, private_key=WRONG)
        here.post(page, **{**values, "public_key": "pub2"}, private_key=SECOND)
        _look_at_all(here)
        queue.append(_everything(server))
        _search_tables(here)
        here.post(f"{PREFIX}/disable", f"{PREFIX}/disable", sure="yes")
        _look_at_all(here)
        _search_tables(here)
        assert here.row() is None
        pages = b"".join(answer.get_data() + str(answer.headers).encode() for answer in here.seen)
        assert b"Connected to" in pages
        with here.runtime.database.read() as session:
            told = str(session.execute(text("SELECT * FROM cwportal_audit")).all())
    files = b"".join(path.read_bytes() for path in (tmp_path / "instance").rglob("*") if path.is_file())
    assert b"cwportal_connection" in files
    assert any(queue)
    for key in (PRIVATE, SECOND, WRONG):
        for secret in (key, base64.b64encode(key.encode()).decode(), f"training+{PUBLIC}:{key}"):
            needle = secret.encode()
            assert needle not in pages
            assert needle not in files
            assert all(needle not in content for content in queue)
            assert secret not in caplog.text
            assert secret not in told


def _look_at_all(here: Joined) -> None:
    for path in PATHS:
        here.get(f"{PREFIX}{path}")


def _search_tables(here: Joined) -> None:
    engine = here.runtime.database.engine
    with engine.connect() as connection:
        for table in inspect(engine).get_table_names():
            rows = str(connection.execute(text(f'SELECT * FROM "{table}"')).all())  # noqa: S608 - names from the database itself
            for key in (PRIVATE, SECOND, WRONG):
                assert key not in rows, table
            assert table != "cwportal_connection" or MINE in rows or here.row() is None


def _everything(server: str) -> bytes:
    with Redis.from_url(server) as redis:
        return b"".join(key + (redis.dump(key) or b"") + _plain(redis, key) for key in redis.scan_iter())


def _plain(redis: Redis, key: bytes) -> bytes:
    kind = redis.type(key)
    if kind == b"hash":
        return b"".join(name + value for name, value in redis.hgetall(key).items())
    return b"".join(redis.lrange(key, 0, -1)) if kind == b"list" else b""
