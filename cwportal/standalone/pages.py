"""Pages of the portal itself: sign-in, sign-out, and home, which is the integration."""

from __future__ import annotations

import time

from flask import Blueprint, Response, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_wtf import FlaskForm  # type: ignore[import-untyped]
from sqlalchemy import Engine
from wtforms import PasswordField, StringField  # type: ignore[import-untyped]
from wtforms.validators import InputRequired, Length  # type: ignore[import-untyped]

from cwportal.plugin import with_headers
from cwportal.standalone import attempts, auth, staff

BASE = "portal/base.html"

_HOME = "cwportal.exports.status"


class _Form(FlaskForm):  # type: ignore[misc]  # flask_wtf has no types
    """With the token against requests from other sites, always."""

    class Meta(FlaskForm.Meta):  # type: ignore[misc]
        csrf = True


class SignIn(_Form):
    """E-mail address and password."""

    email = StringField("E-mail address", [InputRequired("Type your e-mail address."), Length(max=300)])
    password = PasswordField("Password", [InputRequired("Type your password."), Length(max=staff.LONGEST_PASSWORD)])


class SignOut(_Form):
    """Nothing but the token."""


def blueprint(engine: Engine) -> Blueprint:
    """The portal's pages; signing in looks into `engine`."""
    portal = Blueprint("portal", __name__, template_folder="templates")
    portal.after_request(with_headers)

    @portal.app_context_processor
    def known() -> dict[str, object]:
        return {"portal_person": auth.person, "portal_sign_out": SignOut}

    @portal.get("/")
    def home() -> ResponseReturnValue:
        return redirect(url_for(_HOME))

    @portal.route("/sign-in", methods=["GET", "POST"])
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
    def sign_out() -> ResponseReturnValue:
        if SignOut().validate_on_submit():
            auth.end()
            flash("You are signed out.", "ok")
            return redirect(url_for(".sign_in"), 303)
        return redirect(url_for(".home"), 303)

    return portal


def _form(form: SignIn, trouble: str | None, code: int) -> Response:
    response = Response(render_template("portal/sign_in.html", form=form, trouble=trouble), code)
    if code == 429:
        response.headers["Retry-After"] = str(attempts.WINDOW)
    return response
