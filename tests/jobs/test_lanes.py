"""Slow runs wait in a lane of their own, and one worker of several is always there for the quick ones."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from redis import Redis
from sqlalchemy import func, select

from cwportal.jobs import queue, requeue
from cwportal.jobs.lanes import TURNS, Lanes
from cwportal.models import Mapping, Run
from cwportal.services import connection, lanes, runs
from tests.jobs.crew import Crew, eventually
from tests.jobs.many import billed, expected, furnish, when
from tests.support.portal import PARTNER, charge

WORKERS = 4
SILENT = 600.0
LONG_AGO = datetime(2026, 1, 5, 3, tzinfo=UTC)


def lived(crew: Crew, seconds: float, partner_id: str = PARTNER, **columns: object) -> None:
    """A run of before that took so long."""
    values: dict[str, Any] = {
        "trigger": "manual",
        "state": "succeeded",
        "actor": "test",
        "approval": {},
        "attempts": 1,
        **columns,
    }
    values.setdefault("tenant", connection.get(crew.runtime, partner_id).tenant)
    with crew.runtime.database.write() as session:
        session.add(
            Run(
                partner_id=partner_id,
                created_at=LONG_AGO,
                started_at=LONG_AGO,
                finished_at=LONG_AGO + timedelta(seconds=seconds),
                **values,
            )
        )


def is_slow(crew: Crew) -> bool:
    """Whether the next export of the partner is taken for a slow one."""
    run_id = crew.ask()
    runs.cancel(crew.runtime, PARTNER, run_id)
    found = lanes.slow(crew.runtime, [run_id])
    with crew.runtime.database.write() as session:
        session.delete(session.get_one(Run, run_id))
    return bool(found)


def test_what_is_known_of_the_partner_decides(crew_on_both: Crew) -> None:
    crew = crew_on_both  # CWPORTAL_TIMEOUT is 20
    assert not is_slow(crew)
    lived(crew, 900, state="cancelled")
    lived(crew, 900, attempts=2)
    lived(crew, 900, trigger="preview")
    lived(crew, 900, tenant="elsewhere.example.com/training")
    assert not is_slow(crew), "none of these is how long an export to this ConnectWise takes"
    lived(crew, 20, state="failed")
    for _ in range(lanes.LOOK_BACK):
        assert is_slow(crew)
        lived(crew, 19)
    assert not is_slow(crew), "the long one is not among the last ones any more"


@pytest.mark.parametrize(("number", "slow"), [(lanes.MANY, True), (lanes.MANY - 1, False)])
def test_before_the_first_export_the_number_of_accounts_decides(crew: Crew, number: int, slow: bool) -> None:
    mapped: dict[str, Any] = {"partner_id": PARTNER, "tenant": crew.tenant(), "company_name": "", "agreement_name": ""}
    mapped |= {"per_cycle_confirmed": False, "changed_at": LONG_AGO}
    with crew.runtime.database.write() as session:
        session.add_all(Mapping(account_id=f"a{n}", export=n < number, **mapped) for n in range(lanes.MANY + 10))
    assert is_slow(crew) is slow
    lived(crew, 3)
    assert not is_slow(crew)


def test_a_slow_run_is_put_back_into_its_lane(crew: Crew, redis: Redis) -> None:
    lived(crew, 60)
    run_id = crew.ask()
    assert redis.llen(f"rq:queue:{queue.SLOW}") == 1
    redis.flushall()
    assert requeue.requeue(crew.runtime) == [run_id]
    assert requeue.requeue(crew.runtime) == []
    assert (redis.llen(f"rq:queue:{queue.SLOW}"), redis.llen(f"rq:queue:{queue.NAME}")) == (1, 0)
    crew.burst()
    assert crew.state(run_id) == "succeeded"


def test_all_workers_but_one_may_take_slow_runs(redis: Redis) -> None:
    one, two, three = (Lanes(redis, name, silent=SILENT) for name in ("one", "two", "three"))
    assert one.may_take_slow(), "alone it does everything"
    assert one.may_take_slow(), "and goes on to"
    assert not two.may_take_slow()
    one.work(slow=False)
    assert two.may_take_slow()
    two.work(slow=True)
    assert not one.may_take_slow()
    assert three.may_take_slow(), "of three two may"
    assert not one.may_take_slow()
    two.leave()
    three.work(slow=True)
    assert not one.may_take_slow(), "of two one may"
    three.leave()
    assert one.may_take_slow()


def test_who_is_silent_does_not_count_whatever_the_clock_does(redis: Redis) -> None:
    dead, alive = (Lanes(redis, name, silent=SILENT) for name in ("dead", "alive"))
    dead.work(slow=True)
    assert not alive.may_take_slow()
    for ahead in (-SILENT - 60, SILENT + 60):
        for key in ("cwportal:workers", "cwportal:workers:slow"):
            redis.zadd(key, {b"dead": time.time() + ahead})
        assert alive.may_take_slow()
        dead.work(slow=True)
        assert not alive.may_take_slow()


def unended(crew: Crew, partners: list[str]) -> int:
    with crew.runtime.database.read() as session:
        mine = select(func.count()).select_from(Run).where(Run.partner_id.in_(partners))
        return session.scalar(mine.where(Run.finished_at.is_(None))) or 0


def begun(crew: Crew, partners: list[str]) -> list[str]:
    with crew.runtime.database.read() as session:
        mine = select(Run.partner_id).where(Run.partner_id.in_(partners), Run.state.in_(["reading", "applying"]))
        return list(session.scalars(mine))


def all_ended(crew: Crew, partners: list[str]) -> None:
    """Wait as long as runs go on ending."""
    left = unended(crew, partners)
    while left:

        def fewer(former: int = left) -> bool:
            return unended(crew, partners) < former

        eventually(f"one of {left} runs to end", fewer, 75)
        left = unended(crew, partners)


@pytest.mark.slow
def test_as_many_hanging_and_large_partners_as_there_are_workers_hold_up_no_small_one(
    crew_with: Callable[..., Crew],
) -> None:
    crew = crew_with(CWPORTAL_LEASE="20", CWPORTAL_TIMEOUT="120")
    slow = [f"{kind}{number}" for number in range(WORKERS) for kind in ("hanging", "large")]
    small = [f"small{number:02d}" for number in range(50)]
    charges = {name: [[charge(f"{name}-A", 3, 1, 2)], [charge(f"{name}-B", 5, 1, 2)]] for name in slow}
    charges |= {name: [[charge(f"{name}-A", 7 + n, 1, 2)]] for n, name in enumerate(small)}
    agreements = furnish(crew, charges)
    for name in slow:
        if name.startswith("hanging"):
            lived(crew, 130, name, state="failed", error="ConnectWise did not answer")
        else:
            lived(crew, 45, name)
    for name in slow:
        crew.world.control("barriers", {"name": name, "point": "after", "match": {"tenant": name}})
    asked = [queue.request_export(crew.runtime, name, actor="test").run_id for name in slow]
    for _ in range(WORKERS):
        crew.worker()
    eventually("all workers but one on slow ones", lambda: len(begun(crew, slow)) == WORKERS - 1)
    asked += [queue.request_export(crew.runtime, name, actor="test").run_id for name in small]
    all_ended(crew, small)
    assert len(begun(crew, slow)) == WORKERS - 1
    assert unended(crew, slow) == len(slow)
    crew.world.control("barriers/release", {"name": None})
    all_ended(crew, slow)

    assert [crew.state(run_id) for run_id in asked] == ["succeeded"] * len(asked)
    for name, ids in agreements.items():
        assert billed(crew, name) == dict(zip(ids, expected(charges[name]), strict=True))


def test_one_worker_does_both_and_slow_ones_do_not_wait_for_ever(crew: Crew) -> None:
    quick = [f"quick{number:02d}" for number in range(TURNS + 2)]
    furnish(crew, {name: [[charge(f"{name}-A", 3, 1, 2)]] for name in (*quick, "slow")})
    lived(crew, 60, "slow")
    asked = {name: queue.request_export(crew.runtime, name, actor="test").run_id for name in ("slow", *quick)}
    crew.worker()
    all_ended(crew, [*quick, "slow"])
    order = sorted(asked, key=lambda name: when(crew.run(asked[name]).started_at))
    assert order == [*quick[:TURNS], "slow", *quick[TURNS:]]
