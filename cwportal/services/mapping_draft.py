"""What a person has typed on the mapping page and not saved: kept on the server, so that filters, paging and errors lose nothing."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from enum import StrEnum

from sqlalchemy import ColumnElement, delete, select
from sqlalchemy.orm import Session

from cwportal.models import MappingDraft
from cwportal.runtime import Runtime
from cwportal.services import choices, mapping_companies
from cwportal.services.mapping_facts import Known, Place, holders
from cwportal.services.mapping_row import UNMAPPED, Choice, Typed

NEW, NEW_COMPANY = "new", "new-company"
"""Values of the field agreement: a new one, and a new company with a new one."""
OTHER = "other"
"""Value of a list of companies: none of them."""


@dataclass(frozen=True, slots=True)
class Fields:
    """The five fields of a row as texts and marks. `company` is an id, empty or OTHER."""

    text: str
    company: str
    agreement: str
    export: bool
    per_cycle: bool


@dataclass(frozen=True, slots=True)
class Sent:
    """A row of a form: its fields, the fields it was shown with, and tokens of what was saved and of the draft then ("" for none)."""

    account_id: str
    now: Fields
    was: Fields
    seen: str
    draft: str


class Bulk(StrEnum):
    """What can be done with many rows at once."""

    EXPORT_ON = "export-on"
    EXPORT_OFF = "export-off"
    UNMAP = "unmap"


def load(session: Session, where: Place, actor: str) -> dict[str, Typed]:
    """The person's drafts for the present ConnectWise, by account."""
    rows = session.scalars(select(MappingDraft).where(*_mine(where, actor), MappingDraft.tenant == where.tenant))
    return {row.account_id: Typed.of(row.typed) for row in rows}


def fields_of(choice: Choice, text: str) -> Fields:
    """As the form shows it."""
    agreement = str(choice.agreement or "")
    if choice.new_company:
        agreement = NEW_COMPANY
    elif choice.new_agreement:
        agreement = NEW
    return Fields(text, str(choice.company or ""), agreement, choice.export, choice.per_cycle)


def absorb(
    runtime: Runtime,
    where: Place,
    actor: str,
    sent: Iterable[Sent],
    everything: Mapping[str, Known],
    *,
    knowingly: bool = False,
) -> None:
    """Keep what was typed in a form, find the companies that were named, and fill in their agreements.

    Only rows that were changed in this form count, so that an old page in another window takes nothing back. `knowingly`: the person saves
    what this page showed, also where somebody else had changed a row and the page said so.
    """
    with runtime.database.read() as session:
        drafts = load(session, where, actor)
    put: dict[str, Typed | None] = {}
    for row in sent:
        one, before = everything.get(row.account_id), drafts.get(row.account_id)
        if one is None:
            continue
        if row.now == row.was:
            if knowingly and before is not None and before.seen != row.seen and row.draft:
                put[row.account_id] = replace(before, seen=row.seen)
            continue
        seen = row.seen if before is None or knowingly else before.seen
        put[row.account_id] = _typed(row, before, seen)
    opened = {key: typed for key, typed in put.items() if typed is not None and typed.is_open}
    for key, typed in opened.items():
        put[key] = mapping_companies.resolve(runtime, where.partner.id, typed)
    store(runtime, where, actor, _checked(runtime, where, put, everything, found=opened), everything)


def bulk(
    runtime: Runtime,
    where: Place,
    actor: str,
    action: Bulk,
    account_ids: Iterable[str],
    everything: Mapping[str, Known],
) -> tuple[int, int]:
    """Do it in the draft; how many rows, and how many could not be: Export needs a mapping."""
    with runtime.database.read() as session:
        drafts = load(session, where, actor)
    put: dict[str, Typed | None] = {}
    left = 0
    for account_id in account_ids:
        one = everything.get(account_id)
        if one is None:
            continue
        typed = drafts.get(account_id) or _as_saved(one)
        choice = typed.choice
        if action is Bulk.UNMAP:
            put[account_id] = Typed(UNMAPPED, seen=typed.seen)
        elif action is Bulk.EXPORT_ON and not choice.mapped:
            left += 1
        else:
            put[account_id] = replace(typed, choice=replace(choice, export=action is Bulk.EXPORT_ON), problem="")
    store(runtime, where, actor, put, everything)
    return len(put), left


def discard(runtime: Runtime, where: Place, actor: str) -> None:
    """Forget everything that is not saved."""
    with runtime.database.write() as session:
        session.execute(delete(MappingDraft).where(*_mine(where, actor)))


