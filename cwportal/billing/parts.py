"""Groups, our lines and everybody else's rows of an account, sorted by product (rules 3 and 4)."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from datetime import date

from cwportal.billing.fields import scaled
from cwportal.billing.findings import finding
from cwportal.billing.lines import Lost, Ours, Standing, stand
from cwportal.billing.products import product_ids, resolve
from cwportal.billing.values import AccountInput, CatalogEntry, Context, Finding, Group, LedgerLine, Row
from cwportal.vocabulary import Effect


@dataclass(slots=True)
class Part:
    """Everything about one product. `entry` None: the product is still to be created, or nothing of it is wanted.

    `rows`: every addition of the product, whoever owns it; `foreign`: those that live and are nobody's of ours; `ending_days`: last
    days that this plan gives to rows of the product by other people's answers; `waits`: an answer about this product is missing.
    """

    part_number: str
    entry: CatalogEntry | None = None
    groups: list[Group] = field(default_factory=list)
    live: list[Ours] = field(default_factory=list)
    ending: list[Ours] = field(default_factory=list)
    lost: list[Lost] = field(default_factory=list)
    foreign: list[Row] = field(default_factory=list)
    rows: list[Row] = field(default_factory=list)
    ending_days: list[date] = field(default_factory=list)
    waits: bool = False


class Parts:
    """The account's products. `untouched`: our live lines of blocked part numbers; `over`: ledger rows that stand for nothing."""

    def __init__(self, account: AccountInput, context: Context) -> None:
        self.rows = {row.id: scaled(row) for row in account.rows}
        self.blocked = set(account.charges.blocked)
        self.findings: list[Finding] = []
        self.untouched: list[Ours] = []
        self.over: list[int] = []
        self._wanted: dict[str, Part] = {}
        self._others: dict[int, Part] = {}
        self._resolve(account, context)
        self._owner = {part.entry.id: part for part in self._wanted.values() if part.entry is not None}
        self._blocked_products = {
            product_id for part_number in self.blocked for product_id in product_ids(part_number, context.catalog)
        }
        self._sort_rows(account)
        self._sort_lines(stand(account.lines, self.rows, context.today))
        for waiting in account.unconfirmed:
            if waiting.part_number in self._wanted:
                self._wanted[waiting.part_number].waits = True

    def all(self) -> list[Part]:
        """Every product that is wanted or of which we have live lines, in a stable order."""
        return [
            *(self._wanted[key] for key in sorted(self._wanted)),
            *(self._others[key] for key in sorted(self._others)),
        ]

    def is_blocked(self, line: LedgerLine) -> bool:
        """Whether the line belongs to a blocked part number: by its own, or because its product stands for one."""
        if line.part_number in self.blocked:
            return True
        return line.product_id in self._blocked_products and line.product_id not in self._owner

    def of(self, line: LedgerLine) -> Part:
        """The product of a line; one without groups where nothing of it is wanted."""
        part = self._owner.get(line.product_id) or self._others.get(line.product_id)
        if part is None:
            part = self._others[line.product_id] = Part(line.part_number)
        return part

    def _resolve(self, account: AccountInput, context: Context) -> None:
        by_part: dict[str, list[Group]] = defaultdict(list)
        for group in account.charges.groups:
            by_part[group.part_number].append(group)
        by_product: dict[int, list[str]] = defaultdict(list)
        for part_number, groups in by_part.items():
            resolution = resolve(part_number, context.catalog)
            problem = resolution.problem or (self._hidden(part_number, context) if resolution.missing else None)
            if problem is not None:
                self.findings.append(problem)
                self.blocked.add(part_number)
                continue
            self._wanted[part_number] = Part(part_number, resolution.entry, groups)
            if resolution.entry is not None:
                by_product[resolution.entry.id].append(part_number)
        for product_id, part_numbers in by_product.items():
            if len(part_numbers) > 1:
                self._two_for_one(product_id, part_numbers)

    def _hidden(self, part_number: str, context: Context) -> Finding | None:
        """A product that lines stand on exists, whatever the catalog says: its absence is a failed read and never "not there"."""
        known = context.catalog.ledger.get(part_number)
        if known is None or all(row.product_id != known.product_id for row in self.rows.values()):
            return None
        return finding(
            "read_failed",
            f"Lines of the agreement stand on product {known.product_id} for {part_number}, but ConnectWise does not show that product in its "
            "catalog. Nothing of it is created, updated or ended. Give the API member's role Procurement > Product Catalog > Inquire at "
            "level All.",
            part_number=part_number,
            effect=Effect.PART_NUMBER,
        )

    def _two_for_one(self, product_id: int, part_numbers: list[str]) -> None:
        for part_number in part_numbers:
            del self._wanted[part_number]
            self.blocked.add(part_number)
            self.findings.append(
                finding(
                    "product_ambiguous",
                    f"Product {product_id} in ConnectWise stands for {' and '.join(sorted(part_numbers))} at once, so their "
                    "lines cannot be told apart. Nothing of them is created, updated or ended. Give each a product of its own in ConnectWise.",
                    part_number=part_number,
                )
            )

    def _sort_rows(self, account: AccountInput) -> None:
        known = {line.addition_id for line in (*account.lines, *account.other_lines)}
        for row in sorted(self.rows.values(), key=lambda row: row.id):
            part = self._owner.get(row.product_id)
            if part is None:
                continue
            part.rows.append(row)
            if row.cancelled is None and row.id not in known:
                part.foreign.append(row)

    def _sort_lines(self, standing: Standing) -> None:
        for ours in standing.live:
            if self.is_blocked(ours.line):
                self.untouched.append(ours)
            else:
                self.of(ours.line).live.append(ours)
        for ours in standing.ending:
            if not self.is_blocked(ours.line) and ours.line.product_id in self._owner:
                self._owner[ours.line.product_id].ending.append(ours)
        for lost in standing.lost:
            if self.is_blocked(lost.line):
                continue
            part = self._owner.get(lost.line.product_id) or self._wanted.get(lost.line.part_number)
            if part is None:
                self.over.append(lost.line.addition_id)
            else:
                part.lost.append(lost)
        self.over += [line.addition_id for line in standing.over if not self.is_blocked(line)]
