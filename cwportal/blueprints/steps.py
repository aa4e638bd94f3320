"""The wizard's three steps: which are open, and the way to the one that comes next."""

from __future__ import annotations

from dataclasses import dataclass

from flask import abort, current_app, flash, redirect, request, url_for
from flask.typing import ResponseReturnValue

from cwportal.blueprints import access
from cwportal.errors import NotConnected
from cwportal.runtime import Runtime
from cwportal.services import draft
from cwportal.services.draft import CREDENTIALS, MAPPING, SETTINGS, Draft

ENTRY = "cwportal.wizard.entry"
_PAGES = {
    CREDENTIALS: ("Credentials", "cwportal.wizard.credentials"),
    SETTINGS: ("Settings", "cwportal.settings.wizard"),
    MAPPING: ("Mapping", "cwportal.mapping.wizard"),
}


@dataclass(frozen=True, slots=True)
class Step:
    """One of the stepper. `url` is None for the present step and for those that cannot be opened yet."""

    number: int
    label: str
    url: str | None
    current: bool
    done: bool


def of(current: int, kept: Draft) -> list[Step]:
    """The stepper."""
    return [
        Step(
            number,
            label,
            url_for(endpoint) if number != current and kept.may_open(number) else None,
            number == current,
            number < kept.resume,
        )
        for number, (label, endpoint) in _PAGES.items()
    ]


def address(step: int) -> str:
    """Where a step is."""
    return url_for(_PAGES[step][1])


def label(step: int) -> str:
    """What a step is called."""
    return _PAGES[step][0]


def opened(step: int) -> Draft:
    """The draft, if the step can be opened; else the person is sent to where they can go on (and the view ends)."""
    runtime: Runtime = current_app.extensions["cwportal"]
    kept = draft.get(runtime, access.partner())
    if kept is None:
        say_if_lost()
        abort(redirect(url_for(ENTRY), 303))
    if not kept.may_open(step):
        flash(f"Step {kept.resume}, {label(kept.resume)}, comes first.", "warn")
        abort(redirect(address(kept.resume), 303))
    return kept


def say_if_lost() -> None:
    """To somebody whose form came after the wizard, or the connection, had ended."""
    if request.method == "POST":
        flash("What you typed was not kept: somebody else has connected or disconnected ConnectWise meanwhile.", "warn")


def away(error: draft.Connected | draft.NotBegun | NotConnected) -> ResponseReturnValue:
    """Somebody else has finished, started over or disabled: said, and on to where that is seen. The entry leads on to the status page."""
    flash(str(error), "warn")
    return redirect(url_for(ENTRY), 303)


def told(error: draft.Outdated) -> str:
    """That somebody else was faster."""
    return (
        f"Your changes were not kept: {error.by} has changed the credentials or settings while this page was open. "
        "The page shows what is kept now, with what you typed. Press the button again to use yours."
    )
