"""Two hundred partners at once on four workers: one of them large, one whose ConnectWise does not answer."""

from __future__ import annotations

from collections.abc import Callable, Collection

import pytest
from redis import Redis
from sqlalchemy import func, select

from cwportal.jobs import queue
from cwportal.models import Run
from cwportal.portal import Charge
from tests.jobs.crew import Crew, eventually
from tests.jobs.many import billed, expected, furnish, when
from tests.support.portal import charge

LARGE, HANGING = "large", "hanging"
SMALL = [f"small{number:03d}" for number in range(198)]
PARTNERS = [LARGE, HANGING, *SMALL]
WORKERS = 4
ACCOUNTS, LINES = 40, 10
SLOW = 3.0
"""Seconds that the large partner's ConnectWise takes for an answer, until half of the small exports have ended: for all it has to ask, with
four questions at a time, it would need more than five minutes."""
TIMEOUT = 8.0
"""CWPORTAL_TIMEOUT: what one request of the partner that hangs costs; it tries several times."""
STUCK = 75.0
"""Seconds without the end of a single run."""


def charges_of(partner_id: str) -> list[list[Charge]]:
    """Per account. No two partners have a SKU, and no two small ones a quantity, in common."""
    if partner_id == LARGE:
        return [
            [charge(f"large-{line}", 1000 + account, line + 1, line + 2) for line in range(LINES)]
            for account in range(ACCOUNTS)
        ]
    number = PARTNERS.index(partner_id)
    return [
        [charge(f"{partner_id}-{line}", 2 * number + line, "1.25", f"{number}.5") for line in range(1 + number % 2)]
    ]


def under_way(crew: Crew, partners: Collection[str]) -> int:
    """How many of their runs have not ended; a cheap question, so that asking slows nobody down."""
    with crew.runtime.database.read() as session:
        left = select(func.count()).select_from(Run).where(Run.finished_at.is_(None), Run.partner_id.in_(partners))
        return session.scalar(left) or 0


def until(crew: Crew, partners: Collection[str], most: int) -> None:
    """Wait until no more than `most` of their runs are left, as long as runs go on ending."""
    left = len(PARTNERS)
    while under_way(crew, partners) > most:

        def fewer(former: int = left) -> bool:
            return under_way(crew, PARTNERS) < former

        eventually(f"one of {left} runs to end", fewer, STUCK)
        left = under_way(crew, PARTNERS)


@pytest.mark.slow
def test_two_hundred_partners_on_four_workers(crew_with: Callable[..., Crew], redis: Redis) -> None:
    crew = crew_with(CWPORTAL_LEASE="20", CWPORTAL_TIMEOUT=str(TIMEOUT))
    agreements = furnish(crew, {name: charges_of(name) for name in PARTNERS})
    hangs = {"kind": "hang_before", "match": {"tenant": HANGING}, "times": None, "seconds": 60}
    crew.world.faults(hangs, {"kind": "latency", "match": {"tenant": LARGE}, "times": None, "seconds": SLOW})
    crew.world.clear_journal()
    asked = {name: queue.request_export(crew.runtime, name, actor="test").run_id for name in PARTNERS}
    for _ in range(WORKERS):
        crew.worker()

    until(crew, SMALL, len(SMALL) // 2)
    assert under_way(crew, [LARGE]), "the large one has ended before half of the small ones"
    crew.world.faults(hangs)
    until(crew, PARTNERS, 0)
    eventually("an empty queue", lambda: not redis.llen(f"rq:queue:{queue.NAME}"))

    # Each is right, in its own ConnectWise and nowhere else, and was exported once.
    with crew.runtime.database.read() as session:
        runs = list(session.scalars(select(Run)))
    assert {run.partner_id: run.id for run in runs} == asked
    assert len(runs) == len(PARTNERS)
    ended = {run.partner_id: run for run in runs}
    for name in PARTNERS:
        if name == HANGING:
            continue
        assert (ended[name].state, ended[name].error) == ("succeeded", None), name
        assert billed(crew, name) == dict(zip(agreements[name], expected(charges_of(name)), strict=True))
    for name in PARTNERS:
        journal = crew.world.sandbox.tenant(name).journal.since()
        created = [entry for entry in journal if entry["method"] == "POST" and entry["path"].endswith("/additions")]
        assert len(created) == (0 if name == HANGING else sum(map(len, charges_of(name))))
        assert max(entry["concurrent"] for entry in journal) <= crew.runtime.config.concurrency
        assert when(ended[name].started_at) <= min(entry["started"] for entry in journal)
        assert max(entry["started"] for entry in journal) <= when(ended[name].finished_at)
    assert not billed(crew, "training")

    # Nobody was stuck behind the one that hangs, nor (see above) behind the large one.
    hung = ended[HANGING]
    assert hung.state == "failed"
    assert "ConnectWise did not answer" in (hung.error or "")
    begin, end = when(hung.started_at), when(hung.finished_at)
    assert end - begin > TIMEOUT
    assert sum(begin < when(ended[name].finished_at) < end for name in SMALL) > 1
