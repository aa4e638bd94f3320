"""What a preview shows of real plans, what can be approved of them together, and what of it an export has moved."""

from __future__ import annotations

from decimal import Decimal

import pytest
from sqlalchemy import update

from cwportal.errors import UsageError
from cwportal.models import Run, RunAccount
from cwportal.services import approvals, decisions, exports, found, history, previews, rejections, reports
from cwportal.services.questions import ByHand
from cwportal.vocabulary import AccountState, RunState, Trigger
from tests.services.test_approvals import account, approve, existing, preview, reject, row, vanished
from tests.support.portal import PARTNER, charge
from tests.support.world import World, group


def categories(world: World, run_id: int) -> dict[str, int]:
    return dict(previews.page(world.runtime, PARTNER, run_id).numbers)


def test_an_account_with_a_missing_price_beside_its_changes_is_shown_and_approved(world: World) -> None:
    agreement = account(world, "a", charge("MBX", 3, 2, 5), charge("ARC", 1, 2, None))
    account(world, "b", charge("ARC", 1, 2, None))
    run_id = preview(world)
    assert row(world, run_id).state == RunState.PARTIAL
    shown = previews.page(world.runtime, PARTNER, run_id)
    assert [(one.account_id, one.category, one.approvable) for one in shown.accounts.items] == [
        ("a", "ready", True),
        ("b", "blocked", False),
    ]
    assert [one.code for one in shown.accounts.items[0].findings] == ["price_missing"]
    assert (shown.changing, shown.approvable, shown.offer.money.price_after) == (1, 1, Decimal(15))
    assert [(one.part_number, one.accounts) for one in shown.unpriced] == [("ARC", 2)]
    assert not approvals.waiting(world.runtime, PARTNER)
    approve(world, run_id, "a")
    assert world.lines(agreement) == [group("MBX", 3, 2, 5)]


