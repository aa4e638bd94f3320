"""Products & Pricing > Retail pricing: prices in a table, and their history."""

from __future__ import annotations

import time
from urllib.parse import quote

from flask import Blueprint, abort, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from sqlalchemy import Engine
from werkzeug.datastructures import MultiDict

from cwportal.standalone import accounts, prices, shown
from cwportal.standalone.access import me, needs
from cwportal.standalone.auth import may
from cwportal.standalone.pricetable import Table
from cwportal.vocabulary import Role

_ASKED = ("q", "show", "page", "sku", "go", "former")
"""What an address may ask for. Never prices: a link could put amounts into the form that nobody here has typed."""


def register(portal: Blueprint, engine: Engine) -> None:
    """Hang the pages on the blueprint."""

    @portal.get("/pricing")
    @needs(Role.VIEWER)
    def pricing() -> ResponseReturnValue:
        return redirect(url_for(".retail"))

    @portal.get("/pricing/retail")
    @needs(Role.VIEWER)
    def retail() -> ResponseReturnValue:
        asked = MultiDict((name, request.args[name]) for name in _ASKED if name in request.args)
        table = Table(prices.lines(engine, me().partner_id), asked)
        return _page(engine, table)

    @portal.post("/pricing/retail")
    @needs(Role.BILLING)
    def retail_save() -> ResponseReturnValue:
        table = Table(prices.lines(engine, me().partner_id), request.form)
        if not table.is_whole:
            abort(400)
        if not table.saves:
            return _page(engine, table) if table.changed else redirect(url_for(".retail", **table.query), 303)
        if not table.errors:
            try:
                made = prices.save(engine, me().partner_id, table.edits(), actor=me().email, now=int(time.time()))
            except prices.ConflictError as error:
                table.conflict(error.now)
            else:
                _say(table, made)
                return redirect(url_for(".retail", **table.query), 303)
        table.turn_to_errors()
        return _page(engine, table, 409 if table.conflicts else 400)

    @portal.get("/pricing/retail/history")
    @needs(Role.VIEWER)
    def retail_history() -> ResponseReturnValue:
        partner_id, sku = me().partner_id, request.args.get("sku", "")
        count = prices.count_changes(engine, partner_id, sku)
        number = shown.within(shown.number(request.args.get("page")), count)
        found = prices.changes(engine, partner_id, sku, (number - 1) * shown.ROWS, shown.ROWS)
        return render_template(
            "portal/pricing/history.html",
            partner=accounts.partner(engine, partner_id),
            page=shown.Page(found, number, count),
            sku=sku,
        )


def price_url(account_id: str, sku: str) -> str:  # noqa: ARG001 - a retail price is the same for all accounts
    """Where a person mends a missing retail price: for the plugin."""
    return url_for("portal.retail", sku=sku) + "#" + anchor(sku)


def anchor(sku: str) -> str:
    """The place of a SKU's row on its page: characters that may stand in an id and in an address."""
    return "sku-" + quote(sku, safe="")


def page(engine: Engine, problems: list[str]) -> ResponseReturnValue:
    """The table with what is wrong with a file."""
    return _page(engine, Table(prices.lines(engine, me().partner_id), MultiDict()), 400, problems)


def _page(engine: Engine, table: Table, code: int = 200, problems: list[str] | None = None) -> ResponseReturnValue:
    partner_id = me().partner_id
    return render_template(
        "portal/pricing/retail.html",
        partner=accounts.partner(engine, partner_id),
        table=table,
        changes=prices.last_changes(engine, partner_id, [row.line.sku for row in table.page.rows]),
        problems=problems or [],
        edits=may(Role.BILLING),
    ), code


def _say(table: Table, made: list[prices.Change]) -> None:
    if not made:
        flash("Nothing was changed: the prices are as they were.", "ok")
        return
    flash(
        f"{_prices(len(made))} saved. {'It is' if len(made) == 1 else 'They are'} exported with the next export.", "ok"
    )
    lines = {row.line.sku: row.line for row in table.all}
    gone = [one.sku for one in made if one.after is None and lines[one.sku].retail_accounts]
    if gone:
        flash(f"Without a price now, although in use: {some(gone)}. They are not billed until they have one.", "warn")
    below = [
        one.sku
        for one in made
        if one.after is not None and (cost := lines[one.sku].list_cost) is not None and one.after < cost
    ]
    if below:
        flash(f"Below the list cost: {some(below)}. They are exported all the same.", "warn")


def _prices(count: int) -> str:
    return "1 price" if count == 1 else f"{count} prices"


def some(skus: list[str]) -> str:
    """The first of them, and how many more."""
    return ", ".join(skus[:5]) + (f" and {len(skus) - 5} more" if len(skus) > 5 else "")
