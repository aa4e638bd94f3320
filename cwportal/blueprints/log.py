"""The export log: what one export found and did, on a page and as CSV."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator
from typing import Any

from flask import Blueprint, Response, abort, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from cwportal.billing.users_file import harmless
from cwportal.blueprints import access, advice
from cwportal.blueprints.access import needs
from cwportal.errors import UsageError
from cwportal.forms.log import Filter
from cwportal.services import history, log, recordlinks, reports
from cwportal.vocabulary import ACTIVE_RUN_STATES, Role, Trigger

_RUN = f"/exports/{access.RUN_ID}"
_PIECE = 200
"""Rows of a CSV file that are sent at once."""


def blueprint() -> Blueprint:
    """The log of a run at its address, its CSV file beside it."""
    pages = Blueprint("log", __name__)
    pages.get(_RUN)(page)
    pages.get(f"{_RUN}/log.csv", endpoint="csv")(as_csv)
    return pages


@needs(Role.VIEWER)
def page(run_id: int) -> ResponseReturnValue:
    """Everything one export found and did: findings first."""
    runtime, partner_id = access.runtime(), access.partner()
    form = Filter.of(request.args)
    try:
        shown = log.page(runtime, partner_id, run_id, form.wanted(), request.args.get("page", 1, int))
    except UsageError:
        abort(404)
    if shown.run.trigger == Trigger.PREVIEW:  # it has exported nothing, so a log of it would say what is not so
        return redirect(url_for("cwportal.preview.page", run_id=run_id), 303)
    return render_template(
        "cwportal/log/page.html",
        form=form,
        filtered=form.wanted().anything,
        log=shown,
        run=shown.run,
        moved=history.moved(runtime, [shown.run]),
        advice=advice,
        links=recordlinks.of(runtime, partner_id, shown.run.tenant),
        partner=runtime.source.partner(partner_id),
        ended=shown.run.state not in ACTIVE_RUN_STATES,
    )


@needs(Role.VIEWER)
def as_csv(run_id: int) -> ResponseReturnValue:
    """The log as a CSV file, filtered like the page: UTF-8 with a byte order mark for spreadsheets, and no cell they would calculate."""
    runtime, partner_id = access.runtime(), access.partner()
    try:
        run = reports.run_row(runtime, run_id, partner_id=partner_id)
    except UsageError:
        abort(404)
    rows = log.rows(runtime, partner_id, run_id, Filter.of(request.args).wanted())
    what = "preview" if run.trigger == Trigger.PREVIEW else "export"
    name = f"attachment; filename={what}-{run_id}.csv"
    return Response(_lines(rows), content_type="text/csv; charset=utf-8", headers={"Content-Disposition": name})


def _lines(rows: Iterator[dict[str, Any]]) -> Iterator[str]:
    """The file in pieces: a long log is sent while it is read."""
    piece = io.StringIO("\ufeff", newline="")
    piece.seek(0, io.SEEK_END)
    writer = csv.writer(piece)
    writer.writerow(reports.LOG_COLUMNS)
    for count, row in enumerate(rows, 1):
        writer.writerow([harmless(_text(row[name])) for name in reports.LOG_COLUMNS])
        if count % _PIECE == 0:
            yield piece.getvalue()
            piece.seek(0)
            piece.truncate()
    yield piece.getvalue()


def _text(value: object) -> str:
    if value is None:
        return ""
    return json.dumps(value, ensure_ascii=False) if isinstance(value, dict) else str(value)
