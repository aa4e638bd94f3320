"""Save what was typed: every valid row, checked against ConnectWise as it is now; the others stay typed, each with its sentence."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from sqlalchemy import select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from cwportal.errors import CWPortalError, NotConnected
from cwportal.models import LedgerAddition, LedgerDocument
from cwportal.models import Mapping as MappingRow
from cwportal.runtime import Runtime
from cwportal.services import audit, connection, mapping_check, mapping_draft, mapping_facts
from cwportal.services.mapping_check import Names
from cwportal.services.mapping_facts import Known, Place
from cwportal.services.mapping_row import Choice, Typed, saved

_NAME = 200
_TAKEN = "This agreement is already used by {}. Choose another agreement of the company, or a new one."
_ANOTHER = "another account that you cannot see"
_CHANGED = "{} changed this row meanwhile. What you typed is still here: compare, then save again or discard."
_GONE = "This account is no longer in the portal. It can only be unmapped."
_BESIDE = "You typed something else for this row in another window. Compare, then save again or change it."
_GUESSED = "“{}” was taken for the company “{}”. If that is right, save again; otherwise type another name."


@dataclass(frozen=True, slots=True)
class Question:
    """A change of an account of which something stays in ConnectWise. `lines`: agreement -> our live lines; `lists`: agreements that have
    its list of users.
    """

    account_id: str
    name: str
    unmaps: bool
    moves: bool
    lines: tuple[tuple[str, int], ...]
    to: str
    lists: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Result:
    """What a save did. `questions`: nothing was saved, these are asked first, and `answer` confirms them all.

    `unreachable`: nothing was saved, and why; `cause`: the error that says so, where there is one.
    """

    saved: int = 0
    kept: int = 0
    questions: tuple[Question, ...] = ()
    answer: str = ""
    unreachable: str = ""
    cause: CWPortalError | None = None


def questions(runtime: Runtime, where: Place, actor: str) -> Result:
    """What saving would ask first."""
    everything, wanted = _wanted(runtime, where, actor)
    return _questions(runtime, where, everything, wanted)


def save(runtime: Runtime, where: Place, actor: str, *, answer: str = "") -> Result:
    """Save the person's valid rows. `answer`: that of the questions that were confirmed; others are asked first."""
    everything, wanted = _wanted(runtime, where, actor)
    if not wanted:
        return Result()
    asked = _questions(runtime, where, everything, wanted)
    if asked.questions and asked.answer != answer:
        return asked
    problems: dict[str, str] = {}
    for key, typed in wanted.items():
        sentence = _incomplete(everything[key], typed)
        if sentence:
            problems[key] = sentence
    try:
        names = mapping_check.against_connectwise(runtime, where, everything, wanted, problems)
    except CWPortalError as error:
        return Result(kept=len(wanted), unreachable=str(error), cause=error)
    for attempt in (1, 2):
        try:
            with runtime.database.write() as session:
                return _write(session, runtime, where, actor, everything, wanted, dict(problems), names)
        except NotConnected as error:
            return Result(kept=len(wanted), unreachable=str(error))
        except (
            IntegrityError
        ):  # another partner took one of the agreements at the same moment; now it is there to be seen
            if attempt == 2:
                raise
    raise AssertionError


def _wanted(runtime: Runtime, where: Place, actor: str) -> tuple[dict[str, Known], dict[str, Typed]]:
    """Every account, and what the person typed for those that there are; what was typed for others waits on the page, and holds nobody up."""
    everything = mapping_facts.known(runtime, where)
    with runtime.database.read() as session:
        drafts = mapping_draft.load(session, where, actor)
    return everything, {key: typed for key, typed in drafts.items() if key in everything}


