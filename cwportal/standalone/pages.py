"""Pages of the portal itself: the parent of all, signing in and out, and home, which is the integration."""

from __future__ import annotations

import time

from flask import Blueprint, Response, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from sqlalchemy import Engine

from cwportal.plugin import with_headers
from cwportal.standalone import access, attempts, auth, refusals, shown, staff
from cwportal.standalone.forms import ROLES, Press, SignIn
from cwportal.standalone.views import accounts, imports, password, pricefile, pricing
from cwportal.standalone.views import staff as staff_views
from cwportal.vocabulary import Role

BASE = "portal/base.html"
price_url = pricing.price_url

_HOME = "cwportal.exports.status"
_BAR = (
    ("Accounts", "portal.accounts_list", ("portal.account", "portal.imports"), Role.VIEWER),
    ("Products & Pricing", "portal.retail", ("portal.pricing", "portal.retail"), Role.VIEWER),
    ("Integration", _HOME, ("cwportal.",), Role.VIEWER),
    ("Staff", "portal.staff_list", ("portal.staff",), Role.ADMIN),
)
"""Label, where it leads, what the endpoints of its pages begin with, and who sees it."""


def blueprint(engine: Engine) -> Blueprint:
    """The portal's pages; signing in looks into `engine`."""
    portal = Blueprint("portal", __name__, template_folder="templates")
    portal.before_app_request(access.first_a_password)
    portal.before_request(access.guard)
    portal.after_request(with_headers)
    portal.app_context_processor(_known)
    refusals.register(portal, engine)
    for noun in (accounts, pricing, pricefile, staff_views, password, imports):
        noun.register(portal, engine)

    @portal.get("/")
    @access.everybody
    def home() -> ResponseReturnValue:
        return redirect(url_for(_HOME))

    @portal.route("/sign-in", methods=["GET", "POST"])
    @access.everybody
    def sign_in() -> ResponseReturnValue:
        target = auth.local(request.args.get("next")) or url_for(_HOME)
        if auth.person() is not None:
            return redirect(target)
        form = SignIn()
        if not form.validate_on_submit():
            return _form(form, None, 400 if form.is_submitted() else 200)
        who = attempts.subjects(form.email.data, request.remote_addr)
        if not attempts.admit(engine, who, int(time.time())):
            return _form(form, "Too many attempts. Wait a quarter of an hour, then try again.", 429)
        found = staff.verify(engine, form.email.data, form.password.data)
        if found is None:
            return _form(form, "The e-mail address or the password is not right.", 401)
        attempts.forget(engine, who)
        auth.begin(found)
        return redirect(target, 303)

    @portal.post("/sign-out")
    @access.everybody
    def sign_out() -> ResponseReturnValue:
        if Press().validate_on_submit():
            auth.end()
            flash("You are signed out.", "ok")
            return redirect(url_for(".sign_in"), 303)
        return redirect(url_for(".home"), 303)

    return portal


def _known() -> dict[str, object]:
    """What every template of the application knows of the portal."""
    return {
        "portal_person": auth.person,
        "portal_press": lambda: Press(formdata=None),  # never reads what was sent: it may have been too much
        "portal_roles": ROLES,
        "portal_bar": _bar,
        "portal_may": auth.may,
        "portal_anchor": pricing.anchor,
        "shown": shown,
    }


def _bar() -> list[tuple[str, str, str]]:
    """(label, address, aria-current) of what the person may open."""
    here = request.endpoint or ""
    return [
        (label, url_for(to), "page" if here == to else "true" if here.startswith(begin) else "")
        for label, to, begin, role in _BAR
        if auth.may(role)
    ]


def _form(form: SignIn, trouble: str | None, code: int) -> Response:
    response = Response(render_template("portal/sign_in.html", form=form, trouble=trouble), code)
    if code == 429:
        response.headers["Retry-After"] = str(attempts.WINDOW)
    return response
