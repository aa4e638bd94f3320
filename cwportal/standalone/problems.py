"""What is wrong with the files of a load, in words for the person who wrote them."""

from __future__ import annotations

from cwportal.errors import BadFile

SHOWN_PROBLEMS = 200
"""More than these are only counted: nobody reads them, and a file of a million bad rows must not fill the memory."""

_SHOWN_CHARACTERS = 60


class Problems:
    """Collects problems in the order they are found."""

    def __init__(self) -> None:
        self._shown: list[str] = []
        self._count = 0

    def __bool__(self) -> bool:
        return self._count > 0

    def add(self, file: str, reason: str, *, line: int | None = None, column: str | None = None) -> None:
        """Note one problem; `line` counts from 1 with the header, as editors and spreadsheets do."""
        self._count += 1
        if len(self._shown) < SHOWN_PROBLEMS:
            place = file + (f" line {line}" if line is not None else "") + (f", column {column}" if column else "")
            self._shown.append(f"{place}: {reason}")

    def raise_if_any(self) -> None:
        """BadFile with every problem (the first `SHOWN_PROBLEMS` and the number of the others)."""
        if self._count:
            more = self._count - len(self._shown)
            raise BadFile([*self._shown, *([f"… and {more} more."] if more else [])])


def quoted(value: str) -> str:
    """A value from a file, safe to print: shortened, and anything a terminal could act on escaped."""
    cut = value if len(value) <= _SHOWN_CHARACTERS else value[: _SHOWN_CHARACTERS - 1] + "…"
    return '"' + "".join(c if c.isprintable() else c.encode("unicode_escape").decode("ascii") for c in cut) + '"'
