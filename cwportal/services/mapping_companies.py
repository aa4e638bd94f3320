"""From what a person types to a company of the directory."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from sqlalchemy import select

from cwportal.models import Mapping
from cwportal.runtime import Runtime
from cwportal.services import choices
from cwportal.services.choices import AgreementChoice, CompanyChoice
from cwportal.services.directory_rows import searchable
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
    if not text.strip():
        return []
    found = choices.find_companies(runtime, partner_id, text[:LONGEST], limit=SHOWN)
    by_company = agreements_of(runtime, partner_id, {company.id for company in found})
    return [Offer(company, by_company.get(company.id, ())) for company in found]


def users(runtime: Runtime, where: Place, found: Sequence[Offer]) -> dict[int, str]:
    """Agreement -> name of the partner's account that it belongs to, of those offered."""
    ids = {agreement.facts.id for offer in found for agreement in offer.agreements}
    if not ids:
        return {}
    query = select(Mapping.cw_agreement_id, Mapping.account_id).where(
        Mapping.partner_id == where.partner.id, Mapping.tenant == where.tenant, Mapping.cw_agreement_id.in_(ids)
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

    A number is ConnectWise's id; then the identifier, the name, and at last all words anywhere in them.
    """
    text = " ".join(typed.text.split())
    found = choices.find_companies(runtime, partner_id, text[:LONGEST], limit=SHOWN + 1)
    exact = [one for one in found if str(one.id) == text]
    exact = exact or [one for one in found if searchable(one.identifier) == searchable(text)]
    exact = exact or [one for one in found if searchable(" ".join(one.name.split())) == searchable(text)]
    fit = [one for one in exact or found if not one.reasons] or exact
    if len(fit) == 1:
        return _chosen(typed, fit[0])
    if not found:
        return replace(
            typed,
            candidates=(),
            problem=f"ConnectWise has no company “{text}” that these keys may see. Type part of its name, its identifier or its number.",
        )
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


def _chosen(typed: Typed, company: CompanyChoice) -> Typed:
    choice = Choice(company=company.id, export=typed.choice.export)
    return replace(typed, choice=choice, text=company.name, candidates=(), problem="")
