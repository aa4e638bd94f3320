"""What ConnectWise and the mapping say by now of what is about to be created, asked right before the write (rule 13).

A plan may be minutes old, and a list may have come without rows by mistake (a replica that lags behind, a condition that was not
understood). So each creation asks once more: by another condition where there is one, and no list without rows is believed uncounted.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from cwportal.billing import creation
from cwportal.billing.agreements import not_live
from cwportal.billing.values import Context, Finding
from cwportal.connectwise.errors import Forbidden
from cwportal.connectwise.reader import Reader, same_text
from cwportal.connectwise.records import Agreement
from cwportal.models import Mapping as MappingRow
from cwportal.runtime import Runtime
from cwportal.services import ledger
from cwportal.services.planning.creation import mapped_agreements
from cwportal.services.planning.facts import agreement_facts


def waits_for_company(row: MappingRow | None, owner: ledger.Owner) -> bool:
    """Whether the account is still to get a new company."""
    return row is not None and row.tenant == owner.tenant and row.new_company and row.cw_company_id is None


def waits_for_agreement(row: MappingRow | None, owner: ledger.Owner, company_id: int) -> bool:
    """Whether the account is still to get a new agreement of this company."""
    return (
        row is not None
        and row.tenant == owner.tenant
        and row.new_agreement
        and row.cw_agreement_id is None
        and row.cw_company_id == company_id
    )


def is_wanted(runtime: Runtime, owner: ledger.Owner, account_id: str, company_id: int | None) -> bool:
    """Whether the account still waits for a new agreement of this company, or (None) for a new company: a person may have mapped it."""
    with runtime.database.read() as session:
        row = session.get(MappingRow, (owner.partner_id, account_id))
    return waits_for_company(row, owner) if company_id is None else waits_for_agreement(row, owner, company_id)


def company(read: Reader, account_name: str, fields: Mapping[str, Any]) -> Finding | None:
    """What speaks against a new company of this name; None if nothing does."""
    there = read.find_company(name=fields["name"], counted=True)
    return creation.exists(account_name, [(one.id, one.name) for one in there]) if there else None


def contact(read: Reader, fields: Mapping[str, Any]) -> int | None:
    """A contact of that name at the company, where the role may look."""
    try:
        return min(
            read.find_contacts(fields["company"]["id"], fields["firstName"], fields.get("lastName", "")), default=None
        )
    except Forbidden:
        return None


def agreement(
    runtime: Runtime,
    owner: ledger.Owner,
    several: list[Agreement],
    account_name: str,
    fields: Mapping[str, Any],
    context: Context,
) -> Finding | None:
    """What speaks against a new agreement of this name beside the company's agreements; None if nothing does."""
    used = mapped_agreements(runtime, owner.tenant)
    for one in several:
        facts = agreement_facts(one, {})
        if same_text(one.name, fields["name"]) and one.id not in used and not_live(facts, context) is None:
            return creation.agreement_exists(account_name, facts)
    return None
