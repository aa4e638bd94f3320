"""What a page that a person waits for may ask of ConnectWise."""

from __future__ import annotations

from contextlib import ExitStack

import pytest

from cwportal.connectwise.errors import TimedOut
from cwportal.connectwise.gate import LocalGate
from cwportal.services import hurry
from cwportal.services.connection import check, open_client
from tests.support.portal import PARTNER
from tests.support.world import World


def test_so_many_pages_at_once_and_exports_always(world: World) -> None:
    with ExitStack() as pages:
        for _ in range(hurry.AT_ONCE):
            pages.enter_context(open_client(world.runtime, PARTNER, patience=1))
        with pytest.raises(hurry.Crowded, match="Press the button again in a minute"):
            check(world.runtime, PARTNER, patience=1)
        with open_client(world.runtime, PARTNER) as client:
            assert client.read.company_count() >= 0
    for _ in range(hurry.AT_ONCE + 1):  # an error gives its place back, too
        with pytest.raises(ZeroDivisionError), open_client(world.runtime, PARTNER, patience=1):
            raise ZeroDivisionError
    assert check(world.runtime, PARTNER, patience=1).company_id


def test_no_request_goes_out_when_the_time_of_a_page_is_over() -> None:
    now = 100.0

    def sleep(seconds: float) -> None:
        nonlocal now
        now += seconds

    inner = LocalGate(lambda: now, sleep)
    gate = hurry.HurriedGate(inner, lambda: now)
    gate.wait()
    now += hurry.IN_ALL - 1
    gate.wait()
    gate.hold(5)
    with pytest.raises(hurry.TookLong, match="stopped asking after 40 seconds"):
        gate.wait()  # nor when it is over after a wait that ConnectWise asked for
    assert now == 100 + hurry.IN_ALL + 4


def test_a_page_tells_people_that_connectwise_did_not_answer_not_operators(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hurry, "ONE_ANSWER", 0.2)
    world.faults({"kind": "hang_before", "match": {"path": "/company/companies"}, "seconds": 9, "times": 9})
    world.clear_journal()
    with (
        pytest.raises(TimedOut, match="did not answer in time: it is busy"),
        open_client(world.runtime, PARTNER, patience=1) as client,
    ):
        client.read.company_count()
    assert sum("/company/companies" in entry["path"] for entry in world.control("journal")) == hurry.TRIES
