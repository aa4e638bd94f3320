"""A plan as a diff to read: findings and what to do first, then what would change per account, then one line of sums."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping

from cwportal.billing.values import AccountPlan, Change, Money
from cwportal.commands import findingsview, words
from cwportal.commands.out import Paint
from cwportal.commands.text import cell
from cwportal.services import reports
from cwportal.services.plans import PartnerPlan
from cwportal.vocabulary import Action, PlanState


def lines(plan: PartnerPlan, partner_id: str, agreements: Mapping[str, str], paint: Paint) -> Iterator[str]:
    """The whole text. `agreements`: account -> name of its agreement and company."""
    yield paint(f"What an export of {partner_id} would do now. Amounts are {plan.currency} a month, our lines only.")
    yield from _findings(plan, partner_id, paint)
    for account in plan.accounts:
        changes = [*plan.products.get(account.account_id, ()), *account.changes]
        if changes:
            yield ""
            yield from _account(account, changes, plan, agreements, paint)
    yield ""
    yield from _quiet(plan, paint)
    yield paint(summary(plan), bold=True)


def _findings(plan: PartnerPlan, partner_id: str, paint: Paint) -> Iterator[str]:
    told = [findingsview.Told(None, reports.finding(one)) for one in plan.findings]
    for account in plan.accounts:
        name = findingsview.account_name(plan.names, account.account_id)
        told += [findingsview.Told(name, reports.finding(one)) for one in account.findings]
    before = None
    for severity, line in findingsview.lines(told, partner_id, plan.currency, paint):
        if severity is not before:
            yield ""
        yield line
        before = severity


def _account(
    account: AccountPlan, changes: list[Change], plan: PartnerPlan, agreements: Mapping[str, str], paint: Paint
) -> Iterator[str]:
    name = findingsview.account_name(plan.names, account.account_id)
    where = agreements.get(account.account_id, "")
    state = f"  [{words.PLANS[account.state]}]" if account.state is PlanState.HELD else ""
    yield paint(name, bold=True) + (f", {cell(where)}" if where else "") + paint(state, "magenta")
    for change in changes:
        yield "  " + paint(_change(change), words.COLOURS[change.action])
    yield "    " + _amounts(account.money)


def _change(change: Change) -> str:
    what = cell(words.subject(change.kind, change.part_number, change.addition_id))
    detail = words.detail(change.kind, change.action, change.before, change.after)
    delta = f"  {words.signed(change.price_delta)}" if change.price_delta else ""
    return f"{words.SIGNS[change.action]} {what}{detail}{delta}  ({cell(change.reason)})"


def _amounts(amounts: Money) -> str:
    before, after = amounts.price_before - amounts.cost_before, amounts.price_after - amounts.cost_after
    return (
        f"price {words.change(amounts.price_before, amounts.price_after)}, "
        f"cost {words.change(amounts.cost_before, amounts.cost_after)}, margin {words.change(before, after)}"
    )


def _quiet(plan: PartnerPlan, paint: Paint) -> Iterator[str]:
    same = sum(account.exported and account.state is PlanState.EMPTY for account in plan.accounts)
    without = sum(not account.exported for account in plan.accounts)
    stopped = sum(account.state is PlanState.BLOCKED for account in plan.accounts)
    parts = [
        f"{number} {'account' if number == 1 else 'accounts'} {what}"
        for number, what in ((same, "without a change"), (stopped, "with errors only"), (without, "not exported"))
        if number
    ]
    if parts:
        yield paint(f"{', '.join(parts)}.")


def summary(plan: PartnerPlan) -> str:
    """The last line: what, how much of it waits, and the monthly price."""
    counted, waiting = Counter[Action](), 0
    for account in plan.accounts:
        changes = [*plan.products.get(account.account_id, ()), *account.changes]
        counted.update(change.action for change in changes)
        if account.state is PlanState.HELD:
            waiting += len(account.changes)
    if plan.findings:
        waiting = counted.total()
    if not counted:
        said = "no change" if plan.state is PlanState.EMPTY else "nothing to write"
    else:
        said = f"{counted[Action.CREATE]} to create, {counted[Action.UPDATE]} to change, {counted[Action.END]} to end"
        if counted[Action.ADOPT]:
            said += f", {counted[Action.ADOPT]} existing to use"
        if waiting:
            said += f", {waiting} of them waiting for approval"
    return f"Plan: {said}; price a month {words.change(plan.money.price_before, plan.money.price_after, plan.currency)}"
