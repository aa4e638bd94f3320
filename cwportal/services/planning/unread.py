"""Records that ConnectWise gave and that cannot be read: each fails the accounts that need it, and nobody else.

What cannot be read never looks like "not there": such an account is planned not at all.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from cwportal.billing.values import AgreementType, Wish
from cwportal.connectwise.batches import UNNAMED
from cwportal.connectwise.errors import ConnectWiseError, Incomplete, Malformed
from cwportal.connectwise.records import Agreement
from cwportal.models import Mapping as MappingRow
from cwportal.portal import Account
from cwportal.runtime import Runtime
from cwportal.services.connection import Client
from cwportal.services.planning import creation


@dataclass(slots=True)
class Unread:
    """What could not be read, by kind and id; products by part number."""

    agreements: dict[int, Malformed] = field(default_factory=dict)
    companies: dict[int, Malformed] = field(default_factory=dict)
    cycles: dict[int, Malformed] = field(default_factory=dict)
    parts: dict[str, Malformed] = field(default_factory=dict)
    accounts: dict[str, ConnectWiseError] = field(default_factory=dict)
    """What is read only for accounts that want something new."""

    def cycle_of(self, agreement: Agreement, options: Mapping[int, str]) -> Malformed | None:
        """Why it is not known how often an agreement bills, if its cycle is there and cannot be read."""
        number = agreement.billing_cycle_id
        if number is None or number in options:
            return None
        return self.cycles.get(number) or self.cycles.get(UNNAMED)

    def of(self, row: MappingRow, parts: Iterable[str]) -> ConnectWiseError | None:
        """Why this account cannot be planned; None if everything it needs could be read."""
        return (
            self.agreements.get(row.cw_agreement_id or 0)
            or self.companies.get(row.cw_company_id or 0)
            or self.accounts.get(row.account_id)
            or next((self.parts[part] for part in sorted(parts) if part in self.parts), None)
        )

    def new(
        self,
        runtime: Runtime,
        client: Client,
        *,
        chosen_type: int | None,
        accounts: Mapping[str, Account],
        mappings: Mapping[str, MappingRow],
        wishing: Sequence[MappingRow],
    ) -> tuple[AgreementType | None, dict[str, Wish]]:
        """The type for new agreements and what is to be created, for accounts of which everything could be read."""
        if not wishing:
            return None, {}
        try:
            kind = creation.agreement_type(client, chosen_type)
        except Malformed as error:
            self.accounts |= {row.account_id: error for row in wishing}
            return None, {}
        try:
            return kind, creation.wishes(runtime, client, accounts, mappings, wishing)
        except (Malformed, Incomplete):
            found = dict[str, Wish]()
        for row in wishing:
            try:
                found |= creation.wishes(runtime, client, accounts, mappings, [row])
            except (Malformed, Incomplete) as error:
                self.accounts[row.account_id] = error
        return kind, found
