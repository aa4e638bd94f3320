"""The accounts of the partner, and one of them."""

from __future__ import annotations

from flask import Blueprint, abort, render_template, request
from flask.typing import ResponseReturnValue
from sqlalchemy import Engine

from cwportal.standalone import accounts, shown
from cwportal.standalone.access import me, needs
from cwportal.vocabulary import AccountStatus, Role


def register(portal: Blueprint, engine: Engine) -> None:
    """Hang the pages on the blueprint."""

    @portal.get("/accounts")
    @needs(Role.VIEWER)
    def accounts_list() -> ResponseReturnValue:
        partner_id, asked = me().partner_id, request.args.get("q", "").strip()
        everything = accounts.named(engine, partner_id)
        status = request.args.get("status", "")
        status = status if status in set(AccountStatus) else ""
        found = [account for account in everything if shown.matches(asked, account.name, account.id)]
        page = shown.page(
            [account for account in found if status in ("", account.status)], shown.number(request.args.get("page"))
        )
        return render_template(
            "portal/accounts/list.html",
            partner=accounts.partner(engine, partner_id),
            page=page,
            sums=accounts.sums(engine, partner_id, [account.id for account in page.rows]),
            q=asked,
            status=status,
            everything=len(everything),
            counts={one: sum(account.status == one for account in found) for one in AccountStatus},
            found=len(found),
        )

    @portal.get("/accounts/<path:account_id>")
    @needs(Role.VIEWER)
    def account(account_id: str) -> ResponseReturnValue:
        partner_id = me().partner_id
        row = accounts.one(engine, partner_id, account_id)
        if row is None:
            abort(404)
        services = accounts.services(engine, partner_id, account_id)
        count = accounts.count_users(engine, partner_id, account_id)
        number = shown.within(shown.number(request.args.get("page")), count)
        users = accounts.users(engine, partner_id, account_id, (number - 1) * shown.ROWS, shown.ROWS)
        return render_template(
            "portal/accounts/one.html",
            partner=accounts.partner(engine, partner_id),
            account=row,
            services=services,
            total=accounts.total(services),
            page=shown.Page(users, number, count),
        )
