"""What lines cost a month: (quantity - less included, not below 0) x price or cost, exact. A line that is not billed to the customer is 0."""

from __future__ import annotations

from decimal import Decimal

from cwportal.billing.values import Money, Row

ZERO = Decimal(0)
_NOT_BILLED = {"donotbill", "nocharge"}
"""Values of an addition's billCustomer with which no invoice asks for money (contract section 8); everything else counts as billed."""


def billed(quantity: Decimal, less_included: Decimal) -> Decimal:
    """The quantity an invoice counts: `billedQuantity` of an addition (contract section 8)."""
    return max(quantity - less_included, ZERO)


def is_billed(row: Row) -> bool:
    """Whether the customer is to pay for the row at all."""
    told = row.bill_customer
    return told == "Billable" or told.strip().casefold() not in _NOT_BILLED


def price_of(row: Row) -> Decimal:
    """What the row bills a month."""
    return billed(row.quantity, row.less_included) * row.unit_price if is_billed(row) else ZERO


def cost_of(row: Row) -> Decimal:
    """What the row costs a month."""
    return billed(row.quantity, row.less_included) * row.unit_cost


def unchanged(row: Row) -> Money:
    """A row that bills before and after."""
    price, cost = price_of(row), cost_of(row)
    return Money(price, price, cost, cost)


def ended(row: Row) -> Money:
    """A row that bills before and no longer after."""
    return Money(price_of(row), ZERO, cost_of(row), ZERO)


def changed(before: Row, after: Row) -> Money:
    """A row that bills other values after."""
    return Money(price_of(before), price_of(after), cost_of(before), cost_of(after))


def text(amount: Decimal) -> str:
    """An amount for a sentence: at least two decimals, no trailing zeros beyond, thousands separated."""
    exact = format(amount, ",f")
    whole, _, decimals = exact.partition(".")
    decimals = decimals.rstrip("0").ljust(2, "0")
    return f"{whole}.{decimals}"
