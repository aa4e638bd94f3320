"""Pages for what did not work: what happened, that nothing was changed, and what to do."""

from __future__ import annotations

import logging
import secrets
from html import escape

from flask import Blueprint, current_app, render_template, request
from flask.typing import ResponseReturnValue
from werkzeug.exceptions import HTTPException

from cwportal.errors import CWPortalError

_log = logging.getLogger(__name__)

_PAGE = "cwportal/refused.html"
_REFUSALS = {
    400: (
        "This page was open too long",
        "Nothing was changed. Go back, load the page again and press the button once more.",
    ),
    403: (
        "This is not open to you",
        "Your role does not include it. Somebody who administers the portal can change that.",
    ),
    404: ("There is no such page", "It may have been removed, or the address has a slip."),
    413: ("That was too much at once", "Nothing was changed. Send fewer rows, or a smaller file."),
}
_FAILED = "This page has failed"


def register(parent: Blueprint) -> None:
    """For everything under the parent of our pages; a host's other pages keep its own."""
    for code in _REFUSALS:
        parent.register_error_handler(code, _refused)
    parent.register_error_handler(CWPortalError, _cannot)
    parent.register_error_handler(500, _failed)


def _refused(error: HTTPException) -> ResponseReturnValue:
    code = error.code or 500
    title, sentence = _REFUSALS[code]
    return _answer(title, sentence, code)


def _cannot(error: CWPortalError) -> ResponseReturnValue:
    """What a view did not expect: the host's data could not be read, say. The sentence is for the operator."""
    reference = _reference()
    _log.warning("Reference %s: %s %s: %s", reference, request.method, request.path, error)
    return _answer(
        "This page cannot be shown now",
        "The portal could not read what belongs here. Try again in a few minutes; if it stays like this, tell the operator of the portal "
        "the reference below.",
        503,
        reference=reference,
    )


def _failed(error: HTTPException) -> ResponseReturnValue:
    """An error of our own. Flask has written it to the log already; the reference leads there."""
    reference = _reference()
    cause = getattr(error, "original_exception", None)
    _log.error("Reference %s: %s %s: %s", reference, request.method, request.path, type(cause or error).__name__)
    return _answer(
        _FAILED,
        "The cause is an error in the portal, not something you did. Look at the page before to see whether your last press was done before "
        "you press again. If it happens again, tell the operator of the portal the reference below.",
        500,
        reference=reference,
    )


def _answer(title: str, sentence: str, code: int, *, reference: str | None = None) -> ResponseReturnValue:
    """A page of the portal, or plain text where no page is asked for. After an error nothing more is read than the page needs."""
    if request.headers.get("X-Requested-With"):
        said = f"{title}. {sentence}" + (f" Reference: {reference}" if reference else "")
        return said, code, {"Content-Type": "text/plain; charset=utf-8"}
    try:
        page = render_template(_PAGE, title=title, sentence=sentence, reference=reference, plain=reference is not None)
    except Exception:  # noqa: BLE001 - whatever it is, a person needs a page
        # The host's own template, or the database behind it, may be what has failed.
        _log.exception("The page for reference %s could not be shown in the portal's frame", reference)
        page = _bare(title, sentence, reference)
    return page, code


def _bare(title: str, sentence: str, reference: str | None) -> str:
    brand = escape(str(current_app.extensions["cwportal"].config.brand))
    end = f"<p>Reference: <code>{reference}</code></p>" if reference else ""
    return (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{title} – {brand}</title></head>'
        f"<body><main><h1>{title}</h1><p>{sentence}</p>{end}</main></body></html>"
    )


def _reference() -> str:
    """Short enough to be read out on the telephone."""
    return secrets.token_hex(4)
