"""Preview: what an export would do, with its money; approve, reject, and answer what it asks."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from flask import Blueprint, abort, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from cwportal.blueprints import access, advice, preview_words
from cwportal.blueprints.access import needs
from cwportal.errors import NotConnected, RunUnderWay, UsageError
from cwportal.forms.preview import Choose, Decide, Typed
from cwportal.jobs.queue import request_export, request_preview
from cwportal.models import Run
from cwportal.services import approvals, connection, decisions, history, previews, rejections, reports
from cwportal.services import status as overview
from cwportal.vocabulary import ACTIVE_RUN_STATES, Role, Trigger

_RUN = f"/preview/{access.RUN_ID}"

_NO_ANSWER = "A last day was typed, but no answer was chosen. Choose what becomes of the line, or clear the day."


def blueprint() -> Blueprint:
    """Previews, and the plans of exports in which something waits."""
    pages = Blueprint("preview", __name__)
    pages.get("/preview")(latest)
    pages.post("/preview")(start)
    pages.get(_RUN)(page)
    pages.get(f"{_RUN}/progress")(progress)
    pages.post(f"{_RUN}/approve")(approve)
    pages.post(f"{_RUN}/reject")(reject)
    pages.post(f"{_RUN}/decide")(decide)
    return pages


@needs(Role.VIEWER)
def latest() -> ResponseReturnValue:
    """The newest preview, or the plan of the newest export; a page that says how to make one where there is neither."""
    runtime, partner_id = access.runtime(), access.partner()
    try:
        connection.get(runtime, partner_id)
    except NotConnected:
        return redirect(url_for("cwportal.wizard.entry"), 303)
    run_id = previews.latest(runtime, partner_id)
    if run_id is not None:
        return redirect(url_for(".page", run_id=run_id), 303)
    return render_template("cwportal/preview/none.html")


@needs(Role.BILLING)
def start() -> ResponseReturnValue:
    """Make a new preview; where one is being made already, show that."""
    runtime, partner_id = access.runtime(), access.partner()
    try:
        asked = request_preview(runtime, partner_id, actor=access.actor())
    except RunUnderWay:
        running = history.under_way(runtime, partner_id)
        if running is not None and running.trigger == Trigger.PREVIEW:
            return redirect(url_for(".page", run_id=running.id), 303)
        flash("An export is under way. A preview can be made when it has ended.", "warn")
        return redirect(url_for("cwportal.exports.status"), 303)
    except NotConnected:
        flash("Nothing was read: ConnectWise is not connected yet.", "warn")
        return redirect(url_for("cwportal.exports.status"), 303)
    if asked.waits is not None:
        flash(
            "The preview is kept and waits: the portal cannot reach its queue at the moment. It starts by itself as soon as it can.",
            "warn",
        )
    return redirect(url_for(".page", run_id=asked.run_id), 303)


@needs(Role.VIEWER)
def page(run_id: int) -> ResponseReturnValue:
    """The plan, or how far it is while it is being made."""
    return _page(run_id)


@needs(Role.VIEWER)
def progress(run_id: int) -> ResponseReturnValue:
    """The part that changes while a preview is made; empty with X-Export-Ended when it has ended."""
    run = _run_or_404(run_id)
    if run.state not in ACTIVE_RUN_STATES:
        return "", 200, {"X-Export-Ended": "yes"}
    return render_template("cwportal/preview/_progress.html", **_far(run))


@needs(Role.BILLING)
def approve(run_id: int) -> ResponseReturnValue:
    """Export exactly the plans that were shown."""
    run = _run_or_404(run_id)
    runtime, partner_id, form = access.runtime(), access.partner(), Choose()
    try:
        approval = approvals.approve(runtime, partner_id, run.id, form.accounts(), **form.seen())
        asked = request_export(runtime, partner_id, actor=access.actor(), approval=approval)
    except RunUnderWay:
        flash(
            "Nothing was started a second time: an export or a preview is under way. You see it here; approve again when it has ended "
            "if something still waits.",
            "warn",
        )
        return redirect(url_for("cwportal.exports.status"), 303)
    except NotConnected:
        flash("Nothing was started: ConnectWise is not connected.", "warn")
        return _back(form, run.id)
    except UsageError as error:
        flash(str(error), "warn")
        return _back(form, run.id)
    number = len(approval["accounts"])
    approvals.note_approval(runtime, partner_id, run.id, asked.run_id, number, actor=access.actor())
    what = "1 account was" if number == 1 else f"{number:,} accounts were"
    if asked.waits is None:
        flash(f"{what} approved: export {asked.run_id} writes exactly what was shown.", "ok")
    else:
        flash(
            f"{what} approved. Export {asked.run_id} is kept and waits: the portal cannot reach its queue at the moment. It starts by itself "
            "as soon as it can; there is no need to press again.",
            "warn",
        )
    return redirect(url_for("cwportal.exports.status"), 303)


@needs(Role.BILLING)
def reject(run_id: int) -> ResponseReturnValue:
    """Leave plans unwritten, or take that back."""
    run = _run_or_404(run_id)
    runtime, partner_id, form = access.runtime(), access.partner(), Choose()
    if form.take_back.data:
        taken = rejections.take_back(runtime, partner_id, [form.take_back.data], actor=access.actor())
        flash("The rejection was taken back." if taken else "It was not rejected any more.", "ok" if taken else "warn")
        return _back(form, run.id)
    try:
        number = approvals.reject(runtime, partner_id, run.id, form.accounts(), actor=access.actor(), **form.seen())
    except UsageError as error:
        flash(str(error), "warn")
    else:
        what = "The changes of 1 account were" if number == 1 else f"The changes of {number:,} accounts were"
        flash(f"{what} rejected. Nothing is written for them until you take that back or something else changes.", "ok")
    return _back(form, run.id)


@needs(Role.BILLING)
def decide(run_id: int) -> ResponseReturnValue:
    """Keep all answers about the lines of one account; the page again with what was typed where one cannot be kept."""
    run = _run_or_404(run_id)
    form = Decide()
    typed = form.typed(request.form)
    account_id = str(form.account.data)
    if not typed:
        flash("No answer was chosen, so nothing was kept.", "warn")
        return _back(form, run.id)
    answers = {line: one.words for line, one in typed.items()}
    open_ones = {line: _NO_ANSWER for line, one in typed.items() if not one.answer}
    if open_ones:
        return _page(run.id, wrong=(account_id, typed, open_ones))
    try:
        decisions.decide_all(access.runtime(), access.partner(), account_id, answers, actor=access.actor())
    except decisions.Refused as error:
        return _page(run.id, wrong=(account_id, typed, error.problems))
    except (UsageError, NotConnected) as error:
        flash(str(error), "warn")
    else:
        kept = "1 answer was" if len(answers) == 1 else f"{len(answers)} answers were"
        flash(
            f"{kept} kept. Press “Read again” to see what an export does with {'it' if len(answers) == 1 else 'them'}.",
            "ok",
        )
    return _back(form, run.id)


def _page(
    run_id: int, *, wrong: tuple[str, Mapping[int, Typed], Mapping[int, str]] | None = None
) -> ResponseReturnValue:
    run = _run_or_404(run_id)
    runtime, partner_id = access.runtime(), access.partner()
    partner = runtime.source.partner(partner_id)
    if run.state in ACTIVE_RUN_STATES and run.trigger != Trigger.PREVIEW:
        return redirect(url_for("cwportal.exports.status"), 303)
    if run.state in ACTIVE_RUN_STATES:
        return render_template("cwportal/preview/making.html", **_far(run))
    number = request.args.get("page", 1, int)
    only, show = request.args.get("account", ""), request.args.get("show", "")
    if wrong is not None:
        only = wrong[0]
    shown = previews.page(runtime, partner_id, run_id, number=number, category=show, account_id=only)
    if shown.gone or run.planned_at is None:
        return render_template("cwportal/preview/gone.html", run=run, preview=shown, partner=partner)
    html = render_template(
        "cwportal/preview/page.html",
        run=run,
        preview=shown,
        partner=partner,
        show=show if show in shown.numbers else "",
        only=only,
        said=preview_words,
        advice=advice,
        may=access.may(Role.BILLING),
        query=_where(only),
        icons=url_for("cwportal_static.file", name="icons.svg"),
        typed=wrong[1] if wrong else {},
        problems=wrong[2] if wrong else {},
    )
    return html, 422 if wrong else 200


def _far(run: Run) -> dict[str, Any]:
    """What the live part shows."""
    _, far = history.progress(access.runtime(), access.partner(), run.id)
    return {
        "run": run,
        "far": far,
        "now": access.runtime().clock(),
        "partner": access.runtime().source.partner(access.partner()),
        "waits_since": overview.without_worker_since(access.runtime(), run),
    }


def _back(form: Choose | Decide, run_id: int) -> ResponseReturnValue:
    """To the status page if the form came from there, else to the same page of the preview."""
    if isinstance(form, Choose) and form.back.data == "status":
        return redirect(url_for("cwportal.exports.status"), 303)
    return redirect(url_for(".page", run_id=run_id, **_where()), 303)


def _where(account_id: str = "") -> dict[str, Any]:
    """The part of the plan that is looked at, for addresses of the same."""
    asked = {name: request.args[name] for name in ("page", "show", "account") if request.args.get(name)}
    return asked | ({"account": account_id} if account_id else {})


def _run_or_404(run_id: int) -> Run:
    """The run, if it is one of the partner who asks."""
    try:
        return reports.run_row(access.runtime(), run_id, partner_id=access.partner())
    except UsageError:
        abort(404)
