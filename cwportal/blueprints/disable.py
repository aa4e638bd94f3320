"""Disable ConnectWise."""

from __future__ import annotations

from flask import Blueprint


def blueprint() -> Blueprint:
    """The pages of this noun."""
    return Blueprint("disable", __name__)
