"""Texts as ConnectWise takes them: on one line, without control characters, and counted as its database counts."""

from __future__ import annotations

import unicodedata

_UTF16 = "utf-16-le"


def one_line(text: str) -> str:
    """Without line breaks, doubled spaces, control characters and halves of characters."""
    return " ".join("".join(letter for letter in " ".join(text.split()) if not _is_control(letter)).split())


def length(text: str) -> int:
    """As .NET and SQL Server count: a letter beyond the basic plane, such as an emoji, is two."""
    return len(text.encode(_UTF16, "surrogatepass")) // 2


def cut(text: str, most: int) -> str:
    """At most so many as `length` counts them, never half a letter, and no space at either end."""
    return text.encode(_UTF16, "surrogatepass")[: 2 * most].decode(_UTF16, "ignore").strip()


def _is_control(letter: str) -> bool:
    return unicodedata.category(letter) in ("Cc", "Cs")
