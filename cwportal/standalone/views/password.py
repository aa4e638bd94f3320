"""One's own password."""

from __future__ import annotations

import time

from flask import Blueprint, flash, redirect, render_template, url_for
from flask.typing import ResponseReturnValue
from sqlalchemy import Engine

from cwportal.standalone import attempts, auth, staff
from cwportal.standalone.access import me, needs
from cwportal.standalone.forms import NewPassword
from cwportal.vocabulary import Role


def register(portal: Blueprint, engine: Engine) -> None:
    """Hang the page on the blueprint."""

    @portal.route("/password", methods=["GET", "POST"])
    @needs(Role.VIEWER)
    def password() -> ResponseReturnValue:
        form = NewPassword()
        if not form.validate_on_submit():
            return _filled(form)
        who = attempts.subjects(f"password of {me().email}", None)
        if not attempts.admit(engine, who, int(time.time())):
            form.old.errors = ["Too many attempts. Wait a quarter of an hour, then try again."]
            return _filled(form, 429)
        if staff.verify(engine, me().email, form.old.data) is None:
            form.old.errors = ["This is not your present password."]
            return _filled(form)
        attempts.forget(engine, who)
        now = staff.set_password(engine, me().partner_id, me().id, form.new.data, must_change=False)
        if now is None:  # removed by somebody at the same moment
            auth.end()
            return redirect(url_for(".sign_in"), 303)
        auth.begin(now)
        flash("Your password is changed. Everywhere else you are signed out.", "ok")
        return redirect(url_for(".home"), 303)


def _filled(form: NewPassword, code: int = 400) -> ResponseReturnValue:
    return render_template("portal/staff/password.html", form=form, me=me()), code if form.errors else 200
