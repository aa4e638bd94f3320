"""Ask ConnectWise, as it is now, whether rows may be saved as they are typed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from cwportal.billing.choosable import agreement_reasons, company_reasons
from cwportal.connectwise.errors import Forbidden, Malformed
from cwportal.connectwise.records import Agreement, Company
from cwportal.errors import NotConnected
from cwportal.runtime import Runtime
from cwportal.services.connection import Client, open_client
from cwportal.services.mapping_facts import Known, Place
from cwportal.services.mapping_row import Choice, Typed
from cwportal.services.mapping_words import agreement_problem, company_problem
from cwportal.services.planning.facts import agreement_facts, billing_options

_PATIENCE = 10.0
"""Seconds for which a page waits where ConnectWise asks us to."""
_TIMEOUT = 10.0
"""Seconds for one answer at most while a person waits for the page, whatever exports may wait."""


@dataclass(frozen=True, slots=True)
class Names:
    """Names as ConnectWise told them now, by id."""

    companies: dict[int, str] = field(default_factory=dict)
    agreements: dict[int, str] = field(default_factory=dict)


def against_connectwise(
    runtime: Runtime,
    where: Place,
    everything: Mapping[str, Known],
    wanted: Mapping[str, Typed],
    problems: dict[str, str],
) -> Names:
    """Ask ConnectWise about every row that gets a place or starts to be exported. What it says against one goes into `problems`."""
    asked = {
        key: typed.choice
        for key, typed in wanted.items()
        if key not in problems
        and typed.choice.company is not None
        and (
            typed.choice.place != everything[key].choice.place
            or (typed.choice.export and not everything[key].choice.export)
        )
    }
    names = Names()
    if not asked:
        return names
    hurried = replace(runtime, config=replace(runtime.config, timeout=min(runtime.config.timeout, _TIMEOUT)))
    with open_client(hurried, where.partner.id, draft=True, patience=_PATIENCE) as client:
        if client.tenant != where.tenant:
            raise NotConnected("The connection was changed to another ConnectWise in the meantime.")
        numbers = sorted({one.company for one in asked.values() if one.company})
        companies = client.read.companies(numbers, unread_companies := dict[int, Malformed]())
        numbers = sorted({one.agreement for one in asked.values() if one.agreement})
        agreements = client.read.agreements(numbers, unread_agreements := dict[int, Malformed]())
        options = billing_options(client, {}) if agreements else {}
        inactive = _inactive_statuses(client, companies)
    names.companies.update({key: one.name for key, one in companies.items()})
    names.agreements.update({key: one.name for key, one in agreements.items()})
    for key, choice in asked.items():
        error = unread_companies.get(choice.company or 0) or unread_agreements.get(choice.agreement or 0)
        sentence = str(error) if error else _against(where, choice, companies, agreements, options, inactive)
        if sentence:
            problems[key] = sentence
    return names


def _inactive_statuses(client: Client, companies: Mapping[int, Company]) -> set[int]:
    if not any(one.status_id for one in companies.values()):
        return set()
    try:
        return {status.id for status in client.read.company_statuses({}) if status.inactive}
    except Forbidden:
        return set()


def _against(
    where: Place,
    choice: Choice,
    companies: Mapping[int, Company],
    agreements: Mapping[int, Agreement],
    options: Mapping[int, str],
    inactive: set[int],
) -> str:
    company = companies.get(choice.company or 0)
    if company is None:
        return f"ConnectWise has no company {choice.company} any more that these keys may see. Choose another one."
    reasons = company_reasons(deleted=company.deleted, inactive_status=company.status_id in inactive)
    if reasons:
        return company_problem(company.name, reasons[0])
    if choice.agreement is None:
        return ""
    agreement = agreements.get(choice.agreement)
    if agreement is None:
        return f"ConnectWise has no agreement {choice.agreement} any more that these keys may see. Choose another one."
    if agreement.company_id != company.id:
        return f"The agreement “{agreement.name}” belongs to another company in ConnectWise, not to “{company.name}”. Choose another one."
    facts = agreement_facts(agreement, options)
    against = agreement_reasons(facts, today=where.today, currency=where.partner.currency)
    return agreement_problem(facts, against[0], where.partner.currency) if against else ""
