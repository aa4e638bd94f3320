"""Previews, approvals and rejections on a real simulator: exactly what was shown is written, and nothing else."""

from __future__ import annotations

import dataclasses
import json
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from sqlalchemy import func, select

from cwportal.billing.values import Money
from cwportal.errors import RunUnderWay, UsageError
from cwportal.models import Run, RunAccount, RunChange
from cwportal.services import (
    approvals,
    connection,
    decisions,
    exports,
    history,
    outcome,
    previews,
    rejections,
    reports,
    standing,
)
from cwportal.services import runs as lives
from cwportal.services.apply.store import money_json
from cwportal.vocabulary import Outcome, RunState, Trigger
from tests.support.portal import PARTNER, charge
from tests.support.world import World, group


def account(world: World, name: str, *charges: Any, additions: tuple[dict[str, Any], ...] = ()) -> int:
    """A mapped account with its charges; its agreement."""
    number = world.agreement(name, *additions)
    world.source.add_account(name, *charges)
    world.map({name: number})
    return number


def preview(world: World) -> int:
    """A finished preview; its id."""
    return exports.export(world.runtime, PARTNER, actor="ann", trigger=Trigger.PREVIEW)


def approve(world: World, run_id: int, *names: str) -> int:
    """What the page does: approve these accounts (none named: all) and export them; the export's id."""
    approval = approvals.approve(world.runtime, PARTNER, run_id, names or None)
    return exports.export(world.runtime, PARTNER, actor="ann", approval=approval)


def reject(world: World, run_id: int, *names: str) -> int:
    return approvals.reject(world.runtime, PARTNER, run_id, names or None, actor="bob")


def status(world: World, run_id: int) -> tuple[str, dict[str, str]]:
    """How the run and its accounts ended."""
    shown = reports.export_json(world.runtime, run_id)
    return shown["status"], {one["account_id"]: one["status"] for one in shown["accounts"]}


def row(world: World, run_id: int) -> Run:
    return reports.run_row(world.runtime, run_id)


def vanished(world: World) -> int:
    """An account whose charges are gone after its first export; its agreement."""
    agreement = account(world, "a", charge("MBX", 3, 2, 5))
    world.export()
    world.source.set_charges("a")
    return agreement


# --- previews ---------------------------------------------------------------------------------------------------------
def test_a_preview_reads_everything_and_writes_nothing(world: World) -> None:
    agreement = account(world, "a", charge("MBX", 3, 2, 5))
    world.clear_journal()
    run_id = preview(world)
    assert world.control("journal") != []
    assert world.writes() == []
    assert world.lines(agreement) == []
    run = row(world, run_id)
    assert (run.state, run.trigger, run.planned) == (RunState.SUCCEEDED, "preview", {"create": 1, "product": 1})
    shown = previews.page(world.runtime, PARTNER, run_id)
    (one,) = shown.accounts.items
    assert (one.account_id, one.category, one.approvable) == ("a", "ready", True)
    assert (shown.money.price_before, shown.money.price_after) == (Decimal(0), Decimal(15))
    assert [change["after"]["quantity"] for change in one.changes] == [Decimal(3)]
    assert [change["part_number"] for change in shown.products] == ["MBX"]


def test_a_preview_is_no_export(world: World) -> None:
    account(world, "a", charge("MBX", 3, 2, 5))
    run_id = preview(world)
    assert reports.runs_list(world.runtime, PARTNER) == []
    assert history.runs_page(world.runtime, PARTNER, 1).total == 0
    assert previews.latest(world.runtime, PARTNER) == run_id
    with world.database.read() as session:
        from cwportal.services import ledger

        tenant = connection.get(world.runtime, PARTNER).tenant
        assert ledger.exported_before(session, PARTNER, tenant, now=world.clock()) == frozenset()


@pytest.mark.parametrize(
    ("charges", "state"), [(["same"], "succeeded"), ([], "held"), ([charge("MBX", 3, 2, None)], "partial")]
)
def test_how_a_preview_ends(world: World, charges: list[Any], state: str) -> None:
    account(world, "a", charge("MBX", 3, 2, 5))
    world.export()
    if charges != ["same"]:
        world.source.set_charges("a", *charges)
    assert row(world, preview(world)).state == state


