"""Account mapping: which company and agreement each account is billed on."""

from __future__ import annotations

from flask import Blueprint


def blueprint() -> Blueprint:
    """The pages of this noun."""
    return Blueprint("mapping", __name__)