def test_what_is_not_billed_is_no_sum_where_not_all_of_it_was_looked_at(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("a", "b"):
        account(world, name, charge("ARC", 1, 2, None))
    monkeypatch.setattr(found, "READ_AT_MOST", 1)
    shown = previews.page(world.runtime, PARTNER, preview(world))
    assert [(one.part_number, one.accounts, one.cost) for one in shown.unpriced] == [("ARC", 1, None)]
    assert shown.more_unpriced
    monkeypatch.setattr(found, "READ_AT_MOST", 2)
    shown = previews.page(world.runtime, PARTNER, preview(world))
    assert [(one.accounts, one.cost) for one in shown.unpriced] == [(2, Decimal(2) * 2)]
    assert not shown.more_unpriced


def test_all_that_wait_are_not_all_that_can_be_approved(world: World) -> None:
    world.choose(limit_change="1000")
    first, second = vanished(world), account(world, "b", charge("MBX", 4, 2, 5))
    preview(world)
    waiting = approvals.waiting(world.runtime, PARTNER)
    assert (waiting.total, waiting.approvable, waiting.run_id) == (1, 1, 2)
    assert previews.page(world.runtime, PARTNER, 2).approvable == 2
    approval = approvals.approve(
        world.runtime, PARTNER, 2, None, shown=waiting.approvable, name=waiting.offered, only_waiting=True
    )
    exports.export(world.runtime, PARTNER, actor="ann", approval=approval)
    assert (world.lines(first), world.lines(second)) == ([], [])


def test_all_of_as_many_other_plans_than_were_shown_is_refused(world: World) -> None:
    for name in ("a", "b"):
        account(world, name, charge("MBX", 3, 2, 5))
    run_id = preview(world)
    reject(world, run_id, "a")
    offer = previews.page(world.runtime, PARTNER, run_id).offer
    reject(world, run_id, "b")
    rejections.take_back(world.runtime, PARTNER, ["a"], actor="bob")
    with pytest.raises(UsageError, match="meanwhile somebody rejected"):
        approvals.approve(world.runtime, PARTNER, run_id, None, shown=offer.count, name=offer.name)


def test_the_money_of_an_export_is_that_of_the_accounts_it_wrote(world: World) -> None:
    account(world, "a", charge("MBX", 3, 2, 5))
    account(world, "b", charge("MBX", 40, 2, 5))
    ended = row(world, approve(world, preview(world), "a"))
    assert ended.state == RunState.SUCCEEDED
    money = history.moved(world.runtime, [ended])[ended.id]
    assert {name: Decimal(value) for name, value in money.items()} == {
        "price_before": 0,
        "price_after": 15,
        "cost_before": 0,
        "cost_after": 6,
    }
    assert reports.log_json(world.runtime, ended.id)["money"] == money
    reject(world, preview(world), "b")
    nothing = row(world, world.export()["run_id"])
    money = history.moved(world.runtime, [nothing, ended])[nothing.id]
    assert nothing.state == RunState.SUCCEEDED
    assert [Decimal(money[name]) for name in ("price_before", "price_after")] == [15, 15]


def test_what_was_written_is_known_without_looking_at_every_account_of_an_export(world: World) -> None:
    account(world, "a", charge("MBX", 3, 2, 5))
    account(world, "b", charge("MBX", 40, 2, 5))
    ended = row(world, approve(world, preview(world), "a"))
    with world.database.write() as session:  # most accounts were written, few left out: the money of those is enough
        session.execute(
            update(RunAccount).where(RunAccount.run_id == ended.id, RunAccount.account_id == "a").values(money={})
        )
    money = history.moved(world.runtime, [ended])[ended.id]
    assert [Decimal(money[name]) for name in ("price_after", "cost_after")] == [15, 6]


def test_what_an_export_did_not_reach_is_not_called_written(world: World) -> None:
    account(world, "a", charge("MBX", 3, 2, 5))
    account(world, "b", charge("ARC", 4, 2, 5))
    world.faults({"kind": "error_before", "match": {"method": "POST"}, "times": None})
    ended = world.export()
    world.faults()
    assert ended["status"] == "failed"
    assert categories(world, ended["run_id"]) == {"failed": 2}
    shown = previews.page(world.runtime, PARTNER, ended["run_id"])
    assert {one.state for one in shown.accounts.items} == {AccountState.FAILED}


def test_an_approval_of_a_plan_that_had_changed_is_not_called_written(world: World) -> None:
    agreement = account(world, "a", charge("MBX", 3, 2, 5))
    run_id = preview(world)
    approval = approvals.approve(world.runtime, PARTNER, run_id, ["a"])
    world.source.set_charges("a", charge("MBX", 4, 2, 5))
    ended = exports.export(world.runtime, PARTNER, actor="ann", approval=approval)
    assert world.lines(agreement) == []
    with pytest.raises(approvals.AlreadyApproved) as told:
        approvals.approve(world.runtime, PARTNER, run_id, ["a"])
    assert str(told.value) == (
        f"This was approved already by ann: export {ended} was started with it, and nothing was started a second time. "
        "Export status shows what it has written and what still waits."
    )


def test_no_account_at_all_and_none_that_is_exported(world: World) -> None:
    run_id = preview(world)
    assert not previews.page(world.runtime, PARTNER, run_id).gone
    world.source.add_account("a", charge("MBX", 3, 2, 5))
    again = preview(world)
    assert (previews.page(world.runtime, PARTNER, run_id).gone, categories(world, again)) == (True, {"off": 1})


def test_an_account_that_has_to_be_decided_is_named_as_the_reason(world: World) -> None:
    _, line = existing(world)
    account(world, "b", charge("MBX", 3, 2, 5))
    run_id = preview(world)
    with pytest.raises(UsageError, match="1 of the chosen accounts needs decisions on single lines first"):
        approvals.approve(world.runtime, PARTNER, run_id, ["a", "b"])
    decisions.decide_all(world.runtime, PARTNER, "a", {line: "use"}, actor="ann")
    with pytest.raises(UsageError, match="Read again"):
        approvals.approve(world.runtime, PARTNER, run_id, ["a", "b"])
    assert approvals.approve(world.runtime, PARTNER, run_id, ["b"])["accounts"].keys() == {"b"}


def test_three_values_of_every_amount_that_was_changed_by_hand(world: World) -> None:
    agreement = account(world, "a", charge("MBX", "3", "2", "5.0625"))
    world.export()
    line = world.additions(agreement)[0]["id"]
    world.edit(line, unitPrice=4, quantity=7)
    (one,) = previews.page(world.runtime, PARTNER, preview(world)).accounts.items
    (question,) = one.questions
    assert sorted(question.values, key=lambda value: value.name) == [
        ByHand("quantity", Decimal(3), Decimal(7), Decimal(3)),
        ByHand("unitPrice", Decimal("5.0625"), Decimal(4), Decimal("5.0625")),
    ]
    assert question.sentences == ("The portal's value is written. You can keep ConnectWise's instead.",)
    decisions.decide_all(world.runtime, PARTNER, "a", {line: "pin"}, actor="ann")
    run_id = preview(world)
    decisions.decide_all(world.runtime, PARTNER, "a", {line: "unpin"}, actor="ann")
    (one,) = previews.page(world.runtime, PARTNER, run_id, category="same").accounts.items
    assert (one.questions[0].taken_back, one.decided) == (True, True)


def test_a_plan_of_another_connectwise_is_neither_shown_first_nor_approved(world: World) -> None:
    account(world, "a", charge("MBX", 3, 2, 5))
    run_id = preview(world)
    with world.database.write() as session:
        session.get_one(Run, run_id).tenant = "elsewhere/other"
    assert previews.latest(world.runtime, PARTNER) is None
    with pytest.raises(UsageError, match="another ConnectWise"):
        approvals.approve(world.runtime, PARTNER, run_id, ["a"])
    with pytest.raises(UsageError, match="another ConnectWise"):
        reject(world, run_id, "a")


@pytest.mark.parametrize(("approved", "counted"), [((), 2), (("a",), 1), (("a", "b"), 2)])
def test_progress_counts_what_the_run_writes(world: World, approved: tuple[str, ...], counted: int) -> None:
    for name in ("a", "b"):
        account(world, name, charge("MBX", 3, 2, 5))
    run_id = preview(world)
    given = approvals.approve(world.runtime, PARTNER, run_id, approved) if approved else {}
    with world.database.write() as session:  # as if this plan was that of an export at work
        run = session.get_one(Run, run_id)
        run.trigger, run.state, run.approval = Trigger.MANUAL, RunState.APPLYING, given
    _, far = history.progress(world.runtime, PARTNER, run_id)
    products = 1 if "a" in approved or not approved else 0
    assert (far.to_read, far.read, far.to_write, far.changes) == (2, 2, counted, counted + products)