def test_a_preview_that_cannot_be_read_has_failed_and_shows_nothing(world: World) -> None:
    account(world, "a", charge("MBX", 3, 2, 5))
    world.faults({"kind": "error_before", "match": {"method": "GET"}, "times": None})
    run_id = preview(world)
    world.faults()
    run = row(world, run_id)
    assert (run.state, run.planned_at) == (RunState.FAILED, None)
    assert not approvals.waiting(world.runtime, PARTNER)


def test_only_the_newest_preview_keeps_its_plan(world: World) -> None:
    account(world, "a", charge("MBX", 3, 2, 5))
    first, second = preview(world), preview(world)
    with world.database.read() as session:
        for table in (RunAccount, RunChange):
            assert set(session.scalars(select(table.run_id))) == {second}
        assert session.scalar(select(func.count()).select_from(Run)) == 2
    assert previews.page(world.runtime, PARTNER, first).gone
    with pytest.raises(UsageError, match="newer preview"):
        approvals.approve(world.runtime, PARTNER, first, None)


def test_a_dead_preview_gives_way_to_an_export_and_no_preview_takes_over_an_export(world: World) -> None:
    agreement = account(world, "a", charge("MBX", 3, 2, 5))
    tenant = connection.get(world.runtime, PARTNER).tenant

    def begin(trigger: Trigger) -> lives.Lease:
        return lives.begin(world.runtime, PARTNER, tenant, trigger=trigger, actor="x", approval={})

    dead = begin(Trigger.PREVIEW)
    with pytest.raises(RunUnderWay, match="Preview"):
        begin(Trigger.MANUAL)
    world.clock.advance(world.config.lease + 1)
    run_id = exports.export(world.runtime, PARTNER, actor="ann")
    assert run_id != dead.run_id
    assert row(world, dead.run_id).state == RunState.FAILED
    assert world.lines(agreement) == [group("MBX", 3, 2, 5)]
    begin(Trigger.MANUAL)
    world.clock.advance(world.config.lease + 1)
    with pytest.raises(RunUnderWay):
        begin(Trigger.PREVIEW)


def test_a_worker_takes_a_dead_preview_up_as_a_preview(world: World) -> None:
    account(world, "a", charge("MBX", 3, 2, 5))
    tenant = connection.get(world.runtime, PARTNER).tenant
    run_id = lives.request(world.runtime, PARTNER, tenant, trigger=Trigger.PREVIEW, actor="x", approval={})
    assert lives.claim(world.runtime, run_id) is not None
    world.clock.advance(world.config.lease + 1)
    world.clear_journal()
    assert exports.run(world.runtime, run_id)
    assert world.writes() == []
    assert row(world, run_id).state == RunState.SUCCEEDED


# --- approve ----------------------------------------------------------------------------------------------------------
def test_what_changed_meanwhile_is_not_written_and_waits_again(world: World) -> None:
    one, two = account(world, "a", charge("MBX", 3, 2, 5)), account(world, "b", charge("MBX", 4, 2, 5))
    run_id = preview(world)
    world.source.set_charges("b", charge("MBX", 9, 2, 5))
    ended = approve(world, run_id)
    assert world.lines(one) == [group("MBX", 3, 2, 5)]
    assert world.lines(two) == []
    assert status(world, ended) == ("partial", {"a": "succeeded", "b": "held"})
    waiting = approvals.waiting(world.runtime, PARTNER)
    assert [(item.account_id, item.reasons[0].code) for item in waiting.accounts.items] == [("b", "changed")]
    approve(world, preview(world), "b")
    assert world.lines(two) == [group("MBX", 9, 2, 5)]
    assert not approvals.waiting(world.runtime, PARTNER)


def test_only_the_chosen_accounts_are_written_and_the_others_do_not_wait(world: World) -> None:
    one, two = account(world, "a", charge("MBX", 3, 2, 5)), account(world, "b", charge("MBX", 4, 2, 5))
    ended = approve(world, preview(world), "a")
    assert (world.lines(one), world.lines(two)) == ([group("MBX", 3, 2, 5)], [])
    assert status(world, ended) == ("succeeded", {"a": "succeeded", "b": "skipped"})
    assert not approvals.waiting(world.runtime, PARTNER)
    assert world.export()["counts"]["created"] == 1


