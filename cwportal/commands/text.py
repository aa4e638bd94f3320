"""Text from ConnectWise and from the portal, made harmless for a terminal; columns that line up whatever the script."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Sequence

_REORDERING = frozenset("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069\u2028\u2029")
"""Characters that change the order of what follows, or break lines: a name could disguise a number with them."""


def clean(text: str) -> str:
    """Without control characters (escape sequences), but with line breaks."""
    return "".join(letter for letter in text if letter == "\n" or _is_harmless(letter))


def cell(value: object) -> str:
    """One line of harmless text; None is empty."""
    return "" if value is None else " ".join(clean(str(value).replace("\t", " ")).split())


def width(text: str) -> int:
    """Columns that a terminal uses: wide letters take two, combining ones none."""
    columns = 0
    for letter in text:
        if unicodedata.combining(letter) or unicodedata.category(letter) in {"Mn", "Me", "Cf"}:
            continue
        columns += 2 if unicodedata.east_asian_width(letter) in {"W", "F"} else 1
    return columns


def pad(text: str, columns: int, *, right: bool = False) -> str:
    """Filled up with spaces to so many columns; longer text stays."""
    space = " " * max(0, columns - width(text))
    return space + text if right else text + space


def table(head: Sequence[str], rows: Iterable[Sequence[object]], *, right: Sequence[int] = ()) -> str:
    """Rows under a heading, columns two spaces apart; `right`: columns that are aligned to the right."""
    lines = [[cell(value) for value in head], *([cell(value) for value in row] for row in rows)]
    widths = [max(width(line[column]) for line in lines) for column in range(len(head))]
    return "\n".join(
        "  ".join(pad(text, widths[column], right=column in right) for column, text in enumerate(line)).rstrip()
        for line in lines
    )


def harmless(value: object) -> str:
    """A CSV cell that no spreadsheet takes for a formula: = + - @ tab CR at its beginning get an apostrophe before them."""
    text = "" if value is None else str(value)
    return f"'{text}" if text.startswith(("=", "+", "-", "@", "\t", "\r")) else text


def _is_harmless(letter: str) -> bool:
    return unicodedata.category(letter) not in {"Cc", "Cs"} and letter not in _REORDERING
