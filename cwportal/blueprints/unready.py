"""The database is busy for too long, cannot be reached, or is not set up: a page that says so and keeps what was typed."""

from __future__ import annotations

import logging
from collections.abc import Callable

from flask import Response, current_app, render_template, request
from flask.typing import ResponseReturnValue
from sqlalchemy.exc import SQLAlchemyError

from cwportal.db import is_away, is_busy
from cwportal.runtime import Runtime
from cwportal.services import schema

_log = logging.getLogger(__name__)

Handler = Callable[[SQLAlchemyError], ResponseReturnValue]

_BARE = "cwportal/unready_bare.html"
_SECRETS = frozenset({"private_key", "old", "new", "again"})
"""Fields that no page gives back, besides every one that has "password" in its name: a host has names of its own."""
_SENTENCES = {
    "busy": "The portal's database is busy: something large is being written, a load of data, say. Wait a minute, then press again.",
    "away": "The portal cannot reach its database. Wait a minute, look whether your last press was done, then press again.",
    "new": "The portal's database is not set up for this version. The operator of the portal runs: cwportal init (inside another portal: "
    "flask cwportal init)",
}
_SOON = "30"
"""Seconds."""


def page(template: str, *, is_current: Callable[[], bool] = lambda: True) -> Handler:
    """An error handler with the template for a database that is busy, away or not set up; any other error goes on as it is.

    `is_current`: whether tables that are not the plugin's are set up.
    """

    def handle(error: SQLAlchemyError) -> ResponseReturnValue:
        why = "busy" if is_busy(error) else "away" if is_away(error) else "" if _is_set_up(is_current) else "new"
        if not why:
            raise error
        _log.warning("%s %s: %s", request.method, request.path, _SENTENCES[why])
        headers = {"Retry-After": _SOON}
        if request.headers.get("X-Requested-With"):
            return Response(_SENTENCES[why], 503, headers, mimetype="text/plain")
        return Response(_shown(template, why), 503, headers)

    return handle


def _shown(template: str, why: str) -> str:
    kept = _kept()
    known = {"why": why, "kept": kept or [], "may_repeat": kept is not None, "reads": request.method != "POST"}
    try:
        return render_template(template, **known)
    except SQLAlchemyError:  # the frame around it, or who is signed in, is read from the database, too
        runtime: Runtime = current_app.extensions["cwportal"]
        return current_app.jinja_env.get_template(_BARE).render(**known, request=request, cw_brand=runtime.config.brand)


def _is_set_up(is_current: Callable[[], bool]) -> bool:
    runtime: Runtime = current_app.extensions["cwportal"]
    try:
        return schema.is_current(runtime.database.engine) and is_current()
    except SQLAlchemyError:  # something else is wrong with it
        return True


def _kept() -> list[tuple[str, str]] | None:
    """What was sent, to be sent again by a button; None where that is not possible: files, or a password among it."""
    if request.method != "POST" or request.files:
        return None
    if any(name in _SECRETS or "password" in name.casefold() for name in request.form):
        return None
    return list(request.form.items(multi=True))