def _new_list_cost(world: World, sku: str, cost: str) -> None:
    world.source.skus[sku] = dataclasses.replace(world.source.skus[sku], list_cost=Decimal(cost))


def test_a_catalog_cost_that_was_not_shown_is_not_written(world: World) -> None:
    agreement = account(world, "a", charge("MBX", 3, 2, 5))
    world.export()
    world.source.set_charges("a", charge("MBX", 4, 2, 5))
    run_id = preview(world)
    _new_list_cost(world, "MBX", "7")
    ended = approve(world, run_id)
    assert world.lines(agreement) == [group("MBX", 4, 2, 5)]
    assert [Decimal(str(item["cost"])) for item in world.state()["catalog"]] == [Decimal(1)]
    (left,) = [one for one in reports.log_json(world.runtime, ended)["changes"] if one["kind"] == "product"]
    assert (left["outcome"], "not part of what was approved" in left["error"]) == (Outcome.SKIPPED, True)
    assert world.export()["counts"]["updated"] == 1
    assert [Decimal(str(item["cost"])) for item in world.state()["catalog"]] == [Decimal(7)]


def test_a_catalog_cost_that_was_shown_is_written(world: World) -> None:
    account(world, "a", charge("MBX", 3, 2, 5))
    world.export()
    world.source.set_charges("a", charge("MBX", 4, 2, 5))
    _new_list_cost(world, "MBX", "7")
    approve(world, preview(world))
    assert [Decimal(str(item["cost"])) for item in world.state()["catalog"]] == [Decimal(7)]


def test_a_product_that_would_be_created_otherwise_than_shown_leaves_its_lines_out(world: World) -> None:
    agreement = account(world, "a", charge("MBX", 3, 2, 5))
    run_id = preview(world)
    _new_list_cost(world, "MBX", "7")
    ended = approve(world, run_id)
    assert world.lines(agreement) == []
    assert world.state()["catalog"] == []
    assert status(world, ended)[1] == {"a": "failed"}
    line = next(one for one in reports.log_json(world.runtime, ended)["changes"] if one["kind"] == "addition")
    assert (line["outcome"], "was not part of what was approved" in line["error"]) == (Outcome.SKIPPED, True)


def test_the_same_approval_twice_is_one_export(world: World) -> None:
    agreement = vanished(world)
    run_id = preview(world)
    ended = approve(world, run_id, "a")
    assert world.lines(agreement) == []
    with pytest.raises(approvals.AlreadyApproved, match=f"export {ended} "):
        approvals.approve(world.runtime, PARTNER, run_id, ["a"])


def test_two_people_who_approve_at_once_get_one_run(world: World) -> None:
    vanished(world)
    run_id = preview(world)
    tenant = connection.get(world.runtime, PARTNER).tenant
    given = [approvals.approve(world.runtime, PARTNER, run_id, None) for _ in range(2)]
    lives.request(world.runtime, PARTNER, tenant, trigger=Trigger.MANUAL, actor="ann", approval=given[0])
    with pytest.raises(RunUnderWay, match="by ann"):
        lives.request(world.runtime, PARTNER, tenant, trigger=Trigger.MANUAL, actor="bob", approval=given[1])


def test_all_means_as_many_as_were_shown(world: World) -> None:
    for name in ("a", "b"):
        account(world, name, charge("MBX", 3, 2, 5))
    run_id = preview(world)
    reject(world, run_id, "b")
    with pytest.raises(UsageError, match="Nothing was done"):
        approvals.approve(world.runtime, PARTNER, run_id, None, shown=2)
    assert approvals.approve(world.runtime, PARTNER, run_id, None, shown=1)["accounts"].keys() == {"a"}
    with pytest.raises(UsageError, match="Tick"):
        approvals.approve(world.runtime, PARTNER, run_id, [])
    with pytest.raises(UsageError, match="There is no run"):
        approvals.approve(world.runtime, "rival", run_id, None)


