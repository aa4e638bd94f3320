"""Disable ConnectWise: what goes, what stays (also as a CSV file), and the only red button."""

from __future__ import annotations

import csv
import io

from flask import Blueprint, Response, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from cwportal.billing.scale import canonical
from cwportal.billing.users_file import harmless
from cwportal.blueprints import access, words
from cwportal.blueprints.access import needs
from cwportal.blueprints.steps import ENTRY
from cwportal.errors import NotConnected
from cwportal.forms.disable import DisableForm
from cwportal.services import connection, disable, history, settings, upcoming
from cwportal.services.disable import Disabled
from cwportal.vocabulary import Role

COLUMNS = (
    "company",
    "agreement",
    "agreement_id",
    "account_id",
    "lines",
    "monthly_price",
    "currency",
    "lines_without_price",
)


def blueprint() -> Blueprint:
    """One page under /disable, and what it lists as a file."""
    pages = Blueprint("disable", __name__)
    pages.route("/disable", methods=["GET", "POST"])(page)
    pages.get("/disable/lines.csv", endpoint="csv")(as_csv)
    return pages


@needs(Role.ADMIN)
def page() -> ResponseReturnValue:
    """Say what it means; do it when the box is ticked."""
    runtime, partner_id = access.runtime(), access.partner()
    form = DisableForm()
    try:
        row = connection.get(runtime, partner_id)
        if request.method == "POST" and form.validate():
            done = disable.disable(runtime, partner_id, actor=access.actor())
            flash(_said(done), "ok")
            return redirect(url_for(ENTRY), 303)
    except NotConnected as error:
        if request.method == "POST":
            flash(str(error), "warn")
        return redirect(url_for(ENTRY), 303)
    chosen = settings.get(runtime, partner_id)
    stays, lines = disable.lines(runtime, partner_id, request.args.get("page", 1, int))
    starts = upcoming.starts(chosen, runtime.clock(), 1)
    shown = render_template(
        "cwportal/disable/page.html",
        form=form,
        stays=stays,
        lines=lines,
        running=history.under_way(runtime, partner_id),
        start=starts[0].at if starts else None,
        zone=chosen.timezone,
        partner=runtime.source.partner(partner_id),
        connected=connection.where(row.site, row.company_id),
    )
    return shown, 422 if form.errors else 200


@needs(Role.ADMIN)
def as_csv() -> ResponseReturnValue:
    """What stays, all pages of it: UTF-8 with a byte order mark for spreadsheets, and no cell they would calculate.

    Only while ConnectWise is connected: afterwards our record is not kept up, and would say less every day what is billed.
    """
    runtime, partner_id = access.runtime(), access.partner()
    try:
        found = disable.all_lines(runtime, partner_id)
    except NotConnected:
        return redirect(url_for(ENTRY), 303)
    currency = runtime.source.partner(partner_id).currency
    text = io.StringIO("\ufeff", newline="")
    text.seek(0, io.SEEK_END)
    writer = csv.writer(text)
    writer.writerow(COLUMNS)
    for one in found:
        names = (one.company, one.agreement, one.agreement_id, one.account_id)
        cells = (*names, one.count, canonical(one.price), currency, one.unpriced)
        writer.writerow([harmless(str(cell)) for cell in cells])
    name = "attachment; filename=lines-that-stay.csv"
    return Response(text.getvalue(), content_type="text/csv; charset=utf-8", headers={"Content-Disposition": name})


def _said(done: Disabled) -> str:
    told = "ConnectWise is disabled. Credentials and settings are forgotten."
    if done.stays.lines:
        told += (
            f" {words.count(done.stays.lines, 'line')} in {words.count(done.stays.agreements, 'agreement')} "
            f"{'stays' if done.stays.lines == 1 else 'stay'} in ConnectWise and will be invoiced."
        )
    if done.stopping is not None:
        told += f" Export {done.stopping} stops: it finishes the write it is in, and begins no other."
    if done.cancelled is not None:
        told += f" Export {done.cancelled}, which was waiting, was cancelled."
    return told
