"""Typed access to one JSON object from ConnectWise: absent, null and "" are the same, a wrong type is an error."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import date
from decimal import Decimal
from typing import TypeGuard

from cwportal.connectwise.errors import Malformed

_DAY = re.compile(r"(\d{4}-\d{2}-\d{2})(T\d{2}:\d{2}:\d{2}(\.\d{1,9})?(Z|[+-]00:00)?)?")
_NO_DAY = (1900, 9999)
"""Years up to the first, and the last, are what databases and people put where there is no day: 0001-01-01, 1900-01-01, 9999-12-31."""
# Far beyond any money; keeps a hostile 1e999999999 from becoming a gigabyte of digits.
_MAX_EXPONENT = 20
MAX_ID = 2**31 - 1
"""ConnectWise's ids are 32-bit integers (the specification's int32), and so are the columns that keep them."""


def is_id(value: object) -> TypeGuard[int]:
    """Whether it can be the id of a record."""
    return isinstance(value, int) and not isinstance(value, bool) and 0 < value <= MAX_ID


class Fields:
    """The fields of one record; `what` names it in errors. `inside`: the record and the field that hold these ones."""

    __slots__ = ("_data", "_inside", "_what")

    def __init__(self, data: object, what: str, inside: tuple[Fields, str] | None = None) -> None:
        if not isinstance(data, Mapping):
            raise Malformed(
                f"ConnectWise's answer holds something that is no {what}. Nothing was taken from it; try again."
            )
        self._data = data
        self._what = what
        self._inside = inside

    def wrong(self, name: str) -> Malformed:
        """The error that names this record and the field of it that cannot be relied on."""
        if self._inside is not None:
            record, field = self._inside
            return record.wrong(f"{field}/{name}")
        found = self._data.get("id")
        number = f" {found}" if is_id(found) else ""
        return Malformed(
            f"ConnectWise's {self._what}{number} has a “{name}” that cannot be understood. "
            "Nothing was taken from it; report it to the portal's operator if it stays."
        )

    def _value(self, name: str) -> object:
        value = self._data.get(name)
        return None if value == "" else value

    def identity(self) -> int:
        """The record's own `id`, which must be there."""
        value = self._value("id")
        if not is_id(value):
            raise self.wrong("id")
        return value

    def reference_id(self) -> int | None:
        """The `id` of a reference; None or 0 mean that it refers to nothing."""
        value = self._value("id")
        if value is None or value == 0:
            return None
        return self.identity()

    def number_of(self, name: str) -> int | None:
        """A field that holds the id of another record as a bare number; None or 0 mean none."""
        value = self._value(name)
        if value is None or value == 0:
            return None
        if not is_id(value):
            raise self.wrong(name)
        return value

    def text(self, name: str) -> str:
        """A text, "" where absent; a number is taken as its digits."""
        value = self._value(name)
        if value is None:
            return ""
        if isinstance(value, bool) or not isinstance(value, str | int | Decimal):
            raise self.wrong(name)
        return str(value)

    def flag(self, name: str) -> bool:
        """A boolean, False where absent."""
        value = self._value(name)
        if value is None:
            return False
        if not isinstance(value, bool):
            raise self.wrong(name)
        return value

    def amount(self, name: str) -> Decimal:
        """A number as Decimal, 0 where absent."""
        value = self._value(name)
        if value is None:
            return Decimal(0)
        if isinstance(value, bool) or not isinstance(value, int | Decimal):
            raise self.wrong(name)
        number = Decimal(value)
        if number and not -_MAX_EXPONENT <= number.adjusted() <= _MAX_EXPONENT:
            raise self.wrong(name)
        return number

    def count(self, name: str) -> int | None:
        """A whole number from 0 on, None where absent."""
        value = self._value(name)
        if value is not None and (not isinstance(value, int) or isinstance(value, bool) or value < 0):
            raise self.wrong(name)
        return value

    def day(self, name: str) -> date | None:
        """The calendar date of a date that ConnectWise keeps as midnight UTC; never moved through a zone.

        A placeholder for "no day" is None: a line cancelled on 0001-01-01 lives, and one cancelled on 9999-12-31 never ends.
        """
        value = self._value(name)
        if value is None:
            return None
        matched = _DAY.fullmatch(value) if isinstance(value, str) else None
        if matched is None:
            raise self.wrong(name)
        try:
            day = date.fromisoformat(matched[1])
        except ValueError:
            if matched[1].startswith("0000"):
                return None
            raise self.wrong(name) from None
        return day if _NO_DAY[0] < day.year < _NO_DAY[1] else None

    def reference(self, name: str) -> Fields | None:
        """A nested object, None where absent."""
        value = self._value(name)
        if value is not None and not isinstance(value, Mapping):
            raise self.wrong(name)
        return None if value is None else Fields(value, self._what, (self, name))

    def required_reference(self, name: str) -> Fields:
        """A nested object that must be there."""
        found = self.reference(name)
        if found is None:
            raise self.wrong(name)
        return found

    def reference_to(self, name: str) -> int | None:
        """The id a nested object refers to."""
        found = self.reference(name)
        return None if found is None else found.reference_id()
