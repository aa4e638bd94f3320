"""The table of retail prices as a person sees and edits it: search, filter, pages, and values that are not saved yet.

Typed values travel with the form from page to page, so that none is lost before it is saved.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from werkzeug.datastructures import MultiDict

from cwportal.standalone import shown
from cwportal.standalone.prices import Edit, Line, parse, seen

_MOST = 5_000
"""Rows of one form."""
MISSING = "missing"


@dataclass(slots=True)
class Row:
    """One SKU: `typed` stands in the field, `was` is the price that the person saw there."""

    line: Line
    typed: str
    was: str
    error: str = ""
    is_conflict: bool = False

    @property
    def is_changed(self) -> bool:
        """Whether the field says something else than the price that was there."""
        if self.typed.strip() == self.was:
            return False
        try:
            return parse(self.typed) != seen(self.was)
        except ValueError:
            return True


class Table:
    """The lines with what was asked and typed (`given`: a query, or a form)."""

    def __init__(self, lines: Sequence[Line], given: MultiDict[str, str]) -> None:
        self.all = [Row(line, _text(line.price), _text(line.price)) for line in lines]
        self._by_sku = {row.line.sku: row for row in self.all}
        self.is_whole = self._take(given)
        self.q = given.get("q", "").strip()
        self.show = MISSING if given.get("show") == MISSING else ""
        self._number = shown.number(given.get("page"))
        self.saves = self._go(given.get("go", ""), given.get("former", self.q))
        self._turn_to(given.get("sku"))
        for row in self.changed:
            try:
                parse(row.typed)
            except ValueError as error:
                row.error = str(error)

    def _take(self, given: MultiDict[str, str]) -> bool:
        """Typed values into their rows; False if the form is not one of ours."""
        skus, typed, was = (given.getlist(name) for name in ("row", "price", "was"))
        if not len(skus) == len(typed) == len(was) <= _MOST or not self._by_sku.keys() >= set(skus):
            return False
        for sku, text, former in zip(skus, typed, was, strict=True):
            row = self._by_sku[sku]
            row.typed, row.was = text, former
            try:
                seen(former)
            except ValueError:
                return False
            if not row.is_changed:
                row.typed = row.was = _text(row.line.price)
        return True

    def _go(self, go: str, former: str) -> bool:
        """Where a button leads; True if it saves. Enter in the search field searches, in any other field it saves."""
        if go == "enter":
            go = "save" if former == self.q else "search"
        if go.startswith("page:"):
            self._number = shown.number(go.removeprefix("page:"))
        elif go.startswith("show:"):
            self.show, self._number = (MISSING if go == "show:missing" else ""), 1
        elif go == "search":
            self._number = 1
        elif go == "clear":
            self.q, self.show, self._number = "", "", 1
        return go == "save"

    def _turn_to(self, sku: str | None) -> None:
        if sku is None or sku not in self._by_sku:
            return
        self.q = self.show = ""
        self._number = [row.line.sku for row in self.all].index(sku) // shown.ROWS + 1

    @property
    def found(self) -> list[Row]:
        """Rows that match the search."""
        return [row for row in self.all if shown.matches(self.q, row.line.sku, row.line.name)]

    @property
    def missing(self) -> list[Row]:
        """Those of them that are used and have no price."""
        return [row for row in self.found if row.line.is_missing]

    @property
    def page(self) -> shown.Page[Row]:
        """What is shown."""
        return shown.page(self.missing if self.show else self.found, self._number)

    @property
    def carried(self) -> list[Row]:
        """Typed values of rows that are not on this page."""
        here = {row.line.sku for row in self.page.rows}
        return [row for row in self.changed if row.line.sku not in here]

    @property
    def changed(self) -> list[Row]:
        """Rows with a value that is not saved."""
        return [row for row in self.all if row.is_changed]

    @property
    def errors(self) -> list[Row]:
        """Rows that cannot be saved as they are."""
        return [row for row in self.all if row.error]

    @property
    def conflicts(self) -> bool:
        """Whether somebody else was faster."""
        return any(row.is_conflict for row in self.all)

    @property
    def query(self) -> dict[str, Any]:
        """This page's address, without what does not differ from the first one."""
        page = str(self.page.number) if self.page.number > 1 else ""
        return {name: value for name, value in (("q", self.q), ("show", self.show), ("page", page)) if value}

    def edits(self) -> list[Edit]:
        """What the person wants to change."""
        return [Edit(row.line.sku, seen(row.was), parse(row.typed)) for row in self.changed]

    def conflict(self, now: Mapping[str, Decimal | None]) -> None:
        """Others have changed these: their price is what the person sees from now on, the typed value stays."""
        for sku, price in now.items():
            row = self._by_sku[sku]
            row.was, row.is_conflict = _text(price), True
            there = "removed it" if price is None else f"set it to {shown.exact(price)}"
            row.error = (
                f"Somebody else has {there} meanwhile. Save again to put your value in its place, or type theirs."
            )

    def turn_to_errors(self) -> None:
        """Show the page of the first row that cannot be saved, if it is not on this one."""
        here = {row.line.sku for row in self.page.rows}
        if self.errors and not any(row.line.sku in here for row in self.errors):
            self._turn_to(self.errors[0].line.sku)


def _text(price: Decimal | None) -> str:
    return "" if price is None else shown.exact(price).replace(",", "")
