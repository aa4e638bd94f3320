"""`make run`: everything on this machine, with demo data.

First the main job is done once, printed as a person would type it; then the portal, a worker, the queue and the simulator run until
somebody stops them.
"""

from __future__ import annotations

import argparse
import os
import shlex
import signal
import subprocess  # nosec B404
import sys
import tempfile
import threading
from collections.abc import Mapping
from pathlib import Path

from cwportal.config import Config
from cwportal.dev.claims import Port, check_free, only_one
from cwportal.dev.demo import DEMO_DIR, NEWCOMER_DIR, PARTNER, TENANT, seed_sandbox
from cwportal.dev.logins import FIRST_VISIT, LOGINS, PASSWORD, add_logins
from cwportal.dev.programs import Places, programs
from cwportal.dev.supervisor import Supervisor
from cwportal.errors import CWPortalError, UsageError
from cwportal.sandbox import Sandbox
from cwportal.sandbox.defaults import EXPORT_KEYS

PORT = "CWPORTAL_PORT"
SANDBOX_PORT = "CWPORTAL_SANDBOX_PORT"

_LOWEST, _HIGHEST = 1, 65_535
_DONE = "demonstrated"
"""File of the instance folder that says that the demonstration was made."""
_MAY_FIND_SOMETHING = frozenset({"plan", "export"})
"""Commands whose status 1 is news and no reason to stop: something waits for approval, say."""


def main(arguments: list[str] | None = None) -> int:
    """Do it once, keep everything up until Ctrl-C or SIGTERM; the exit status."""
    try:
        places = _places(arguments)
        _make(places.instance)
        status = _first(places)
        if status is None:
            status = _keep_up(places)
    except CWPortalError as error:
        print(f"Error: {error}", file=sys.stderr)
        return error.exit_code
    except OSError as error:
        print(f"Error: {error}", file=sys.stderr)
        return 1
    return status


def _places(arguments: list[str] | None) -> Places:
    parser = argparse.ArgumentParser(
        prog="python -m cwportal.dev", description="Everything on this machine, with demo data."
    )
    parser.add_argument("--port", type=int, help=f"of the portal (default: {PORT}, else 5000)")
    parser.add_argument("--sandbox-port", type=int, help=f"of the simulator (default: {SANDBOX_PORT}, else 8780)")
    given = parser.parse_args(arguments)
    config = Config.load()
    portal = _port(given.port, PORT, 5000)
    sandbox = _port(given.sandbox_port, SANDBOX_PORT, 8780)
    if portal == sandbox:
        raise UsageError(
            f"The portal and the simulator cannot both listen on port {portal}. Choose another for one of them: {PORT}, {SANDBOX_PORT}."
        )
    return Places(
        config.instance,
        Port(portal, f"{PORT}={portal + 1} make run"),
        Port(sandbox, f"{SANDBOX_PORT}={sandbox + 10} make run"),
        own_queue=config.redis_url is None,
    )


def _make(instance: Path) -> None:
    try:
        instance.mkdir(mode=0o700, parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=instance) as attempt:
            attempt.write(b"room")
    except OSError as error:
        raise UsageError(
            f"The folder {instance} cannot be used ({error.strerror or error}). Choose another, or make this one writable: "
            "CWPORTAL_INSTANCE=folder make run"
        ) from None


def _port(given: int | None, key: str, usual: int) -> int:
    text = str(given) if given is not None else os.environ.get(key) or str(usual)
    if not text.isascii() or not text.isdecimal() or not _LOWEST <= int(text) <= _HIGHEST:
        raise UsageError(
            f"{text!r} is not a port: write a number from {_LOWEST} to {_HIGHEST}, for instance {key}={usual}."
        )
    return int(text)