def store(
    runtime: Runtime, where: Place, actor: str, put: Mapping[str, Typed | None], everything: Mapping[str, Known]
) -> None:
    """Keep these drafts; what is as saved is no draft."""
    if not put:
        return
    with runtime.database.write() as session:
        write(session, runtime, where, actor, put, everything)


def write(
    session: Session,
    runtime: Runtime,
    where: Place,
    actor: str,
    put: Mapping[str, Typed | None],
    everything: Mapping[str, Known],
) -> None:
    """The same in a transaction of the caller."""
    now = runtime.clock()
    there = {row.account_id: row for row in session.scalars(select(MappingDraft).where(*_mine(where, actor)))}
    for account_id, typed in put.items():
        row = there.get(account_id)
        if typed is None or _is_saved(typed, everything.get(account_id)):
            if row is not None:
                session.delete(row)
            continue
        if row is None:
            row = MappingDraft(partner_id=where.partner.id, actor=actor, account_id=account_id)
            session.add(row)
        row.tenant, row.typed, row.changed_at = where.tenant, typed.stored(), now


def _mine(where: Place, actor: str) -> tuple[ColumnElement[bool], ...]:
    return MappingDraft.partner_id == where.partner.id, MappingDraft.actor == actor


def _as_saved(one: Known) -> Typed:
    return Typed(one.choice, one.company_name, one.choice.token)


def _is_saved(typed: Typed, one: Known | None) -> bool:
    return one is not None and not typed.is_open and typed.choice == one.choice and not typed.problem


def _typed(row: Sent, before: Typed | None, seen: str) -> Typed:
    """What the fields mean, agreements not yet checked."""
    now, was = row.now, row.was
    if now.agreement == NEW_COMPANY:
        return Typed(Choice(new_company=True, new_agreement=True, export=now.export), seen=seen)
    text = " ".join(now.text.split())
    if now.company != was.company and _number(now.company) is not None:
        company = _number(now.company)
    elif now.company == OTHER or text != was.text or not text:
        company = None
    else:
        company = _number(was.company)
    if company is None:
        if not text:  # emptied: unmapped, so no longer exported
            return Typed(Choice(export=now.export and not was.text), seen=seen)
        same = before is not None and before.text == text and now.company != OTHER
        kept = before.candidates if same and before is not None else ()
        return Typed(Choice(export=now.export), text, seen, candidates=kept)
    moved = str(company) != was.company
    agreement = "" if moved and now.agreement == was.agreement else now.agreement
    choice = Choice(
        company=company,
        agreement=_number(agreement),
        new_agreement=agreement == NEW,
        export=now.export,
        per_cycle=now.per_cycle and (agreement == was.agreement or not was.per_cycle),
    )
    return Typed(choice, text, seen)


def _number(text: str) -> int | None:
    """An id of ConnectWise, None for anything else."""
    fits = text.isascii() and text.isdigit() and len(text) <= len(str(choices.LARGEST_ID))
    return int(text) if fits and int(text) <= choices.LARGEST_ID else None


def _checked(
    runtime: Runtime,
    where: Place,
    put: Mapping[str, Typed | None],
    everything: Mapping[str, Known],
    *,
    found: Collection[str],
) -> dict[str, Typed | None]:
    """The same with names of the directory, without agreements of another company; `found` ones get the only agreement there is to choose."""
    moved = {
        key: typed
        for key, typed in put.items()
        if typed is not None and typed.choice.company is not None and typed.choice.place != everything[key].choice.place
    }
    companies = choices.companies_by_id(
        runtime, where.partner.id, {typed.choice.company for typed in moved.values() if typed.choice.company}
    )
    agreements = mapping_companies.agreements_of(runtime, where.partner.id, set(companies))
    used = holders(everything)
    checked = dict(put)
    for key, typed in moved.items():
        company, choice = companies.get(typed.choice.company or 0), typed.choice
        if company is None:
            continue
        of_company = agreements.get(company.id, ())
        if choice.agreement is not None and choice.agreement not in {one.facts.id for one in of_company}:
            choice = replace(choice, agreement=None, per_cycle=False)
        if key in found and not choice.mapped:
            free = [one for one in of_company if not one.reasons and used.get(one.facts.id, key) == key]
            if len(free) == 1:
                choice = replace(choice, agreement=free[0].facts.id)
        checked[key] = replace(typed, text=company.name, choice=choice)
    return checked
