"""The export settings: what was typed, as text; what it means is read by `services.settings_typed`."""

from __future__ import annotations

import re

from wtforms import SelectMultipleField, StringField  # type: ignore[import-untyped]

from cwportal.forms.press import Press

_LONGEST = 300
"""Letters that are looked at; every value that can be used is shorter."""


def _cut(text: str | None) -> str | None:
    return None if text is None else text.replace("\x00", "")[:_LONGEST]


class SettingsForm(Press):
    """Fields bear the names of `services.settings.Chosen`. An unticked box sends nothing."""

    version = StringField()
    do = StringField()
    export = StringField(filters=[_cut])
    time = StringField(filters=[_cut])
    day = StringField(filters=[_cut])
    timezone = StringField(filters=[_cut])
    data = SelectMultipleField(validate_choice=False)
    notifications = StringField(filters=[_cut])
    notify = SelectMultipleField(validate_choice=False)
    ended = StringField(filters=[_cut])
    drift = StringField(filters=[_cut])
    adopt = StringField(filters=[_cut])
    taxable = StringField(filters=[_cut])
    agreement_type_id = StringField(filters=[_cut])
    product_type_id = StringField(filters=[_cut])
    product_subcategory_id = StringField(filters=[_cut])
    limit_ended = StringField(filters=[_cut])
    limit_ended_all = StringField(filters=[_cut])
    limit_change = StringField(filters=[_cut])
    limit_growth = StringField(filters=[_cut])

    @property
    def shown_version(self) -> int:
        """The version of what the page showed, -1 where the field was tampered with."""
        text = self.version.data or ""
        return int(text) if re.fullmatch(r"\d{1,9}", text, re.ASCII) else -1

    def typed(self) -> dict[str, str | list[str]]:
        """Everything but the buttons, as it was typed: what was ticked as a list."""
        ticked = {name: [_cut(text) or "" for text in self[name].data or ()][:_LONGEST] for name in ("data", "notify")}
        return {
            field.name: ticked.get(field.name, field.data or "")
            for field in self
            if field.name not in {"version", "do", self.csrf_token.name, "notifications"}
        } | {"notifications": "yes" if self.notifications.data else "no"}