def _incomplete(one: Known, typed: Typed) -> str:
    """What is missing in the row itself, and what the person has not seen of it."""
    choice = typed.choice
    if one.gone and choice.mapped:
        return _GONE
    if typed.beside is not None or typed.guessed:
        return _BESIDE if typed.beside is not None else _GUESSED.format(typed.guessed, typed.text)
    if typed.is_open:
        return typed.problem or "Which company is meant is not known yet: press Look up typed companies."
    if choice.company is not None and not choice.mapped:
        return "No agreement is chosen. Choose one of the company's agreements, or a new one."
    if choice.export and not choice.mapped:
        return "Export is on, and no company and agreement are chosen. Choose them, or switch Export off."
    return ""


def _questions(runtime: Runtime, where: Place, everything: Mapping[str, Known], wanted: Mapping[str, Typed]) -> Result:
    """Rows that leave lines or a list of people behind: unmapped, moved, or no longer exported."""
    leaving = {}
    for key, typed in wanted.items():
        one = everything[key]
        if not one.choice.mapped or _incomplete(one, typed):
            continue
        if typed.choice.place != one.choice.place or (one.choice.export and not typed.choice.export):
            leaving[key] = one
    if not leaving:
        return Result()
    lines, lists = _lines(runtime, where, leaving), _lists(runtime, where, leaving)
    found = []
    for key, one in leaving.items():
        counts, attached = lines.get(key, {}), lists.get(key, set())
        if not counts and not attached:
            continue
        choice = wanted[key].choice
        named = tuple((_agreement_name(one, number), count) for number, count in sorted(counts.items()))
        to = wanted[key].text if choice.mapped else ""
        moves, there = choice.mapped and choice.place != one.choice.place, sorted(attached)
        of_users = tuple(_agreement_name(one, number) for number in there)
        found.append(Question(key, one.name, not choice.mapped, moves, named, to, of_users))
    return Result(kept=len(wanted), questions=tuple(found), answer=_answer(found, wanted))


def _agreement_name(one: Known, number: int) -> str:
    return one.agreement_name if number == one.choice.agreement else f"no. {number}"


def _answer(found: Iterable[Question], wanted: Mapping[str, Typed]) -> str:
    """Names exactly what is asked: if any of it changes, it is asked again."""
    text = "\n".join(
        f"{one.account_id}\t{wanted[one.account_id].choice.token}\t{one.lines}{one.lists}" for one in found
    )
    return hashlib.sha256(text.encode("utf-8", "replace")).hexdigest()


def _lines(runtime: Runtime, where: Place, leaving: Mapping[str, Known]) -> dict[str, dict[int, int]]:
    """Our live lines that bill something, by account and agreement."""
    query = select(LedgerAddition.account_id, LedgerAddition.cw_agreement_id, LedgerAddition.sent_quantity).where(
        LedgerAddition.partner_id == where.partner.id,
        LedgerAddition.tenant == where.tenant,
        LedgerAddition.closed_at.is_(None),
        LedgerAddition.sent_cancelled.is_(None),
    )
    if len(leaving) <= 500:
        query = query.where(LedgerAddition.account_id.in_(leaving))
    found: dict[str, dict[int, int]] = {}
    with runtime.database.read() as session:
        for account_id, agreement, quantity in session.execute(query):
            if account_id in leaving and (quantity is None or quantity > 0):
                counts = found.setdefault(account_id, {})
                counts[agreement] = counts.get(agreement, 0) + 1
    return found


def _lists(runtime: Runtime, where: Place, leaving: Mapping[str, Known]) -> dict[str, set[int]]:
    """Agreements with a list of users that we attached, by account."""
    query = select(LedgerDocument.account_id, LedgerDocument.cw_agreement_id).where(
        LedgerDocument.partner_id == where.partner.id, LedgerDocument.tenant == where.tenant
    )
    found: dict[str, set[int]] = {}
    with runtime.database.read() as session:
        for account_id, agreement in session.execute(query):
            if account_id in leaving:
                found.setdefault(account_id, set()).add(agreement)
    return found


