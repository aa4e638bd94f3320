"""What an export may change without a person (rule 14)."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from decimal import Decimal

from cwportal.billing.findings import APPROVE, finding, has, in_order
from cwportal.billing.money import ZERO, text
from cwportal.billing.scale import canonical
from cwportal.billing.values import AccountPlan, Change, Finding, Limits
from cwportal.vocabulary import Action, Kind, PlanState, Severity

_WHAT_TO_DO = "If that is right, approve it; else correct the charges in the portal."


def limit_account(plan: AccountPlan, limits: Limits, *, closed: bool = False) -> tuple[Finding, ...]:
    """What of this account's plan must wait for a person. First exports do not count; nor do the ended lines of a `closed` account."""
    if not plan.exported_before or plan.state is PlanState.BLOCKED:
        return ()
    found = [_growth(change, limits) for change in plan.changes if _grows(change, limits)]
    if (
        not closed
        and plan.ended >= limits.account_ended_least
        and _above(plan.ended, plan.live_before, limits.account_ended_percent)
    ):
        found.append(
            finding(
                "limit_account",
                f"{plan.ended} of {plan.live_before} lines would end; more than "
                f"{canonical(limits.account_ended_percent)} % of an account's lines (and at least {limits.account_ended_least}) "
                f"wait for a person. {_WHAT_TO_DO}",
                command=APPROVE,
            )
        )
    return in_order(found)


@dataclass(frozen=True, slots=True)
class Totals:
    """What limits of a whole export look at, summed over plans. Kept as a sum, a plan that is made anew costs no look at all the others."""

    ended: int = 0
    live: int = 0
    before: Decimal = ZERO
    after: Decimal = ZERO

    @classmethod
    def of(cls, plan: AccountPlan) -> Totals:
        """Of one plan: nothing unless the account was exported before. A blocked one writes nothing."""
        if not plan.exported or not plan.exported_before or plan.state is PlanState.BLOCKED:
            return cls()
        return cls(plan.ended, plan.live_before, plan.money.price_before, plan.money.price_after)

    def __add__(self, other: Totals) -> Totals:
        return Totals(
            self.ended + other.ended, self.live + other.live, self.before + other.before, self.after + other.after
        )

    def __sub__(self, other: Totals) -> Totals:
        return Totals(
            self.ended - other.ended, self.live - other.live, self.before - other.before, self.after - other.after
        )


def limit_partner(plans: Iterable[AccountPlan], limits: Limits) -> tuple[Finding, ...]:
    """What of a whole export must wait for a person."""
    return limit_totals(sum(map(Totals.of, plans), Totals()), limits)


def limit_totals(totals: Totals, limits: Limits) -> tuple[Finding, ...]:
    """The same for plans that are summed already."""
    ended, live, before, after = totals.ended, totals.live, totals.before, totals.after
    found = []
    if ended >= limits.partner_ended_least and _above(ended, live, limits.partner_ended_percent):
        found.append(
            finding(
                "limit_partner",
                f"{ended} of {live} lines of all accounts would end; more than {canonical(limits.partner_ended_percent)} % "
                f"(and at least {limits.partner_ended_least}) wait for a person. {_WHAT_TO_DO}",
                command=APPROVE,
            )
        )
    if before > 0 and abs(after - before) * 100 > limits.partner_change_percent * before:
        found.append(
            finding(
                "limit_partner",
                f"The monthly total of all accounts exported before would change from {text(before)} to {text(after)}; changes of more than "
                f"{canonical(limits.partner_change_percent)} % wait for a person. {_WHAT_TO_DO}",
                amount=after - before,
                command=APPROVE,
            )
        )
    return in_order(found)


def hold(plan: AccountPlan, findings: Iterable[Finding]) -> AccountPlan:
    """The plan with more findings, waiting if one of them is a hold. A blocked plan stays blocked: it writes nothing anyway."""
    added = tuple(findings)
    if not added:
        return plan
    waits = has(added, Severity.HOLD) and plan.state is not PlanState.BLOCKED
    return replace(plan, findings=in_order((*plan.findings, *added)), state=PlanState.HELD if waits else plan.state)


def _above(part: int, whole: int, percent: Decimal) -> bool:
    return part * 100 > percent * whole


def _grows(change: Change, limits: Limits) -> bool:
    if change.kind is not Kind.ADDITION or change.action is not Action.UPDATE or "quantity" not in change.after:
        return False
    before: Decimal = change.before["quantity"]
    after: Decimal = change.after["quantity"]
    return before > 0 and after >= limits.growth_factor * before and after > limits.growth_over


def _growth(change: Change, limits: Limits) -> Finding:
    return finding(
        "limit_account",
        f"The quantity of line {change.addition_id} of {change.part_number} would grow from {canonical(change.before['quantity'])} to "
        f"{canonical(change.after['quantity'])}; growth to {canonical(limits.growth_factor)} times or more and over "
        f"{canonical(limits.growth_over)} waits for a person. {_WHAT_TO_DO}",
        part_number=change.part_number,
        addition_id=change.addition_id,
        amount=change.price_delta,
        command=APPROVE,
    )
