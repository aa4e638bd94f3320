"""A button that changes something."""

from __future__ import annotations

from typing import Any

from flask_wtf import FlaskForm  # type: ignore[import-untyped]

_LONGEST = 10 * 366 * 86_400
"""Seconds. Longer than any session; None would be Flask-WTF's own limit, an hour."""


class Press(FlaskForm):  # type: ignore[misc]  # flask_wtf has no types
    """Nothing but the token against requests from other sites. It is demanded even where the host has switched its own off.

    It is good as long as its session: a table that somebody has filled in for more than an hour is saved all the same.
    """

    class Meta(FlaskForm.Meta):  # type: ignore[misc]
        csrf = True
        csrf_time_limit = _LONGEST

    def __getattr__(self, name: str) -> Any:
        """The token's field as templates call it, where a host has another name for it (WTF_CSRF_FIELD_NAME)."""
        if name != "csrf_token":
            raise AttributeError(f"{type(self).__name__} has no {name}")
        return self._fields[self.meta.csrf_field_name]
