"""The export log."""

from __future__ import annotations

from flask import Blueprint


def blueprint() -> Blueprint:
    """The pages of this noun."""
    return Blueprint("log", __name__)
