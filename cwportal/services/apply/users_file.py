"""The lists of users, after everything else: the new file first, then our older one deleted; no other document is touched (rule 15).

An upload is an intent like every other write. Before it the agreement's documents are listed, so that a lost answer can be told from
a file that was there. A deletion names one document of ours and may be tried as often as needed.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Mapping
from concurrent.futures import Executor, Future
from dataclasses import dataclass
from typing import BinaryIO

from sqlalchemy import select
from sqlalchemy.orm import Session

from cwportal.billing.users import DELETE_REASON, cannot_delete, cannot_upload, not_uploaded, shown_document
from cwportal.billing.users_file import UsersFile
from cwportal.billing.values import AccountPlan, Finding
from cwportal.connectwise.errors import ConnectWiseError, Forbidden, NotFound
from cwportal.errors import CWPortalError
from cwportal.models import LedgerDocument, RunAccount, RunChange
from cwportal.models import Mapping as MappingRow
from cwportal.services.apply.journal import Done, Intent
from cwportal.services.apply.store import Stored, change_of, finding_json
from cwportal.services.apply.users_ledger import forget, put
from cwportal.services.apply.work import Work
from cwportal.services.planning import users
from cwportal.services.planning.again import AgreementsAgain
from cwportal.services.planning.material import Material
from cwportal.services.planning.users import uploaded_file
from cwportal.vocabulary import Action, Kind, Outcome

_CHANGED = (
    "The list of users was not uploaded, because the users changed while they were read. The agreement's lines are exported all the "
    "same. Start the export again."
)
_REMAPPED = (
    "The list of users was not uploaded, because the account was mapped to another agreement while the export went on. Start the export "
    "again: the list is attached there."
)
_MOVED = (
    "The list of users was not uploaded, because its agreement was deleted in ConnectWise, or given to another company, while the export "
    "went on. Look at it there and map the account again."
)
_UPLOADS = ((Kind.USERS, Action.CREATE), (Kind.USERS, Action.UPDATE))
Told = dict[str, list[Finding]]
"""What is to be said about accounts."""


@dataclass(frozen=True, slots=True)
class _Job:
    """One planned change of an account's list. `file` is closed by whoever carries the job out."""

    plan: AccountPlan
    stored: Stored
    material: Material
    wanted: UsersFile
    file: BinaryIO | None


def upload_lists(work: Work, pool: Executor, plans: Iterable[AccountPlan], material: Mapping[str, Material]) -> Told:
    """Carry out the planned changes of these accounts' lists; what there is to say about each comes back and is on the run.

    The portal is read here, the requests are made by the pool, a few lists ahead and no more. Raises LeaseLost or Cancelled.
    """
    reached = {plan.account_id: plan for plan in plans}
    with work.runtime.database.read() as session:
        query = select(RunChange).where(
            RunChange.run_id == work.lease.run_id, RunChange.kind == Kind.USERS, RunChange.outcome == Outcome.PLANNED
        )
        planned = [
            (row.account_id, Stored(row.id, change_of(row)))
            for row in session.scalars(query.order_by(RunChange.account_id, RunChange.position))
            if row.account_id in reached
        ]
    uploads = (account_id for account_id, stored in planned if stored.change.action is not Action.END)
    again = AgreementsAgain(
        work.runtime, work.client, (reached[account_id].agreement_id or 0 for account_id in uploads)
    )
    steps, under_way = _Steps(work, again), deque[Future[None]]()
    try:
        for account_id, stored in planned:
            if len(under_way) >= 2 * work.runtime.config.concurrency:
                under_way.popleft().result()
            job = steps.prepared(reached[account_id], stored, material[account_id])
            if job is not None:
                under_way.append(pool.submit(steps.carry_out, job))
    finally:
        for future in under_way:
            future.result()
    return steps.told


