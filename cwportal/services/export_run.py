"""The steps of one run: read, plan, limit, apply, end (design section 4)."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, suppress
from dataclasses import replace
from datetime import timedelta
from time import monotonic

from cwportal.billing.approval import may_be_written
from cwportal.billing.limits import Totals, limit_partner, limit_totals
from cwportal.billing.products import plan_products
from cwportal.billing.values import AccountPlan, Change, Finding
from cwportal.config import READ_FRESH
from cwportal.connectwise.errors import ConnectWiseError
from cwportal.connectwise.writer import Writer
from cwportal.runtime import Runtime
from cwportal.services import outcome, rejections, runs
from cwportal.services.apply import intents, store
from cwportal.services.apply.additions import apply_account, keeps_books
from cwportal.services.apply.creation import create_first
from cwportal.services.apply.journal import Journal
from cwportal.services.apply.products import apply_products, leave_products
from cwportal.services.apply.users_file import upload_lists
from cwportal.services.apply.work import Work
from cwportal.services.connection import Client
from cwportal.services.planning.again import AgreementsAgain
from cwportal.services.planning.ahead import ReadAhead, exported_agreements
from cwportal.services.planning.material import Material, gather, read_portal
from cwportal.services.planning.stream import (
    Planned,
    gone_from_portal,
    plan_accounts,
    plan_one,
    threads,
)
from cwportal.services.progress import Progress
from cwportal.services.runs import Lease, LeaseLost
from cwportal.vocabulary import PlanState, RunState

_LOOK = 0.2
"""Seconds between two looks at whether the run may go on while it only reads."""
_NOT_SHOWN = "Not written: this change of the product was not part of what was approved."
_ELSEWHERE = "Not part of what was approved; the next export writes it."


class ExportRun:
    """The steps of one run; plans are kept without their changes, which are in the database."""

    def __init__(self, runtime: Runtime, client: Client, lease: Lease, progress: Progress) -> None:
        self._runtime = runtime
        self._client = client
        self._lease = lease
        self._progress = progress
        self._store = store.PlanStore(runtime, lease)
        self._journal = Journal(runtime, lease)
        self._planned: dict[str, Planned] = {}
        self._material: dict[str, Material] = {}
        self._held: tuple[Finding, ...] = ()
        self._let_through: set[str] = set()
        self._rejected: dict[str, rejections.Rejected] = {}
        self._aside: dict[str, str] = {}
        self._lock = threading.Lock()
        self._totals: Totals | None = None
        self._look_again = 0.0

    def carry_out(self) -> None:
        """Read, plan, limit, apply, finish."""
        first = self._plan()
        self._store.add_products(first)
        runs.planned(self._runtime, self._lease, self._store.numbers)
        approval = outcome.approval_of(self._runtime, self._lease.run_id)
        with self._runtime.database.read() as session:
            self._rejected = rejections.of(session, self._lease.partner_id)
        chosen = [planned for planned in self._planned.values() if self._may_write(planned.plan, approval)]
        self._held = self._limit(approval)
        self._set_aside(approval)
        if self._lease.preview:
            self.end()
            return
        runs.enter(self._runtime, self._lease, RunState.APPLYING)
        if self._held and not approval.given:
            self.end()
            return
        quiet = [p for p in self._planned.values() if p.plan.state is PlanState.EMPTY and p.plan.exported]
        work = Work(self._runtime, self._client, Writer(self._client.transport), self._journal, self._lease)
        self._let_through = {planned.plan.account_id for planned in (*chosen, *quiet)}
        self._apply_products(work, {part for planned in chosen for part in planned.plan.products}, approval)
        self._apply(work, [*chosen, *(planned for planned in quiet if keeps_books(planned.plan))], approval)
        self.end(error=work.stopped.sentence if work.stopped else None)

    def end(self, *, error: str | None = None, state: RunState | None = None) -> None:
        """Write the outcome of every account and of the run; nothing if another process has it."""
        with suppress(LeaseLost):
            self._store.flush()
            outcome.conclude(
                self._runtime,
                self._lease,
                written=self._let_through,
                plans={key: planned.plan for key, planned in self._planned.items()},
                held=self._held,
                requests=self._client.transport.requests,
                error=error,
                state=state,
                aside=self._aside,
            )
        if self._lease.preview:
            store.keep_newest_preview(self._runtime, self._lease.partner_id)

    def _limit(self, approval: outcome.Approval) -> tuple[Finding, ...]:
        """What limits of the whole run hold: of what nobody has rejected, and of what is left where particular plans were approved."""
        if not self._material or approval.everything:
            return ()
        plans = [
            planned.plan
            for planned in self._planned.values()
            if not self._is_rejected(planned.plan) and not (approval.given and approval.covers(planned.plan))
        ]
        return limit_partner(plans, next(iter(self._material.values())).context.settings.limits)

    def _may_write(self, plan: AccountPlan, approval: outcome.Approval) -> bool:
        return (
            approval.covers(plan)
            and not self._is_rejected(plan)
            and may_be_written(plan, approved=approval.answers(plan))
        )

    def _is_rejected(self, plan: AccountPlan) -> bool:
        rejected = self._rejected.get(plan.account_id)
        return rejected is not None and rejected.digest == plan.digest

    def _set_aside(self, approval: outcome.Approval) -> None:
        """Accounts for which nothing is written in this run, and that wait for nobody: rejected, or not among those approved."""
        for account_id, planned in self._planned.items():
            plan = planned.plan
            if plan.state not in (PlanState.READY, PlanState.HELD):
                continue
            if self._is_rejected(plan):
                no = self._rejected[account_id]
                self._aside[account_id] = (
                    f"Rejected by {no.by}. Nothing is written until that is taken back or the plan changes."
                )
            elif (
                plan.state is PlanState.READY
                and approval.digests is not None
                and not approval.names(account_id)
                and not self._held
            ):
                self._aside[account_id] = _ELSEWHERE

    def _plan(self) -> dict[str, list[Change]]:
        """Plan all accounts; those with a write that is not settled yet come last, after waiting for it."""
        runtime, client = self._runtime, self._client
        partner_id = self._lease.partner_id
        pending = intents.look_up(runtime, client, partner_id, self._lease)
        # Agreements with a write that is not settled are read after waiting for it, never before.
        alone = pending.ready_at is not None or runtime.config.concurrency == 1
        soon = [] if alone else exported_agreements(runtime, partner_id, client.tenant)
        with ReadAhead(runtime, client, soon) as ahead:
            portal = read_portal(runtime, partner_id)
            ids = sorted(portal.accounts)
            waiting = pending.of(portal.charges)
            last = [account_id for account_id in ids if account_id in waiting] if pending.ready_at else []
            now = [account_id for account_id in ids if account_id not in set(last)]
            material = gather(runtime, client, portal, now, waiting)
            self._take(material, now, len(ids), ahead)
        for plan in gone_from_portal(material):
            self._planned[plan.account_id] = Planned(self._store.add(plan), runtime.clock(), b"")
        if last and pending.ready_at:
            while (pause := (pending.ready_at - runtime.clock()).total_seconds()) > 0:
                self._progress("Waiting until lost writes can be checked", len(now), len(ids))
                self._look()
                runtime.sleep(min(pause, 1.0))
            pending = intents.look_up(runtime, client, partner_id, self._lease)
            self._take(gather(runtime, client, portal, last, pending.of(portal.charges)), last, len(ids))
        self._store.flush()
        first = store.first_needs(planned.plan for planned in self._planned.values())
        changes: list[Change] = []
        for material in {id(m): m for m in self._material.values()}.values():
            mine = {part: account for part, account in first.items() if self._material[account] is material}
            changes += plan_products(mine, material.context)
        return store.by_first_account(changes, first)

    def _may_go_on(self) -> None:
        """Asked by every account that is read, and looked up now and then."""
        now = monotonic()
        if now >= self._look_again:
            self._look_again = now + _LOOK
            self._look()

    def _look(self) -> None:
        """Cancelled or taken over? Then the run stops here; writes look for themselves."""
        with self._runtime.database.read() as session:
            runs.look(session, self._lease, self._runtime.clock())

    def _take(self, material: Material, account_ids: list[str], total: int, ahead: ReadAhead | None = None) -> None:
        plans = plan_accounts(
            self._runtime, self._client, material, account_ids, ahead=ahead, may_go_on=self._may_go_on
        )
        with closing(plans):
            for planned in plans:
                plan = planned.plan
                self._material[plan.account_id] = material
                self._planned[plan.account_id] = replace(planned, plan=self._store.add(plan))
                self._progress("Reading agreements", len(self._planned), total)

    def _apply_products(self, work: Work, needed: set[str], approval: outcome.Approval) -> None:
        with self._runtime.database.read() as session:
            changes = store.planned(session, self._lease.run_id, products=True)
        wanted = [stored for stored in changes if stored.change.part_number in needed]
        leave_products(work, [stored for stored in wanted if not approval.allows(stored.change)], _NOT_SHOWN)
        apply_products(work, [stored for stored in wanted if approval.allows(stored.change)])

    def _apply(self, work: Work, chosen: list[Planned], approval: outcome.Approval) -> None:
        again = AgreementsAgain(self._runtime, self._client, (p.plan.agreement_id or 0 for p in chosen))

        def one(planned: Planned) -> AccountPlan | None:
            current = None if work.stopped else self._fresh(work, planned, approval, again)
            if current is None or work.stopped is not None:
                return None
            changes: list[store.Stored] = []
            if current.plan.state is not PlanState.EMPTY:
                with self._runtime.database.read() as session:
                    changes = store.planned(session, self._lease.run_id, account_id=current.plan.account_id)
            plan, changes = create_first(work, self._material[current.plan.account_id], current.plan, changes)
            if plan is not current.plan:
                self._planned[plan.account_id] = replace(current, plan=plan)
            apply_account(work, plan, changes, current.rows)
            return plan

        with ThreadPoolExecutor(threads(self._runtime), thread_name_prefix="apply") as pool:
            futures = [pool.submit(one, planned) for planned in chosen]
            try:
                reached = []
                for count, future in enumerate(futures, 1):
                    reached.append(future.result())
                    self._progress("Writing accounts", count, len(futures))
                for account_id, told in upload_lists(work, pool, filter(None, reached), self._material).items():
                    self._planned[account_id] = self._planned[account_id].telling(told)
            except BaseException:
                pool.shutdown(cancel_futures=True)
                raise

    def _fresh(
        self, work: Work, planned: Planned, approval: outcome.Approval, again_read: AgreementsAgain
    ) -> Planned | None:
        """The plan if what it was made from is recent or unchanged; else a new one, if that may be written; else None."""
        plan = planned.plan
        age = self._runtime.clock() - planned.read_at
        if plan.state is PlanState.EMPTY or plan.agreement_id is None or age <= timedelta(seconds=READ_FRESH):
            return planned
        material = self._material[plan.account_id]
        try:
            agreement = again_read.facts(plan.agreement_id, material)
            again = plan_one(
                self._runtime, self._client, material.with_agreement(plan.agreement_id, agreement), plan.account_id
            )
        except ConnectWiseError as error:
            self._journal.skip_account(
                plan.account_id, f"Not tried: the agreement could not be read again. {error.sentence}"
            )
            work.failed(error)
            return None
        if again.fingerprint == planned.fingerprint:
            return replace(again, plan=replace(again.plan, changes=()))
        stripped = self._store.replace(again.plan)
        with self._lock:
            if self._totals is None:
                self._totals = sum(map(self._counted, self._planned.values()), Totals())
            planned, before = replace(again, plan=stripped), self._planned[plan.account_id]
            self._totals += self._counted(planned) - self._counted(before)
            self._planned[plan.account_id] = planned
            limits = material.context.settings.limits
            held = () if approval.given else limit_totals(self._totals, limits)
            self._held = self._held or held  # told as the reason; what was written before stays
            if self._may_write(again.plan, approval) and not held:
                return planned
            self._let_through.discard(plan.account_id)
            return None

    def _counted(self, planned: Planned) -> Totals:
        return Totals() if self._is_rejected(planned.plan) else Totals.of(planned.plan)
