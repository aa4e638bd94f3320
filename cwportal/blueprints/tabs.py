"""The tabs above every page, and which of them are open yet."""

from __future__ import annotations

from dataclasses import dataclass

from flask import current_app, request, url_for

from cwportal.errors import NotConnected
from cwportal.runtime import Runtime
from cwportal.services import connection


@dataclass(frozen=True, slots=True)
class Tab:
    """`url` is None while the tab cannot be opened yet."""

    label: str
    url: str | None
    current: bool


_TABS = (
    ("Export status", "cwportal.exports.status", ("exports", "log", "preview")),
    ("Account mapping", "cwportal.mapping.page", ("mapping",)),
    ("Settings", "cwportal.settings.page", ("settings", "disable")),
)


def of(runtime: Runtime, partner_id: str | None) -> list[Tab]:
    """The tabs, all closed before there is a connection; none on a refusal that came before the partner was known."""
    if partner_id is None:
        return []
    try:
        connection.get(runtime, partner_id)
    except NotConnected:
        is_open = False
    else:
        is_open = True
    here = (request.endpoint or "").split(".")
    noun = here[1] if len(here) > 2 else ""
    return [
        Tab(
            label,
            url_for(endpoint) if is_open and endpoint in current_app.view_functions else None,
            is_open and noun in nouns,
        )
        for label, endpoint, nouns in _TABS
    ]
