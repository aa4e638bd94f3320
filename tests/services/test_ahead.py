"""Lines are read while the portal's data still is, and what was read ahead is worth no less than what is read when it is needed."""

from __future__ import annotations

import gc
import sys
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import replace
from typing import Any

import pytest

from cwportal.config import READ_FRESH
from cwportal.connectwise.errors import Invalid
from cwportal.portal import Charge
from cwportal.services import exports
from cwportal.services.connection import open_client
from cwportal.services.export_run import ExportRun
from cwportal.services.interpreter import paced
from cwportal.services.planning import ahead
from tests.support.portal import PARTNER, charge
from tests.support.world import World, group

ACCOUNTS = 6
PATIENCE = 60.0
LISTS = {"method": "GET", "path": "/additions"}


@pytest.fixture
def agreements(world: World) -> dict[str, int]:
    """Accounts that have been exported, and have one more of everything now."""
    found = {f"a{number}": world.agreement(f"a{number}") for number in range(ACCOUNTS)}
    for account_id in found:
        world.source.add_account(account_id, charge("MBX", 100, 2, 5))
    world.map(dict(found))
    assert world.export()["status"] == "succeeded"
    world.clear_journal()
    for account_id in found:
        world.source.set_charges(account_id, charge("MBX", 101, 2, 5))
    return found


def meanwhile(world: World, monkeypatch: pytest.MonkeyPatch, act: Callable[[], object]) -> None:
    """`act` is done before the portal gives its charges."""
    give = world.source.charges

    def charges(partner_id: str, account_ids: Iterable[str]) -> Iterator[tuple[str, Sequence[Charge]]]:
        act()
        yield from give(partner_id, account_ids)

    monkeypatch.setattr(world.source, "charges", charges)


def lists(world: World) -> list[str]:
    """Which lists of lines were asked for."""
    journal = world.control("journal")
    return sorted(e["path"] for e in journal if e["method"] == "GET" and e["path"].endswith("/additions"))


def reads(world: World, at_least: int) -> None:
    """Wait until so many lists have been answered."""
    deadline = time.monotonic() + PATIENCE
    while len(lists(world)) < at_least:
        assert time.monotonic() < deadline, f"{lists(world)} were read while the portal's data was"
        time.sleep(0.02)


def until(held: Callable[[], bool]) -> None:
    end = time.monotonic() + 30
    while not held():
        assert time.monotonic() < end
        time.sleep(0.01)


def named(prefix: str) -> list[str]:
    """Threads of that name that have not ended."""
    return [thread.name for thread in threading.enumerate() if thread.name.startswith(f"{prefix}_")]


def right(world: World, agreements: dict[str, int]) -> None:
    for agreement_id in agreements.values():
        assert world.lines(agreement_id) == [group("MBX", 101, 2, 5)]


