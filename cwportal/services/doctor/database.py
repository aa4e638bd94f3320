"""Whether the database can be used, and is set up."""

from __future__ import annotations

from collections.abc import Callable

from sqlalchemy import Engine
from sqlalchemy.exc import DBAPIError, SQLAlchemyError

from cwportal.runtime import Runtime
from cwportal.services import schema
from cwportal.services.doctor.check import Check, Health


def database(runtime: Runtime, host_is_current: Callable[[], bool], program: str) -> Check:
    """The check. `program`: how commands are called here."""
    name = "database"
    if runtime.config.database_url is None and not runtime.config.instance.is_dir():
        return Check(
            name,
            Health.PROBLEM,
            f"There is no instance folder {runtime.config.instance}.",
            "The database is kept there.",
            f"Run: {program} init (or correct CWPORTAL_INSTANCE).",
        )
    try:
        current = schema.is_current(runtime.database.engine) and host_is_current()
    except SQLAlchemyError as error:
        return Check(
            name,
            Health.PROBLEM,
            f"The database {_where(runtime.database.engine)} cannot be used ({_said(error)}).",
            "Nothing works without it.",
            "Check that it runs, and its address: CWPORTAL_DATABASE_URL, else what the application has configured.",
        )
    if not current:
        return Check(
            name,
            Health.PROBLEM,
            "The database is not set up for this version.",
            "Its tables are missing or those of another version.",
            f"Run: {program} init",
        )
    return Check(name, Health.OK, "The database is set up for this version.")


def _where(engine: Engine) -> str:
    """Which one; no user, no password, and nothing of what follows a question mark."""
    url = engine.url
    server = ":".join(str(part) for part in (url.host, url.port) if part)
    return f"{url.database} at {server}" if server else str(url.database)


def _said(error: SQLAlchemyError) -> str:
    """The database's own words."""
    words = str(error.orig if isinstance(error, DBAPIError) else error).strip() or type(error).__name__
    return words.splitlines()[0].rstrip(".")
