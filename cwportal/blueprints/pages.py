"""The parent of all pages: guard, headers, files, what every template knows, pages for refusals."""

from __future__ import annotations

import logging
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from flask import Blueprint, Flask, Response, current_app, g, render_template, request, send_from_directory
from flask.typing import ResponseReturnValue
from werkzeug.exceptions import HTTPException

from cwportal.blueprints import access, disable, exports, log, mapping, preview, settings, tabs, wizard, words
from cwportal.blueprints.access import Access
from cwportal.errors import ConfigurationError, CWPortalError, NotConnected
from cwportal.forms.press import Press
from cwportal.runtime import Runtime
from cwportal.services import connection
from cwportal.vocabulary import Role

_log = logging.getLogger(__name__)

PARENT = "cwportal"
FILES = "cwportal_static"
BASE = "cwportal/base.html"

_HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self' data:; connect-src 'self'; form-action 'self'; "
        "frame-ancestors 'none'; base-uri 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
}
_KEPT = 3600
"""Seconds a browser may keep our style sheet, icons and script."""
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
}


def register(app: Flask, given: Access, *, base_template: str | None, url_prefix: str) -> None:
    """Put the pages under `url_prefix`. Raises ConfigurationError where the style sheet's package is missing."""
    files = _files(url_prefix)
    parent = Blueprint(PARENT, __name__, url_prefix=url_prefix, template_folder="../templates")

    @parent.before_request
    def check() -> ResponseReturnValue | None:
        return access.guard(given)

    @parent.context_processor
    def known() -> dict[str, Any]:
        return _known(base_template or BASE)

    parent.after_request(with_headers)
    for code in _REFUSALS:
        parent.register_error_handler(code, _refused)
    parent.register_error_handler(CWPortalError, _cannot)
    for noun in (exports, log, preview, mapping, settings, disable, wizard):
        parent.register_blueprint(noun.blueprint())
    app.register_blueprint(files)
    app.register_blueprint(parent)


def with_headers(response: Response) -> Response:
    """Strict headers, and pages with amounts in no cache. A host's own `after_request` comes later and may change them."""
    for name, value in _HEADERS.items():
        response.headers.setdefault(name, value)
    response.headers["Cache-Control"] = "no-store"
    return response


def _files(url_prefix: str) -> Blueprint:
    """Style sheet, icons and script, without a guard: they hold nothing of anybody, and a page for signing in wants them, too."""
    files = Blueprint(FILES, __name__, url_prefix=f"{url_prefix.rstrip('/')}/static")
    folders = {"bootstrap.min.css": _bootstrap(), **dict.fromkeys(("cwportal.css", "cwportal.js", "icons.svg"), _own())}

    @files.get("/<name>")
    def file(name: str) -> Response:
        answer = send_from_directory(folders.get(name, _own()), name, max_age=_KEPT)
        answer.headers["X-Content-Type-Options"] = "nosniff"
        return answer

    return files


def _own() -> Path:
    return Path(__file__).parents[1] / "static"


def _bootstrap() -> Path:
    spec = find_spec("flask_bootstrap")
    if spec is None or not spec.submodule_search_locations:
        raise ConfigurationError(
            "The package Bootstrap-Flask is missing: its style sheet is needed. Install it with pip."
        )
    return Path(spec.submodule_search_locations[0]) / "static" / "bootstrap5" / "css"


def _known(base: str) -> dict[str, Any]:
    runtime: Runtime = current_app.extensions[PARENT]
    return {
        "cw_base": base,
        "cw_brand": runtime.config.brand,
        "cw_words": words,
        "cw_press": Press,
        "cw_may": lambda role: access.may(Role(role)),
        "cw_connected": lambda: _connected(runtime),
        "cw_tabs": lambda: tabs.of(runtime, g.get("cwportal_partner")),
    }


def _connected(runtime: Runtime) -> str | None:
    """Where the partner is connected to, for the head of the page."""
    try:
        row = connection.get(runtime, access.partner())
    except NotConnected:
        return None
    return f"{row.site.removeprefix('https://')} · {row.company_id}"


def _cannot(error: CWPortalError) -> ResponseReturnValue:
    """What a view did not expect: the host's data could not be read, say. The sentence is for the operator."""
    _log.warning("%s %s: %s", request.method, request.path, error)
    sentence = "The portal could not read what belongs here. Try again in a few minutes; its operator finds the cause in the log."
    return render_template("cwportal/refused.html", title="This page cannot be shown now", sentence=sentence), 503


def _refused(error: HTTPException) -> ResponseReturnValue:
    """A refusal as a page of the portal, or plain where no page is asked for."""
    code = error.code or 500
    title, sentence = _REFUSALS[code]
    if request.headers.get("X-Requested-With"):
        return f"{title}. {sentence}", code, {"Content-Type": "text/plain; charset=utf-8"}
    return render_template("cwportal/refused.html", title=title, sentence=sentence), code
