"""Who may see what: the guard in front of every page, deny by default."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

from flask import abort, current_app, g, request
from flask.typing import ResponseReturnValue

from cwportal.forms.press import Press
from cwportal.runtime import Runtime
from cwportal.vocabulary import Role

View = TypeVar("View", bound=Callable[..., ResponseReturnValue])

_SAFE = frozenset({"GET", "HEAD", "OPTIONS"})
_ROLE = "cwportal_role"
_LARGEST = 1 << 20
"""Bytes of a form; none of our pages takes files."""

RUN_ID = f"<int(max={2**31 - 1}):run_id>"
"""A run in an address; no larger than PostgreSQL's integers."""


@dataclass(frozen=True, slots=True)
class Access:
    """What the host tells about the person of the present request.

    `partner_of`: id of the partner they belong to, None if nobody is signed in. `may`: whether they have a role ("viewer", "billing",
    "admin"; higher ones include lower ones). `actor_of`: how they are called in the history.
    """

    partner_of: Callable[[], str | None]
    may: Callable[[str], bool]
    actor_of: Callable[[], str]


def needs(role: Role) -> Callable[[View], View]:
    """Says which role a view needs. A view without it is refused to everybody."""

    def mark(view: View) -> View:
        setattr(view, _ROLE, role)
        return view

    return mark


def guard(access: Access) -> ResponseReturnValue | None:
    """Before every view: signed in, the role, and for what changes something our token. Leaves partner and actor for the view."""
    request.max_content_length = min(request.max_content_length or _LARGEST, _LARGEST)
    partner_id = access.partner_of()
    if partner_id is None:
        return _sign_in()
    if _holds_nul():
        abort(400)
    role: Role | None = getattr(current_app.view_functions.get(request.endpoint or ""), _ROLE, None)
    if role is None or not access.may(role.value):
        abort(403)
    if request.method not in _SAFE and not Press().validate():
        abort(400)
    g.cwportal_partner = partner_id
    g.cwportal_access = access
    return None


def partner() -> str:
    """The partner of the person who asks; every query of a view is for this one."""
    found: str = g.cwportal_partner
    return found


def runtime() -> Runtime:
    """What the running application provides."""
    found: Runtime = current_app.extensions["cwportal"]
    return found


def actor() -> str:
    """Who asks, for the history."""
    access: Access = g.cwportal_access
    return access.actor_of()


def may(role: Role) -> bool:
    """Whether the person has the role."""
    access: Access | None = g.get("cwportal_access")
    return access is not None and access.may(role.value)


def _holds_nul() -> bool:
    """A character that no browser sends and PostgreSQL does not take."""
    sent = (*request.args.items(multi=True), *request.form.items(multi=True))
    return "\0" in request.path or any("\0" in text for pair in sent for text in pair)


def _sign_in() -> ResponseReturnValue:
    """The host's way to sign in: that of Flask-Login where the host uses it, else 401, for which a host may have a handler."""
    manager: Any = getattr(current_app, "login_manager", None)
    if manager is None:
        abort(401)
    from flask_login import current_user  # type: ignore[import-untyped]

    if current_user.is_authenticated:  # somebody who belongs to no partner
        abort(403)
    answer: ResponseReturnValue = manager.unauthorized()
    return answer
