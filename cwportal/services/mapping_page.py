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
from cwportal.services import choices, mapping_companies, mapping_draft, mapping_facts
from cwportal.services.choices import AgreementChoice, CompanyChoice
from cwportal.services.directory_rows import searchable
from cwportal.services.mapping_draft import Fields, fields_of
from cwportal.services.mapping_facts import Group, Known, Place
from cwportal.services.mapping_row import Choice, Typed
from cwportal.services.mapping_words import agreement_short, company_problem, company_short, cycle_word
from cwportal.vocabulary import AccountStatus

A_PAGE = 50
RUNS_LOOKED_AT = 20
"""Exports among which an account's last one is looked for."""
OPTIONS = 300
UNFIT_OPTIONS = 10
"""Agreements of one company in a list at most: those that can be chosen, and those that cannot."""
PRICED_AT_MOST = 50
"""Unmapped accounts whose money a page adds up; with more it would be slow."""
UNSAVED = "unsaved"
_ORDER = {group: number for number, group in enumerate(Group)}


@dataclass(frozen=True, slots=True)
class Query:
    """What is asked for: a group, UNSAVED or "" for all; words; an order; a page counted from 1."""

    show: str = ""
    q: str = ""
    sort: str = ""
    page: int = 1


@dataclass(frozen=True, slots=True)
class Option:
    """Of a list to choose from. `used`: an agreement that belongs to another account."""

    value: str
    label: str
    disabled: bool = False
    used: bool = False


@dataclass(frozen=True, slots=True)
class Last:
    """How the account's last export ended."""

    run_id: int
    state: str
    at: datetime | None


@dataclass(frozen=True, slots=True)
class Row:
    """One account as it is shown. `fields` are as typed, else as saved. `changed_elsewhere`: somebody saved it since typing began."""

    known: Known
    fields: Fields
    typed: Typed | None
    candidates: tuple[Option, ...]
    agreements: tuple[Option, ...]
    cycle: str | None
    problem: str
    warning: str
    changed_elsewhere: bool
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
        rows=_rows(runtime, where, here, drafts, everything, last),
        query=Query(query.show, query.q, query.sort, number),
        pages=pages,
        matching=len(found),
        total=len(everything),
        counts=counts,
        unsaved=sum(key in everything for key in drafts),
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
) -> tuple[Row, ...]:
    effective = {
        one.account_id: drafts[one.account_id].choice if one.account_id in drafts else one.choice for one in here
    }
    named = {choice.company for choice in effective.values() if choice.company is not None}
    candidates = {number for one in here if one.account_id in drafts for number in drafts[one.account_id].candidates}
    companies = choices.companies_by_id(runtime, where.partner.id, named | candidates)
    agreements = mapping_companies.agreements_of(runtime, where.partner.id, named)
    holders = mapping_facts.holders(everything)
    rows = []
    for one in here:
        typed, choice = drafts.get(one.account_id), effective[one.account_id]
        of_company = agreements.get(choice.company or 0, ())
        chosen = next((item for item in of_company if item.facts.id == choice.agreement), None)
        facts = chosen.facts if chosen else one.facts if choice.agreement == one.choice.agreement else None
        moved = choice.place != one.choice.place
        rows.append(
            Row(
                known=one,
                fields=fields_of(choice, one.company_name if typed is None else typed.text),
                typed=typed,
                candidates=_candidates(typed, companies),
                agreements=_options(one, choice, of_company, holders, everything),
                cycle=cycle_word(facts),
                problem=typed.problem if typed is not None and (typed.problem or moved) else one.problem,
                warning=_unfit(companies.get(choice.company or 0)) if moved else one.warning,
                changed_elsewhere=typed is not None and typed.seen != one.choice.token,
                last=last.get(one.account_id),
            )
        )
    return tuple(rows)


def _unfit(company: CompanyChoice | None) -> str:
    return company_problem(company.name, company.reasons[0]) if company is not None and company.reasons else ""


def _candidates(typed: Typed | None, companies: Mapping[int, CompanyChoice]) -> tuple[Option, ...]:
    if typed is None or not typed.is_open:
        return ()
    found = [companies[number] for number in typed.candidates if number in companies]
    return tuple(Option(str(one.id), company_label(one), bool(one.reasons)) for one in found)


def company_label(company: CompanyChoice) -> str:
    """Name, identifier, and why not."""
    why = f" – {company_short(company.reasons[0])}" if company.reasons else ""
    return f"{company.name} ({company.identifier}){why}"


def agreement_options(of_company: Sequence[AgreementChoice], users: Mapping[int, str]) -> list[Option]:
    """Agreements of one company; `users`: by whom one is used. Those that cannot be chosen come last."""
    names = Counter(one.facts.name for one in of_company)
    options: list[Option] = []
    for one in [item for item in of_company if not item.reasons][:OPTIONS]:
        label = one.facts.name if names[one.facts.name] == 1 else f"{one.facts.name} (no. {one.facts.id})"
        word = cycle_word(one.facts)
        label += f" – bills {word}" if word else ""
        label += f" – used by {users[one.facts.id]}" if one.facts.id in users else ""
        options.append(Option(str(one.facts.id), label, used=one.facts.id in users))
    options.append(Option(mapping_draft.NEW, "+ New agreement"))
    unfit = [item for item in of_company if item.reasons][:UNFIT_OPTIONS]
    options += [
        Option(str(one.facts.id), f"{one.facts.name} – {agreement_short(one.facts, one.reasons[0])}", disabled=True)
        for one in unfit
    ]
    return options


def _options(
    one: Known,
    choice: Choice,
    of_company: Sequence[AgreementChoice],
    holders: Mapping[int, str],
    everything: Mapping[str, Known],
) -> tuple[Option, ...]:
    if choice.company is None:
        return (
            Option("", "Choose a company first"),
            Option(mapping_draft.NEW_COMPANY, "+ New company and agreement"),
        )
    ids = {item.facts.id for item in of_company}
    users = {key: everything[holders[key]].name for key in ids if holders.get(key, one.account_id) != one.account_id}
    options = agreement_options(of_company, users)
    selected = str(choice.agreement or "")
    if selected and selected not in {option.value for option in options}:
        options.insert(0, Option(selected, one.agreement_name or f"Agreement {selected}"))
    options = [Option(item.value, item.label, item.disabled and item.value != selected) for item in options]
    return (Option("", "Choose …"), *options)


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