class _Steps:
    """What is done for one list; used by several threads, each with its own account."""

    def __init__(self, work: Work, again: AgreementsAgain) -> None:
        self._work = work
        self._again = again
        self.told: Told = {}

    def prepared(self, plan: AccountPlan, stored: Stored, material: Material) -> _Job | None:
        """The job with its file; None (and the change skipped) if it cannot be done now."""
        wanted = material.users[plan.account_id].wanted
        if (why := self._not_now(plan, stored)) is not None or wanted is None:
            self._work.journal.skip([stored.id], why or _CHANGED)
            return None
        if stored.change.action is Action.END:
            return _Job(plan, stored, material, wanted, None)
        name, why = material.portal.accounts[plan.account_id].name, _CHANGED
        try:
            file = users.written(self._work.runtime, material.portal.partner.id, plan.account_id, name, wanted)
        except CWPortalError as error:
            file, why = None, users.unread(error)
        if file is None:
            self._leave(plan.account_id, stored.id, why)
            return None
        return _Job(plan, stored, material, wanted, file)

    def carry_out(self, job: _Job) -> None:
        """Upload or delete; errors of ConnectWise become outcomes."""
        if job.file is None:
            number = int(job.stored.change.before["documentId"])
            self._delete(job.plan, job.stored.id, number)
            return
        with job.file:
            if (why := self._not_now(job.plan, job.stored)) is not None:
                self._work.journal.skip([job.stored.id], why)
                return
            for change_id, document_id in self._upload(job, job.file):
                self._delete(job.plan, change_id, document_id)

    def _not_now(self, plan: AccountPlan, stored: Stored) -> str | None:
        work, kind = self._work, (stored.change.kind, stored.change.action)
        if work.stopped is not None:
            return f"Not tried: the export stopped before. {work.stopped.sentence}"
        if plan.agreement_id is None:
            return "Not tried: its agreement is not there."
        if kind in work.refused:
            self._refused(plan.account_id, stored.change.action, work.refused[kind])
            return f"Not tried: the right {work.refused[kind]} is missing."
        return None

    def _upload(self, job: _Job, file: BinaryIO) -> list[tuple[int, int]]:
        """Returns (change, document) of what is to be deleted now."""
        work, plan, wanted = self._work, job.plan, job.wanted
        agreement_id, change_id = plan.agreement_id or 0, job.stored.id
        sent = {"fileName": wanted.file_name, "title": wanted.title, "rows": wanted.rows, "size": wanted.size}
        sent |= {"sha256": wanted.sha256, "agreementId": agreement_id}
        try:
            elsewhere = self._elsewhere(job)
            if elsewhere is not None:
                self._leave(plan.account_id, change_id, elsewhere)
                return []
            known = tuple(sorted(document.id for document in work.client.read.documents(agreement_id)))
        except ConnectWiseError as error:
            self._failed(job, error, Outcome.FAILED)
            return []
        started = work.journal.start(Intent(change_id, sent, known, None))
        try:
            document = work.send(
                change_id,
                started,
                lambda: work.writer.upload_document(
                    agreement_id, title=wanted.title, file_name=wanted.file_name, content=file
                ),
            )
        except ConnectWiseError as error:
            self._failed(job, error, work.outcome(error))
            return []
        work.succeeded()
        for pair in _UPLOADS:
            work.permitted(pair)
        older: list[tuple[int, int]] = []

        def keep(session: Session) -> None:
            replaced = put(session, work.runtime, work.lease.owner, plan.account_id, document.id, sent)
            older.extend((self._deletion(session, plan, row), row.cw_document_id) for row in replaced)

        work.journal.finish(Done(change_id, Outcome.APPLIED, ledger=keep))
        return older

    def _elsewhere(self, job: _Job) -> str | None:
        """Why the agreement is not the account's any more, as it is now: lists come last, and people's names go to nobody else."""
        owner, agreement_id = self._work.lease.owner, job.plan.agreement_id or 0
        with self._work.runtime.database.read() as session:
            mapping = session.get(MappingRow, (owner.partner_id, job.plan.account_id))
        if mapping is None or (mapping.tenant, mapping.cw_agreement_id) != (owner.tenant, agreement_id):
            return _REMAPPED
        agreement = self._again.facts(agreement_id, job.material)
        return None if agreement is not None and agreement.company_id == mapping.cw_company_id else _MOVED

    def _leave(self, account_id: str, change_id: int, why: str) -> None:
        self._work.journal.skip([change_id], why)
        self._tell(account_id, not_uploaded(why))

    def _deletion(self, session: Session, plan: AccountPlan, row: LedgerDocument) -> int:
        """A row of the log for the deletion that belongs to an upload."""
        change = RunChange(
            run_id=self._work.lease.run_id,
            partner_id=row.partner_id,
            tenant=row.tenant,
            account_id=plan.account_id,
            position=len(plan.changes) + 1,
            kind=Kind.USERS,
            action=Action.END,
            part_number="",
            cw_agreement_id=row.cw_agreement_id,
            before=shown_document(uploaded_file(row)),
            after={"documentId": None},
            reason=DELETE_REASON,
            outcome=Outcome.PLANNED,
        )
        session.add(change)
        session.flush()
        return change.id

    def _delete(self, plan: AccountPlan, change_id: int, document_id: int) -> None:
        work, pair = self._work, (Kind.USERS, Action.END)
        if work.stopped is not None or pair in work.refused:
            right = work.refused.get(pair)
            if right is not None:
                self._refused(plan.account_id, Action.END, right)
            work.journal.skip([change_id], "Not tried. The next export deletes it.")
            return
        started = work.journal.start(Intent(change_id, {"documentId": None}, (), None))
        try:
            work.send(change_id, started, lambda: work.writer.delete_document(document_id))
        except NotFound:
            pass  # a person has deleted it
        except Forbidden as error:
            work.forbidden(pair, plan.account_id, error.right)
            work.journal.finish(Done(change_id, Outcome.SKIPPED, error.sentence))
            self._refused(plan.account_id, Action.END, error.right)
            return
        except ConnectWiseError as error:
            work.journal.finish(Done(change_id, work.outcome(error), error.sentence))
            work.failed(error)
            return
        work.succeeded()
        work.permitted(pair)
        work.journal.finish(
            Done(change_id, Outcome.APPLIED, ledger=lambda session: forget(session, work.lease.owner, document_id))
        )

    def _failed(self, job: _Job, error: ConnectWiseError, outcome: Outcome) -> None:
        work, action = self._work, job.stored.change.action
        work.journal.finish(Done(job.stored.id, outcome, error.sentence))
        if isinstance(error, Forbidden):
            for pair in _UPLOADS:
                work.forbidden(pair, job.plan.account_id, error.right)
            self._refused(job.plan.account_id, action, error.right)
        work.failed(error)

    def _refused(self, account_id: str, action: Action, right: str) -> None:
        self._tell(account_id, cannot_delete(right) if action is Action.END else cannot_upload(right))

    def _tell(self, account_id: str, finding: Finding) -> None:
        told = self.told.setdefault(account_id, [])
        if finding in told:
            return
        told.append(finding)
        with self._work.runtime.database.write() as session:
            row = session.get(RunAccount, (self._work.lease.run_id, account_id), with_for_update=True)
            if row is not None:
                row.findings = [*row.findings, finding_json(finding)]
