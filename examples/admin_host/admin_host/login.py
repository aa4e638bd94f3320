"""Signing in and out, and what the integration asks about the person of a request."""

from __future__ import annotations

from flask import Blueprint, Flask, flash, redirect, render_template, url_for
from flask.typing import ResponseReturnValue
from flask_login import LoginManager, current_user, login_required, login_user, logout_user
from flask_wtf import CSRFProtect, FlaskForm
from sqlalchemy import select
from werkzeug.security import check_password_hash
from wtforms import EmailField, PasswordField
from wtforms.validators import InputRequired

from admin_host.tables import Staff, db

blueprint = Blueprint("login", __name__)
manager = LoginManager()
manager.login_view = "login.sign_in"

_RIGHTS = {"reader": {"viewer"}, "clerk": {"viewer", "billing"}, "owner": {"viewer", "billing", "admin"}}
"""What our own roles may do in the integration, whose roles are viewer, billing and admin."""


class SignIn(FlaskForm):
    """E-mail address and password."""

    email = EmailField("E-mail", [InputRequired()])
    password = PasswordField("Password", [InputRequired()])


def init_app(app: Flask) -> None:
    """Sessions, and a token in every form."""
    CSRFProtect(app)
    manager.init_app(app)
    app.register_blueprint(blueprint)


@manager.user_loader
def load(user_id: str) -> Staff | None:
    """The person of the session."""
    return db.session.get(Staff, int(user_id))


def reseller() -> str | None:
    """For the integration: whose pages they are. None: nobody is signed in, or somebody of ours, who belongs to no reseller."""
    return current_user.reseller.slug if current_user.is_authenticated and current_user.reseller else None


def may(role: str) -> bool:
    """For the integration: whether the person has this role of it."""
    return current_user.is_authenticated and role in _RIGHTS.get(current_user.role, set())


def who() -> str:
    """For the integration: the name in its history."""
    return str(current_user.email)


@blueprint.route("/sign-in", methods=["GET", "POST"])
def sign_in() -> ResponseReturnValue:
    """The form, and who fills it in."""
    form = SignIn()
    if form.validate_on_submit():
        person = db.session.scalar(select(Staff).where(Staff.email == form.email.data))
        if person is not None and check_password_hash(person.password_hash, form.password.data):
            login_user(person)
            return redirect(url_for("admin.index"))
        flash("This e-mail address and password do not belong together.", "error")
    return render_template("sign_in.html", form=form)


@blueprint.post("/sign-out")
@login_required
def sign_out() -> ResponseReturnValue:
    """Ends the session."""
    logout_user()
    return redirect(url_for("login.sign_in"))
