"""The entry page, the wizard's first step, and its end. Steps 2 and 3 are pages of their own nouns."""

from __future__ import annotations

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from cwportal.blueprints import access, steps, trouble
from cwportal.blueprints.access import needs
from cwportal.blueprints.settings_words import WORDS
from cwportal.blueprints.trouble import Trouble
from cwportal.connectwise.errors import ConnectWiseError, RateLimited, RateLimitedLong
from cwportal.errors import NotConnected, RunUnderWay
from cwportal.forms.credentials import LONGEST_COMPANY, LONGEST_KEY, LONGEST_SITE, CredentialsForm
from cwportal.jobs.queue import request_preview, request_refresh
from cwportal.models import Connection
from cwportal.runtime import Runtime
from cwportal.services import connection, credentials, draft, history, rights, settings_typed
from cwportal.services.credentials import RightsLacking, Typed
from cwportal.services.draft import Draft
from cwportal.services.draft_keys import KeyNeeded
from cwportal.services.rights import Right
from cwportal.services.settings import Chosen
from cwportal.vocabulary import Data, Role

PATIENCE = 10.0
"""Seconds for which a page waits where ConnectWise asks us to."""


def blueprint() -> Blueprint:
    """The entry at /start, the wizard under /connect."""
    pages = Blueprint("wizard", __name__)
    pages.get("/start")(entry)
    pages.post("/connect")(begin)
    pages.route("/connect/credentials", methods=["GET", "POST"], endpoint="credentials")(step_one)
    pages.post("/connect/finish")(finish)
    return pages


@needs(Role.VIEWER)
def entry() -> ResponseReturnValue:
    """What the integration does and what it needs, as long as there is no connection."""
    runtime, partner_id = access.runtime(), access.partner()
    if _is_connected(runtime, partner_id):
        return redirect(url_for("cwportal.exports.status"), 303)
    kept = draft.get(runtime, partner_id)
    return render_template(
        "cwportal/entry.html",
        partner=runtime.source.partner(partner_id),
        accounts=len(runtime.source.accounts(partner_id)),
        draft=kept,
        resume=steps.label(kept.resume) if kept else None,
        resume_url=steps.address(kept.resume) if kept else None,
        runs=history.runs_page(runtime, partner_id, request.args.get("page", 1, int)),
    )


@needs(Role.ADMIN)
def begin() -> ResponseReturnValue:
    """Get started, go on, or start over."""
    runtime, partner_id = access.runtime(), access.partner()
    try:
        if request.form.get("over") == "yes":
            draft.start_over(runtime, partner_id, actor=access.actor())
            flash(
                "What was typed is forgotten, also the keys. Nothing was active, and nothing has changed in ConnectWise.",
                "ok",
            )
            return redirect(url_for(".entry"), 303)
        kept = draft.begin(runtime, partner_id, actor=access.actor())
    except draft.Connected as error:
        return steps.away(error)
    return redirect(steps.address(kept.resume), 303)


@needs(Role.ADMIN)
def step_one() -> ResponseReturnValue:  # noqa: PLR0911 - one for every way it can end
    """Site, company ID and keys: kept as typed, tested, and the rights of the API member shown."""
    runtime, partner_id = access.runtime(), access.partner()
    kept = steps.opened(draft.CREDENTIALS)
    if request.method == "GET":
        return _step_one(kept, CredentialsForm(formdata=None, obj=kept, kept=kept.has_private_key))
    form = CredentialsForm(kept=kept.has_private_key)
    valid = form.validate()
    try:
        kept = draft.keep_credentials(
            runtime, partner_id, _typed(form, kept), version=form.shown_version, actor=access.actor()
        )
        if request.form.get("do") == "leave":
            if form.private_key.data and form.private_key.errors:
                flash(f"The private key was not kept. {form.private_key.errors[0]}", "warn")
            return redirect(url_for(".entry"), 303)
        if not valid:
            return _step_one(kept, form)
        if kept.tested and request.form.get("do") != "test":
            return redirect(steps.address(draft.SETTINGS), 303)
        return _test(kept, form)
    except KeyNeeded as error:
        form.private_key.errors = [*form.private_key.errors, str(error)]
        return _step_one(kept, form)
    except draft.Outdated as error:
        fresh = draft.get(runtime, partner_id)
        if form.private_key.data and not form.private_key.errors:
            form.private_key.errors = [trouble.KEY_AGAIN]
        return _step_one(fresh or kept, form, outdated=steps.told(error))
    except (draft.Connected, draft.NotBegun) as error:
        return steps.away(error)


