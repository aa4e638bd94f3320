"""Whether the mapped company and agreement can be billed at all (rule 2)."""

from __future__ import annotations

from cwportal.billing.findings import finding
from cwportal.billing.values import AccountInput, AgreementFacts, Context, Finding

_ENDED = {"cancelled", "expired", "inactive"}
_MONTHLY = "monthly"
_NEVER = "notrecurring"
"""Values of agreementStatus and billingOptions (contract section 8)."""


def agreement_findings(account: AccountInput, context: Context) -> list[Finding]:
    """What speaks against writing to this account's agreement; any error blocks the account."""
    found = company_findings(account)
    agreement = account.agreement
    if agreement is None:
        found.append(
            finding(
                "agreement_gone",
                f"The agreement of {account.name} (id {account.agreement_id}) no longer exists in ConnectWise, so nothing is exported "
                "for this account. Map it to another agreement.",
            )
        )
        return found
    if agreement.company_id != account.company_id:
        found.append(
            finding(
                "agreement_gone",
                f"The agreement {agreement.name} (id {agreement.id}) now belongs to another company than {account.name} is mapped to, so "
                "nothing is exported for this account. Look at it in ConnectWise and map the account again.",
            )
        )
    why = not_live(agreement, context)
    if why is not None:
        found.append(
            finding(
                "agreement_not_live",
                f"The agreement {agreement.name} (id {agreement.id}) {why}, so nothing is exported for this account. "
                "Map the account to an agreement that is in force.",
            )
        )
    found += _cycle(agreement, confirmed=account.per_cycle_confirmed)
    if agreement.currency and agreement.currency.strip().casefold() != context.currency.strip().casefold():
        found.append(
            finding(
                "currency_differs",
                f"The agreement {agreement.name} is in {agreement.currency}, the portal's prices are in {context.currency}; amounts would be "
                "wrong, so nothing is exported for this account. Map it to an agreement in the same currency.",
            )
        )
    return found


def company_findings(account: AccountInput) -> list[Finding]:
    """A mapped company that is gone."""
    if account.company is not None and not account.company.deleted:
        return []
    what = "is in ConnectWise's recycle bin" if account.company else "no longer exists in ConnectWise"
    return [
        finding(
            "company_gone",
            f"The company of {account.name} (id {account.company_id}) {what}, so nothing is exported for this account. "
            "Restore it there or map the account to another company.",
        )
    ]


def not_live(agreement: AgreementFacts, context: Context) -> str | None:
    """Why nothing can be billed on this agreement any more, as the end of a sentence; None if it can."""
    if agreement.parent_id is not None:
        return "is a child agreement, which is billed through its parent"
    if agreement.cancelled:
        return "is cancelled"
    if agreement.status and agreement.status.strip().casefold() in _ENDED:
        return f"has the status {agreement.status}"
    if agreement.end is not None and agreement.end < context.today:
        return f"ended on {agreement.end.isoformat()}"
    return None


def _cycle(agreement: AgreementFacts, *, confirmed: bool) -> list[Finding]:
    option = agreement.billing_option
    if option is None:
        if confirmed:
            return []
        return [
            finding(
                "billing_cycle_unknown",
                f"How often the agreement {agreement.name} bills is not known. Prices are exported as "
                "monthly prices; check that it bills monthly.",
            )
        ]
    if option.casefold() == _MONTHLY or (confirmed and option.casefold() != _NEVER):
        return []
    if option.casefold() == _NEVER:
        advice = "Map the account to an agreement that bills monthly."
    else:
        advice = (
            "Map the account to an agreement that bills monthly, or confirm for this account that the portal's prices "
            "are per billing cycle."
        )
    return [
        finding(
            "billing_cycle",
            f"The agreement {agreement.name} bills {option}, not monthly, while the portal's prices are monthly; bills would be wrong, so "
            f"nothing is exported for this account. {advice}",
        )
    ]
