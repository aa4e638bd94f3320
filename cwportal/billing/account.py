"""The plan of one account: from its charges, its agreement's lines and the ledger to changes, findings and money."""

from __future__ import annotations

from collections.abc import Iterable

from cwportal.billing.agreements import agreement_findings
from cwportal.billing.creation import creations, new_agreement, wish_findings
from cwportal.billing.digest import digest
from cwportal.billing.draft import Draft
from cwportal.billing.findings import APPROVE, finding, has, in_order
from cwportal.billing.lines import Ours
from cwportal.billing.money import text
from cwportal.billing.notexported import lines_stay, not_exported
from cwportal.billing.order import in_order as ordered
from cwportal.billing.others import settle_others
from cwportal.billing.part import plan_part
from cwportal.billing.parts import Parts
from cwportal.billing.products import cost_right, product_change, resolve, wanted_cost
from cwportal.billing.users import plan_users
from cwportal.billing.values import AccountInput, AccountPlan, AgreementFacts, Context, Finding
from cwportal.vocabulary import AccountStatus, Action, Effect, Kind, PlanState, Severity

_DEEDS = {
    (Kind.ADDITION, Action.CREATE): "add lines of agreements",
    (Kind.COMPANY, Action.CREATE): "create companies",
    (Kind.AGREEMENT, Action.CREATE): "create agreements",
}


def plan_account(account: AccountInput, context: Context) -> AccountPlan:
    """The proposal for one account. Pure: equal input gives an equal plan, whatever order it comes in.

    A plan that is BLOCKED or not `exported` has no changes. One that is HELD shows what would follow where that can be known; its
    changes wait. `state` speaks of writes to ConnectWise only: `rekeys`, `taken_over` and `closed` belong to every plan that may be
    written, and to an EMPTY one too.
    """
    if not account.export or not account.mapped:
        return _plan(account, context, Draft(findings=not_exported(account)))
    agreement, wish = account.agreement, account.wish
    if wish is None:
        place = agreement_findings(account, context)
    else:
        place, agreement = wish_findings(account, wish, context), new_agreement(account, context)
    findings = [*account.charges.findings, *lines_stay(account), *place]
    parts = Parts(account, context)
    if agreement is None or _blocks_account(findings):
        return _plan(account, context, _as_it_is(parts, findings))
    findings += [
        finding(
            "unconfirmed_write", one.message, part_number=one.part_number, addition_id=candidate, command=one.command
        )
        for one in account.unconfirmed
        if not one.users
        for candidate in one.candidates or (None,)
    ]
    draft, taken_over = _plan_parts(account, agreement, parts, context)
    if wish is not None:
        draft.changes += creations(account, wish, context)
    findings += _missing_rights(draft, context)
    if _blocks_account(findings):
        return _plan(account, context, _as_it_is(Parts(account, context), findings))
    draft.findings += findings
    if not account.charges.groups and not account.charges.blocked and account.status is not AccountStatus.CLOSED:
        draft.findings += _vanished(account, draft)
    users, about_users = plan_users(account, context)
    draft.changes += users
    draft.findings += about_users
    return _plan(account, context, draft, taken_over)


def _plan_parts(
    account: AccountInput, agreement: AgreementFacts, parts: Parts, context: Context
) -> tuple[Draft, Iterable[int]]:
    draft = Draft(findings=list(parts.findings), over=list(parts.over))
    others = settle_others(account, parts, context)
    draft.add(others.draft)
    for ours in parts.untouched:
        draft.untouched(ours)
    for part in parts.all():
        planned = plan_part(part, account, agreement, context)
        if planned.blocked:
            planned = _untouched(
                (ours for ours in part.live if ours.line.addition_id not in others.taken_over),
                [one for one in planned.findings if one.severity is Severity.ERROR],
            )
            others.taken_over -= {ours.line.addition_id for ours in part.live}
        elif part.groups:
            planned.products = _product_needs(part.part_number, planned, context)
            planned.findings += _cost_outdated(part.part_number, context)
        draft.add(planned)
    return draft, others.taken_over


def _untouched(live: Iterable[Ours], findings: list[Finding]) -> Draft:
    draft = Draft(findings=findings)
    for ours in live:
        draft.untouched(ours)
    return draft


