"""Look for what is wrong with an installation: the traps that cost a night, each as one line with what to do.

Nothing is changed, not even a key generated. A problem is something that will make exports fail or be wrong; a warning is something that
an operator should have meant.
"""

from __future__ import annotations

import stat
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from sqlalchemy import func, select
from sqlalchemy.exc import SQLAlchemyError

from cwportal import config as configuration
from cwportal.config import Config
from cwportal.connectwise.clock import clock_ahead
from cwportal.connectwise.errors import ConnectWiseError
from cwportal.connectwise.guard import AddressGuard
from cwportal.connectwise.site import is_allowed, parse_site
from cwportal.errors import ConfigurationError, CWPortalError
from cwportal.models import Connection, Run
from cwportal.runtime import Runtime
from cwportal.services import schema, secrets
from cwportal.services.secrets import Keyring
from cwportal.vocabulary import RunState

MOST_SKEW = timedelta(minutes=1)
"""How far ConnectWise's clock may be from ours."""
_SITES = 5
"""How many sites are asked for their time."""
_PATIENCE = 10.0
"""Seconds to wait for each."""
_WAITS = timedelta(minutes=1)
"""After which an export that no worker has taken is worth a word."""
_NO_CLIENT_ID = next(key.default for key in configuration.KEYS if key.field == "client_id")


class Health(StrEnum):
    """How a check came out."""

    OK = "ok"
    WARNING = "warning"
    PROBLEM = "problem"


@dataclass(frozen=True, slots=True)
class Check:
    """One line: what was found, why it matters, what to do. The latter two are empty where all is well."""

    name: str
    health: Health
    what: str
    why: str = ""
    todo: str = ""


def examine(
    runtime: Runtime, *, ping: Callable[[], None], host_is_current: Callable[[], bool] = lambda: True
) -> list[Check]:
    """Every check, in a fixed order. `ping` tries the queue's server and raises CWPortalError if it cannot be used.

    `host_is_current`: whether the host's own tables are set up too. Connections are looked at only in a database that is set up.
    """
    database = _database(runtime, host_is_current)
    rows = _connections(runtime) if database.health is Health.OK else []
    return [
        database,
        _secret_keys(runtime.config, rows),
        _queue(runtime, ping, database),
        *_clocks(runtime, rows),
        _instance(runtime.config),
        _client_id(runtime.config, rows),
        _allowed_sites(runtime.config),
        _settle(runtime.config),
    ]


def _connections(runtime: Runtime) -> Sequence[Connection]:
    with runtime.database.read() as session:
        return session.scalars(select(Connection).order_by(Connection.partner_id)).all()


def _database(runtime: Runtime, host_is_current: Callable[[], bool]) -> Check:
    name = "database"
    if runtime.config.database_url is None and not runtime.config.instance.is_dir():
        return Check(
            name,
            Health.PROBLEM,
            f"There is no instance folder {runtime.config.instance}.",
            "The database is kept there.",
            "Run: cwportal init (or correct CWPORTAL_INSTANCE).",
        )
    try:
        current = schema.is_current(runtime.database.engine) and host_is_current()
    except SQLAlchemyError as error:
        return Check(
            name,
            Health.PROBLEM,
            f"The database cannot be used ({type(error).__name__}).",
            "Nothing works without it.",
            "Check that it runs and that CWPORTAL_DATABASE_URL is right.",
        )
    if not current:
        return Check(
            name,
            Health.PROBLEM,
            "The database is not set up for this version.",
            "Its tables are missing or those of another version.",
            "Run: cwportal init",
        )
    return Check(name, Health.OK, "The database is set up for this version.")