@needs(Role.ADMIN)
def finish() -> ResponseReturnValue:
    """Everything becomes active at once; the first thing to see is a preview."""
    runtime, partner_id = access.runtime(), access.partner()
    try:
        draft.finish(runtime, partner_id, actor=access.actor())
    except (draft.Connected, draft.NotBegun) as error:
        return steps.away(error)
    except draft.Unfinished as error:
        for name, sentence in error.problems.items():
            flash(f"Not finished. {WORDS[name]}: {sentence}", "bad")
        if not error.problems:
            flash(f"Not finished: {error}", "bad")
        return redirect(steps.address(error.step), 303)
    try:
        asked = request_preview(runtime, partner_id, actor=access.actor())
    except (RunUnderWay, NotConnected):
        flash(
            "ConnectWise is connected. A preview cannot be made just now; press Preview on the page Export status.",
            "warn",
        )
        return redirect(url_for("cwportal.exports.status"), 303)
    flash(
        "ConnectWise is connected. This first preview shows what an export would do; nothing is written before you say so."
        + (
            ""
            if asked.waits is None
            else " It waits, because the portal cannot reach its queue at the moment, and starts by itself."
        ),
        "ok",
    )
    return redirect(url_for("cwportal.preview.latest"), 303)


def _test(kept: Draft, form: CredentialsForm) -> ResponseReturnValue:
    """Ask ConnectWise. What it accepts becomes the connection that Finish makes active."""
    runtime, partner_id = access.runtime(), access.partner()
    try:
        now = runtime.clock()
        if kept.not_before and kept.not_before > now:
            raise RateLimitedLong("", retry_after=(kept.not_before - now).total_seconds())
        proven = credentials.prove(runtime, draft.typed(runtime, partner_id), patience=PATIENCE)
    except ConnectWiseError as error:
        if isinstance(error, RateLimited) and error.retry_after:
            draft.leave_alone(runtime, partner_id, error.retry_after)
        return _step_one(kept, form, error=error)
    moved = draft.accept(runtime, partner_id, proven, version=kept.version, actor=access.actor())
    if moved:
        flash(
            "This is another ConnectWise than before. The account mapping begins empty, and what was chosen from the other one's lists is "
            "to be chosen again. Look through step 2 once more.",
            "warn",
        )
    request_refresh(runtime, partner_id)
    return redirect(url_for(".credentials", _anchor="result"), 303)


def _typed(form: CredentialsForm, kept: Draft) -> Typed:
    """What was typed, as far as it can be kept: a field that is too long keeps what was there, a key with a slip is not kept."""

    def text(name: str, longest: int) -> str:
        typed = (form[name].data or "").strip()
        return typed if len(typed) <= longest else str(getattr(kept, name))

    return Typed(
        text("site", LONGEST_SITE),
        text("company_id", LONGEST_COMPANY),
        text("public_key", LONGEST_KEY),
        "" if form.private_key.errors else form.private_key.data or "",
    )


def _step_one(
    kept: Draft, form: CredentialsForm, *, error: ConnectWiseError | None = None, outdated: str = ""
) -> ResponseReturnValue:
    """The page, with what is wrong."""
    runtime, partner_id = access.runtime(), access.partner()
    partner = runtime.source.partner(partner_id)
    form.version.data = str(kept.version)
    row = _connection(runtime, partner_id) if kept.tested else None
    data = _data(kept)
    found: list[Right] = []
    if isinstance(error, RightsLacking):
        found = rights.of_stored(credentials.stored(error.rights), data)
    elif row is not None:
        found = rights.of_stored(row.rights, data)
    said: Trouble | None = trouble.of(error, runtime.clock(), partner.timezone, kept=True) if error else None
    wrong = bool(form.errors or said or outdated)
    page = render_template(
        "cwportal/wizard/credentials.html",
        step=draft.CREDENTIALS,
        step_error=wrong,
        draft=kept,
        form=form,
        trouble=said,
        outdated=outdated,
        connection=row,
        lines=rights.screen(found),
        lacking=[right for right in found if right.is_lacking],
        own_only=[right for right in found if right.wants_all],
        partner=partner,
    )
    return page, 409 if outdated else 422 if wrong else 200


def _data(kept: Draft) -> tuple[Data, ...]:
    """What is to be exported, as far as it was chosen in step 2 already."""
    words = settings_typed.flat(kept.settings).get("data", "").split(",")
    return tuple(kind for kind in Data if kind in words) or Chosen().data


def _connection(runtime: Runtime, partner_id: str) -> Connection | None:
    try:
        return connection.get(runtime, partner_id, draft=True)
    except NotConnected:
        return None


def _is_connected(runtime: Runtime, partner_id: str) -> bool:
    row = _connection(runtime, partner_id)
    return row is not None and row.active
