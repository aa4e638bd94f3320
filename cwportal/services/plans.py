"""What an export would do now, for a screen; nothing is stored, nothing is written to ConnectWise."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from cwportal.billing.approval import plan_state
from cwportal.billing.limits import limit_partner
from cwportal.billing.products import plan_products
from cwportal.billing.values import AccountPlan, Change, Finding, Money
from cwportal.runtime import Runtime
from cwportal.services.apply import intents, store
from cwportal.services.connection import open_client
from cwportal.services.planning.material import gather, read_portal
from cwportal.services.planning.stream import (
    gone_from_portal,
    plan_accounts,
)
from cwportal.services.progress import Progress, silent
from cwportal.vocabulary import PlanState


@dataclass(frozen=True, slots=True)
class PartnerPlan:
    """The proposal for a partner: accounts in order, products under the first account that needs each."""

    state: PlanState
    currency: str
    accounts: tuple[AccountPlan, ...]
    products: Mapping[str, list[Change]]
    names: Mapping[str, str]
    findings: tuple[Finding, ...]
    money: Money


def preview(runtime: Runtime, partner_id: str, *, progress: Progress = silent) -> PartnerPlan:
    """What an export would do now. Writes nothing to ConnectWise."""
    with open_client(runtime, partner_id) as client:
        pending = intents.look_up(runtime, client, partner_id, None)
        portal = read_portal(runtime, partner_id)
        ids = sorted(portal.accounts)
        material = gather(runtime, client, portal, ids, pending.of(portal.charges))
        plans = []
        for count, planned in enumerate(plan_accounts(runtime, client, material, ids), 1):
            plans.append(planned.plan)
            progress("Reading agreements", count, len(ids))
    plans += gone_from_portal(material)
    held = limit_partner(plans, material.context.settings.limits)
    first = store.first_needs(plans)
    return PartnerPlan(
        state=plan_state(plans, partner_held=bool(held)),
        currency=portal.partner.currency,
        accounts=tuple(plans),
        products=store.by_first_account(plan_products(first, material.context), first),
        names={
            **{plan.account_id: plan.account_id for plan in plans},
            **{account.id: account.name for account in portal.accounts.values()},
        },
        findings=held,
        money=sum((plan.money for plan in plans), Money()),
    )
