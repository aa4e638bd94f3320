"""From what a person types to a company of the directory."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from sqlalchemy import select

from cwportal.models import Mapping
from cwportal.runtime import Runtime
from cwportal.services import choices
from cwportal.services.choices import AgreementChoice, CompanyChoice
from cwportal.services.directory_rows import searchable, storable
from cwportal.services.mapping_facts import Place
from cwportal.services.mapping_row import Choice, Typed

SHOWN = 20
"""Companies offered at most."""
LONGEST = 200
"""Characters of a text that is searched for."""


@dataclass(frozen=True, slots=True)
class Offer:
    """A company with its agreements."""

    company: CompanyChoice
    agreements: tuple[AgreementChoice, ...]


def offers(runtime: Runtime, partner_id: str, text: str) -> list[Offer]:
    """Up to SHOWN companies that fit the text, best first, with their agreements; nothing for no text."""
    text = storable(text)[:LONGEST]
    if not text.strip():
        return []
    found = choices.find_companies(runtime, partner_id, text, limit=SHOWN)
    by_company = agreements_of(runtime, partner_id, {company.id for company in found})
    return [Offer(company, by_company.get(company.id, ())) for company in found]


def users(runtime: Runtime, where: Place, found: Sequence[Offer], *, account_id: str) -> dict[int, str]:
    """Agreement -> name of the partner's account that it belongs to, of those offered to this account; its own are free for it."""
    ids = {agreement.facts.id for offer in found for agreement in offer.agreements}
    if not ids:
        return {}
    query = (
        select(Mapping.cw_agreement_id, Mapping.account_id)
        .where(Mapping.partner_id == where.partner.id, Mapping.tenant == where.tenant, Mapping.cw_agreement_id.in_(ids))
        .where(Mapping.account_id != account_id)
    )
    with runtime.database.read() as session:
        taken = {agreement: account for agreement, account in session.execute(query) if agreement is not None}
    if not taken:
        return {}
    names = {account.id: account.name for account in runtime.source.accounts(where.partner.id)}
    return {agreement: names.get(account, account) for agreement, account in taken.items()}


def agreements_of(runtime: Runtime, partner_id: str, company_ids: set[int]) -> dict[int, tuple[AgreementChoice, ...]]:
    """Agreements of these companies by name, those that can be chosen first."""
    found: dict[int, list[AgreementChoice]] = {}
    if company_ids:
        for agreement in choices.agreements(runtime, partner_id, company_ids=company_ids):
            found.setdefault(agreement.facts.company_id, []).append(agreement)
    return {
        company: tuple(sorted(several, key=lambda one: (bool(one.reasons), searchable(one.facts.name), one.facts.id)))
        for company, several in found.items()
    }


def resolve(runtime: Runtime, partner_id: str, typed: Typed) -> Typed:
    """What the text means: one company, several that fit equally well, or none; each with its sentence.

    A number is ConnectWise's id; then the identifier, the name, and at last all words anywhere in them: then the company is `guessed`.
    """
    text = one_line(typed.text)
    found = choices.find_companies(runtime, partner_id, text[:LONGEST], limit=SHOWN + 1)
    exact = [one for one in found if str(one.id) == text]
    exact = exact or [one for one in found if searchable(one.identifier) == searchable(text)]
    exact = exact or [one for one in found if searchable(one_line(one.name)) == searchable(text)]
    fit = [one for one in exact or found if not one.reasons] or exact
    if len(fit) == 1:
        return _chosen(typed, fit[0], guessed="" if exact else text)
    if not found:
        return replace(typed, candidates=(), problem=_none(runtime, partner_id, text))
    if not fit:
        return replace(
            typed,
            candidates=(),
            problem=f"Every company with “{text}” is inactive or in ConnectWise's recycle bin. Type another name.",
        )
    if len(fit) > SHOWN:
        return replace(
            typed,
            candidates=(),
            problem=f"More than {SHOWN} companies have “{text}” in their name. Type more of the name, or the identifier.",
        )
    return replace(
        typed,
        candidates=tuple(one.id for one in fit),
        problem=f"{len(fit)} companies fit “{text}”: choose one, or type another name.",
    )


def _chosen(typed: Typed, company: CompanyChoice, *, guessed: str) -> Typed:
    choice = Choice(company=company.id, export=typed.choice.export)
    return replace(typed, choice=choice, text=one_line(company.name), candidates=(), problem="", guessed=guessed)


def _none(runtime: Runtime, partner_id: str, text: str) -> str:
    if choices.standing(runtime, partner_id).refreshed_at is None:
        return (
            f"Companies have not been read from ConnectWise yet, so “{text}” cannot be looked up. It is kept: "
            "press Look up typed companies again when they are there."
        )
    return (
        f"ConnectWise has no company “{text}” that these keys may see. Type part of its name, its identifier or its number; if it is new "
        "there, press Read again from ConnectWise."
    )


def one_line(text: str) -> str:
    """As a text field of a browser shows it and sends it back: no line breaks, single spaces."""
    return " ".join(text.split())
