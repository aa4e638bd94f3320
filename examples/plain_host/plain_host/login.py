"""Signing in and out."""

from __future__ import annotations

from flask import Blueprint, Flask, flash, redirect, render_template, url_for
from flask.typing import ResponseReturnValue
from flask_login import LoginManager, current_user, login_required, login_user, logout_user
from flask_wtf import CSRFProtect, FlaskForm
from sqlalchemy import select
from werkzeug.security import check_password_hash
from wtforms import EmailField, PasswordField
from wtforms.validators import InputRequired

from plain_host.tables import User, db

blueprint = Blueprint("login", __name__)
manager = LoginManager()
manager.login_view = "login.sign_in"


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
def load(user_id: str) -> User | None:
    """The user of the session."""
    return db.session.get(User, int(user_id))


def reseller() -> str | None:
    """For the integration: whose pages they are, None if nobody is signed in."""
    return current_user.reseller.slug if current_user.is_authenticated else None


def may(role: str) -> bool:  # noqa: ARG001
    """For the integration: this portal has one kind of login, and that may do everything."""
    return bool(current_user.is_authenticated)


def who() -> str:
    """For the integration: the name in its history."""
    return str(current_user.email)


@blueprint.route("/sign-in", methods=["GET", "POST"])
def sign_in() -> ResponseReturnValue:
    """The form, and who fills it in."""
    form = SignIn()
    if form.validate_on_submit():
        user = db.session.scalar(select(User).where(User.email == form.email.data))
        if user is not None and check_password_hash(user.password_hash, form.password.data):
            login_user(user)
            return redirect(url_for("pages.customers"))
        flash("This e-mail address and password do not belong together.")
    return render_template("sign_in.html", form=form)


@blueprint.post("/sign-out")
@login_required
def sign_out() -> ResponseReturnValue:
    """Ends the session."""
    logout_user()
    return redirect(url_for("login.sign_in"))
