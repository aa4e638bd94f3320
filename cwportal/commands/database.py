"""A database that cannot be used, as one sentence and an exit status."""

from __future__ import annotations

from flask import current_app, has_app_context
from sqlalchemy.exc import SQLAlchemyError

from cwportal.db import is_away, is_busy
from cwportal.errors import ConfigurationError, CWPortalError
from cwportal.runtime import Runtime
from cwportal.services.doctor.database import is_broken, is_closed, trouble

_AGAIN = "Nothing is done twice: the command can be run again."


def explained(error: SQLAlchemyError) -> CWPortalError | None:
    """What to tell a person; None for an error that is ours."""
    closed = is_closed(error)
    if not has_app_context() or not (closed or is_busy(error) or is_away(error) or is_broken(error)):
        return None
    runtime: Runtime = current_app.extensions["cwportal"]
    sentence = " ".join((*trouble(runtime.database.engine, error), _AGAIN))
    return ConfigurationError(sentence) if closed else CWPortalError(sentence)
