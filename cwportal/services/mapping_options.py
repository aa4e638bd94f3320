"""What can be chosen in a row of the mapping page: companies and agreements with their names, and what speaks against them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from cwportal.services.choices import AgreementChoice, CompanyChoice
from cwportal.services.directory_rows import searchable
from cwportal.services.mapping_facts import Known
from cwportal.services.mapping_fields import NEW, NEW_COMPANY
from cwportal.services.mapping_row import Choice, Typed
from cwportal.services.mapping_words import agreement_short, company_short, cycle_word

OPTIONS = 300
UNFIT_OPTIONS = 10
"""Agreements of one company in a list at most: those that can be chosen, and those that cannot."""
MORE = "more"
"""Value of the line that says how many are not listed; it cannot be chosen."""


@dataclass(frozen=True, slots=True)
class Option:
    """Of a list to choose from. `used`: an agreement that belongs to another account."""

    value: str
    label: str
    disabled: bool = False
    used: bool = False


def candidates(typed: Typed | None, companies: Mapping[int, CompanyChoice]) -> tuple[Option, ...]:
    """The companies that fit what is typed equally well."""
    if typed is None or not typed.is_open:
        return ()
    found = [companies[number] for number in typed.candidates if number in companies]
    return tuple(Option(str(one.id), company_label(one), bool(one.reasons)) for one in found)


def company_label(company: CompanyChoice) -> str:
    """Name, identifier, and why not."""
    why = f" – {company_short(company.reasons[0])}" if company.reasons else ""
    return f"{company.name} ({company.identifier}){why}"


@dataclass(frozen=True, slots=True)
class Many:
    """A company with more agreements than a list holds. `total` can be chosen, `fitting` of them have the `words`."""

    total: int
    fitting: int
    words: str


def many(of_company: Sequence[AgreementChoice], words: str) -> Many | None:
    """None where the list holds them all."""
    fit = [one for one in of_company if not one.reasons]
    return Many(len(fit), sum(_has(one, words) for one in fit), words) if len(fit) > OPTIONS else None


def agreement_options(of_company: Sequence[AgreementChoice], users: Mapping[int, str], words: str = "") -> list[Option]:
    """Agreements of one company that have all `words` in their name, or as their number; `users`: by whom one is used.

    Those that cannot be chosen come last.
    """
    names = Counter(one.facts.name for one in of_company)
    fit = [item for item in of_company if not item.reasons and _has(item, words)]
    listed: list[Option] = []
    for one in fit[:OPTIONS]:
        label = one.facts.name if names[one.facts.name] == 1 else f"{one.facts.name} (no. {one.facts.id})"
        word = cycle_word(one.facts)
        label += f" – bills {word}" if word else ""
        label += f" – used by {users[one.facts.id]}" if one.facts.id in users else ""
        listed.append(Option(str(one.facts.id), label, used=one.facts.id in users))
    if len(fit) > OPTIONS:
        more = f"{len(fit) - OPTIONS:,} more: press Look up typed companies, then search among them"
        listed.append(Option(MORE, more, disabled=True))
    listed.append(Option(NEW, "+ New agreement"))
    unfit = [item for item in of_company if item.reasons][:UNFIT_OPTIONS]
    listed += [
        Option(str(one.facts.id), f"{one.facts.name} – {agreement_short(one.facts, one.reasons[0])}", disabled=True)
        for one in unfit
    ]
    return listed


def _has(one: AgreementChoice, words: str) -> bool:
    name = searchable(one.facts.name)
    return words.strip() == str(one.facts.id) or all(word in name for word in searchable(words).split())


def options(
    one: Known,
    choice: Choice,
    of_company: Sequence[AgreementChoice],
    holders: Mapping[int, str],
    everything: Mapping[str, Known],
    words: str = "",
) -> tuple[Option, ...]:
    """Agreements for the row of an account; `holders`: agreement -> account. `words` as of `agreement_options`."""
    if choice.company is None:
        return (
            Option("", "Choose a company first"),
            Option(NEW_COMPANY, "+ New company and agreement"),
        )
    ids = {item.facts.id for item in of_company}
    users = {key: everything[holders[key]].name for key in ids if holders.get(key, one.account_id) != one.account_id}
    listed = agreement_options(of_company, users, words)
    selected = str(choice.agreement or "")
    if selected and selected not in {option.value for option in listed}:
        known = {item.facts.id: item.facts.name for item in of_company}
        name = one.agreement_name if choice.agreement == one.choice.agreement else known.get(choice.agreement or 0, "")
        listed.insert(0, Option(selected, name or f"Agreement {selected}"))
    listed = [Option(item.value, item.label, item.disabled and item.value != selected) for item in listed]
    return (Option("", "Choose …"), *listed)
