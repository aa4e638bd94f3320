"""One embedded Valkey per test session, emptied for every test; one simulator and one instance per test."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from redis import Redis

from cwportal.dev import valkey
from cwportal.sandbox import Sandbox
from tests.jobs.crew import Crew


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The URL of a Valkey that no test may stop."""
    folder = tmp_path_factory.mktemp("queue")
    yield valkey.ensure(folder)
    valkey.stop(folder)


@pytest.fixture
def redis(server: str) -> Iterator[Redis]:
    """A connection to it, with nothing in it."""
    with Redis.from_url(server) as redis:
        redis.flushall()
        yield redis


@pytest.fixture
def crew(tmp_path: Path, server: str, redis: Redis) -> Iterator[Crew]:
    """A partner with exports by workers on the session's Valkey."""
    with Sandbox() as sandbox:
        crew = Crew(tmp_path, sandbox, server)
        yield crew
        crew.close()


@pytest.fixture
def embedded(tmp_path: Path) -> Iterator[Crew]:
    """The same on a Valkey of its own in the instance folder, which the test may kill."""
    with Sandbox() as sandbox:
        crew = Crew(tmp_path, sandbox, None)
        yield crew
        crew.close()


@pytest.fixture
def crew_with(tmp_path: Path, server: str, redis: Redis) -> Iterator[Callable[..., Crew]]:
    """Like `crew`, with configuration of the test's own."""
    made: list[Crew] = []
    with Sandbox() as sandbox:

        def make(**config: str) -> Crew:
            made.append(Crew(tmp_path, sandbox, server, **config))
            return made[-1]

        yield make
        for crew in made:
            crew.close()


@pytest.fixture
def crew_on_both(crew_with: Callable[..., Crew], database_url: str) -> Crew:
    """Like `crew`, once on each kind of database."""
    return crew_with(CWPORTAL_DATABASE_URL=database_url)
