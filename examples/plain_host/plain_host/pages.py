"""What a reseller sees: its customers, what they use, and a button that exports it to ConnectWise."""

from __future__ import annotations

from flask import Blueprint, current_app, flash, redirect, render_template, url_for
from flask.typing import ResponseReturnValue
from flask_login import current_user, login_required
from sqlalchemy import select

from cwportal.errors import CWPortalError
from cwportal.plugin import request_export
from plain_host.tables import Customer, db

blueprint = Blueprint("pages", __name__)


@blueprint.get("/")
@login_required
def customers() -> ResponseReturnValue:
    """The reseller's customers."""
    mine = select(Customer).where(Customer.reseller_id == current_user.reseller_id).order_by(Customer.name)
    return render_template("customers.html", customers=db.session.scalars(mine).all())


@blueprint.post("/export")
@login_required
def export() -> ResponseReturnValue:
    """Ask a worker for an export."""
    app = current_app._get_current_object()  # noqa: SLF001 - Flask's own way from the proxy to the object
    try:
        asked = request_export(app, current_user.reseller.slug, actor=current_user.email)
        flash(asked.waits or f"Export {asked.run_id} was asked for.")
    except CWPortalError as error:
        flash(str(error))
    return redirect(url_for("pages.customers"))
