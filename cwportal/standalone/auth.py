"""Signing in to the portal: Flask-Login, the session cookie, and what the plugin is told about the person."""

from __future__ import annotations

import hashlib
import os
import secrets
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from urllib.parse import urlsplit

from flask import Flask, current_app, flash, redirect, request, session, url_for
from flask.sessions import SecureCookieSessionInterface
from flask.typing import ResponseReturnValue
from flask_login import LoginManager, current_user, login_user, logout_user  # type: ignore[import-untyped]
from sqlalchemy import Engine
from werkzeug.exceptions import HTTPException, MethodNotAllowed

from cwportal.config import Config
from cwportal.standalone import staff
from cwportal.standalone.staff import Staff
from cwportal.vocabulary import Role

KEY_FILE = "session_key"

_RANKS = {Role.VIEWER: 0, Role.BILLING: 1, Role.ADMIN: 2}
_SIGNED_IN = timedelta(hours=12)
"""After this a cookie is not accepted any more, wherever it has got to."""
_GENERATION = "portal_generation"
_UNSEEN = 33
"""Characters up to the space, which browsers drop from addresses, begin below this."""


@dataclass(frozen=True, slots=True)
class Person:
    """Who is signed in, as Flask-Login wants it."""

    staff: Staff
    is_authenticated: bool = True
    is_active: bool = True
    is_anonymous: bool = False

    def get_id(self) -> str:
        """What the session keeps; the rest is read again with every request."""
        return self.staff.email


class _Sessions(SecureCookieSessionInterface):
    def get_cookie_secure(self, app: Flask) -> bool:  # noqa: ARG002
        """Over https the cookie never travels without it."""
        return request.is_secure


def protect(app: Flask, engine: Engine, config: Config) -> None:
    """Give the application sessions and Flask-Login. A SECRET_KEY in its configuration is kept."""
    app.config.update(
        SESSION_COOKIE_NAME="cwportal_session",
        SESSION_COOKIE_HTTPONLY=True,
        SESSION_COOKIE_SAMESITE="Lax",
        PERMANENT_SESSION_LIFETIME=_SIGNED_IN,
    )
    if not app.config.get("SECRET_KEY"):
        app.config["SECRET_KEY"], *former = _keys(config)
        app.config["SECRET_KEY_FALLBACKS"] = former
    app.session_interface = _Sessions()
    manager = LoginManager(app)
    manager.session_protection = None
    manager.unauthorized_handler(_away)

    @manager.user_loader  # type: ignore[untyped-decorator]
    def load(email: str) -> Person | None:
        found = staff.find(engine, email)
        return None if found is None or found.generation != session.get(_GENERATION, 0) else Person(found)


def begin(found: Staff) -> None:
    """Sign in; nothing of a former session stays. It ends when the person's password changes."""
    session.clear()
    session[_GENERATION] = found.generation
    login_user(Person(found))


def end() -> None:
    """Sign out."""
    logout_user()
    session.clear()


def person() -> Staff | None:
    """Who is signed in."""
    return current_user.staff if current_user.is_authenticated else None


def partner_of() -> str | None:
    """For the plugin: their partner."""
    found = person()
    return found.partner_id if found else None


def may(role: str) -> bool:
    """For the plugin: whether they have the role, or a higher one."""
    found = person()
    return found is not None and _RANKS[found.role] >= _RANKS[Role(role)]


def actor_of() -> str:
    """For the plugin: their address."""
    found = person()
    return found.email if found else "nobody"


def unauthorized() -> ResponseReturnValue:
    """Off to signing in, and back here afterwards."""
    manager: LoginManager = current_app.login_manager  # type: ignore[attr-defined]
    answer: ResponseReturnValue = manager.unauthorized()
    return answer


def local(target: str | None) -> str | None:
    """The target if it is a page of this portal, else None: nobody is sent elsewhere after signing in, or to what is only for a button."""
    if not target or not target.startswith("/") or target.startswith(("//", "/\\")):
        return None
    if any(ord(letter) < _UNSEEN for letter in target) or "\\" in target:
        return None
    parts = urlsplit(target)
    return None if parts.scheme or parts.netloc or not _is_page(parts.path) else target


def _is_page(path: str) -> bool:
    """Whether something answers there when it is opened; what is nowhere says so itself."""
    try:
        current_app.url_map.bind("").match(path.removeprefix(request.script_root), method="GET")
    except MethodNotAllowed:
        return False
    except HTTPException:
        return True
    return True


def _away() -> ResponseReturnValue:
    """To signing in, and back here afterwards."""
    if request.method not in {"GET", "HEAD"}:
        flash("Nothing was changed: your session had ended. Sign in and do it again.", "warn")
    here = request.full_path if request.query_string else request.path
    return redirect(url_for("portal.sign_in", next=request.script_root + here))


def _keys(config: Config) -> list[str]:
    """Keys of the session cookie, newest first: from CWPORTAL_SECRET_KEYS, which all machines share, else one of the instance folder."""
    if config.secret_keys:
        return [hashlib.sha256(f"cwportal session {key}".encode()).hexdigest() for key in config.secret_keys]
    return [_generated(config.instance / KEY_FILE)]


def _generated(path: Path) -> str:
    """The key in the file; it is made once, with mode 600, also if several processes start at the same moment."""
    if not path.exists():
        fresh = path.with_name(f".{path.name}.{os.getpid()}")
        descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "w") as file:
            file.write(secrets.token_hex(32))
        try:
            os.link(fresh, path)
        except FileExistsError:
            pass
        finally:
            fresh.unlink()
    return path.read_text().strip()
