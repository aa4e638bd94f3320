"""The export settings: a tab, and step 2 of the wizard."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from flask import Blueprint, abort, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from cwportal.blueprints import access, schedule, steps
from cwportal.blueprints.access import needs
from cwportal.blueprints.settings_words import CHOICES, DATA_HELP, FREQUENCY_HELP, REASONS, WORDS, told
from cwportal.errors import NotConnected
from cwportal.forms.settings import SettingsForm
from cwportal.runtime import Runtime
from cwportal.services import connection, draft, settings, settings_notes, settings_page, settings_typed, upcoming
from cwportal.services.settings import Chosen, SettingsChanged
from cwportal.services.settings_typed import BadSettings
from cwportal.vocabulary import Role

Typed = dict[str, str | list[str]]
_AGAIN = "next"
"""The button that shows the next export for what was typed."""


def blueprint() -> Blueprint:
    """The tab, the step, and the sentence about the next export."""
    pages = Blueprint("settings", __name__)
    pages.route("/settings", methods=["GET", "POST"])(page)
    pages.get("/settings/next")(next_export)
    pages.route("/connect/settings", methods=["GET", "POST"])(wizard)
    return pages


@needs(Role.VIEWER)
def page() -> ResponseReturnValue:
    """The tab: everybody looks, administrators change."""
    runtime, partner_id = access.runtime(), access.partner()
    try:
        connection.get(runtime, partner_id)
        return _tab(runtime, partner_id)
    except NotConnected:
        steps.say_if_lost()
        return redirect(url_for(steps.ENTRY), 303)


def _tab(runtime: Runtime, partner_id: str) -> ResponseReturnValue:
    """Of a connection; NotConnected where it is gone meanwhile."""
    if request.method == "GET":
        stored = settings.stored(runtime, partner_id)
        return _page(_typed(stored.chosen), stored.version, notes=settings_notes.notes(stored.chosen))
    if not access.may(Role.ADMIN):
        abort(403)
    form = SettingsForm()
    typed, version = form.typed(), form.shown_version
    if form.do.data == _AGAIN:
        return _page(typed, version, dirty=True)
    before = settings.get(runtime, partner_id)
    try:
        chosen = settings.update(
            runtime,
            partner_id,
            settings_typed.flat(typed),
            actor=access.actor(),
            version=version,
            connected=True,
        )
    except BadSettings as error:
        return _page(typed, version, problems=error.problems, dirty=True), 422
    except SettingsChanged as error:
        merged, conflicts = _merged(typed, error)
        return _page(merged, error.version, conflicts=conflicts, dirty=True), 409
    _flash_saved(runtime, before, chosen)
    return redirect(url_for(".page"), 303)


@needs(Role.ADMIN)
def wizard() -> ResponseReturnValue:
    """Step 2."""
    runtime, partner_id = access.runtime(), access.partner()
    try:
        kept = steps.opened(draft.SETTINGS)
        if request.method == "GET":
            chosen = settings.get(runtime, partner_id)
            return _step(kept, {**_typed(chosen), **kept.settings}, kept.version)
        form = SettingsForm()
        if form.do.data == _AGAIN:
            return _step(kept, form.typed(), form.shown_version)
        return _keep(runtime, partner_id, kept, form)
    except (draft.Connected, draft.NotBegun, NotConnected) as error:
        return steps.away(error)


def _keep(runtime: Runtime, partner_id: str, kept: draft.Draft, form: SettingsForm) -> ResponseReturnValue:
    """Back keeps everything as it was typed; Next keeps it too, and goes on if it can be used."""
    typed, version = form.typed(), form.shown_version
    problems: dict[str, str] = {}
    chosen = None
    if form.do.data != "back":
        try:
            chosen = settings.check(runtime, partner_id, settings_typed.flat(typed))
        except BadSettings as error:
            problems = error.problems
    try:
        kept = draft.keep_settings(
            runtime, partner_id, typed, actor=access.actor(), version=version, done=chosen is not None
        )
    except draft.Outdated as error:
        now = draft.get(runtime, partner_id) or kept
        return _step(now, typed, now.version, outdated=steps.told(error)), 409
    if problems:
        return _step(kept, typed, kept.version, problems=problems), 422
    if chosen is None:
        return redirect(steps.address(draft.CREDENTIALS), 303)
    for note in settings_notes.notes(chosen):
        flash(note, "warn")
    return redirect(steps.address(draft.MAPPING), 303)


@needs(Role.VIEWER)
def next_export() -> ResponseReturnValue:
    """The sentence about the next export for a schedule in the query."""
    typed: Typed = {name: request.args.get(name, "")[:100] for name in schedule.FIELDS}
    return render_template("cwportal/settings/_next.html", upcoming=_upcoming(typed))


def _page(
    typed: Mapping[str, str | list[str]], version: int, *, problems: Mapping[str, str] | None = None, **more: Any
) -> str:
    return render_template("cwportal/settings/page.html", version=version, **_shown(typed, problems or {}), **more)


def _step(
    kept: draft.Draft,
    typed: Mapping[str, str | list[str]],
    version: int,
    *,
    problems: Mapping[str, str] | None = None,
    outdated: str | None = None,
) -> str:
    return render_template(
        "cwportal/settings/wizard.html",
        step=draft.SETTINGS,
        draft=kept,
        version=version,
        step_error=bool(problems or outdated),
        outdated=outdated,
        **_shown(typed, problems or {}),
    )


def _shown(typed: Mapping[str, str | list[str]], problems: Mapping[str, str]) -> dict[str, Any]:
    around = settings_page.surroundings(access.runtime(), access.partner())
    return {
        "typed": typed,
        "problems": problems,
        "around": around,
        "limits": settings_page.DEFAULTS,
        "upcoming": _upcoming(typed),
        "words": WORDS,
        "choices": CHOICES,
        "frequency_help": FREQUENCY_HELP,
        "data_help": DATA_HELP,
        "reasons": REASONS,
        "other_contacts": _others(typed, around),
        "advanced_open": _advanced_open(typed, problems),
    }


def _upcoming(typed: Mapping[str, str | list[str]]) -> schedule.Upcoming | None:
    """None where what was typed is no schedule."""
    parsed = settings_typed.parse({name: str(typed.get(name, "")) for name in schedule.FIELDS})
    if parsed.problems:
        return None
    chosen = Chosen(**parsed.values)
    return schedule.upcoming(chosen, upcoming.starts(chosen, access.runtime().clock()))


def _typed(chosen: Chosen) -> Typed:
    """What is stored, as the form would send it."""
    names = settings_typed.PARSERS
    texts: Typed = {name: settings_typed.as_text(getattr(chosen, name)) for name in names}
    return {**texts, "data": [str(word) for word in chosen.data], "notify": list(chosen.notify)}


def _others(typed: Mapping[str, str | list[str]], around: settings_page.Surroundings) -> list[str]:
    """Addresses that were chosen and belong to none of the contacts (any more)."""
    known = {contact.email.strip().casefold() for contact in around.contacts}
    return [address for address in typed.get("notify", ()) if address.strip() and address.casefold() not in known]


def _advanced_open(typed: Mapping[str, str | list[str]], problems: Mapping[str, str]) -> bool:
    """Open where something in it is wrong, or is not as it is for most."""
    usual = _typed(Chosen())
    names = ("ended", "drift", "adopt", "taxable", *(name for name in usual if name.endswith("_id") or "limit" in name))
    return any(name in problems or typed.get(name, "") != usual[name] for name in names)


def _merged(typed: Typed, error: SettingsChanged) -> tuple[Typed, list[dict[str, Any]]]:
    """What was typed, with the others' values where this person had changed nothing; and what the others changed."""
    merged, conflicts = dict(typed), []
    for name, change in error.changes.items():
        if name not in typed:
            continue
        mine = settings_typed.flat({name: typed[name]})[name]
        taken = _alike(mine, change.before) or _alike(mine, change.after)
        if taken:
            merged[name] = (
                [word for word in change.after.split(",") if word] if isinstance(typed[name], list) else change.after
            )
        words = {"before": told(name, change.before), "after": told(name, change.after), "mine": told(name, mine)}
        conflicts.append({"field": name, "change": change, "taken": taken, **words})
    return merged, conflicts


def _alike(one: str, other: str) -> bool:
    """The same value, or the same several in another order."""
    return sorted(one.split(",")) == sorted(other.split(","))


def _flash_saved(runtime: Runtime, before: Chosen, after: Chosen) -> None:
    if before == after:
        flash("Nothing was different, so nothing was changed.", "acc")
        return
    flash(f"Settings were saved. {schedule.sentence(after, upcoming.starts(after, runtime.clock(), 1))}", "ok")
    if settings_page.surroundings(runtime, access.partner()).running:
        flash("The export under way goes on with the former settings; these hold from the next one.", "warn")
