"""Whether the database can be used, and is set up."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from sqlalchemy import Engine
from sqlalchemy.exc import DBAPIError, SQLAlchemyError

from cwportal.db import is_busy, state_of
from cwportal.runtime import Runtime
from cwportal.services import schema
from cwportal.services.doctor.check import Check, Health

_CANTOPEN = 14
_CLOSED = frozenset({3, 8, _CANTOPEN, 23})
"""SQLITE_PERM, READONLY, CANTOPEN and AUTH."""
_CLOSED_STATES = frozenset({"42501", "25006"})
"""PostgreSQL: no right, a server that is only read (a standby)."""
_BROKEN = frozenset({10, 11, 13, 26})
"""SQLITE_IOERR, CORRUPT, FULL and NOTADB."""


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
        what, todo = trouble(runtime.database.engine, error)
        return Check(name, Health.PROBLEM, what, "Nothing works without it.", todo)
    if not current:
        return Check(
            name,
            Health.PROBLEM,
            "The database is not set up for this version.",
            "Its tables are missing or those of another version.",
            f"Run: {program} init",
        )
    return Check(name, Health.OK, "The database is set up for this version.")


def is_closed(error: SQLAlchemyError) -> bool:
    """Whether we may not do with the database what is needed, until somebody lets us."""
    return _code(error) in _CLOSED or (isinstance(error, DBAPIError) and state_of(error) in _CLOSED_STATES)


def is_broken(error: SQLAlchemyError) -> bool:
    """Whether the file of an SQLite database, or the disk it is on, cannot be used."""
    return _code(error) in _BROKEN


def _code(error: SQLAlchemyError) -> int:
    """SQLite's, without what extends it; 0 for all others."""
    return int(getattr(getattr(error, "orig", None), "sqlite_errorcode", 0)) & 0xFF


def trouble(engine: Engine, error: SQLAlchemyError) -> tuple[str, str]:
    """What is wrong with the database, in its own words, and what to do."""
    where, said = _where(engine), _said(error)
    file = engine.dialect.name == "sqlite"
    if is_busy(error):
        return (
            f"The database {where} is busy ({said}).",
            "Something large is being written: wait a minute, then try again.",
        )
    if file and _code(error) == _CANTOPEN and not (folder := Path(_path(engine)).absolute().parent).is_dir():
        todo = f"There is no folder {folder}: make it, or correct CWPORTAL_INSTANCE or CWPORTAL_DATABASE_URL."
        return f"The database {where} cannot be used ({said}).", todo
    if is_closed(error):
        todo = (
            "Make the file, and the folder it is in, writable for that user, or choose another: CWPORTAL_INSTANCE, "
            "CWPORTAL_DATABASE_URL."
            if file
            else "Give the user of CWPORTAL_DATABASE_URL the right to do that, or name the server that is written to."
        )
        return f"The database {where} cannot be used by the user who runs this ({said}).", todo
    if file:
        return f"The database {where} cannot be used ({said}).", "Look at the disk it is on, and whether it is ours."
    return (
        f"The database {where} cannot be used ({said}).",
        "Check that it runs, and its address: CWPORTAL_DATABASE_URL, else what the application has configured.",
    )


def _path(engine: Engine) -> str:
    """The file, also where the URL names it as `file:…?mode=…`."""
    return str(engine.url.database).removeprefix("file:").partition("?")[0]


def _where(engine: Engine) -> str:
    """Which one; no user, no password, and nothing of what follows a question mark."""
    url = engine.url
    server = ":".join(str(part) for part in (url.host, url.port) if part)
    return f"{url.database} at {server}" if server else str(url.database)


def _said(error: SQLAlchemyError) -> str:
    """The database's own words."""
    words = str(error.orig if isinstance(error, DBAPIError) else error).strip() or type(error).__name__
    return words.splitlines()[0].rstrip(".")
