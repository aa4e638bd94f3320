"""What the steps of creating have in common: where the account stands, looking first, and how a step ended (rule 13)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from sqlalchemy.orm import Session

from cwportal.billing.values import AccountPlan, Finding
from cwportal.connectwise.errors import ConnectWiseError, Forbidden, Invalid
from cwportal.models import RunAccount
from cwportal.services.apply import present
from cwportal.services.apply.journal import Done
from cwportal.services.apply.store import Stored, finding_json
from cwportal.services.apply.work import Work
from cwportal.services.planning.material import Material
from cwportal.vocabulary import Outcome

MAPPED_ANEW = "Not tried: the account was mapped to something else meanwhile."


class Steps:
    """One account. `why`: why nothing further is tried; `plan`: with what was created and found since."""

    def __init__(self, work: Work, material: Material, plan: AccountPlan) -> None:
        mapping = material.mappings[plan.account_id]
        self.plan = plan
        self.why: str | None = None
        self._work = work
        self._material = material
        self._name = material.portal.accounts[plan.account_id].name
        self._company_id = mapping.cw_company_id
        self._company_name = mapping.company_name
        self._contact_id: int | None = None
        self._by = f"run {work.lease.run_id}"

    def _look_first(self, stored: Stored, look: Callable[[], Finding | None], company_id: int | None) -> bool:
        """Whether it is still wanted and `look` finds nothing that speaks against it; else it is not tried, and the account told why."""
        if not self._is_wanted(stored, company_id):
            return False
        try:
            found = look()
        except ConnectWiseError as error:
            self._failed(stored, error, refused=True)
            return False
        if found is not None:
            self._failed(stored, Invalid(found.message), found)
        return found is None

    def _is_wanted(self, stored: Stored, company_id: int | None) -> bool:
        """Whether the account still waits for it, or a person has mapped it meanwhile; then it is not tried, nor what follows."""
        work = self._work
        if present.is_wanted(work.runtime, work.lease.owner, self.plan.account_id, company_id):
            return True
        self.why = MAPPED_ANEW
        work.journal.skip([stored.id], self.why)
        return False

    def _done(self, stored: Stored, keep: Callable[[Session], object]) -> None:
        self._work.succeeded()

        def ledger(session: Session) -> None:
            keep(session)

        self._work.journal.finish(Done(stored.id, Outcome.APPLIED, ledger=ledger))

    def _failed(
        self,
        stored: Stored,
        error: ConnectWiseError,
        finding: Finding | None = None,
        *,
        refused: bool = False,
        meaning: Callable[[Session], object] = lambda _: None,
    ) -> None:
        """Note the outcome. `refused`: the write itself was refused or never sent, whatever the error met beside it."""
        work = self._work
        outcome = Outcome.FAILED if refused else work.outcome(error)
        message = finding.message if finding else error.sentence

        def ledger(session: Session) -> None:
            self._tell(session, *([finding] if finding else []))
            meaning(session)

        work.journal.finish(Done(stored.id, outcome, message, ledger=ledger))
        work.failed(error)
        if isinstance(error, Forbidden):
            work.refused[stored.change.kind, stored.change.action] = error.sentence
        what = "was not confirmed by ConnectWise and is checked first" if outcome is Outcome.UNKNOWN else "failed"
        self.why = f"Not tried: the creation of its {stored.change.kind} {what}."

    def _tell(self, session: Session, *findings: Finding) -> None:
        """Put findings on the account, in the run and in the plan its outcome is told from."""
        if not findings:
            return
        row = session.get(RunAccount, (self._work.lease.run_id, self.plan.account_id))
        if row is not None:
            row.findings = [*row.findings, *map(finding_json, findings)]
        self.plan = replace(self.plan, findings=(*self.plan.findings, *findings))
