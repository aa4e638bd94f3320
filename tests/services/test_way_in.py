"""Two people at once on the way into ConnectWise, on PostgreSQL: the second waits, and neither meets an error of the database."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import event, text

from cwportal.models import Connection, Draft
from cwportal.sandbox import Sandbox
from cwportal.services import connection, credentials, draft, settings
from cwportal.services.credentials import Typed
from tests.support.databases import PostgreSQL
from tests.support.portal import PARTNER
from tests.support.world import KEYS, World

PATIENCE = 60.0
_WAITING = text(
    "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock' AND state = 'active'"
)


@pytest.fixture
def world(tmp_path: Path, postgresql: PostgreSQL) -> Iterator[World]:
    with Sandbox() as sandbox:
        world = World(tmp_path, sandbox, CWPORTAL_DATABASE_URL=postgresql.create(migrated=True))
        yield world
        world.close()


def _tested(world: World) -> Callable[[], object]:
    """Somebody has begun the wizard, and it is about to keep what ConnectWise accepts; how it does."""
    typed = Typed(world.sandbox.url, "training", *KEYS)
    begun = draft.begin(world.runtime, PARTNER, actor="ann")
    kept = draft.keep_credentials(world.runtime, PARTNER, typed, version=begun.version, actor="ann")
    proven = credentials.prove(world.runtime, typed)
    first = draft.accept(world.runtime, PARTNER, proven, version=kept.version, actor="ann")
    assert not first
    return lambda: draft.accept(world.runtime, PARTNER, proven, version=kept.version + 1, actor="ann")


def _place(world: World) -> None:
    """What an export remembers."""
    settings.remember_product_place(
        world.runtime,
        PARTNER,
        tenant=connection.get(world.runtime, PARTNER).tenant,
        product_type_id=1,
        category_id=2,
        subcategory_id=3,
    )


def _case(world: World, name: str) -> tuple[Callable[[], object], Callable[[], object], tuple[str, ...]]:
    """The first, the second, and the statement of the first after which the second comes."""
    save = lambda: world.choose(ended="cancel")  # noqa: E731
    match name:
        case "get started":
            begin = lambda: draft.begin(world.runtime, PARTNER, actor="ann")  # noqa: E731
            return begin, begin, ("INSERT INTO cwportal_draft",)
        case "connect":
            return world.connect, world.connect, ("INSERT INTO cwportal_connection",)
        case "wizard, connect":
            return _tested(world), world.connect, ("FROM cwportal_draft", "FOR UPDATE")
        case "first settings":
            world.connect()
            return save, save, ("INSERT INTO cwportal_settings",)
    world.connect()
    return lambda: _place(world), save, ("INSERT INTO cwportal_settings",)


@pytest.mark.parametrize("name", ["get started", "connect", "wizard, connect", "first settings", "export, settings"])
def test_who_comes_second_waits(world: World, name: str) -> None:
    first, second, after = _case(world, name)
    errors: list[BaseException] = []
    met: list[bool] = []

    def run(work: Callable[[], object]) -> None:
        try:
            work()
        except BaseException as error:  # noqa: BLE001 - shown by the test
            errors.append(error)

    late = threading.Thread(target=run, args=(second,))
    me = threading.current_thread()

    def come(*given: Any) -> None:
        if threading.current_thread() is not me or met or not all(part in given[2] for part in after):
            return
        met.append(True)
        late.start()
        deadline = time.monotonic() + PATIENCE
        with world.database.engine.connect() as look:
            while not look.scalar(_WAITING):
                assert time.monotonic() < deadline, "nobody waits"
                assert late.is_alive(), errors
                look.rollback()
                time.sleep(0.02)

    event.listen(world.database.engine, "after_cursor_execute", come)
    run(first)
    late.join(PATIENCE)
    assert (errors, met, late.is_alive()) == ([], [True], False)
    with world.database.read() as session:
        row, kept = session.get(Connection, PARTNER), session.get(Draft, PARTNER)
    assert (row is not None and row.active, kept is not None) == (name != "get started", name == "get started")
