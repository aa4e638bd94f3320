"""Data of accounts from CSV files, for administrators: what `cwportal load` does, for their own partner only."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from sqlalchemy import Engine
from werkzeug.datastructures import FileStorage

from cwportal.errors import BadFile, CWPortalError
from cwportal.standalone import columns
from cwportal.standalone.access import me, needs, takes
from cwportal.standalone.load import LoadReport, load
from cwportal.vocabulary import Role

KINDS = (columns.ACCOUNTS, columns.PRICES, columns.CHARGES, columns.USERS)
"""What belongs to one partner. Products are everybody's and partners the operator's: `cwportal load` has those."""


def register(portal: Blueprint, engine: Engine) -> None:
    """Hang the page on the blueprint."""

    @portal.route("/import", methods=["GET", "POST"])
    @needs(Role.ADMIN)
    @takes(64)
    def imports() -> ResponseReturnValue:
        problems: list[str] = []
        if request.method == "POST":
            given = {spec: file for spec in KINDS if (file := request.files.get(spec.kind)) and file.filename}
            try:
                loaded = _load(engine, given)
            except BadFile as error:
                problems = list(error.problems)
            except CWPortalError as error:  # the database may be busy for too long, say
                problems = [str(error)]
            else:
                told = ", ".join(f"{count} {kind}" for kind, count in loaded.rows.items() if count)
                if told:
                    flash(f"Imported: {told}. The next export follows them.", "ok")
                if loaded.repriced or loaded.unpriced:
                    flash(
                        f"Retail prices that are others than before: {loaded.repriced}; that are gone: {loaded.unpriced}. Which they are, and "
                        "what they were, is under Products & Pricing, in the history of a price.",
                        "warn",
                    )
                if blank := ", ".join(f"{kind}.csv" for kind, count in loaded.rows.items() if not count):
                    flash(f"No rows below the header, so nothing was replaced: {blank}.", "warn")
                return redirect(url_for(".accounts_list"), 303)
        return render_template(
            "portal/imports.html", kinds=KINDS, problems=problems, partner_id=me().partner_id
        ), 400 if problems else 200


def _load(engine: Engine, given: dict[columns.FileSpec, FileStorage]) -> LoadReport:
    if not given:
        raise BadFile(["No file was chosen. Choose at least one, then press Import."])
    with TemporaryDirectory(prefix="cwportal-import-") as folder:
        for spec, file in given.items():
            file.save(Path(folder, spec.file))
        return load(engine, Path(folder), actor=me().email, only=me().partner_id)
