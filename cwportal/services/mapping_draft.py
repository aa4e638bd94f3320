"""What a person has typed on the mapping page and not saved: kept on the server, so that filters, paging and errors lose nothing."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import replace
from enum import StrEnum

from sqlalchemy import ColumnElement, delete, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from cwportal.models import MappingDraft
from cwportal.runtime import Runtime
from cwportal.services import choices, mapping_companies
from cwportal.services.mapping_companies import one_line
from cwportal.services.mapping_facts import Known, Place, holders
from cwportal.services.mapping_fields import NEW, NEW_COMPANY, OTHER, Fields, Sent, fields_of, meant, stale
from cwportal.services.mapping_row import UNMAPPED, Typed

__all__ = ["NEW", "NEW_COMPANY", "OTHER", "Bulk", "Fields", "Sent", "fields_of"]
_TRIES = 10
Drafts = Mapping[str, Typed | None]


class Bulk(StrEnum):
    """What can be done with many rows at once."""

    EXPORT_ON = "export-on"
    EXPORT_OFF = "export-off"
    UNMAP = "unmap"


def load(session: Session, where: Place, actor: str) -> dict[str, Typed]:
    """The person's drafts for the present ConnectWise, by account."""
    rows = session.scalars(select(MappingDraft).where(*_mine(where, actor), MappingDraft.tenant == where.tenant))
    return {row.account_id: Typed.of(row.typed) for row in rows}


def absorb(
    runtime: Runtime,
    where: Place,
    actor: str,
    sent: Iterable[Sent],
    everything: Mapping[str, Known],
    *,
    knowingly: bool = False,
    anew: bool = False,
) -> frozenset[str]:
    """Keep what was typed in a form, find the companies that were named, and fill in their agreements.

    Only rows that were changed in this form count, so that an old page in another window takes nothing back; what such a row replaces
    without having shown it is kept beside it. `knowingly`: the person saves what this page showed, also where somebody else had changed a
    row and the page said so. `anew`: what was not found is looked up again. Returns the accounts of which this page showed an old draft.
    """
    rows = [row for row in sent if row.account_id in everything]

    def changes(drafts: dict[str, Typed]) -> Drafts:
        edited, looked_at, listed = {}, {}, set()
        for row in rows:
            key, before = row.account_id, drafts.get(row.account_id)
            if row.now != row.was:
                edited[key] = meant(row, before, row.seen if before is None or knowingly else before.seen)
                if before is not None and edited[key].choice.company in before.candidates:
                    listed.add(key)
            elif before is not None:
                looked_at[key] = _looked_at(row, before, knowingly=knowingly)
        opened = {key: typed for key, typed in edited.items() if typed.is_open and not typed.problem}
        opened |= {key: typed for key, typed in looked_at.items() if typed.is_open and anew}
        put = edited | looked_at
        put |= {key: mapping_companies.resolve(runtime, where.partner.id, typed) for key, typed in opened.items()}
        put = _checked(runtime, where, put, everything, found=opened.keys() | listed)
        put |= {key: put[key].over(drafts.get(key)) for key in stale(rows, drafts) & edited.keys()}
        return {key: typed for key, typed in put.items() if drafts.get(key) != typed}

    drafts, _ = _change(runtime, where, actor, changes, everything)
    return stale(rows, drafts)


def bulk(
    runtime: Runtime,
    where: Place,
    actor: str,
    action: Bulk,
    account_ids: Iterable[str],
    everything: Mapping[str, Known],
    stale: Collection[str] = (),
) -> tuple[int, int]:
    """Do it in the draft; how many rows, and how many could not be: Export needs a mapping. `stale` as `absorb` returns it."""
    chosen = [key for key in account_ids if key in everything]
    left = 0

    def changes(drafts: dict[str, Typed]) -> Drafts:
        nonlocal left
        put: dict[str, Typed | None] = {}
        left = 0
        for key in chosen:
            before = drafts.get(key)
            typed = before or _as_saved(everything[key])
            choice = typed.choice
            if action is Bulk.UNMAP:
                after = Typed(UNMAPPED, seen=typed.seen, beside=typed.beside)
            elif action is Bulk.EXPORT_ON and not choice.mapped:
                left += 1
                continue
            else:
                after = replace(typed, choice=replace(choice, export=action is Bulk.EXPORT_ON), problem="")
            put[key] = after.over(before) if key in stale and not typed.beside else after
        return put

    _change(runtime, where, actor, changes, everything)
    return len(chosen) - left, left