def _secret_keys(config: Config, rows: Sequence[Connection]) -> Check:
    name, connect_again = "secret keys", "Put the former key back into CWPORTAL_SECRET_KEYS, or connect again."
    try:
        keyring = _keyring(config)
    except (ConfigurationError, OSError) as error:
        return Check(name, Health.PROBLEM, str(error), "Stored ConnectWise keys cannot be read.", "Correct the keys.")
    if keyring is None:
        if rows:
            return Check(
                name,
                Health.PROBLEM,
                f"There is no secret key, but {len(rows)} stored connections need one.",
                f"CWPORTAL_SECRET_KEYS is empty and {config.instance / secrets.FILE} is gone.",
                connect_again,
            )
        return Check(name, Health.OK, "No secret key is needed yet; one is generated with the first connection.")
    unreadable = [row.partner_id for row in rows if not _can_read(keyring, row)]
    if unreadable:
        shown = ", ".join(unreadable[:5]) + (", …" if len(unreadable) > 5 else "")
        return Check(
            name,
            Health.PROBLEM,
            f"The stored ConnectWise keys of {len(unreadable)} of {len(rows)} partners cannot be read ({shown}).",
            "They were encrypted with another key, so these partners cannot be exported.",
            connect_again,
        )
    if not config.secret_keys and config.database_url and not config.database_url.startswith("sqlite"):
        return Check(
            name,
            Health.WARNING,
            "The secret key is a generated one in the instance folder, while the database is on a server.",
            "Another machine on the same database would generate another key and could not read the stored ones.",
            f"Put the content of {config.instance / secrets.FILE} into CWPORTAL_SECRET_KEYS on every machine.",
        )
    return Check(name, Health.OK, f"Stored ConnectWise keys can be read ({len(rows)} partners).")


def _keyring(config: Config) -> Keyring | None:
    """The keys that services use, but never a generated one."""
    if config.secret_keys:
        return Keyring(config.secret_keys)
    path = config.instance / secrets.FILE
    if not path.exists():
        return None
    try:
        return Keyring((path.read_text().strip(),))
    except ConfigurationError:
        raise ConfigurationError(f"The file {path} does not hold a secret key.") from None


def _can_read(keyring: Keyring, row: Connection) -> bool:
    try:
        keyring.decrypt(row.partner_id, row.public_key)
        keyring.decrypt(row.partner_id, row.private_key)
    except ConfigurationError:
        return False
    return True


def _queue(runtime: Runtime, ping: Callable[[], None], database: Check) -> Check:
    name = "queue"
    try:
        ping()
    except CWPortalError as error:
        return Check(
            name,
            Health.PROBLEM,
            str(error),
            "Exports by workers and by schedule wait until it is back.",
            "Start the Redis or Valkey server, or correct CWPORTAL_REDIS_URL.",
        )
    number, oldest = _waiting(runtime) if database.health is Health.OK else (0, None)
    if oldest is not None:
        return Check(
            name,
            Health.WARNING,
            f"Exports that wait for a worker: {number}, the oldest since {oldest:%d %b %Y, %H:%M} UTC.",
            "There is no worker, or all of them have more to do than they can.",
            "Start one, or one more, with: cwportal worker (in a host: flask cwportal worker).",
        )
    return Check(name, Health.OK, "The queue's server answers.")


def _waiting(runtime: Runtime) -> tuple[int, datetime | None]:
    """Runs that were asked for some time ago and have not begun: how many, and since when."""
    with runtime.database.read() as session:
        asked = select(func.count(), func.min(Run.created_at)).where(
            Run.state == RunState.QUEUED, Run.created_at <= runtime.clock() - _WAITS
        )
        number, oldest = session.execute(asked).one()
    return number, oldest


