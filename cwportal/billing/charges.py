"""Charges of one account become groups; what cannot be billed rightly blocks its part number (rules 1, 3, 10)."""

from __future__ import annotations

import unicodedata
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal

from cwportal.billing.findings import finding, in_order
from cwportal.billing.scale import MOST, SCALE, canonical, exact_sum, to_scale
from cwportal.billing.values import AccountCharges, ExportSettings, Finding, Group, GroupKey, Sku
from cwportal.portal import Charge
from cwportal.vocabulary import Data

LONGEST = 60
"""Old ConnectWise releases take product identifiers of 60 characters (contract section 2)."""

_SHOWN = 30
_ZERO = Decimal(0)

RETAIL = "Products & Pricing > Retail pricing"


def twins(part_numbers: Iterable[str]) -> frozenset[str]:
    """Part numbers (trimmed) of one partner that differ only by case or by how accents are written: ConnectWise may take them for one."""
    alike: dict[str, set[str]] = defaultdict(set)
    for part_number in part_numbers:
        alike[unicodedata.normalize("NFC", part_number.strip().casefold())].add(part_number.strip())
    return frozenset(part for several in alike.values() if len(several) > 1 for part in several)


def group_charges(
    account_id: str,
    charges: Sequence[Charge],
    *,
    skus: Mapping[str, Sku],
    twins: frozenset[str],
    settings: ExportSettings,
    retail_hint: str = RETAIL,
) -> AccountCharges:
    """The groups of an account. `skus` and `twins` are keyed by trimmed part number; `retail_hint` names the page for prices.

    A part number with any bad charge has no group at all and is in `blocked`: billing a part of it would be a wrong bill too.
    """
    parts: dict[str, _Part] = {}
    for charge in charges:
        part_number = charge.sku.strip()
        part = parts.get(part_number)
        if part is None:
            part = parts[part_number] = _Part(part_number)
        part.add(charge)
    groups: list[Group] = []
    findings: list[Finding] = []
    blocked: set[str] = set()
    for part in parts.values():
        problems = part.problems(skus, twins, needs_price=Data.PRICE in settings.data, retail_hint=retail_hint)
        if problems:
            blocked.add(part.part_number)
            findings += problems
            continue
        mine, warnings = part.groups()
        groups += mine
        findings += warnings
    groups.sort(key=group_order)
    return AccountCharges(account_id, tuple(groups), frozenset(blocked), in_order(findings))


def key_order(key: GroupKey) -> tuple[bool, Decimal, bool, Decimal]:
    """Sorts keys; what is not known comes first."""
    return (
        key.unit_price is not None,
        key.unit_price or Decimal(0),
        key.unit_cost is not None,
        key.unit_cost or Decimal(0),
    )


def group_order(group: Group) -> tuple[str, tuple[bool, Decimal, bool, Decimal]]:
    """Sorts groups by part number and key."""
    return (group.part_number, key_order(group.key))


