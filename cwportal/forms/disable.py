"""Disable ConnectWise: the check box that says one has understood."""

from __future__ import annotations

from wtforms import BooleanField  # type: ignore[import-untyped]
from wtforms.validators import InputRequired  # type: ignore[import-untyped]

from cwportal.forms.press import Press


class DisableForm(Press):
    """Without the check mark nothing happens, whatever the browser let through."""

    sure = BooleanField(
        "I understand", [InputRequired("Tick this box if you want to disable ConnectWise. Nothing was changed.")]
    )