def _clocks(runtime: Runtime, rows: Sequence[Connection]) -> Iterator[Check]:
    name, config = "clock", runtime.config
    now = runtime.clock()
    sites = {row.site: row.company_id for row in rows if row.not_before is None or row.not_before <= now}
    if not sites:
        yield Check(name, Health.OK, "There is no ConnectWise to compare clocks with now.")
    for text, company_id in list(sites.items())[:_SITES]:
        try:
            ahead = clock_ahead(
                parse_site(text, config.allowed_sites),
                company_id,
                guard=AddressGuard(config.allowed_sites),
                clock=runtime.clock,
                timeout=min(config.timeout, _PATIENCE),
                ca_bundle=config.ca_bundle,
            )
        except ConnectWiseError as error:
            yield Check(
                name,
                Health.WARNING,
                f"The time of {text} is not known: {error}",
                "Exports to it would fail for the same reason.",
                "Look into it if it stays.",
            )
            continue
        if ahead is None:
            yield Check(name, Health.OK, f"{text} does not tell its time.")
        elif abs(ahead) > MOST_SKEW:
            seconds = round(abs(ahead).total_seconds())
            yield Check(
                name,
                Health.PROBLEM,
                f"This machine's clock is {seconds} seconds {'behind' if ahead > timedelta() else 'ahead of'} that of {text}.",
                "Schedules, and the day on which lines begin, are wrong if this machine's clock is.",
                "Set this machine's clock by a time server (NTP); if it is right, tell the owner of that ConnectWise.",
            )
        else:
            yield Check(name, Health.OK, f"The clocks of this machine and of {text} agree.")


def _instance(config: Config) -> Check:
    name, folder = "instance folder", config.instance
    try:
        mode = stat.S_IMODE(folder.stat().st_mode)
    except FileNotFoundError:
        return Check(name, Health.OK, f"{folder} is made when it is needed.")
    except OSError as error:
        return Check(
            name,
            Health.PROBLEM,
            f"{folder} cannot be looked at ({error.strerror or error}).",
            "Where nothing else is configured everything is kept there.",
            "Correct CWPORTAL_INSTANCE.",
        )
    if mode & 0o077:
        return Check(
            name,
            Health.PROBLEM,
            f"{folder} can be entered by other users of this machine (mode {mode:o}).",
            "It holds the database and the key that protects the stored ConnectWise keys.",
            f"Run: chmod 700 {folder}",
        )
    try:
        with tempfile.TemporaryFile(dir=folder) as attempt:
            attempt.write(b"doctor")
    except OSError as error:
        return Check(
            name,
            Health.PROBLEM,
            f"{folder} cannot be written ({error.strerror or error}).",
            "The database, the queue and generated keys are kept there where nothing else is configured.",
            "Make room there, or make it writable for the user who runs this.",
        )
    return Check(name, Health.OK, f"{folder} is closed to other users.")


def _client_id(config: Config, rows: Sequence[Connection]) -> Check:
    name = "clientId"
    if config.client_id != _NO_CLIENT_ID:
        return Check(name, Health.OK, "A clientId is set.")
    real = sorted({row.site for row in rows if not _is_allowed(config, row)})
    if real:
        return Check(
            name,
            Health.PROBLEM,
            f"CWPORTAL_CLIENT_ID is not set, while {real[0]} is connected.",
            "A real ConnectWise refuses every request without the vendor's own clientId.",
            "Get one at developer.connectwise.com and set CWPORTAL_CLIENT_ID.",
        )
    return Check(name, Health.OK, "The clientId is the default one, which is enough for the simulator.")


def _is_allowed(config: Config, row: Connection) -> bool:
    try:
        site = parse_site(row.site, config.allowed_sites)
    except ConnectWiseError:
        return False
    return is_allowed(site.host, site.port, config.allowed_sites)


def _allowed_sites(config: Config) -> Check:
    if config.allowed_sites:
        return Check(
            "allowed sites",
            Health.WARNING,
            f"CWPORTAL_ALLOWED_SITES lets partners connect to {', '.join(sorted(config.allowed_sites))}.",
            "For these hosts neither https nor a public address is asked for.",
            "Leave only what is meant: the simulator, or a ConnectWise inside your own network.",
        )
    return Check("allowed sites", Health.OK, "Only public addresses over https can be connected.")


def _settle(config: Config) -> Check:
    if config.settle <= config.timeout:
        return Check(
            "settle",
            Health.PROBLEM,
            f"CWPORTAL_SETTLE ({config.settle:g} s) is not longer than CWPORTAL_TIMEOUT ({config.timeout:g} s).",
            "A write without an answer could be looked up before ConnectWise has finished it, and then be written twice.",
            "Make CWPORTAL_SETTLE longer than CWPORTAL_TIMEOUT.",
        )
    return Check("settle", Health.OK, "Writes without an answer are looked up late enough.")
