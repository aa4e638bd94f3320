"""Company, contact and agreement of one account, created one after the other before its first addition (rule 13).

Each is an intent committed first; its id goes into the mapping in the same commit as its outcome. What is not certain is looked up
by a later run, and nothing that depends on it is tried before.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any

from sqlalchemy.orm import Session

from cwportal.billing import creation
from cwportal.billing.agreements import agreement_findings
from cwportal.billing.values import AccountPlan, CompanyFacts, Finding
from cwportal.connectwise.errors import ConnectWiseError, Forbidden, Invalid
from cwportal.connectwise.records import Agreement, Company
from cwportal.services.apply import created, present
from cwportal.services.apply.company import Exists, creation_refused, otherwise
from cwportal.services.apply.journal import Done, Intent
from cwportal.services.apply.steps import MAPPED_ANEW, Steps
from cwportal.services.apply.store import Stored
from cwportal.services.apply.work import Work
from cwportal.services.planning.facts import agreement_facts, billing_options
from cwportal.services.planning.material import Material
from cwportal.services.runs import Cancelled, LeaseLost, OutOfTime
from cwportal.vocabulary import Kind, Outcome, Severity

_TRIES = 20
"""So many times a refused company is sent with another identifier, or without a field that ConnectWise does not accept."""


def create_first(
    work: Work, material: Material, plan: AccountPlan, changes: list[Stored]
) -> tuple[AccountPlan, list[Stored]]:
    """Create what the account's additions need. Returns the plan with its agreement, and the changes that are left to apply.

    Where something could not be created the rest is skipped, and a finding on the account says what to do if that is known.
    """
    first = [stored for stored in changes if stored.change.kind in created.KINDS]
    if not first:
        return plan, changes
    rest = [stored for stored in changes if stored.change.kind not in created.KINDS]
    steps = _Creation(work, material, plan)
    steps.carry_out(first)
    if steps.why is not None:
        work.journal.skip([stored.id for stored in rest], steps.why)
        rest = []
    return steps.plan, rest


class _Creation(Steps):
    """The steps of one account."""

    def carry_out(self, changes: list[Stored]) -> None:
        """One after the other, until one fails that the others need."""
        steps = {Kind.COMPANY: self._company, Kind.CONTACT: self._contact, Kind.AGREEMENT: self._agreement}
        for stored in changes:
            change = stored.change
            if self.why is None and self._work.stopped is not None:
                self.why = f"Not tried: the export stopped before. {self._work.stopped.sentence}"
            if self.why is None and (change.kind, change.action) in self._work.refused and change.kind != Kind.CONTACT:
                self.why = f"Not tried: {self._work.refused[change.kind, change.action]}"
            if self.why is not None:
                self._work.journal.skip([stored.id], self.why)
            else:
                steps[change.kind](stored)

    def _company(self, stored: Stored) -> None:
        work, fields = self._work, dict(stored.change.after)
        if not self._look_first(stored, lambda: present.company(work.client.read, self._name, fields), None):
            return
        left = creation.identifiers(self.plan.account_id, self._name)
        tried: set[str] = set()
        started = work.journal.start(Intent(stored.id, fields, (), None))
        for _ in range(_TRIES):
            tried.add(fields["identifier"].casefold())
            try:
                record = self._send_company(stored, started, fields)
            except Invalid as error:
                try:
                    following = next(one for one in left if one.casefold() not in tried)
                    fields = otherwise(work.client.read, self._name, fields, error, following)
                except Exists as there:
                    self._failed(stored, error, there.finding)
                    return
                except ConnectWiseError as second:
                    self._failed(stored, second, refused=True)
                    return
                started = self._again(stored, fields)
                continue
            except ConnectWiseError as error:
                self._failed(stored, error)
                return
            self._company_there(stored, record)
            return
        self._failed(
            stored, Invalid(f"ConnectWise refused every identifier that was tried for {self._name}. Create it there.")
        )

    def _again(self, stored: Stored, fields: Mapping[str, Any]) -> datetime:
        """The intent of another try. Where the run stops instead, what is known stays known: ConnectWise has refused the one before."""
        try:
            return self._work.journal.again(Intent(stored.id, fields, (), None))
        except (Cancelled, OutOfTime, LeaseLost) as stop:
            why = f"ConnectWise refused it, and it was not sent again. {stop}"
            self._work.journal.finish(Done(stored.id, Outcome.FAILED, why))
            raise

    def _send_company(self, stored: Stored, started: datetime, fields: Mapping[str, Any]) -> Company:
        return self._work.send(stored.id, started, lambda: self._work.writer.create_company(fields))

    def _company_there(self, stored: Stored, record: Company) -> None:
        kept = []

        def keep(session: Session) -> None:
            kept.append(
                created.keep_company(
                    session,
                    self._work.runtime,
                    self._work.lease.owner,
                    self.plan.account_id,
                    company_id=record.id,
                    name=record.name,
                    by=self._by,
                )
            )

        self._done(stored, keep)
        self._company_id, self._company_name = record.id, record.name
        if kept != [True]:
            self.why = MAPPED_ANEW

    def _contact(self, stored: Stored) -> None:
        """An agreement may do without a contact, so only a lost answer stops here."""
        work, company_id = self._work, self._company_id or 0
        fields = {**stored.change.after, "company": {"id": company_id}}
        refused = work.refused.get((stored.change.kind, stored.change.action))
        if not self._is_wanted(stored, company_id):
            return
        try:
            there = present.contact(work.client.read, fields)
        except ConnectWiseError as error:
            self._contact_failed(stored, error, refused=True)
            return
        if refused is not None or there is not None:
            why = refused or f"Not needed: the company has this contact already (id {there})."
            work.journal.skip([stored.id], why)
            self._contact_id = there
            return
        try:
            started = work.journal.start(Intent(stored.id, fields, (), None))
            number = work.send(stored.id, started, lambda: work.writer.create_contact(fields))
        except Forbidden as error:
            why = f"The agreement is created without it: {error.sentence}"
            work.refused[stored.change.kind, stored.change.action] = why
            work.journal.finish(Done(stored.id, Outcome.SKIPPED, why))
            return
        except ConnectWiseError as error:
            self._contact_failed(stored, error)
            return
        owner, account_id = work.lease.owner, self.plan.account_id
        self._contact_id = number
        self._done(
            stored,
            lambda session: created.keep_contact(session, owner, account_id, company_id=company_id, contact_id=number),
        )

    def _contact_failed(self, stored: Stored, error: ConnectWiseError, *, refused: bool = False) -> None:
        self._failed(stored, error, refused=refused)
        if (refused or self._work.outcome(error) is Outcome.FAILED) and self._work.stopped is None:
            self.why = None

    def _agreement(self, stored: Stored) -> None:
        work, company_id = self._work, self._company_id or 0
        fields = {**stored.change.after, "company": {"id": company_id}}
        if self._contact_id is not None:
            fields["contact"] = {"id": self._contact_id}
        known: list[int] = []

        def look() -> Finding | None:
            there = work.client.read.agreements_of(company_id)
            known.extend(sorted(one.id for one in there))
            return present.agreement(work.runtime, work.lease.owner, there, self._name, fields, self._material.context)

        if not self._look_first(stored, look, company_id):
            return
        started = work.journal.start(Intent(stored.id, fields, tuple(known), None))
        try:
            record = work.send(stored.id, started, lambda: work.writer.create_agreement(fields))
        except Invalid as error:
            self._agreement_refused(stored, fields, error)
        except ConnectWiseError as error:
            self._failed(stored, error)
        else:
            self._agreement_there(stored, record)

    def _agreement_refused(self, stored: Stored, fields: Mapping[str, Any], error: Invalid) -> None:
        about_contact = any(one.field.partition("/")[0].casefold() == "contact" for one in error.errors)
        company_id, owner = self._company_id or 0, self._work.lease.owner
        if not about_contact:
            self._failed(stored, creation_refused(error, "agreement", self._name))
        elif "contact" not in fields:
            shown = f"{self._company_name!r} (id {company_id})"
            self._failed(stored, error, creation.contact_missing(self._name, shown))
        else:
            account_id = self.plan.account_id
            self._failed(
                stored,
                error,
                meaning=lambda session: created.forget_contact(session, owner, account_id, company_id=company_id),
            )

    def _agreement_there(self, stored: Stored, record: Agreement) -> None:
        work, account_id, company_id = self._work, self.plan.account_id, self._company_id or 0
        kept = []

        def keep(session: Session) -> None:
            kept.append(
                created.keep_agreement(
                    session,
                    work.runtime,
                    work.lease.owner,
                    account_id,
                    company_id=company_id,
                    agreement_id=record.id,
                    name=record.name,
                    by=self._by,
                )
            )
            created.point_run_at(session, work.lease.run_id, account_id, stored.id, record.id)

        self._done(stored, keep)
        self.plan = replace(self.plan, agreement_id=record.id)
        if kept != [True]:
            self.why = MAPPED_ANEW
            return
        self._check(record)

    def _check(self, record: Agreement) -> None:
        """How a new agreement bills is decided by its type: nothing goes on one that does not bill monthly in the right currency."""
        work, material, company_id = self._work, self._material, self._company_id or 0
        try:
            facts = agreement_facts(record, billing_options(work.client))
        except ConnectWiseError as error:
            self.why = f"Not tried: how the new agreement bills could not be read. {error.sentence}"
            return
        account = replace(
            material.account_input(self.plan.account_id, ()),
            wish=None,
            company_id=company_id,
            company=CompanyFacts(company_id, self._company_name),
            agreement_id=record.id,
            agreement=facts,
        )
        wrong = [one for one in agreement_findings(account, material.context) if one.severity is Severity.ERROR]
        if wrong:
            self.why = f"Not tried: {wrong[0].message}"
            with work.runtime.database.write() as session:
                self._tell(session, *wrong)