def test_every_agreement_is_read_once_and_while_the_portals_data_is(
    world: World, agreements: dict[str, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    meanwhile(world, monkeypatch, lambda: reads(world, ACCOUNTS))
    assert world.export()["counts"]["updated"] == ACCOUNTS
    assert len(lists(world)) == len(set(lists(world))) == ACCOUNTS
    right(world, agreements)


def test_what_was_read_too_long_ago_is_read_again(
    world: World, agreements: dict[str, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    row = world.additions(agreements["a3"])[0]

    def slowly() -> None:
        reads(world, ACCOUNTS)
        world.delete(row["id"])
        world.clock.advance(READ_FRESH + 1)

    meanwhile(world, monkeypatch, slowly)
    told = world.export()
    assert (told["counts"]["updated"], told["counts"]["created"]) == (ACCOUNTS - 1, 0)  # a deleted line is for a person
    assert world.lines(agreements["a3"]) == []
    assert len(lists(world)) == 2 * ACCOUNTS


def test_no_more_is_read_ahead_than_may_wait_in_memory(
    world: World, agreements: dict[str, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ahead, "_ROWS", 1)
    object.__setattr__(world.config, "concurrency", 2)
    counted: list[int] = []

    def count() -> None:
        reads(world, 1)
        time.sleep(0.3)  # time for more, if more were begun
        counted.append(len(lists(world)))

    meanwhile(world, monkeypatch, count)
    assert world.export()["counts"]["updated"] == ACCOUNTS
    assert 1 <= counted[0] <= 2 * world.config.concurrency < ACCOUNTS
    assert len(lists(world)) == ACCOUNTS
    right(world, agreements)


def test_a_list_that_cannot_be_read_ahead_blocks_its_account_and_no_other(
    world: World, agreements: dict[str, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    refused = f"/agreements/{agreements['a0']}/additions"
    world.faults({"kind": "error_before", "status": 400, "match": {"method": "GET", "path": refused}, "times": None})
    meanwhile(world, monkeypatch, lambda: reads(world, 1))
    told = world.export()
    assert (told["status"], told["counts"]["updated"]) == ("partial", ACCOUNTS - 1)
    assert world.lines(agreements.pop("a0")) == [group("MBX", 100, 2, 5)]
    right(world, agreements)


def test_an_error_is_told_as_long_as_it_is_fresh_and_later_the_list_is_read(
    world: World, agreements: dict[str, int]
) -> None:
    """An outage while the portal's data is read may be over long before the first account is planned."""
    soon, late, *_ = agreements.values()
    world.faults({"kind": "error_before", "status": 400, "match": LISTS, "times": None})
    with (
        open_client(world.runtime, PARTNER) as client,
        ahead.ReadAhead(world.runtime, client, [soon, late]) as reading,
    ):
        wait(reading._asked.values())
        world.faults()
        with pytest.raises(Invalid):
            reading.additions(soon)
        world.clock.advance(READ_FRESH + 1)
        assert [row.quantity for row in reading.additions(late).rows] == [100]


def test_what_plans_cannot_be_made_without_is_read_before_lines(world: World, agreements: dict[str, int]) -> None:
    runtime = replace(world.runtime, config=replace(world.runtime.config, concurrency=1))
    world.clear_journal()
    with open_client(runtime, PARTNER) as client:
        list(client.read.iterate_companies())  # whether this ConnectWise sends Link is known
        world.control("barriers", {"name": "full", "match": LISTS, "point": "before", "times": 1})
        with (
            ThreadPoolExecutor(1) as pool,
            ahead.ReadAhead(runtime, client, agreements.values()),
        ):
            until(lambda: world.control("barriers")[0]["waiting"] == 1)
            until(lambda: len(client.transport._slots._behind) == 1)
            counted = pool.submit(client.read.company_count)
            until(lambda: len(client.transport._slots._waiting) == 1)
            world.control("barriers/release", {})
            counted.result(30)
    order = [entry["path"] for entry in world.control("journal") if entry["path"].endswith(("/additions", "/count"))]
    assert order[1].endswith("/companies/count")


def test_reading_that_cannot_begin_leaves_nobody_reading(
    world: World, agreements: dict[str, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    class Few(ThreadPoolExecutor):
        def submit(self, *args: Any, **kwargs: Any) -> Future[Any]:
            if self._threads:
                raise RuntimeError("can't start new thread")
            return super().submit(*args, **kwargs)

    monkeypatch.setattr(ahead, "ThreadPoolExecutor", Few)
    with open_client(world.runtime, PARTNER) as client:
        reading = ahead.ReadAhead(world.runtime, client, agreements.values())
        with pytest.raises(RuntimeError), reading:
            pass
        assert named("ahead") == []
    assert len(lists(world)) <= 1


def test_a_run_that_breaks_off_among_its_plans_reads_no_further(
    world: World, agreements: dict[str, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert agreements
    still: list[str] = []
    end = ExportRun.end

    def ends(run: ExportRun, **how: Any) -> None:
        still.extend([*named("read"), *named("ahead")])
        end(run, **how)

    def broken(*_: object) -> None:
        raise RuntimeError("broken")

    monkeypatch.setattr(ExportRun, "end", ends)
    with pytest.raises(RuntimeError, match="broken"):
        exports.export(world.runtime, PARTNER, actor="test", progress=broken)
    assert still == []


def test_nothing_is_read_before_a_lost_write_has_settled(
    world: World, agreements: dict[str, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    object.__setattr__(world.config, "settle", 3.0)
    world.faults({"kind": "close_after", "match": {"method": "PATCH", "path": "/additions"}, "times": 1})
    assert world.export()["counts"]["unknown"] == 1
    world.faults()
    world.clear_journal()
    before: list[int] = []
    meanwhile(world, monkeypatch, lambda: before.append(len(lists(world))))
    assert world.export()["status"] == "succeeded"
    assert before == [0]
    right(world, agreements)


def test_one_request_at_a_time_means_one_account_after_the_other(
    world: World, agreements: dict[str, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    object.__setattr__(world.config, "concurrency", 1)
    before: list[int] = []
    meanwhile(world, monkeypatch, lambda: before.append(len(lists(world))))
    assert world.export()["status"] == "succeeded"
    assert before == [0]


def test_the_interpreters_pace_is_another_one_during_an_export_only(
    world: World, agreements: dict[str, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert agreements
    collect, turn, during = gc.get_threshold(), sys.getswitchinterval(), list[tuple[int, float]]()
    meanwhile(world, monkeypatch, lambda: during.append((gc.get_threshold()[0], sys.getswitchinterval())))
    world.export()
    assert during[0][0] > 10 * collect[0]
    assert during[0][1] < turn
    assert (gc.get_threshold(), sys.getswitchinterval()) == (collect, turn)


@pytest.mark.parametrize("collecting", [True, False])
def test_of_two_exports_in_one_process_the_last_to_end_gives_the_pace_back(collecting: bool) -> None:
    usual = gc.get_threshold()

    def pace() -> tuple[tuple[int, int, int], float]:
        return gc.get_threshold(), sys.getswitchinterval()

    try:
        if not collecting:
            gc.set_threshold(0)
        before = pace()
        one, other = paced(), paced()
        with one:
            during = pace()
            other.__enter__()
        assert pace() == during != before
        other.__exit__(None, None, None)
        assert pace() == before
    finally:
        gc.set_threshold(*usual)
