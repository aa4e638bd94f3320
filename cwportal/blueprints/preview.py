"""The preview: what an export would do, with money, and approving exactly that."""

from __future__ import annotations

from flask import Blueprint


def blueprint() -> Blueprint:
    """The pages of this noun."""
    return Blueprint("preview", __name__)
