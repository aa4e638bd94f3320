"""A button that changes something."""

from __future__ import annotations

from flask_wtf import FlaskForm  # type: ignore[import-untyped]


class Press(FlaskForm):  # type: ignore[misc]  # flask_wtf has no types
    """Nothing but the token against requests from other sites. It is demanded even where the host has switched its own off."""

    class Meta(FlaskForm.Meta):  # type: ignore[misc]
        csrf = True
