"""How far something is, told while it goes on."""

from __future__ import annotations

from collections.abc import Callable

Progress = Callable[[str, int, int], None]
"""Told (what is done, how many so far, of how many)."""


def silent(what: str, done: int, total: int) -> None:
    """No progress shown."""
