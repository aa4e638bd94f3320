"""`make run`: a ConnectWise simulator, demo data, and the main job done once, printed as a person would type it."""

from __future__ import annotations

import argparse
import os
import shlex
import signal
import subprocess
import sys
import threading
from collections.abc import Mapping
from pathlib import Path

from cwportal.config import Config
from cwportal.dev.demo import DEMO_DIR, PARTNER, TENANT, seed_sandbox
from cwportal.errors import CWPortalError
from cwportal.sandbox import Sandbox
from cwportal.sandbox.defaults import EXPORT_KEYS

PORT = "CWPORTAL_SANDBOX_PORT"

_MAY_FIND_SOMETHING = frozenset({"plan", "export"})
"""Commands whose status 1 is news and no reason to stop: something waits for approval, say."""


def main(arguments: list[str] | None = None) -> int:
    """Start, do, and wait for Ctrl-C or SIGTERM; the exit status."""
    parser = argparse.ArgumentParser(
        prog="python -m cwportal.dev", description="Everything on this machine, with demo data."
    )
    parser.add_argument(
        "--port",
        type=int,
        default=int(os.environ.get(PORT) or 8780),
        help=f"port of the simulator (default: {PORT}, else 8780)",
    )
    port = parser.parse_args(arguments).port
    over = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: over.set())
    instance = Config.load().instance
    instance.mkdir(mode=0o700, parents=True, exist_ok=True)
    # A ConnectWise is known by its address: another port is another ConnectWise, with data of its own.
    try:
        sandbox = Sandbox(port=port, state_path=instance / f"sandbox-{port}.json")
    except OSError as error:
        print(
            f"Port {port} of 127.0.0.1 cannot be used for the simulator: {os.strerror(error.errno or 0)}. "
            f"Choose another: {PORT}={port + 10} make run (or python -m cwportal.dev --port {port + 10})",
            file=sys.stderr,
        )
        return 2
    with sandbox:
        try:
            status = _demonstrate(sandbox, over)
        except (CWPortalError, OSError) as error:
            print(f"Error: {error}", file=sys.stderr)
            return 1
        if status is not None:
            return status
        if not over.is_set():
            _say_where(sandbox, instance)
        over.wait()
    print("Stopped.", flush=True)
    return 0


def _demonstrate(sandbox: Sandbox, over: threading.Event) -> int | None:
    """Every step until somebody stops it; the status of the one that failed, else None."""
    print(f"ConnectWise simulator: {sandbox.url}/", flush=True)
    seed_sandbox(sandbox.url)
    environ = _environ(sandbox)
    steps = (
        ("init",),
        ("load", str(DEMO_DIR)),
        (
            *("connect", "--partner", PARTNER, "--site", sandbox.url),
            *("--company-id", TENANT, "--public-key", EXPORT_KEYS[0]),
        ),
        ("map", "import", str(DEMO_DIR / "mapping.csv"), "--partner", PARTNER),
        ("plan", "--partner", PARTNER),
        ("export", "--partner", PARTNER),
        ("runs", "--partner", PARTNER),
    )
    for step in steps:
        if over.is_set():
            return None
        status = _run(step, environ, over)
        if status and not (status == 1 and step[0] in _MAY_FIND_SOMETHING) and not over.is_set():
            return status
    return None


def _run(step: tuple[str, ...], environ: Mapping[str, str], over: threading.Event) -> int:
    print(f"\n$ cwportal {shlex.join(step)}", flush=True)
    with subprocess.Popen([sys.executable, "-m", "cwportal", *step], env=dict(environ)) as command:
        while True:
            try:
                return command.wait(0.2)
            except subprocess.TimeoutExpired:
                if over.is_set():
                    command.terminate()


def _environ(sandbox: Sandbox) -> dict[str, str]:
    allowed = [site for site in (os.environ.get("CWPORTAL_ALLOWED_SITES"), sandbox.site) if site]
    return {
        "CWPORTAL_SETTLE": "1",  # the simulator has no delays of its own
        **os.environ,
        "CWPORTAL_ALLOWED_SITES": ",".join(allowed),
        "CWPORTAL_PRIVATE_KEY": EXPORT_KEYS[1],
    }


def _say_where(sandbox: Sandbox, instance: Path) -> None:
    instance_option = f"CWPORTAL_INSTANCE={shlex.quote(str(instance))} CWPORTAL_ALLOWED_SITES={sandbox.site}"
    print(
        f"""
What ConnectWise holds now, and every request: {sandbox.url}/
Change something there by hand or in the portal's data, and in another terminal:

  {instance_option} {Path(sys.executable).parent / "cwportal"} plan --partner {PARTNER}

Ctrl-C stops it.""",
        flush=True,
    )


if __name__ == "__main__":
    sys.exit(main())
