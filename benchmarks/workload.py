"""What is exported: a partner with so many agreements and so many lines on each, made up and the same in every process."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal

from cwportal.errors import UnknownPartner
from cwportal.portal import Account, Charge, Contact, Partner, Product, User

PARTNER = "msp"
COST, PRICE = Decimal("3.25"), Decimal("5.50")


@dataclass(frozen=True, slots=True)
class Workload:
    """`changed`: every hundredth line, counted over all agreements, has one more than in the first export."""

    agreements: int
    lines: int
    changed: bool = False

    @property
    def additions(self) -> int:
        """Lines over all agreements."""
        return self.agreements * self.lines

    @property
    def skus(self) -> list[str]:
        """The part numbers, one per line of an agreement."""
        return [f"SKU-{line:03}" for line in range(self.lines)]

    def quantity(self, agreement: int, line: int) -> int:
        """How many of one SKU the customer of an agreement uses; agreements and lines are counted from 0."""
        place = agreement * self.lines + line
        return 2 + place % 7 + (self.changed and place % 100 == 0)

    def changes(self) -> int:
        """Lines that differ from the first export."""
        return -(-self.additions // 100) if self.changed else 0


def account_id(agreement: int) -> str:
    """The account of an agreement."""
    return f"account-{agreement:05}"


class Source:
    """The workload as a portal tells it. Two charges make one addition, as in real portal data."""

    def __init__(self, workload: Workload) -> None:
        self._workload = workload
        self._numbers = {account_id(number): number for number in range(workload.agreements)}

    def partner(self, partner_id: str) -> Partner:
        """The one partner."""
        if partner_id != PARTNER:
            raise UnknownPartner(f"There is no partner {partner_id!r}.")
        return Partner(PARTNER, "Measured MSP", "America/New_York", "USD")

    def products(self, partner_id: str) -> Sequence[Product]:
        """A product per line."""
        self.partner(partner_id)
        return [Product(sku, f"Product {sku}", COST) for sku in self._workload.skus]

    def accounts(self, partner_id: str) -> Sequence[Account]:
        """An account per agreement."""
        self.partner(partner_id)
        return [Account(key, f"Customer {number}") for key, number in self._numbers.items()]

    def charges(self, partner_id: str, account_ids: Iterable[str]) -> Iterator[tuple[str, Sequence[Charge]]]:
        """Two charges per line."""
        self.partner(partner_id)
        for key in account_ids:
            number = self._numbers[key]
            yield (
                key,
                [
                    Charge(sku, Decimal(part), COST, PRICE)
                    for line, sku in enumerate(self._workload.skus)
                    for part in (1, self._workload.quantity(number, line) - 1)
                ],
            )

    def users(self, partner_id: str, account_id: str) -> Iterator[User]:
        """None: lists of users are not measured here."""
        self.partner(partner_id)
        self._numbers[account_id]
        return iter(())

    def contacts(self, partner_id: str) -> Sequence[Contact]:
        """None."""
        self.partner(partner_id)
        return []
