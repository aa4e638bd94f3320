"""The fields of a row of the mapping page, and what they mean."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from cwportal.services import choices
from cwportal.services.mapping_companies import one_line
from cwportal.services.mapping_row import Choice, Typed

NEW, NEW_COMPANY = "new", "new-company"
"""Values of the field agreement: a new one, and a new company with a new one."""
OTHER = "other"
"""Value of a list of companies: none of them."""
_OTHER_NAME = "Type another name, the company's identifier or its number."


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


def fields_of(choice: Choice, text: str) -> Fields:
    """As the form shows it."""
    agreement = str(choice.agreement or "")
    if choice.new_company:
        agreement = NEW_COMPANY
    elif choice.new_agreement:
        agreement = NEW
    return Fields(one_line(text), str(choice.company or ""), agreement, choice.export, choice.per_cycle)


def meant(row: Sent, before: Typed | None, seen: str) -> Typed:
    """What the fields mean, agreements not yet checked."""
    now, was = row.now, row.was
    text, retyped = one_line(now.text), one_line(now.text) != one_line(was.text)
    if now.agreement == NEW_COMPANY and not (text and retyped and was.agreement == NEW_COMPANY):
        return Typed(Choice(new_company=True, new_agreement=True, export=now.export), seen=seen)
    if now.company != was.company and number(now.company) is not None:
        company = number(now.company)
    elif now.company == OTHER or retyped or not text:
        company = None
    else:
        company = number(was.company)
    if company is None:
        if not text:  # emptied: unmapped, so no longer exported
            return Typed(Choice(export=now.export and not was.text), seen=seen)
        if now.company == OTHER and not retyped:
            return Typed(Choice(export=now.export), text, seen, problem=_OTHER_NAME)
        same = before is not None and before.text == text
        kept = before.candidates if same and before is not None else ()
        return Typed(Choice(export=now.export), text, seen, candidates=kept)
    moved = str(company) != was.company
    agreement = "" if moved and now.agreement == was.agreement != NEW else now.agreement
    choice = Choice(
        company=company,
        agreement=number(agreement),
        new_agreement=agreement == NEW,
        export=now.export,
        per_cycle=now.per_cycle and (agreement == was.agreement or not was.per_cycle),
    )
    return Typed(choice, text, seen)


def number(text: str) -> int | None:
    """An id of ConnectWise, None for anything else."""
    fits = text.isascii() and text.isdigit() and len(text) <= len(str(choices.LARGEST_ID))
    return int(text) if fits and int(text) <= choices.LARGEST_ID else None


def stale(sent: Iterable[Sent], drafts: dict[str, Typed]) -> frozenset[str]:
    """Accounts for which the person has typed something else in another window since this page was loaded."""
    return frozenset(
        row.account_id for row in sent if row.account_id in drafts and drafts[row.account_id].token != row.draft
    )
