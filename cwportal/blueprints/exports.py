"""Export status and export log."""

from __future__ import annotations

import csv
import io
import json
from tempfile import SpooledTemporaryFile
from typing import Any, cast

from flask import Blueprint, abort, current_app, flash, redirect, render_template, request, send_file, url_for
from flask.typing import ResponseReturnValue

from cwportal.billing.users_file import harmless
from cwportal.blueprints import access
from cwportal.blueprints.access import needs
from cwportal.errors import NotConnected, RunUnderWay, UsageError
from cwportal.jobs.queue import request_export
from cwportal.models import Run
from cwportal.runtime import Runtime
from cwportal.services import history, reports, runs
from cwportal.vocabulary import ACTIVE_RUN_STATES, Role

_LARGEST_ID = 2**31 - 1
_RUN = f"/exports/<int(max={_LARGEST_ID}):run_id>"
_IN_MEMORY = 1_000_000
"""Bytes of a CSV file beyond which it is put together on disk."""


def blueprint() -> Blueprint:
    """Status at the root of the pages, runs under /exports."""
    pages = Blueprint("exports", __name__)
    pages.get("/")(status)
    pages.post("/exports")(start)
    pages.get(_RUN)(log)
    pages.get(f"{_RUN}/progress")(progress)
    pages.get(f"{_RUN}/log.csv")(log_csv)
    pages.post(f"{_RUN}/cancel")(cancel)
    return pages


@needs(Role.VIEWER)
def status() -> ResponseReturnValue:
    """What runs, and what ran."""
    runtime, partner_id = _runtime(), access.partner()
    running = history.under_way(runtime, partner_id)
    return render_template(
        "cwportal/exports/status.html",
        **_live(runtime, partner_id, running.id if running else None),
        partner=runtime.source.partner(partner_id),
        runs=history.runs_page(runtime, partner_id, request.args.get("page", 1, int)),
    )


@needs(Role.BILLING)
def start() -> ResponseReturnValue:
    """Start export now; a second press while one runs is told so, and starts nothing."""
    try:
        asked = request_export(_runtime(), access.partner(), actor=access.actor())
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
    """The part of the status page that changes while an export runs; empty with X-Export-Ended when it has ended."""
    runtime, partner_id = _runtime(), access.partner()
    try:
        live = _live(runtime, partner_id, run_id)
    except UsageError:
        abort(404)
    if live["running"] is None:
        return "", 200, {"X-Export-Ended": "yes"}
    return render_template("cwportal/exports/_progress.html", **live, partner=runtime.source.partner(partner_id))


@needs(Role.BILLING)
def cancel(run_id: int) -> ResponseReturnValue:
    """Ask the run to stop before its next write."""
    run = _run_or_404(run_id)
    try:
        runs.cancel(_runtime(), access.partner(), run.id)
    except UsageError:
        flash(f"Export {run.id} had ended already; nothing was cancelled.", "warn")
    else:
        flash(f"Export {run.id} stops before its next write. What was written stays.", "ok")
    return redirect(url_for(".status"), 303)


@needs(Role.VIEWER)
def log(run_id: int) -> ResponseReturnValue:
    """Everything one export found and did: findings first."""
    runtime, partner_id = _runtime(), access.partner()
    run = _run_or_404(run_id)
    findings, more = history.findings(runtime, partner_id, run_id)
    return render_template(
        "cwportal/exports/log.html",
        run=run,
        findings=findings,
        more_findings=more,
        changes=history.changes_page(runtime, partner_id, run_id, request.args.get("page", 1, int)),
        names={account.id: account.name for account in runtime.source.accounts(partner_id)},
        partner=runtime.source.partner(partner_id),
        ended=run.state not in ACTIVE_RUN_STATES,
    )


@needs(Role.VIEWER)
def log_csv(run_id: int) -> ResponseReturnValue:
    """The log as a CSV file: UTF-8 with a byte order mark for spreadsheets, and no cell they would calculate."""
    run = _run_or_404(run_id)
    spool = cast("io.BytesIO", SpooledTemporaryFile(_IN_MEMORY))  # noqa: SIM115 - closed with the response
    lines = io.TextIOWrapper(spool, "utf-8-sig", newline="", write_through=True)
    writer = csv.writer(lines)
    writer.writerow(reports.LOG_COLUMNS)
    for row in reports.log_rows(_runtime(), run.id, partner_id=access.partner()):
        writer.writerow([harmless(_text(row[name])) for name in reports.LOG_COLUMNS])
    lines.detach()
    spool.seek(0)
    return send_file(spool, "text/csv; charset=utf-8", as_attachment=True, download_name=f"export-{run.id}.csv")


def _text(value: object) -> str:
    if value is None:
        return ""
    return json.dumps(value, ensure_ascii=False) if isinstance(value, dict) else str(value)


def _live(runtime: Runtime, partner_id: str, run_id: int | None) -> dict[str, Any]:
    """What the live part shows. UsageError if there is no such run of the partner."""
    run, far = history.progress(runtime, partner_id, run_id) if run_id is not None else (None, None)
    if run is not None and run.state not in ACTIVE_RUN_STATES:
        run = None
    return {"running": run, "far": far, "now": runtime.clock()}


def _run_or_404(run_id: int) -> Run:
    """The run, if it is one of the partner who asks."""
    try:
        return reports.run_row(_runtime(), run_id, partner_id=access.partner())
    except UsageError:
        abort(404)


def _runtime() -> Runtime:
    found: Runtime = current_app.extensions["cwportal"]
    return found
