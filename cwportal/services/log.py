"""The log of one run for people: what was found, said once for many accounts, and its changes a page at a time."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import ColumnElement, func, or_, select
from sqlalchemy.orm import Session

from cwportal.models import Mapping as MappingRow
from cwportal.models import Run, RunAccount, RunChange
from cwportal.runtime import Runtime
from cwportal.services import found, ledger, reports, runs
from cwportal.services.found import Found, Group
from cwportal.services.history import Page, place
from cwportal.vocabulary import AccountState, Outcome

CHANGES_A_PAGE = 50
CHANGES_ONLY = "change"
"""The level of everything that is not a finding."""
_NOT_CONFIRMED = (Outcome.STARTED, Outcome.UNKNOWN)


@dataclass(frozen=True, slots=True)
class Wanted:
    """What of a log is to be shown; empty = all. `account`: an id, or part of a name. `level`: a severity or CHANGES_ONLY."""

    level: str = ""
    code: str = ""
    action: str = ""
    outcome: str = ""
    account: str = ""
    text: str = ""

    @property
    def anything(self) -> bool:
        """Whether something is left out."""
        return bool(self.level or self.code or self.of_changes or self.account or self.text)

    @property
    def of_changes(self) -> bool:
        """Whether only changes can answer."""
        return bool(self.action or self.outcome)


@dataclass(frozen=True, slots=True)
class Names:
    """How the partner calls its accounts and products."""

    accounts: Mapping[str, str]
    products: Mapping[str, str]

    @classmethod
    def read(cls, runtime: Runtime, partner_id: str) -> Names:
        """As the portal has them now."""
        return cls(
            {account.id: account.name for account in runtime.source.accounts(partner_id)},
            {product.sku: product.name for product in runtime.source.products(partner_id)},
        )


@dataclass(frozen=True, slots=True)
class Log:
    """A page of a run's log. `states`: accounts by how they ended, without those that are not exported."""

    run: Run
    names: Names
    states: Mapping[AccountState, int]
    findings: Sequence[Group]
    more_findings: bool
    changes: Page
    places: Mapping[str, MappingRow] = field(default_factory=dict)

    @property
    def accounts(self) -> int:
        """How many accounts took part."""
        return sum(self.states.values())


class Sieve:
    """`Wanted` for one partner: which findings and which changes pass."""

    def __init__(self, wanted: Wanted, names: Names) -> None:
        self._wanted = wanted
        self._accounts = _accounts(wanted.account, names)
        text = wanted.text.casefold()
        self._text = text
        self._by_name = (
            frozenset(key for key, name in names.accounts.items() if text in name.casefold()) if text else None
        )
        self._parts = (
            frozenset(sku for sku, name in names.products.items() if text in f"{name}\n{sku}".casefold())
            if text
            else None
        )

    @property
    def wants_findings(self) -> bool:
        """Whether any finding may pass."""
        return not self._wanted.of_changes and self._wanted.level != CHANGES_ONLY

    @property
    def wants_changes(self) -> bool:
        """Whether any change may pass."""
        return not self._wanted.code and self._wanted.level in ("", CHANGES_ONLY)

    def passes(self, one: Found) -> bool:
        """Whether this finding passes."""
        wanted = self._wanted
        if not self.wants_findings or wanted.level not in ("", one.severity) or wanted.code not in ("", one.code):
            return False
        if self._accounts is not None and one.account_id not in self._accounts:
            return False
        if not self._text:
            return True
        said = f"{one.message}\n{one.part_number or ''}\n{one.account_id or ''}".casefold()
        return self._text in said or one.account_id in (self._by_name or ()) or one.part_number in (self._parts or ())

    def conditions(self) -> list[ColumnElement[bool]]:
        """The same for changes, in SQL."""
        several: list[ColumnElement[bool]] = []
        if self._wanted.action:
            several.append(RunChange.action == self._wanted.action)
        if self._wanted.outcome:
            both = _NOT_CONFIRMED if self._wanted.outcome == Outcome.UNKNOWN else (self._wanted.outcome,)
            several.append(RunChange.outcome.in_(both))
        if self._accounts is not None:
            several.append(RunChange.account_id.in_(sorted(self._accounts)))
        if self._text:
            columns = (RunChange.part_number, RunChange.reason, RunChange.error, RunChange.account_id)
            several.append(
                or_(
                    *(func.lower(column).contains(self._wanted.text.lower(), autoescape=True) for column in columns),
                    RunChange.account_id.in_(sorted(self._by_name or ())),
                    RunChange.part_number.in_(sorted(self._parts or ())),
                )
            )
        return several


