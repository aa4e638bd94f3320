"""Records of ConnectWise as the core's values."""

from __future__ import annotations

from collections.abc import Mapping

from cwportal.billing.values import AgreementFacts
from cwportal.connectwise.errors import Forbidden, Malformed
from cwportal.connectwise.records import Agreement
from cwportal.services.connection import Client


def billing_options(client: Client, unread: dict[int, Malformed] | None = None) -> dict[int, str]:
    """Billing cycle -> its billingOptions; empty (cycle unknown, a warning) where the role may not read Table Setup.

    `unread`: cycles that cannot be read are noted there (see `connectwise.batches`).
    """
    try:
        return {cycle.id: cycle.billing_options for cycle in client.read.billing_cycles(unread)}
    except Forbidden:
        return {}


def agreement_facts(record: Agreement, options: Mapping[int, str]) -> AgreementFacts:
    """An agreement as the core sees it. A company that is not told counts as another company."""
    return AgreementFacts(
        id=record.id,
        name=record.name,
        company_id=record.company_id or 0,
        cancelled=record.cancelled,
        status=record.status,
        start=record.start,
        end=None if record.no_ending else record.end,
        bill_start=record.bill_start,
        billing_option=options.get(record.billing_cycle_id or 0) or None,
        currency=record.currency,
        parent_id=record.parent_id,
    )
