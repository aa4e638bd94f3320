"""The parent of all pages: guard, headers, files, what every template knows."""

from __future__ import annotations

from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from flask import Blueprint, Flask, Response, current_app, g, send_from_directory
from flask.typing import ResponseReturnValue
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from cwportal.blueprints import (
    access,
    credentials,
    disable,
    exports,
    log,
    mapping,
    preview,
    refusals,
    settings,
    steps,
    tabs,
    unready,
    wizard,
    words,
)
from cwportal.blueprints.access import Access
from cwportal.errors import ConfigurationError, NotConnected
from cwportal.forms.press import Press
from cwportal.runtime import Runtime
from cwportal.services import connection
from cwportal.vocabulary import Role

PriceUrl = Callable[[str, str], str | None]
"""Where the retail price of a SKU (second) is typed for an account (first), None where there is no such page."""

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
_UNSAID: dict[str, Any] = {
    **dict.fromkeys(("again", "dirty", "plain", "quiet", "show_connection"), False),
    "connected": None,
    "notes": (),
}
"""What only some pages tell their frame and parts. Said here for the others: a host's Jinja may be strict, or know the same names."""
_KEPT = 3600
"""Seconds a browser may keep our style sheet, icons and script."""


def register(
    app: Flask, given: Access, *, base_template: str | None, url_prefix: str, price_url: PriceUrl | None = None
) -> None:
    """Put the pages under `url_prefix`. Raises ConfigurationError where the style sheet's package is missing."""
    files = _files(url_prefix)
    parent = Blueprint(PARENT, __name__, url_prefix=url_prefix, template_folder="../templates")

    @parent.before_request
    def check() -> ResponseReturnValue | None:
        return access.guard(given)

    @parent.context_processor
    def known() -> dict[str, Any]:
        return _known(base_template or BASE, price_url or no_price_url)

    parent.after_request(with_headers)
    refusals.register(parent)
    for failure in (DBAPIError, PoolTimeout):
        parent.register_error_handler(failure, unready.page("cwportal/unready.html"))
    for noun in (exports, log, preview, mapping, disable, wizard):
        parent.register_blueprint(noun.blueprint())
    chosen = settings.blueprint()
    credentials.add_to(chosen)
    parent.register_blueprint(chosen)
    app.register_blueprint(files)
    app.register_blueprint(parent)


def no_price_url(account_id: str, sku: str) -> str | None:  # noqa: ARG001 - as hosts give it
    """For a host that has no page for retail prices."""
    return None


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


def _known(base: str, price_url: PriceUrl) -> dict[str, Any]:
    runtime: Runtime = current_app.extensions[PARENT]
    return {
        **_UNSAID,
        "cw_base": base,
        "cw_brand": runtime.config.brand,
        "cw_words": words,
        "cw_press": Press,
        "cw_may": lambda role: access.may(Role(role)),
        "cw_price_url": price_url,
        "cw_connected": lambda: _connected(runtime),
        "cw_steps": steps.of,
        "cw_tabs": lambda: tabs.of(runtime, g.get("cwportal_partner")),
    }


def _connected(runtime: Runtime) -> str | None:
    """Where the partner is connected to, for the head of the page."""
    try:
        row = connection.get(runtime, access.partner())
    except NotConnected:
        return None
    return connection.where(row.site, row.company_id)
