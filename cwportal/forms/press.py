"""A button that changes something."""

from __future__ import annotations

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
