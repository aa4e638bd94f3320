"""A host's data in memory."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from decimal import Decimal

from cwportal.errors import UnknownPartner
from cwportal.portal import Account, Charge, Contact, Partner, Product, User

PARTNER = "msp"


def charge(sku: str, quantity: object, cost: object, price: object) -> Charge:
    """A charge from literals; price None = not known."""
    return Charge(sku, Decimal(str(quantity)), Decimal(str(cost)), None if price is None else Decimal(str(price)))


@dataclass
class MemorySource:
    """A PortalSource whose tables the test changes directly."""

    timezone: str = "America/New_York"
    currency: str = "USD"
    skus: dict[str, Product] = field(default_factory=dict)
    customers: dict[str, Account] = field(default_factory=dict)
    usage: dict[str, list[Charge]] = field(default_factory=dict)
    people: dict[str, list[User]] = field(default_factory=dict)

    def partner(self, partner_id: str) -> Partner:
        if partner_id != PARTNER:
            raise UnknownPartner(f"There is no partner {partner_id!r}.")
        return Partner(PARTNER, "Test MSP", self.timezone, self.currency)

    def products(self, partner_id: str) -> Sequence[Product]:
        self.partner(partner_id)
        return list(self.skus.values())

    def accounts(self, partner_id: str) -> Sequence[Account]:
        self.partner(partner_id)
        return list(self.customers.values())

    def charges(self, partner_id: str, account_ids: Iterable[str]) -> Iterator[tuple[str, Sequence[Charge]]]:
        self.partner(partner_id)
        for account_id in account_ids:
            yield account_id, list(self.usage.get(account_id, ()))

    def users(self, partner_id: str, account_id: str) -> Iterator[User]:
        self.partner(partner_id)
        self.customers[account_id]
        return iter(list(self.people.get(account_id, ())))

    def contacts(self, partner_id: str) -> Sequence[Contact]:
        self.partner(partner_id)
        return []

    def add_account(self, account_id: str, *charges: Charge) -> None:
        """An active account with its charges; unknown SKUs become products."""
        self.customers[account_id] = Account(account_id, f"Account {account_id}")
        self.set_charges(account_id, *charges)

    def set_charges(self, account_id: str, *charges: Charge) -> None:
        """Replace the charges of an account."""
        self.usage[account_id] = list(charges)
        for item in charges:
            self.skus.setdefault(item.sku, Product(item.sku, f"Product {item.sku}", Decimal(1)))
