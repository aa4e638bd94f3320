"""Who may see which page of the portal: the guard in front of them, deny by default."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from flask import abort, current_app, g, redirect, request, url_for
from flask.typing import ResponseReturnValue

from cwportal.standalone import auth
from cwportal.standalone.forms import Press
from cwportal.standalone.staff import Staff
from cwportal.vocabulary import Role

View = TypeVar("View", bound=Callable[..., ResponseReturnValue])

_SAFE = frozenset({"GET", "HEAD", "OPTIONS"})
_ROLE = "portal_role"
_LARGEST = "portal_largest"
_OPEN = "open"

_FORM = 1 << 20
"""Bytes of an ordinary form."""


def needs(role: Role) -> Callable[[View], View]:
    """Says which role a view needs. A view that says nothing is refused to everybody."""
    return _mark(_ROLE, role)


def everybody(view: View) -> View:
    """A view that also those see who are not signed in. It checks the token of its form itself."""
    return _mark(_ROLE, _OPEN)(view)


def takes(megabytes: int) -> Callable[[View], View]:
    """A view to which files are sent, up to this size."""
    return _mark(_LARGEST, megabytes << 20)


def guard() -> ResponseReturnValue | None:
    """Before every view: size, signed in, the role, and for what changes something our token."""
    view = current_app.view_functions.get(request.endpoint or "")
    role: Role | str | None = getattr(view, _ROLE, None)
    largest: int | None = getattr(view, _LARGEST, None)
    request.max_content_length = largest or _FORM
    if largest is not None:
        request.max_form_memory_size = largest  # what a file holds may come back in a field
    if role == _OPEN:
        _refuse_nul()
        return None
    staff = auth.person()
    if staff is None:
        return auth.unauthorized()
    if role is None or not auth.may(role):
        abort(403)
    _refuse_nul()  # only now: what was sent may be large, and is read for nobody who may not send it
    if request.method not in _SAFE and not Press().validate():
        abort(400)
    g.portal_staff = staff
    return None


def _refuse_nul() -> None:
    """A character that no browser sends and PostgreSQL does not take."""
    sent = (*request.args.items(multi=True), *request.form.items(multi=True))
    if "\0" in request.path or any("\0" in text for pair in sent for text in pair):
        abort(400)


def first_a_password() -> ResponseReturnValue | None:
    """Before every view of the whole application: who has a password of somebody else's choice chooses one first."""
    endpoint = request.endpoint or ""
    if not endpoint.startswith(("portal.", "cwportal.")) or endpoint in {"portal.password", "portal.sign_out"}:
        return None
    staff = auth.person()
    return redirect(url_for("portal.password"), 303) if staff is not None and staff.must_change else None


def me() -> Staff:
    """Who asks; every query of a view is for their partner."""
    found: Staff = g.portal_staff
    return found


def _mark(name: str, value: object) -> Callable[[View], View]:
    def mark(view: View) -> View:
        setattr(view, name, value)
        return view

    return mark
