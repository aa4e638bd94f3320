"""Credentials of a connection that is there: tested anew, or changed."""

from __future__ import annotations

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from cwportal.blueprints import access, trouble
from cwportal.blueprints.access import needs
from cwportal.blueprints.steps import ENTRY, say_if_lost
from cwportal.blueprints.wizard import PATIENCE
from cwportal.connectwise.errors import ConnectWiseError
from cwportal.errors import NotConnected
from cwportal.forms.credentials import CredentialsForm
from cwportal.jobs.queue import request_refresh
from cwportal.services import connection, credentials, disable, rights, settings
from cwportal.services import rekey as changes
from cwportal.services.credentials import RightsLacking, Typed
from cwportal.services.rekey import Now
from cwportal.vocabulary import Role


def add_to(pages: Blueprint) -> None:
    """Under the settings, to which they belong."""
    pages.route("/settings/credentials", methods=["GET", "POST"], endpoint="credentials")(page)


@needs(Role.ADMIN)
def page() -> ResponseReturnValue:  # noqa: PLR0911 - one for every way it can end
    """Look at them, test them again, change them."""
    runtime, partner_id = access.runtime(), access.partner()
    try:
        now = changes.now(runtime, partner_id)
    except NotConnected:
        say_if_lost()
        return redirect(url_for(ENTRY), 303)
    if request.method == "GET":
        return _page(now, CredentialsForm(formdata=None, obj=now, kept=True))
    form = CredentialsForm(kept=True)
    if not form.validate():
        return _page(now, form)
    typed = Typed(form.site.data, form.company_id.data, form.public_key.data, form.private_key.data or "")
    try:
        outcome = changes.change(
            runtime,
            partner_id,
            typed,
            version=form.version.data or "",
            elsewhere=request.form.get("elsewhere") == "yes",
            patience=PATIENCE,
            actor=access.actor(),
        )
    except ConnectWiseError as error:
        return _page(now, form, error=error)
    except changes.Elsewhere as asked:
        return _page(now, form, asked=asked)
    except changes.KeyNeeded as needed:
        form.private_key.errors = [*form.private_key.errors, str(needed)]
        return _page(now, form)
    except changes.Refused as refused:
        return _page(changes.now(runtime, partner_id), form, refused=str(refused))
    except NotConnected:
        say_if_lost()
        return redirect(url_for(ENTRY), 303)
    if outcome.moved:
        request_refresh(runtime, partner_id)
        flash(
            f"Connected to {outcome.company_id}, another ConnectWise than before – {outcome.companies:,} companies visible. Its mapping is "
            "empty: map accounts and set their Export check marks, then make a preview.",
            "warn",
        )
    elif outcome.changed:
        flash(f"Saved. Connected to {outcome.company_id} – {outcome.companies:,} companies visible.", "ok")
    else:
        flash(
            f"Tested: connected to {outcome.company_id} – {outcome.companies:,} companies visible. Nothing was changed.",
            "ok",
        )
    return redirect(url_for("cwportal.settings.credentials"), 303)


def _page(
    now: Now,
    form: CredentialsForm,
    *,
    error: ConnectWiseError | None = None,
    asked: changes.Elsewhere | None = None,
    refused: str = "",
) -> ResponseReturnValue:
    runtime, partner_id = access.runtime(), access.partner()
    partner = runtime.source.partner(partner_id)
    form.version.data = now.version
    if form.private_key.data and asked is None and not form.private_key.errors:
        form.private_key.errors = [trouble.KEY_AGAIN]
    stored = credentials.stored(error.rights) if isinstance(error, RightsLacking) else now.rights
    found = rights.of_stored(stored, settings.get(runtime, partner_id).data)
    page = render_template(
        "cwportal/credentials/page.html",
        form=form,
        now=now,
        asked=asked,
        stays=disable.stays(runtime, partner_id) if asked else None,
        refused=refused,
        trouble=trouble.of(error, runtime.clock(), partner.timezone, kept=False) if error else None,
        lines=rights.screen(found),
        lacking=[right for right in found if right.is_lacking],
        own_only=[right for right in found if right.wants_all],
        partner=partner,
        connected=connection.where(now.site, now.company_id),
    )
    return page, 409 if refused else 422 if (form.errors or error) else 200