def test_limits_of_the_whole_run_still_hold_what_was_left_out(world: World) -> None:
    names = ("a", "b", "c")
    for name in names:
        account(world, name, *[charge(f"S{number}", 10, 2, 5) for number in range(5)])
    world.export()
    for name in names:
        world.source.set_charges(name, *[charge(f"S{number}", 10, 2, 9) for number in range(5)])
    run_id = preview(world)
    waiting = approvals.waiting(world.runtime, PARTNER)
    assert (waiting.total, waiting.approvable, waiting.held[0].code) == (3, 3, "limit_partner")
    ended = approve(world, run_id, "a")
    assert status(world, ended) == ("partial", {"a": "succeeded", "b": "held", "c": "held"})
    waiting = approvals.waiting(world.runtime, PARTNER)
    assert [item.account_id for item in waiting.accounts.items] == ["b", "c"]
    assert waiting.held[0].code == "limit_partner"


# --- what waits -------------------------------------------------------------------------------------------------------
def test_what_waits_is_told_with_its_money(world: World) -> None:
    vanished(world)
    run_id = reports.export_json(world.runtime, exports.export(world.runtime, PARTNER, actor="x"))["run_id"]
    waiting = approvals.waiting(world.runtime, PARTNER)
    assert (waiting.run_id, waiting.total, waiting.approvable, waiting.asking) == (run_id, 1, 1, 0)
    assert (waiting.money.price_before, waiting.money.price_after) == (Decimal(15), Decimal(0))
    (item,) = waiting.accounts.items
    assert (item.name, item.price_delta, item.approvable) == ("Account a", Decimal(-15), True)
    assert (item.reasons[0].code, item.reasons[0].amount) == ("charges_vanished", Decimal(15))
    assert "15.00 USD a month instead of 0.00 USD" in item.meanwhile
    assert not approvals.waiting(world.runtime, "rival")


# --- reject -----------------------------------------------------------------------------------------------------------
def test_a_rejected_plan_stays_unwritten_until_it_is_another(world: World) -> None:
    agreement = vanished(world)
    reject(world, preview(world))
    assert not approvals.waiting(world.runtime, PARTNER)
    for run in (world.export(), world.export(approve=True)):
        assert (run["status"], run["accounts"][0]["status"]) == ("succeeded", "skipped")
        assert "Rejected by bob" in run["accounts"][0]["error"]
    assert not approvals.waiting(world.runtime, PARTNER)
    assert world.lines(agreement) == [group("MBX", 3, 2, 5)]
    world.choose(limit_change="1000")
    world.source.set_charges("a", charge("MBX", 4, 2, 5))
    world.export()
    assert world.lines(agreement) == [group("MBX", 4, 2, 5)]
    world.source.set_charges("a")  # another quantity ends: another plan
    assert world.export()["status"] == "held"
    assert approvals.waiting(world.runtime, PARTNER).total == 1


def test_a_rejection_can_be_taken_back(world: World) -> None:
    agreement = vanished(world)
    run_id = preview(world)
    assert reject(world, run_id, "a") == 1
    shown = previews.page(world.runtime, PARTNER, run_id).accounts.items[0]
    assert (shown.category, shown.rejected and shown.rejected.by, shown.approvable) == ("rejected", "bob", False)
    with pytest.raises(UsageError):
        approvals.approve(world.runtime, PARTNER, run_id, ["a"])
    assert rejections.take_back(world.runtime, PARTNER, ["a", "zz"], actor="ann") == 1
    approve(world, run_id, "a")
    assert world.lines(agreement) == []


def test_an_automatic_export_leaves_a_rejected_plan_alone(world: World) -> None:
    one, two = account(world, "a", charge("MBX", 3, 2, 5)), account(world, "b", charge("MBX", 4, 2, 5))
    reject(world, preview(world), "a")
    assert world.export()["status"] == "succeeded"
    assert (world.lines(one), world.lines(two)) == ([], [group("MBX", 4, 2, 5)])


def test_a_rejection_while_the_approved_export_waits_to_start_wins(world: World) -> None:
    agreement = vanished(world)
    run_id = preview(world)
    approval = approvals.approve(world.runtime, PARTNER, run_id, ["a"])
    reject(world, run_id, "a")
    exports.export(world.runtime, PARTNER, actor="ann", approval=approval)
    assert world.lines(agreement) == [group("MBX", 3, 2, 5)]


