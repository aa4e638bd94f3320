"""Pages for what did not work: what happened, that nothing was changed, and what to do."""

from __future__ import annotations

import logging
import secrets
from html import escape

from flask import Blueprint, Response, current_app, render_template, request
from flask.typing import ResponseReturnValue
from sqlalchemy import Engine
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from werkzeug.exceptions import HTTPException

from cwportal.plugin import unready_page, with_headers
from cwportal.standalone import migrate

_log = logging.getLogger(__name__)

_PAGE = "portal/refused.html"
_REFUSALS = {
    400: (
        "Nothing was changed",
        "The page was open too long, or something in it was not ours. Load it again and repeat.",
    ),
    403: (
        "This is not open to you",
        "Your role does not include it. An administrator of your company can change that.",
    ),
    404: ("There is no such page", "It may have been removed, or the address has a slip."),
    405: ("There is no such page", "This address is only for a button. Start from the bar above."),
    413: ("This is too large", "Nothing was changed. Split the file into smaller ones, or ask the portal's operator."),
}
_FAILED = "This page has failed"
_SORRY = (
    "The cause is an error in the portal, not something you did. Look at the page before to see whether your last press was done before "
    "you press again. If it happens again, tell the operator of the portal the reference below."
)


def register(portal: Blueprint, engine: Engine) -> None:
    """For the portal's pages, and for addresses at which nobody has a page."""
    for code in _REFUSALS:
        portal.register_error_handler(code, _refused)
    unready = unready_page("portal/unready.html", lambda: migrate.is_current(engine))
    for failure in (DBAPIError, PoolTimeout):
        portal.register_error_handler(failure, unready)
    portal.register_error_handler(500, _failed)
    for code in (404, 405):  # also where no blueprint is asked
        portal.app_errorhandler(code)(_nowhere)
    portal.app_errorhandler(500)(_failed)


def _refused(error: HTTPException) -> ResponseReturnValue:
    code = error.code or 500
    title, sentence = _REFUSALS[code]
    return render_template(_PAGE, title=title, sentence=sentence), code


def _nowhere(error: HTTPException) -> ResponseReturnValue:
    """No page of anybody's stands at this address."""
    page, code = _REFUSALS[error.code or 404], error.code or 404
    headers = {"Allow": ", ".join(error.valid_methods or ())} if hasattr(error, "valid_methods") else {}
    response = Response(render_template(_PAGE, title=page[0], sentence=page[1]), code, headers)
    return with_headers(response)


def _failed(error: HTTPException) -> ResponseReturnValue:
    """An error of our own. Flask has written it to the log already; the reference, short enough for the telephone, leads there."""
    reference = secrets.token_hex(4)
    cause = getattr(error, "original_exception", None)
    _log.error("Reference %s: %s %s: %s", reference, request.method, request.path, type(cause or error).__name__)
    try:
        shown = render_template(_PAGE, title=_FAILED, sentence=_SORRY, reference=reference)
    except Exception:  # noqa: BLE001 - whatever it is, a person needs a page
        _log.exception("The page for reference %s could not be shown in the portal's frame", reference)
        shown = (
            f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{_FAILED} – {escape(current_app.config["PORTAL_BRAND"])}'
            f"</title></head><body><main><h1>{_FAILED}</h1><p>{_SORRY}</p><p>Reference: <code>{reference}</code></p></main></body></html>"
        )
    return with_headers(Response(shown, 500))
