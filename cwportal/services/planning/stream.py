"""Plans of many accounts: additions read in parallel, each planned at once and its rows let go."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Callable, Generator, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import datetime

from cwportal.billing.account import plan_account
from cwportal.billing.limits import hold, limit_account
from cwportal.billing.values import AccountPlan, AgreementFacts, Finding, Row
from cwportal.connectwise import errors
from cwportal.connectwise.errors import ConnectWiseError
from cwportal.runtime import Runtime
from cwportal.services.connection import Client
from cwportal.services.planning.ahead import Additions, ReadAhead, read_additions
from cwportal.services.planning.material import Material
from cwportal.vocabulary import AccountStatus, Effect, PlanState, Severity

STOPPING = (
    errors.Rejected,
    errors.ClientIdRejected,
    errors.UnknownCompany,
    errors.RateLimitedLong,
    errors.SiteRefused,
    errors.TlsFailed,
    errors.Unreachable,
)
"""Errors that will meet every further request just the same: the run stops."""

_OF_ONE_LIST = (errors.Malformed, errors.Incomplete)
"""ConnectWise answers, and what it says of others may be well."""

IN_A_ROW = 5
"""So many accounts in a row that cannot be read, or writes without an answer, stop the run: ConnectWise is not well."""

_ONE_RECORD = "Something that this account needs from ConnectWise"


def threads(runtime: Runtime) -> int:
    """How many accounts are worked on at once: twice the requests in flight, so that some plan or commit while others wait for an answer.

    One request in flight means one account after the other.
    """
    return 2 * runtime.config.concurrency if runtime.config.concurrency > 1 else 1


@dataclass(frozen=True, slots=True)
class Planned:
    """A plan with the moment and the fingerprint of what it was made from; `rows` only where something is written, or closed in the ledger."""

    plan: AccountPlan
    read_at: datetime
    fingerprint: bytes
    rows: tuple[Row, ...] = ()

    def telling(self, findings: Iterable[Finding]) -> Planned:
        """The same, with findings that were made while it was applied."""
        return replace(self, plan=replace(self.plan, findings=(*self.plan.findings, *findings)))


def plan_accounts(
    runtime: Runtime,
    client: Client,
    material: Material,
    account_ids: Iterable[str],
    *,
    ahead: ReadAhead | None = None,
    may_go_on: Callable[[], None] = lambda: None,
) -> Generator[Planned, None, None]:
    """Plans in the order of `account_ids`; `may_go_on` is called before each and raises to stop. `ahead`: what was read meanwhile.

    Close it where it is not used to its end, or reading goes on. An account whose additions cannot be read is blocked, never "empty".

    Raises the error itself when it would meet every account (see STOPPING), or after several in a row.
    """
    failures = _InARow()

    def plan(account_id: str) -> Planned:
        failures.check()
        may_go_on()
        if (unread := material.unread.get(account_id)) is not None:
            return Planned(_read_failed(material, account_id, unread, _ONE_RECORD), runtime.clock(), b"")
        try:
            planned = plan_one(runtime, client, material, account_id, ahead)
        except STOPPING:
            raise
        except _OF_ONE_LIST as error:
            return Planned(_read_failed(material, account_id, error), runtime.clock(), b"")
        except ConnectWiseError as error:
            failures.add(error)
            return Planned(_read_failed(material, account_id, error), runtime.clock(), b"")
        failures.clear()
        return planned

    with ThreadPoolExecutor(threads(runtime), thread_name_prefix="read") as pool:
        try:
            yield from pool.map(plan, account_ids)
        except BaseException:
            pool.shutdown(cancel_futures=True)
            raise


def gone_from_portal(material: Material) -> list[AccountPlan]:
    """Accounts with lines of ours that the portal no longer knows: nothing is written, and nobody may overlook that they bill on."""
    plans = []
    for account_id in sorted(material.lines.accounts() - material.portal.accounts.keys()):
        live = [
            line for line in material.lines.all_of(account_id) if line.echoed.quantity and line.sent.cancelled is None
        ]
        if not live:
            continue
        message = (
            f"The portal no longer has account {account_id}, and {len(live)} of its lines are still in ConnectWise (agreement "
            f"{', '.join(sorted({str(line.agreement_id) for line in live}))}). They stay and keep billing. Close an account instead of "
            "deleting it to let its lines end, or end them in ConnectWise."
        )
        plans.append(
            AccountPlan(
                account_id=account_id,
                agreement_id=None,
                state=PlanState.EMPTY,
                digest="",
                findings=(Finding("export_off_lines_stay", Severity.WARNING, Effect.NONE, message),),
            )
        )
    return plans


def plan_one(
    runtime: Runtime, client: Client, material: Material, account_id: str, ahead: ReadAhead | None = None
) -> Planned:
    """One account, its additions read now unless they were just `ahead`."""
    found = Additions(runtime.clock(), ())
    mapping = material.mappings.get(account_id)
    if (
        material.is_exported(account_id)
        and mapping is not None
        and (mapping.cw_agreement_id or 0) in material.agreements
    ):
        number = mapping.cw_agreement_id or 0
        found = ahead.additions(number) if ahead is not None else read_additions(runtime, client, number)
        missing = {line.addition_id for line in material.lines.of(account_id, number)} - {row.id for row in found.rows}
        if missing:  # deleted there, or a list that is short: then they would be created once more
            client.read.all_additions(number, len(found.rows), missing)
    rows = found.rows
    value = material.account_input(account_id, rows)
    plan = plan_account(value, material.context)
    closed = material.portal.accounts[account_id].status is AccountStatus.CLOSED
    limited = limit_account(plan, material.context.settings.limits, closed=closed)
    if limited:
        plan = hold(plan, limited)
    return Planned(plan, found.read_at, fingerprint(rows, value.agreement), rows if plan.changes or plan.closed else ())


def fingerprint(rows: tuple[Row, ...], agreement: AgreementFacts | None) -> bytes:
    """Equal for equal rows and agreement state: has anything changed since it was read?"""
    return hashlib.sha256(repr((sorted(rows, key=lambda row: row.id), agreement)).encode()).digest()


def _read_failed(
    material: Material, account_id: str, error: ConnectWiseError, what: str = "The lines of the agreement"
) -> AccountPlan:
    mapping = material.mappings.get(account_id)
    message = f"{what} could not be read, so nothing is planned for this account. {error.sentence}"
    return AccountPlan(
        account_id=account_id,
        agreement_id=mapping.cw_agreement_id if mapping else None,
        state=PlanState.BLOCKED,
        digest="",
        findings=(Finding("read_failed", Severity.ERROR, Effect.ACCOUNT, message),),
        exported=True,
        exported_before=account_id in material.exported_before,
    )


class _InARow:
    """Counts failures without a success between them, over all threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._errors: list[ConnectWiseError] = []

    def add(self, error: ConnectWiseError) -> None:
        with self._lock:
            self._errors.append(error)

    def clear(self) -> None:
        with self._lock:
            self._errors.clear()

    def check(self) -> None:
        with self._lock:
            if len(self._errors) >= IN_A_ROW:
                raise self._errors[-1]