def _accounts(typed: str, names: Names) -> frozenset[str] | None:
    """Ids meant by what was typed: the account of that id, else all whose name has it; None = nothing was typed."""
    if not typed:
        return None
    if typed in names.accounts:
        return frozenset({typed})
    text = typed.casefold()
    return frozenset(key for key, name in names.accounts.items() if text in name.casefold()) | {typed}


def page(runtime: Runtime, partner_id: str, run_id: int, wanted: Wanted, number: int) -> Log:
    """A page of the log; one beyond the last is the last. UsageError if there is no such run of this partner."""
    with runtime.database.read() as session:
        run = runs.find(session, partner_id, run_id)
    names = Names.read(runtime, partner_id)
    sieve = Sieve(wanted, names)
    with runtime.database.read() as session:
        ended = states(session, run_id)
        several, more = _findings(runtime, session, run, sieve)
        changes = _changes(session, run_id, sieve, number)
        where = places(session, run, {item["account_id"] for item in changes.items})
    each = found.ALL if wanted.code else found.FEW
    return Log(run, names, ended, found.grouped(several, each), more, changes, where)


def rows(runtime: Runtime, partner_id: str, run_id: int, wanted: Wanted) -> Iterator[dict[str, Any]]:
    """The log in reports.LOG_COLUMNS, filtered in the same way."""
    sieve = Sieve(wanted, Names.read(runtime, partner_id))
    keep: Callable[[Found], bool] = sieve.passes
    return reports.log_rows(
        runtime,
        run_id,
        partner_id=partner_id,
        keep=keep,
        only=sieve.conditions() if sieve.wants_changes else None,
        commands=False,
    )


def states(session: Session, run_id: int) -> dict[AccountState, int]:
    """How many accounts of the run ended how; those that are not exported are left out."""
    query = (
        select(RunAccount.state, func.count())
        .where(RunAccount.run_id == run_id, RunAccount.state != AccountState.SKIPPED)
        .group_by(RunAccount.state)
    )
    return {AccountState(state): number for state, number in session.execute(query)}


def _findings(runtime: Runtime, session: Session, run: Run, sieve: Sieve) -> tuple[list[Found], bool]:
    if not sieve.wants_findings:
        return [], False
    several, more = found.of_run(runtime, session, run)
    return [one for one in several if sieve.passes(one)], more


def _changes(session: Session, run_id: int, sieve: Sieve, number: int) -> Page:
    if not sieve.wants_changes:
        return Page([], 1, 1, 1, 0)
    mine = (RunChange.run_id == run_id, *sieve.conditions())
    total = session.scalar(select(func.count()).select_from(RunChange).where(*mine)) or 0
    number, pages, offset = place(number, total, CHANGES_A_PAGE)
    query = (
        select(RunChange)
        .where(*mine)
        .order_by(RunChange.account_id, RunChange.position, RunChange.id)
        .limit(CHANGES_A_PAGE)
        .offset(offset)
    )
    return Page([_change(row) for row in session.scalars(query)], number, pages, offset + 1, total)


def _change(row: RunChange) -> dict[str, Any]:
    return {
        "account_id": row.account_id,
        "kind": row.kind,
        "action": row.action,
        "part_number": row.part_number,
        "agreement_id": row.cw_agreement_id,
        "addition_id": row.cw_addition_id,
        "price_delta": row.price_delta,
        "before": ledger.decoded(row.before),
        "after": ledger.decoded(row.after),
        "reason": row.reason,
        "outcome": row.outcome,
        "error": row.error,
        "at": row.finished_at or row.attempted_at,
    }


def places(session: Session, run: Run, account_ids: Iterable[str]) -> dict[str, MappingRow]:
    """Company and agreement of these accounts, where they are mapped now as they were in the run."""
    agreement = RunAccount.cw_agreement_id
    query = (
        select(MappingRow)
        .join(RunAccount, (RunAccount.run_id == run.id) & (RunAccount.account_id == MappingRow.account_id))
        .where(
            MappingRow.partner_id == run.partner_id,
            MappingRow.account_id.in_(sorted(account_ids)),
            MappingRow.tenant == run.tenant,
            agreement.is_(None) | (agreement == MappingRow.cw_agreement_id),
        )
    )
    return {row.account_id: row for row in session.scalars(query)}