def discard(runtime: Runtime, where: Place, actor: str) -> int:
    """Forget everything that is not saved; how many rows that were."""
    with runtime.database.write() as session:
        mine = select(MappingDraft.tenant).where(*_mine(where, actor)).order_by(MappingDraft.account_id)
        tenants = session.scalars(mine.with_for_update()).all()
        session.execute(delete(MappingDraft).where(*_mine(where, actor)))
        return tenants.count(where.tenant)


def forget_left(runtime: Runtime, where: Place, actor: str, everything: Mapping[str, Known]) -> int:
    """Forget what was typed for accounts that are no longer in the portal; how many rows that were."""

    def changes(drafts: dict[str, Typed]) -> Drafts:
        return {key: None for key in drafts if key not in everything}

    return len(_change(runtime, where, actor, changes, everything)[1])


def store(runtime: Runtime, where: Place, actor: str, put: Drafts, everything: Mapping[str, Known]) -> None:
    """Keep these drafts, whatever is there; what is as saved is no draft."""
    _change(runtime, where, actor, lambda _: put, everything)


def write(
    session: Session,
    runtime: Runtime,
    where: Place,
    actor: str,
    put: Drafts,
    everything: Mapping[str, Known],
    read: Mapping[str, Typed],
) -> bool:
    """The same in a transaction of the caller, who has seen the drafts `read`.

    A draft that is another by now stays as it is, and False is returned.
    """
    now, clean = runtime.clock(), True
    mine = select(MappingDraft).where(*_mine(where, actor)).order_by(MappingDraft.account_id).with_for_update()
    there = {row.account_id: row for row in session.scalars(mine)}
    for account_id, typed in put.items():
        row = there.get(account_id)
        present = Typed.of(row.typed) if row is not None and row.tenant == where.tenant else None
        if present != read.get(account_id):
            clean = False
            continue
        if typed is None or _is_saved(typed, everything.get(account_id)):
            if row is not None:
                session.delete(row)
            continue
        if row is None:
            row = MappingDraft(partner_id=where.partner.id, actor=actor, account_id=account_id)
            session.add(row)
        row.tenant, row.typed, row.changed_at = where.tenant, typed.stored(), now
    return clean


class _Moved(Exception):
    """Another window of the same person was faster."""


def _change(
    runtime: Runtime,
    where: Place,
    actor: str,
    changes: Callable[[dict[str, Typed]], Drafts],
    everything: Mapping[str, Known],
) -> tuple[dict[str, Typed], Drafts]:
    """Read the drafts, see what becomes of them, and keep that, from the start again if they have changed in between; (read, changed)."""
    for _ in range(_TRIES):
        with runtime.database.read() as session:
            drafts = load(session, where, actor)
        put = changes(drafts)
        if not put:
            return drafts, put
        try:
            with runtime.database.write() as session:
                if not write(session, runtime, where, actor, put, everything, drafts):
                    raise _Moved
                session.flush()
        except (_Moved, IntegrityError):
            continue
        return drafts, put
    raise AssertionError


def _looked_at(row: Sent, before: Typed, *, knowingly: bool) -> Typed:
    """A row that was not changed in the form: what its page has told the person."""
    shown = before.token == row.draft
    after = replace(before, guessed="") if shown else before
    if knowingly and row.draft:
        after = replace(after, seen=row.seen)
    if knowingly and shown and before.beside is not None:
        after = replace(after, beside=None, problem=before.problem if before.is_open else "")
    return after


def _mine(where: Place, actor: str) -> tuple[ColumnElement[bool], ...]:
    return MappingDraft.partner_id == where.partner.id, MappingDraft.actor == actor


def _as_saved(one: Known) -> Typed:
    return Typed(one.choice, one_line(one.company_name), one.choice.token)


def _is_saved(typed: Typed, one: Known | None) -> bool:
    return (
        one is not None and not typed.is_open and typed.choice == one.choice and not typed.problem and not typed.beside
    )


def _checked(
    runtime: Runtime,
    where: Place,
    put: Mapping[str, Typed],
    everything: Mapping[str, Known],
    *,
    found: Collection[str],
) -> dict[str, Typed]:
    """The same with names of the directory, without agreements of another company; `found` ones get the only agreement there is to choose."""
    moved = {
        key: typed
        for key, typed in put.items()
        if typed.choice.company is not None and typed.choice.place != everything[key].choice.place
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
        checked[key] = replace(typed, text=one_line(company.name), choice=choice)
    return checked