def _first(places: Places) -> int | None:
    """The demonstration, in this process' own simulator; the status if it failed or was stopped, else None."""
    over = threading.Event()
    former = {number: signal.signal(number, lambda *_: over.set()) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        with only_one(places.instance):
            check_free("the portal", places.portal)
            check_free("the simulator", places.sandbox)
            with Sandbox(port=places.sandbox.number, state_path=places.sandbox_state) as sandbox:
                status = _demonstrate(sandbox, over, first=not (places.instance / _DONE).exists())
            if status is None and not over.is_set():
                add_logins(Config.load())
                (places.instance / _DONE).touch()
    finally:
        for number, handler in former.items():
            signal.signal(number, handler)
    if over.is_set():
        print("Stopped.", flush=True)
        return 0
    return status


def _keep_up(places: Places) -> int:
    environ = _environ(f"127.0.0.1:{places.sandbox.number}")
    print("\nStarting the portal, a worker, the queue and the simulator; what they say follows.\n", flush=True)
    Supervisor(places.instance, programs(places, environ)).run(started=lambda: _say_where(places))
    print("Stopped.", flush=True)
    return 0


def _demonstrate(sandbox: Sandbox, over: threading.Event, *, first: bool) -> int | None:
    """Every step until somebody stops it; the status of the one that failed, else None.

    Only the `first` time data are loaded and connected: afterwards they are whatever people have made of them.
    """
    print(f"ConnectWise simulator: {sandbox.url}/", flush=True)
    seed_sandbox(sandbox.url)
    environ = {**os.environ, **_environ(sandbox.site), "CWPORTAL_PRIVATE_KEY": EXPORT_KEYS[1]}
    beginning: tuple[tuple[str, ...], ...] = (
        ("load", str(DEMO_DIR)),
        ("load", str(NEWCOMER_DIR)),
        (
            *("connect", "--partner", PARTNER, "--site", sandbox.url),
            *("--company-id", TENANT, "--public-key", EXPORT_KEYS[0]),
        ),
        ("refresh", "--partner", PARTNER),
        ("map", "import", str(DEMO_DIR / "mapping.csv"), "--partner", PARTNER),
        ("plan", "--partner", PARTNER),
        ("export", "--partner", PARTNER),
    )
    steps = (("init",), *(beginning if first else ()), ("runs", "--partner", PARTNER))
    for step in steps:
        if over.is_set():
            return None
        status = _run(step, environ, over)
        if status and not (status == 1 and step[0] in _MAY_FIND_SOMETHING) and not over.is_set():
            return status
    return None


def _run(step: tuple[str, ...], environ: Mapping[str, str], over: threading.Event) -> int:
    print(f"\n$ cwportal {shlex.join(step)}", flush=True)
    command_line = [sys.executable, "-m", "cwportal", *step]
    with subprocess.Popen(command_line, env=dict(environ)) as command:  # nosec B603
        while True:
            try:
                return command.wait(0.2)
            except subprocess.TimeoutExpired:
                if over.is_set():
                    command.terminate()


def _environ(site: str) -> dict[str, str]:
    """What our programs and commands need beyond our own environment."""
    allowed = [given for given in (os.environ.get("CWPORTAL_ALLOWED_SITES"), site) if given]
    return {
        "CWPORTAL_SETTLE": os.environ.get("CWPORTAL_SETTLE", "1"),  # the simulator has no delays of its own
        "CWPORTAL_ALLOWED_SITES": ",".join(allowed),
        "CWPORTAL_INSTANCE": str(Config.load().instance),
    }


def _say_where(places: Places) -> None:
    instance = shlex.quote(str(places.instance))
    options = f"CWPORTAL_INSTANCE={instance} CWPORTAL_ALLOWED_SITES=127.0.0.1:{places.sandbox.number}"
    logins = "\n".join(f"    {email}" for email in LOGINS.values())
    print(
        f"""
Portal:                 http://127.0.0.1:{places.portal.number}/
  sign in with the password {PASSWORD} as one of
{logins}
  or, to connect a ConnectWise for the first time, as
    {FIRST_VISIT}
  with site http://127.0.0.1:{places.sandbox.number}, company ID {TENANT}, keys {EXPORT_KEYS[0]} and {EXPORT_KEYS[1]}
ConnectWise simulator:  http://127.0.0.1:{places.sandbox.number}/  (what it holds, and every request)

Change something there by hand or in the portal's data, press "Start export now" in the portal, or in another terminal:

  {options} {Path(sys.executable).parent / "cwportal"} plan --partner {PARTNER}

Ctrl-C stops it.
""",
        flush=True,
    )


if __name__ == "__main__":
    sys.exit(main())
