"""The mapping page: which rows, in which order, and what stands in each of them. Its number of queries does not grow with anything."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from sqlalchemy import select

from cwportal.models import Run, RunAccount
from cwportal.runtime import Runtime
from cwportal.services import choices, mapping_companies, mapping_draft, mapping_facts, mapping_options
from cwportal.services.choices import AgreementChoice, CompanyChoice
from cwportal.services.directory_rows import searchable
from cwportal.services.mapping_draft import Fields, fields_of
from cwportal.services.mapping_facts import Group, Known, Place
from cwportal.services.mapping_options import Many, Option
from cwportal.services.mapping_row import Beside, Choice, Typed
from cwportal.services.mapping_words import company_problem, cycle_word
from cwportal.vocabulary import AccountStatus

A_PAGE = 50
RUNS_LOOKED_AT = 20
"""Exports among which an account's last one is looked for."""
PRICED_AT_MOST = 50
"""Unmapped accounts whose money a page adds up; with more it would be slow."""
UNSAVED = "unsaved"
_ORDER = {group: number for number, group in enumerate(Group)}


@dataclass(frozen=True, slots=True)
class Query:
    """What is asked for: a group, UNSAVED or "" for all; words; an order; a page counted from 1.

    `among`: (account, words) where agreements are sought among more than a list holds.
    """

    show: str = ""
    q: str = ""
    sort: str = ""
    page: int = 1
    among: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Last:
    """How the account's last export ended."""

    run_id: int
    state: str
    at: datetime | None


@dataclass(frozen=True, slots=True)
class Earlier:
    """What was typed in another window before, in names; empty ones where nothing was chosen."""

    company: str
    agreement: str
    export: bool


@dataclass(frozen=True, slots=True)
class Left:
    """What was typed for an account that is no longer in the portal."""

    account_id: str
    company: str
    export: bool


@dataclass(frozen=True, slots=True)
class Row:
    """One account as it is shown. `fields` are as typed, else as saved. `changed_elsewhere`: somebody saved it since typing began.

    `identifier`: of the company that is typed, where another one has the same name. `beside`: what the person typed for it in another
    window, where what stands here has taken its place.
    """

    known: Known
    fields: Fields
    typed: Typed | None
    identifier: str
    candidates: tuple[Option, ...]
    agreements: tuple[Option, ...]
    many: Many | None
    cycle: str | None
    problem: str
    warning: str
    changed_elsewhere: bool
    beside: Earlier | None
    last: Last | None

    @property
    def closed(self) -> bool:
        """Whether the portal says that the account is closed."""
        return self.known.status is AccountStatus.CLOSED and not self.known.gone


@dataclass(frozen=True, slots=True)
class Shown:
    """A page. `counts` of groups; `matching`: how many rows fit; `unbilled`: money a month of unmapped accounts, None where not known."""

    where: Place
    rows: tuple[Row, ...]
    query: Query
    pages: int
    matching: int
    total: int
    counts: Mapping[str, int]
    unsaved: int
    left: tuple[Left, ...]
    with_problem: tuple[tuple[Known, str], ...]
    unbilled: Decimal | None
    runs_seen: int
    standing: choices.Standing

    @property
    def first(self) -> int:
        """Number of the first row shown."""
        return (self.query.page - 1) * A_PAGE + 1 if self.rows else 0

    @property
    def last(self) -> int:
        """Number of the last row shown."""
        return (self.query.page - 1) * A_PAGE + len(self.rows)


