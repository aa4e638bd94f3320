"""Retail prices as a file: down, and up again, with a look at what it would change before anything is saved."""

from __future__ import annotations

import time

from flask import Blueprint, Response, abort, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from sqlalchemy import Engine

from cwportal.errors import BadFile
from cwportal.standalone import accounts, pricefile, prices, proposal
from cwportal.standalone.access import me, needs, takes
from cwportal.standalone.proposal import Proposal
from cwportal.standalone.views.pricing import page, some
from cwportal.vocabulary import Role

_MOST = 16
"""Megabytes of a file."""
_CHANGED = "Nothing was saved: somebody else has changed prices meanwhile. This is what the file would change now."
_UNTICKED = "Nothing was saved: the file has only former prices, and you did not tick that they are wanted."


def register(portal: Blueprint, engine: Engine) -> None:
    """Hang the pages on the blueprint."""

    @portal.get("/pricing/retail.csv")
    @needs(Role.VIEWER)
    def retail_csv() -> ResponseReturnValue:
        text = pricefile.written(me().partner_id, prices.listed(engine, me().partner_id))
        headers = {"Content-Disposition": 'attachment; filename="prices.csv"'}
        return Response(text, mimetype="text/csv", headers=headers)

    @portal.post("/pricing/retail/upload")
    @needs(Role.BILLING)
    @takes(_MOST)
    def retail_upload() -> ResponseReturnValue:
        file = request.files.get("file")
        if file is None or not file.filename:
            return page(engine, ["No file was chosen. Choose the file prices.csv, then press Upload prices."])
        try:
            given = pricefile.read(engine, me().partner_id, file)
        except BadFile as error:
            return page(engine, list(error.problems))
        found = proposal.compared(engine, me().partner_id, given, len(given))
        if not found.rows:
            _say(found, [])
            return redirect(url_for(".retail"), 303)
        return _look(engine, found)

    @portal.post("/pricing/retail/upload/save")
    @needs(Role.BILLING)
    @takes(_MOST)
    def retail_upload_save() -> ResponseReturnValue:
        try:
            sent = proposal.carried(request.form.get("prices", ""))
        except ValueError:
            abort(400)
        partner_id = me().partner_id
        found = proposal.compared(engine, partner_id, sent.given, sent.count)
        wanted = found.rows if "former" in request.form else found.new
        if found.former and not wanted:
            return _look(engine, found, _UNTICKED, 400)
        try:
            edits = sent.edits([row.line.sku for row in wanted])
            made = prices.save(engine, partner_id, edits, actor=me().email, now=int(time.time()))
        except prices.ConflictError:
            return _look(engine, proposal.compared(engine, partner_id, sent.given, sent.count), _CHANGED, 409)
        _say(found, made)
        return redirect(url_for(".retail"), 303)


def _look(engine: Engine, found: Proposal, trouble: str = "", code: int = 200) -> ResponseReturnValue:
    return render_template(
        "portal/pricing/upload.html",
        partner=accounts.partner(engine, me().partner_id),
        found=found,
        trouble=trouble,
        most=proposal.LISTED,
        decimals=prices.DECIMALS,
    ), code


def _say(found: Proposal, made: list[prices.Change]) -> None:
    left = len(found.rows) - len(made)
    newer = f", {left} left as {'it is' if left == 1 else 'they are'} now" if left else ""
    exported = " They are exported with the next export." if made else ""
    flash(
        f"{'1 price' if len(made) == 1 else f'{len(made)} prices'} changed, {found.same} as before{newer}.{exported}",
        "ok",
    )
    if long := [one.sku for one in made if one.after is not None and prices.is_long(one.after)]:
        flash(f"More than {prices.DECIMALS} decimals, which are rounded when exported: {some(long)}.", "warn")
