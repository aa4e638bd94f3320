"""The only door to the host's data: what a portal must be able to tell about a partner.

A host implements `PortalSource`, and `ReadsOneMoment` where its database can.
Every method raises on an incomplete read and never returns a short list:
missing charges would end somebody's additions, so "could not read" must never look like "nothing there".
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Protocol, runtime_checkable

from cwportal.errors import SourceIncomplete
from cwportal.vocabulary import AccountStatus


def _text(value: object, what: str) -> None:
    """Refuses an id that is a number, say: it would equal no stored one, and its account look like one that nobody has mapped."""
    if not isinstance(value, str):
        raise SourceIncomplete(f"The portal gives {value!r} as the id of {what}. An id is a string: str(…).")


@dataclass(frozen=True, slots=True)
class Partner:
    """A managed service provider. `timezone` is an IANA name, `currency` an ISO 4217 code."""

    id: str
    name: str
    timezone: str
    currency: str

    def __post_init__(self) -> None:
        """The id is a string."""
        _text(self.id, "a partner")


@dataclass(frozen=True, slots=True)
class Product:
    """A SKU the partner may resell. `list_cost` is what the partner pays by the price list."""

    sku: str
    name: str
    list_cost: Decimal | None = None


@dataclass(frozen=True, slots=True)
class Address:
    """Postal and contact columns of an account; every field may be empty."""

    address1: str = ""
    city: str = ""
    state: str = ""
    zip: str = ""
    country: str = ""
    phone: str = ""
    website: str = ""
    contact_first_name: str = ""
    contact_last_name: str = ""
    contact_email: str = ""


@dataclass(frozen=True, slots=True)
class Account:
    """A partner's customer."""

    id: str
    name: str
    status: AccountStatus = AccountStatus.ACTIVE
    address: Address = field(default_factory=Address)

    def __post_init__(self) -> None:
        """The id is a string."""
        _text(self.id, "an account")


@dataclass(frozen=True, slots=True)
class Charge:
    """What an account uses of one SKU.

    `unit_cost` is what the partner pays the vendor, `unit_price` what the customer pays the partner:
    the charge's own price, else the partner's retail price, else None ("no price known", which is not 0).
    """

    sku: str
    quantity: Decimal
    unit_cost: Decimal
    unit_price: Decimal | None

    def __post_init__(self) -> None:
        """Amounts are exact."""
        for value in (self.quantity, self.unit_cost, self.unit_price):
            if value is not None and not isinstance(value, Decimal):
                raise SourceIncomplete(
                    f"The portal gives {value!r} as an amount of {self.sku}. An amount is a Decimal."
                )


@dataclass(frozen=True, slots=True)
class User:
    """A user of an account, for the users file."""

    email: str
    display_name: str
    status: str
    services: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Contact:
    """A person at the partner who can be notified."""

    email: str
    name: str = ""


class PortalSource(Protocol):
    """The host's data, one partner at a time. Unknown partner: `errors.UnknownPartner`. Incomplete read: raise."""

    def partner(self, partner_id: str) -> Partner:
        """The partner, or `UnknownPartner`."""

    def products(self, partner_id: str) -> Sequence[Product]:
        """Every SKU this partner may resell."""

    def accounts(self, partner_id: str) -> Sequence[Account]:
        """Every account of the partner, closed ones too."""

    def charges(self, partner_id: str, account_ids: Iterable[str]) -> Iterator[tuple[str, Sequence[Charge]]]:
        """Stream (account id, its charges) in the order asked, once for every account asked, also with no charges.

        A reader that is given fewer accounts than it asked for treats the source as incomplete.
        """

    def users(self, partner_id: str, account_id: str) -> Iterator[User]:
        """The users of one account, in a stable order."""

    def contacts(self, partner_id: str) -> Sequence[Contact]:
        """People of the partner who can be chosen for notifications."""


@runtime_checkable
class ReadsOneMoment(Protocol):
    """A source that can give products, accounts and charges of one moment, as one transaction that only reads does."""

    def reading(self, partner_id: str) -> AbstractContextManager[PortalSource]:
        """Within the block everything asked of the source that it gives is the partner's data as they were at one moment.

        No request to ConnectWise is made within the block. A source that does not have this is read until two looks around its charges agree.
        """