@dataclass(slots=True)
class _Part:
    """All charges of one part number. `negative`, `priceless` (quantity, cost), `finer` are what was noticed on the way."""

    part_number: str
    quantities: dict[GroupKey, list[Decimal]] = field(default_factory=dict)
    priceless: list[tuple[Decimal, Decimal]] = field(default_factory=list)
    negative: list[str] = field(default_factory=list)
    finer: list[str] = field(default_factory=list)

    def add(self, charge: Charge) -> None:
        named = (("quantity", charge.quantity), ("unit price", charge.unit_price), ("unit cost", charge.unit_cost))
        for name, value in named:
            if value is not None and (not value.is_finite() or value < 0 or value > MOST):
                self.negative.append(f"{name} {value}" if len(str(value)) < _SHOWN else f"{name} {value:.6g}")
                return
        price = None if charge.unit_price is None else to_scale(charge.unit_price)
        cost = to_scale(charge.unit_cost)
        if price is None:
            self.priceless.append((charge.quantity, charge.unit_cost))
        elif price != charge.unit_price:
            self.finer.append(f"unit price {canonical(charge.unit_price or price)} -> {canonical(price)}")
        if cost != charge.unit_cost:
            self.finer.append(f"unit cost {canonical(charge.unit_cost)} -> {canonical(cost)}")
        self.quantities.setdefault(GroupKey(price, cost), []).append(charge.quantity)

    def problems(
        self, skus: Mapping[str, Sku], twins: frozenset[str], *, needs_price: bool, retail_hint: str
    ) -> list[Finding]:
        part, found = self.part_number, []
        if not part:
            found.append(
                finding(
                    "part_number_invalid",
                    "A charge has no SKU, so nobody can tell what it bills. It is not exported. Correct it in the portal's data.",
                    part_number=part,
                )
            )
        elif len(part) > LONGEST:
            found.append(
                finding(
                    "part_number_invalid",
                    f"The SKU {part} has {len(part)} characters; ConnectWise product IDs take {LONGEST}. "
                    "Nothing of it is created, updated or ended. Shorten the SKU in the portal.",
                    part_number=part,
                )
            )
        elif part in twins:
            found.append(
                finding(
                    "part_number_twins",
                    f"Another SKU differs from {part} only by upper and lower case, or by how an accent is written, and "
                    "ConnectWise may take both for one product. Nothing of it is created, updated or ended. Rename one of them in the portal.",
                    part_number=part,
                )
            )
        elif part not in skus:
            found.append(
                finding(
                    "unknown_sku",
                    f"The portal has charges for {part} but no such product. Nothing of it is created, updated or ended. "
                    "Add the product in the portal or remove the charges.",
                    part_number=part,
                )
            )
        if self.negative:
            found.append(
                finding(
                    "negative_amount",
                    f"A charge of {part or 'no SKU'} has a {min(self.negative)}; quantity, price and cost may not be below zero, nor more "
                    "than anybody could bill. "
                    "Nothing of it is created, updated or ended. Correct the charge in the portal.",
                    part_number=part,
                )
            )
        missing = to_scale(exact_sum([quantity for quantity, _ in self.priceless]))
        if needs_price and missing:
            found.append(
                finding(
                    "price_missing",
                    f"{part} has no retail price, so a quantity of {canonical(missing)} is not billed; nothing of it is created, "
                    f"updated or ended. Set its price under {retail_hint}.",
                    part_number=part,
                    amount=exact_sum([quantity * cost for quantity, cost in self.priceless]),
                )
            )
        return found

    def groups(self) -> tuple[list[Group], list[Finding]]:
        part, groups, below = self.part_number, [], list[Group]()
        for key, quantities in self.quantities.items():
            exact = quantities[0] if len(quantities) == 1 else exact_sum(quantities)
            quantity = to_scale(exact)
            if quantity != exact:
                self.finer.append(f"quantity {canonical(exact)} -> {canonical(quantity)}")
            if not quantity:
                continue
            group = Group(part, key, quantity)
            groups.append(group)
            if key.unit_price is not None and key.unit_cost is not None and key.unit_price < key.unit_cost:
                below.append(group)
        findings = []
        if below:
            worst = min(below, key=group_order).key
            price, cost = canonical(worst.unit_price or _ZERO), canonical(worst.unit_cost or _ZERO)
            findings.append(
                finding(
                    "price_below_cost",
                    f"{part} is sold at {price} and costs {cost} a unit: "
                    "every unit loses money. It is exported as it is; check its retail price.",
                    part_number=part,
                    amount=sum(
                        (((g.key.unit_cost or _ZERO) - (g.key.unit_price or _ZERO)) * g.quantity for g in below),
                        _ZERO,
                    ),
                )
            )
        if self.finer:
            findings.append(
                finding(
                    "scale",
                    f"{part} has amounts with more than {SCALE} decimals; they are rounded before they are sent "
                    f"({min(self.finer)}). Give at most {SCALE} decimals to avoid this.",
                    part_number=part,
                )
            )
        return groups, findings
