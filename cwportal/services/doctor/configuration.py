"""Whether the configuration is safe: the instance folder, the clientId, the allowed sites, the time before a lost write is looked up."""

from __future__ import annotations

import stat
import tempfile
from collections.abc import Sequence
from pathlib import Path

from sqlalchemy import make_url

from cwportal import config as configuration
from cwportal.config import Config
from cwportal.connectwise.errors import ConnectWiseError
from cwportal.connectwise.site import is_allowed, parse_site
from cwportal.models import Connection
from cwportal.services.doctor.check import Check, Health

_NO_CLIENT_ID = next(key.default for key in configuration.KEYS if key.field == "client_id")


def instance_folder(config: Config) -> Check:
    """Closed to others, and writable, where anything is kept in it."""
    name, folder = "instance folder", config.instance
    kept = _kept(config)
    if not kept:
        return Check(name, Health.OK, f"Nothing is kept in {folder}: database, queue and secret keys are configured.")
    try:
        mode = stat.S_IMODE(folder.stat().st_mode)
    except FileNotFoundError:
        return Check(name, Health.OK, f"{folder} is made when it is needed.")
    except OSError as error:
        return Check(
            name,
            Health.PROBLEM,
            f"{folder} cannot be looked at ({error.strerror or error}).",
            f"Kept there: {kept}.",
            "Correct CWPORTAL_INSTANCE.",
        )
    if mode & 0o077:
        return Check(
            name,
            Health.PROBLEM,
            f"{folder} can be entered by other users of this machine (mode {mode:o}).",
            f"Kept there: {kept}.",
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
            f"Kept there: {kept}.",
            "Make room there, or make it writable for the user who runs this.",
        )
    return Check(name, Health.OK, f"{folder} is closed to other users.")


def _kept(config: Config) -> str:
    """What the configuration means to be in the instance folder."""
    database = make_url(config.url)
    own = (
        database.get_backend_name() == "sqlite" and config.instance in Path(database.database or "").absolute().parents
    )
    places = {
        "the database": own,
        "the queue": not config.redis_url,
        "the key that protects the stored ConnectWise keys": not config.secret_keys,
    }
    return ", ".join(what for what, here in places.items() if here)


def client_id(config: Config, rows: Sequence[Connection]) -> Check:
    """The vendor's own, where a real ConnectWise is connected."""
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


def allowed_sites(config: Config) -> Check:
    """Exceptions from the rule that a site is public and https."""
    if config.allowed_sites:
        return Check(
            "allowed sites",
            Health.WARNING,
            f"CWPORTAL_ALLOWED_SITES lets partners connect to {', '.join(sorted(config.allowed_sites))}.",
            "For these hosts neither https nor a public address is asked for.",
            "Leave only what is meant: the simulator, or a ConnectWise inside your own network.",
        )
    return Check("allowed sites", Health.OK, "Only public addresses over https can be connected.")


def settle(config: Config) -> Check:
    """Longer than the time in which an answer may still come."""
    if config.settle <= config.timeout:
        return Check(
            "settle",
            Health.PROBLEM,
            f"CWPORTAL_SETTLE ({config.settle:g} s) is not longer than CWPORTAL_TIMEOUT ({config.timeout:g} s).",
            "A write without an answer could be looked up before ConnectWise has finished it, and then be written twice.",
            "Make CWPORTAL_SETTLE longer than CWPORTAL_TIMEOUT.",
        )
    return Check("settle", Health.OK, "Writes without an answer are looked up late enough.")