def _as_it_is(parts: Parts, findings: list[Finding]) -> Draft:
    """An account of which nothing is written: all its lines bill on."""
    live = [*parts.untouched, *(ours for part in parts.all() for ours in part.live)]
    return _untouched(live, [*findings, *parts.findings])


def _blocks_account(findings: Iterable[Finding]) -> bool:
    return any(one.severity is Severity.ERROR and one.effect is Effect.ACCOUNT for one in findings)


def _product_needs(part_number: str, planned: Draft, context: Context) -> list[str]:
    """The part number, if its product must be created for these changes, or costs something else now."""
    if any(change.action is Action.CREATE and change.product_id is None for change in planned.changes):
        return [part_number]
    known = context.catalog.ledger.get(part_number)
    if known is None or not known.created:
        return []
    change = product_change(part_number, context)
    return [part_number] if change is not None and change.action is Action.UPDATE else []


def _cost_outdated(part_number: str, context: Context) -> list[Finding]:
    right = context.missing_rights.get((Kind.PRODUCT, Action.UPDATE))
    if right is None:
        return []
    entry, cost = resolve(part_number, context.catalog).entry, wanted_cost(part_number, context)
    if entry is None or cost is None or cost_right(part_number, entry, cost, context):
        return []
    return [
        finding(
            "missing_right",
            f"The catalog's cost of {part_number} is out of date, and the API member may not change it: the right {right} is missing. "
            "The agreement's lines are exported all the same. Grant the right.",
            part_number=part_number,
            severity=Severity.WARNING,
            effect=Effect.NONE,
        )
    ]


def _missing_rights(draft: Draft, context: Context) -> list[Finding]:
    needed = {
        (
            context.missing_rights[change.kind, change.action],
            _DEEDS.get((change.kind, change.action), "change lines of agreements"),
        )
        for change in draft.changes
        if (change.kind, change.action) in context.missing_rights and change.after
    }
    return [
        finding(
            "missing_right",
            f"The API member may not {deed}: the right {right} is missing. "
            "Nothing is exported for this account. Grant the right in ConnectWise and check the connection.",
        )
        for right, deed in sorted(needed)
    ]


def _vanished(account: AccountInput, draft: Draft) -> list[Finding]:
    if not draft.ended:
        return []
    amount = draft.money.price_before - draft.money.price_after
    lines = "1 line" if draft.ended == 1 else f"{draft.ended} lines"
    return [
        finding(
            "charges_vanished",
            f"All charges of {account.name} are gone, and {lines} of {text(amount)} a month would end, though the "
            "account is not closed. If that is right, approve it; else restore the charges in the portal.",
            amount=amount,
            command=APPROVE,
        )
    ]


def _plan(account: AccountInput, context: Context, draft: Draft, taken_over: Iterable[int] = ()) -> AccountPlan:
    changes, findings = ordered(draft.changes), in_order(draft.findings)
    rekeys = tuple(sorted(draft.rekeys, key=lambda rekey: rekey.addition_id))
    moved, closed = tuple(sorted(taken_over)), tuple(sorted(set(draft.over)))
    products = tuple(sorted(draft.products))
    if has(findings, Severity.HOLD):
        state = PlanState.HELD
    elif changes or products:
        state = PlanState.READY
    elif has(findings, Severity.ERROR):
        state = PlanState.BLOCKED
    else:
        state = PlanState.EMPTY
    return AccountPlan(
        account_id=account.account_id,
        agreement_id=account.agreement_id,
        state=state,
        digest=digest(
            tenant=context.tenant,
            account_id=account.account_id,
            agreement_id=account.agreement_id,
            changes=changes,
            decisions=account.decisions,
            rekeys=rekeys,
            taken_over=moved,
            closed=closed,
        ),
        changes=changes,
        findings=findings,
        money=draft.money,
        products=products,
        rekeys=rekeys,
        taken_over=moved,
        closed=closed,
        unchanged=draft.unchanged,
        live_before=draft.live,
        ended=draft.ended,
        exported_before=account.exported_before,
        exported=account.export and account.mapped,
    )
