"""Many partners at once, each with a ConnectWise of its own in one simulator."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from decimal import Decimal

from cwportal.errors import UnknownPartner
from cwportal.portal import Account, Charge, Contact, Partner, Product, User
from cwportal.services import connection, mapping
from tests.jobs.crew import Crew
from tests.support.portal import PARTNER, MemorySource
from tests.support.world import KEYS, Line, group


@dataclass
class ManySources:
    """Data of many partners, each like `MemorySource`."""

    of: dict[str, MemorySource] = field(default_factory=dict)

    def partner(self, partner_id: str) -> Partner:
        return replace(self._of(partner_id).partner(PARTNER), id=partner_id, name=f"Partner {partner_id}")

    def products(self, partner_id: str) -> Sequence[Product]:
        return self._of(partner_id).products(PARTNER)

    def accounts(self, partner_id: str) -> Sequence[Account]:
        return self._of(partner_id).accounts(PARTNER)

    def charges(self, partner_id: str, account_ids: Iterable[str]) -> Iterator[tuple[str, Sequence[Charge]]]:
        return self._of(partner_id).charges(PARTNER, account_ids)

    def users(self, partner_id: str, account_id: str) -> Iterator[User]:
        return self._of(partner_id).users(PARTNER, account_id)

    def contacts(self, partner_id: str) -> Sequence[Contact]:
        return self._of(partner_id).contacts(PARTNER)

    def _of(self, partner_id: str) -> MemorySource:
        if partner_id not in self.of:
            raise UnknownPartner(f"There is no partner {partner_id!r}.")
        return self.of[partner_id]


def expected(charges: Iterable[Sequence[Charge]]) -> list[list[Line]]:
    """What each agreement of a partner with these charges per account must have in the end."""
    return [[group(c.sku, c.quantity, c.unit_cost, c.unit_price) for c in account] for account in charges]


def furnish(crew: Crew, partners: Mapping[str, Sequence[Sequence[Charge]]]) -> dict[str, list[int]]:
    """A ConnectWise per partner with an agreement per account, connected and mapped; the agreements' ids, equal ones among them.

    `partners`: charges per account.
    """
    sources = ManySources()
    member = {"identifier": "exporter", "public_key": KEYS[0], "private_key": KEYS[1], "rights": "admin"}
    tenants = []
    for partner_id, charges in partners.items():
        sources.of[partner_id] = MemorySource()
        companies = []
        for account, lines in enumerate(charges):
            sources.of[partner_id].add_account(f"a{account:02d}", *lines)
            agreement = {"name": f"Agreement {account}", "billingCycle": "Monthly"}
            companies.append({"identifier": f"Co{account}", "name": f"Company {account}", "agreements": [agreement]})
        tenants.append({"tenant": partner_id, "members": [member], "companies": companies})
    seeded = crew.world.control("seed", {"tenants": tenants})["tenants"]

    crew.world.source = sources  # type: ignore[assignment]
    crew.runtime = replace(crew.runtime, source=sources)
    agreements = {}
    for partner_id, tenant in zip(partners, seeded, strict=True):
        connection.connect(
            crew.runtime,
            partner_id,
            site=crew.world.sandbox.url,
            company_id=partner_id,
            public_key=KEYS[0],
            private_key=KEYS[1],
            actor="test",
        )
        ids = [(company["id"], company["agreements"][0]["id"]) for company in tenant["companies"]]
        rows = [f"a{account:02d},{company},{agreement},yes" for account, (company, agreement) in enumerate(ids)]
        text = "\n".join(["account_id,company,agreement,export", *rows])
        mapping.import_file(crew.runtime, partner_id, text, actor="test")
        agreements[partner_id] = [agreement for _company, agreement in ids]
    return agreements


def billed(crew: Crew, partner_id: str) -> dict[int, list[Line]]:
    """Everything billed in the partner's ConnectWise, by agreement."""
    tenant = crew.world.sandbox.tenant(partner_id)
    names = {item["id"]: item["identifier"] for item in tenant.catalog()}
    return {
        agreement["id"]: sorted(
            (names[row["product"]["id"]], *(Decimal(str(row[name])) for name in ("quantity", "unitPrice", "unitCost")))
            for row in tenant.additions(agreement["id"])
        )
        for agreement in tenant.agreements()
    }


def when(instant: datetime | None) -> float:
    """As a number, to compare with the simulator's journal."""
    assert instant is not None
    return instant.timestamp()
