"""What of a log is to be shown: the fields of its address."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from wtforms import Form, SearchField, SelectField, StringField  # type: ignore[import-untyped]
from wtforms.fields.choices import SelectChoice  # type: ignore[import-untyped]

from cwportal.services.log import CHANGES_ONLY, Wanted
from cwportal.vocabulary import Action, Outcome, Severity

_LEVELS = [
    SelectChoice("", "All"),
    SelectChoice(Severity.ERROR.value, "Error"),
    SelectChoice(Severity.HOLD.value, "Waiting for approval"),
    SelectChoice(Severity.WARNING.value, "Warning"),
    SelectChoice(Severity.INFO.value, "Note"),
    SelectChoice(CHANGES_ONLY, "Changes only"),
]
_ACTIONS = [
    SelectChoice("", "All"),
    SelectChoice(Action.CREATE.value, "Create"),
    SelectChoice(Action.UPDATE.value, "Update"),
    SelectChoice(Action.END.value, "End"),
    SelectChoice(Action.ADOPT.value, "Use this existing line"),
]
_OUTCOMES = [
    SelectChoice("", "All"),
    SelectChoice(Outcome.APPLIED.value, "Applied"),
    SelectChoice(Outcome.FAILED.value, "Failed"),
    SelectChoice(Outcome.UNKNOWN.value, "Not confirmed"),
    SelectChoice(Outcome.SKIPPED.value, "Skipped"),
    SelectChoice(Outcome.PLANNED.value, "Not written"),
]
_LONGEST = 200


class Filter(Form):  # type: ignore[misc]  # wtforms has no types
    """Comes with GET, so that a filtered log can be bookmarked; what is not a choice counts as All."""

    level = SelectField("Level", choices=_LEVELS)
    action = SelectField("Action", choices=_ACTIONS)
    outcome = SelectField("Outcome", choices=_OUTCOMES)
    account = SearchField("Account")
    text = SearchField("Text")
    code = StringField("Kind")

    @classmethod
    def of(cls, query: Mapping[str, Any]) -> Filter:
        """The filter of an address."""
        form = cls(query)
        for field in (form.level, form.action, form.outcome):
            if field.data not in {choice.value for choice in field.choices}:
                field.data = ""
        for field in (form.account, form.text, form.code):
            field.data = (field.data or "").replace("\0", "").strip()[:_LONGEST]
        return form

    def wanted(self) -> Wanted:
        """For the service."""
        return Wanted(**{name: field.data for name, field in self._fields.items()})

    def query(self) -> dict[str, str]:
        """The fields that say something, for links."""
        return {name: field.data for name, field in self._fields.items() if field.data}