def page(runtime: Runtime, where: Place, actor: str, query: Query) -> Shown:
    """The rows that fit, ordered by what is saved: typing, looking up and filtering move none of them."""
    everything = mapping_facts.known(runtime, where)
    with runtime.database.read() as session:
        drafts = mapping_draft.load(session, where, actor)
    found = matching(everything, drafts, query)
    pages = max(1, -(-len(found) // A_PAGE))
    number = min(max(query.page, 1), pages)
    here = found[(number - 1) * A_PAGE : number * A_PAGE]
    counts = Counter(one.group.value for one in everything.values())
    last, runs_seen = _last(runtime, where, [one.account_id for one in here])
    problems = tuple(
        (everything[key], typed.problem) for key, typed in drafts.items() if typed.problem and key in everything
    )
    return Shown(
        where=where,
        rows=_rows(runtime, where, here, drafts, everything, last, dict(query.among)),
        query=Query(query.show, query.q, query.sort, number),
        pages=pages,
        matching=len(found),
        total=len(everything),
        counts=counts,
        unsaved=sum(key in everything for key in drafts),
        left=tuple(_left(key, typed) for key, typed in sorted(drafts.items()) if key not in everything),
        with_problem=tuple(sorted(problems, key=lambda item: searchable(item[0].name))),
        unbilled=_unbilled(runtime, where, everything),
        runs_seen=runs_seen,
        standing=choices.standing(runtime, where.partner.id),
    )


def standing(runtime: Runtime, where: Place) -> choices.Standing:
    """How fresh companies and agreements are."""
    return choices.standing(runtime, where.partner.id)


def all_ids(runtime: Runtime, where: Place, actor: str, everything: Mapping[str, Known], query: Query) -> list[str]:
    """Every account that fits, on all pages."""
    with runtime.database.read() as session:
        drafts = mapping_draft.load(session, where, actor)
    return [one.account_id for one in matching(everything, drafts, query)]


def matching(everything: Mapping[str, Known], drafts: Mapping[str, Typed], query: Query) -> list[Known]:
    """All that fit, in their order."""
    words = searchable(query.q).split()

    def fits(one: Known) -> bool:
        if query.show == UNSAVED:
            return one.account_id in drafts
        return not query.show or one.group == query.show

    found = [one for one in everything.values() if fits(one)]
    if words:
        texts = ((one, searchable(f"{one.name}\n{one.company_name}\n{one.account_id}")) for one in found)
        found = [one for one, text in texts if all(word in text for word in words)]
    backwards = query.sort.startswith("-")
    match query.sort.removeprefix("-"):
        case "name":
            found.sort(key=lambda one: (searchable(one.name), one.account_id), reverse=backwards)
        case "company":
            found.sort(key=lambda one: (searchable(one.company_name), one.account_id), reverse=backwards)
            found.sort(key=lambda one: not one.company_name)
        case _:
            found.sort(key=lambda one: (_ORDER[one.group], searchable(one.name), one.account_id))
    return found


def _rows(
    runtime: Runtime,
    where: Place,
    here: Sequence[Known],
    drafts: Mapping[str, Typed],
    everything: Mapping[str, Known],
    last: Mapping[str, Last],
    among: Mapping[str, str],
) -> tuple[Row, ...]:
    effective = {
        one.account_id: drafts[one.account_id].choice if one.account_id in drafts else one.choice for one in here
    }
    beside = {one.account_id: _beside(drafts.get(one.account_id)) for one in here}
    choosing = [*effective.values(), *(given.choice for given in beside.values() if given is not None)]
    named = {choice.company for choice in choosing if choice.company is not None}
    candidates = {number for one in here if one.account_id in drafts for number in drafts[one.account_id].candidates}
    typing = any(one.account_id in drafts for one in here)  # who only looks need not wait until all names are compared
    companies = choices.companies_by_id(runtime, where.partner.id, named | candidates, namesakes=typing)
    names = Counter(company.name for company in companies.values())
    agreements = mapping_companies.agreements_of(runtime, where.partner.id, named)
    holders = mapping_facts.holders(everything)
    rows = []
    for one in here:
        typed, choice, words = drafts.get(one.account_id), effective[one.account_id], among.get(one.account_id, "")
        of_company = agreements.get(choice.company or 0, ())
        chosen = next((item for item in of_company if item.facts.id == choice.agreement), None)
        company = companies.get(choice.company or 0)
        facts = chosen.facts if chosen else one.facts if choice.agreement == one.choice.agreement else None
        moved = choice.place != one.choice.place
        rows.append(
            Row(
                known=one,
                fields=fields_of(choice, one.company_name if typed is None else typed.text),
                typed=typed,
                identifier=company.identifier if typed and company and names[company.name] > 1 else "",
                candidates=mapping_options.candidates(typed, companies),
                agreements=mapping_options.options(one, choice, of_company, holders, everything, words),
                many=mapping_options.many(of_company, words),
                cycle=cycle_word(facts),
                problem=typed.problem if typed is not None and (typed.problem or moved) else one.problem,
                warning=_unfit(company) if moved else one.warning,
                changed_elsewhere=typed is not None and typed.seen != one.choice.token,
                beside=_earlier(beside[one.account_id], agreements),
                last=last.get(one.account_id),
            )
        )
    return tuple(rows)


def _left(account_id: str, typed: Typed) -> Left:
    return Left(account_id, _company(typed.choice, typed.text), typed.choice.export)


def _company(choice: Choice, text: str) -> str:
    return "a new company" if choice.new_company else text


def _beside(typed: Typed | None) -> Beside | None:
    return None if typed is None else typed.beside


def _earlier(given: Beside | None, agreements: Mapping[int, Sequence[AgreementChoice]]) -> Earlier | None:
    if given is None:
        return None
    choice = given.choice
    names = {one.facts.id: one.facts.name for one in agreements.get(choice.company or 0, ())}
    agreement = "a new agreement" if choice.new_agreement else names.get(choice.agreement or 0, "")
    return Earlier(_company(choice, given.text), agreement, choice.export)


def _unfit(company: CompanyChoice | None) -> str:
    return company_problem(company.name, company.reasons[0]) if company is not None and company.reasons else ""


def _last(runtime: Runtime, where: Place, account_ids: Sequence[str]) -> tuple[dict[str, Last], int]:
    """The last export of each of these accounts among the last RUNS_LOOKED_AT, and how many those are."""
    with runtime.database.read() as session:
        recent = (
            select(Run.id, Run.finished_at)
            .where(Run.partner_id == where.partner.id, Run.finished_at.is_not(None), Run.trigger != "preview")
            .order_by(Run.id.desc())
            .limit(RUNS_LOOKED_AT)
        )
        finished = {row.id: row.finished_at for row in session.execute(recent)}
        query = select(RunAccount.run_id, RunAccount.account_id, RunAccount.state).where(
            RunAccount.run_id.in_(finished), RunAccount.account_id.in_(account_ids)
        )
        rows = session.execute(query.order_by(RunAccount.run_id)).all() if finished and account_ids else []
    return {account: Last(run, state, finished[run]) for run, account, state in rows}, len(finished)


def _unbilled(runtime: Runtime, where: Place, everything: Mapping[str, Known]) -> Decimal | None:
    """What unmapped accounts use a month, by their prices; None if they are too many to ask for."""
    unmapped = [key for key, one in everything.items() if one.group is Group.UNMAPPED]
    if len(unmapped) > PRICED_AT_MOST:
        return None
    total = Decimal(0)
    for _, charges in runtime.source.charges(where.partner.id, sorted(unmapped)) if unmapped else ():
        total += sum((one.quantity * one.unit_price for one in charges if one.unit_price is not None), Decimal(0))
    return total