# --- decisions --------------------------------------------------------------------------------------------------------
def existing(world: World) -> tuple[int, int]:
    """An account beside whose charge the agreement has a line of somebody else; agreement and line."""
    world.control("seed", {"catalog": [{"identifier": "MBX", "price": 5, "cost": 2}]})
    line = {"product": "MBX", "quantity": 2, "unitPrice": 4, "unitCost": 2}
    agreement = account(world, "a", charge("MBX", 3, 2, 5), additions=(line,))
    return agreement, int(world.additions(agreement)[0]["id"])


def test_from_the_question_to_the_export(world: World) -> None:
    agreement, line = existing(world)
    run_id = preview(world)
    (one,) = previews.page(world.runtime, PARTNER, run_id).accounts.items
    (question,) = one.questions
    assert (one.category, question.line, question.answers, question.must) == (
        "decide",
        line,
        ("use", "end", "leave"),
        True,
    )
    with pytest.raises(UsageError):
        approvals.approve(world.runtime, PARTNER, run_id, ["a"])
    decisions.decide_all(world.runtime, PARTNER, "a", {line: "use"}, actor="ann")
    shown = previews.page(world.runtime, PARTNER, run_id)
    assert (shown.decisions, shown.accounts.items[0].decided, shown.approvable) == (1, True, 0)
    run_id = preview(world)
    shown = previews.page(world.runtime, PARTNER, run_id)
    assert (shown.accounts.items[0].category, shown.approvable, shown.decisions) == ("ready", 1, 0)
    approve(world, run_id)
    assert world.lines(agreement) == [group("MBX", 3, 2, 5)]
    assert [row["id"] for row in world.additions(agreement)] == [line]


def test_answers_are_kept_together_or_not_at_all(world: World) -> None:
    _, line = existing(world)
    with pytest.raises(decisions.Refused) as refused:
        decisions.decide_all(world.runtime, PARTNER, "a", {line: "use", line + 99: "end:2020-01-31"}, actor="ann")
    assert set(refused.value.problems) == {line + 99}
    assert "too far back" in refused.value.problems[line + 99]
    run_id = preview(world)
    (one,) = previews.page(world.runtime, PARTNER, run_id).accounts.items
    assert one.questions[0].given is None


def test_a_value_changed_by_hand_can_be_kept_and_given_back(world: World) -> None:
    agreement = account(world, "a", charge("MBX", 3, 2, 5))
    world.export()
    line = world.additions(agreement)[0]["id"]
    world.edit(line, unitPrice=4)
    (one,) = previews.page(world.runtime, PARTNER, preview(world)).accounts.items
    assert [(ask.code, ask.answers, ask.must) for ask in one.questions] == [("drift", ("pin",), False)]
    decisions.decide_all(world.runtime, PARTNER, "a", {line: "pin"}, actor="ann")
    shown = previews.page(world.runtime, PARTNER, preview(world), category="same")
    assert [(ask.code, ask.answers) for ask in shown.accounts.items[0].questions] == [("pinned", ("unpin",))]
    decisions.decide_all(world.runtime, PARTNER, "a", {line: "unpin"}, actor="ann")
    approve(world, preview(world))
    assert world.lines(agreement) == [group("MBX", 3, 2, 5)]


def test_an_approval_without_products_pins_none(world: World) -> None:
    run_id = preview(world)
    assert outcome.approval_of(world.runtime, run_id).products is None
    assert timedelta(0) <= world.clock() - row(world, run_id).created_at


def test_amounts_of_many_accounts_are_added_exactly_as_they_are_stored() -> None:
    several = [
        Money(Decimal("0.1"), Decimal("-0.20"), Decimal("1000000000000.0001"), Decimal(0)),
        Money(Decimal("0.2"), Decimal("3E+2"), Decimal("0.00000001"), Decimal(-7)),
    ]
    texts = [json.dumps(money_json(one)) for one in several]
    assert standing.in_all([*texts, "{}"]) == sum(several, Money())
    assert standing.in_all([]) == Money()
