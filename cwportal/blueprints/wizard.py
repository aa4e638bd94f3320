"""The entry page and the wizard's three steps."""

from __future__ import annotations

from flask import Blueprint


def blueprint() -> Blueprint:
    """The pages of this noun."""
    return Blueprint("wizard", __name__)
