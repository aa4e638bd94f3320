"""Export status: what runs, what waits, what ran, and the buttons that start and stop."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, abort, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from cwportal.blueprints import access, advice, billed_chart
from cwportal.blueprints.access import needs
from cwportal.errors import NotConnected, RunUnderWay, UsageError
from cwportal.jobs.queue import request_export
from cwportal.models import Run
from cwportal.runtime import Runtime
from cwportal.services import approvals, billed, connection, history, reports, runs
from cwportal.services import status as overview
from cwportal.vocabulary import ACTIVE_RUN_STATES, Role, Trigger

_RUN = f"/exports/{access.RUN_ID}"


def blueprint() -> Blueprint:
    """Status at the root of the pages, what is done to runs under /exports."""
    pages = Blueprint("exports", __name__)
    pages.get("/")(status)
    pages.post("/exports")(start)
    pages.get(f"{_RUN}/progress")(progress)
    pages.post(f"{_RUN}/cancel")(cancel)
    return pages


@needs(Role.VIEWER)
def status() -> ResponseReturnValue:
    """What is due, what runs, what waits for a person, and what ran."""
    runtime, partner_id = access.runtime(), access.partner()
    try:
        tenant = connection.get(runtime, partner_id).tenant
    except NotConnected:
        return redirect(url_for("cwportal.wizard.entry"))
    running = history.under_way(runtime, partner_id)
    seen = overview.overview(runtime, partner_id)
    partner = runtime.source.partner(partner_id)
    course = billed.months(runtime, partner_id, tenant, partner.timezone)
    past = history.runs_page(runtime, partner_id, request.args.get("page", 1, int))
    return render_template(
        "cwportal/exports/status.html",
        **_live(runtime, partner_id, running.id if running else None),
        overview=seen,
        waiting=approvals.waiting(runtime, partner_id),
        advice=advice,
        partner=partner,
        billed=course,
        chart=billed_chart.chart(course),
        short=billed_chart.short,
        runs=past,
        moved=history.moved(runtime, [*past.items, *([seen.last.run] if seen.last else [])]),
    )


@needs(Role.BILLING)
def start() -> ResponseReturnValue:
    """Start export now; a second press while one runs is told so, and starts nothing."""
    try:
        asked = request_export(access.runtime(), access.partner(), actor=access.actor())
    except RunUnderWay:
        flash("An export is under way already. You see it here; the next one can start when it has ended.", "warn")
    except NotConnected:
        flash("Nothing was started: ConnectWise is not connected yet.", "warn")
    else:
        if asked.waits is None:
            flash(f"Export {asked.run_id} was started.", "ok")
        else:
            flash(
                f"Export {asked.run_id} is kept and waits: the portal cannot reach its queue at the moment. It starts by itself as soon "
                "as it can; there is no need to press again.",
                "warn",
            )
    return redirect(url_for(".status"), 303)


@needs(Role.VIEWER)
def progress(run_id: int) -> ResponseReturnValue:
    """The part of the status page that changes while an export runs; with X-Export-Ended what to say once it has ended."""
    runtime, partner_id = access.runtime(), access.partner()
    try:
        live = _live(runtime, partner_id, run_id)
        run = reports.run_row(runtime, run_id, partner_id=partner_id)
    except UsageError:
        abort(404)
    if live["running"] is None:
        return render_template("cwportal/exports/_ended.html", run=run), 200, {"X-Export-Ended": "yes"}
    return render_template("cwportal/exports/_progress.html", **live, partner=runtime.source.partner(partner_id))


@needs(Role.BILLING)
def cancel(run_id: int) -> ResponseReturnValue:
    """Ask the run to stop before its next write."""
    run = _run_or_404(run_id)
    try:
        runs.cancel(access.runtime(), access.partner(), run.id)
    except UsageError:
        flash(f"{_name(run)} had ended already; nothing was cancelled.", "warn")
    else:
        when = "stops; it writes nothing" if _is_preview(run) else "stops before its next write. What was written stays"
        flash(f"{_name(run)} {when}.", "ok")
    return redirect(url_for(".status"), 303)


def _is_preview(run: Run) -> bool:
    return run.trigger == Trigger.PREVIEW


def _name(run: Run) -> str:
    return f"{'Preview' if _is_preview(run) else 'Export'} {run.id}"


def _live(runtime: Runtime, partner_id: str, run_id: int | None) -> dict[str, Any]:
    """What the live part shows. UsageError if there is no such run of the partner."""
    run, far = history.progress(runtime, partner_id, run_id) if run_id is not None else (None, None)
    if run is not None and run.state not in ACTIVE_RUN_STATES:
        run = None
    since = overview.without_worker_since(runtime, run) if run is not None else None
    return {"running": run, "far": far, "now": runtime.clock(), "waits_since": since}


def _run_or_404(run_id: int) -> Run:
    """The run, if it is one of the partner who asks."""
    try:
        return reports.run_row(access.runtime(), run_id, partner_id=access.partner())
    except UsageError:
        abort(404)