def _write(
    session: Session,
    runtime: Runtime,
    where: Place,
    actor: str,
    everything: Mapping[str, Known],
    wanted: Mapping[str, Typed],
    problems: dict[str, str],
    names: Names,
) -> Result:
    connection.hold(session, where.partner.id, where.tenant)
    mine = select(MappingRow).where(MappingRow.partner_id == where.partner.id).order_by(MappingRow.account_id)
    rows = {row.account_id: row for row in session.scalars(mine.with_for_update())}
    before = {key: saved(row, where.tenant) for key, row in rows.items()}
    put: dict[str, Typed | None] = {}
    changed = {}
    for key, typed in wanted.items():
        present = saved(rows.get(key), where.tenant)
        if present == typed.choice and key not in problems:
            put[key] = None  # somebody, or the same press made twice, has saved just this
            continue
        changed[key] = typed
        if present.token != typed.seen and key not in problems:
            by = rows[key].changed_by if key in rows else ""
            problems[key] = _CHANGED.format(by or "Somebody")
    _taken(session, where, everything, changed, before, problems)
    good = {key: typed.choice for key, typed in changed.items() if key not in problems}
    for key in good:  # clear first, so that accounts can be swapped in one save
        if key in rows:
            rows[key].cw_agreement_id = None
    session.flush()
    now, told = runtime.clock(), []
    for key, choice in sorted(good.items()):
        row = rows.get(key) or MappingRow(
            partner_id=where.partner.id, account_id=key, company_name="", agreement_name=""
        )
        was = before.get(key, saved(None, where.tenant))
        if choice.place != was.place:
            row.new_company, row.new_agreement, row.cw_contact_id = choice.new_company, choice.new_agreement, None
            row.company_name = names.companies.get(choice.company or 0, "")[:_NAME]
            row.agreement_name = names.agreements.get(choice.agreement or 0, "")[:_NAME]
        row.tenant, row.cw_company_id, row.cw_agreement_id = where.tenant, choice.company, choice.agreement
        row.export, row.per_cycle_confirmed = choice.export and choice.mapped, choice.per_cycle and choice.mapped
        row.changed_at, row.changed_by = now, actor[:_NAME]
        session.add(row)
        told.append({"account": key, "company": choice.company, "agreement": choice.agreement, "export": row.export})
        put[key] = None
    put |= {key: replace(wanted[key], problem=sentence) for key, sentence in problems.items()}
    mapping_draft.write(session, runtime, where, actor, put, {}, wanted)
    if told:
        audit.record(session, runtime, where.partner.id, actor, "map", accounts=told)
    session.flush()
    return Result(saved=len(good), kept=len(problems))


def _taken(
    session: Session,
    where: Place,
    everything: Mapping[str, Known],
    wanted: Mapping[str, Typed],
    before: Mapping[str, Choice],
    problems: dict[str, str],
) -> None:
    """(tenant, agreement) belongs to one account over all partners. A row that cannot be saved keeps what it has, so others may fail, too."""
    asked = {typed.choice.agreement for typed in wanted.values() if typed.choice.agreement is not None}
    foreign = set(
        session.scalars(
            select(MappingRow.cw_agreement_id).where(
                MappingRow.tenant == where.tenant,
                MappingRow.partner_id != where.partner.id,
                MappingRow.cw_agreement_id.in_(asked),
            )
        )
    )
    while True:
        owner: dict[int, str] = {}
        for key, choice in before.items():
            if choice.agreement is not None and (key not in wanted or key in problems):
                owner[choice.agreement] = key
        found = {}
        for key, typed in sorted(wanted.items()):
            agreement = typed.choice.agreement
            if agreement is None or key in problems:
                continue
            if agreement in foreign:
                found[key] = _TAKEN.format(_ANOTHER)
            elif owner.setdefault(agreement, key) != key:
                other = everything.get(owner[agreement])
                found[key] = _TAKEN.format(f"account “{other.name if other else owner[agreement]}”")
        if not found:
            return
        problems.update(found)
