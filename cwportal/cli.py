"""The console script `cwportal`: the standalone portal's application around the commands, and the simulator."""

from __future__ import annotations

import gc
import json
import logging
import os
import signal
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from cwportal.commands import group
from cwportal.commands.group import Entry

if TYPE_CHECKING:
    from flask import Flask

_INTERRUPTED = 130
_SELDOM = 20_000
"""New objects between two looks for garbage, instead of 700: while modules are loaded there is none, and looking took a tenth of a command."""


class Starter:
    """Makes the application when the first command asks for it, as Flask's ScriptInfo does."""

    def load_app(self) -> Flask:
        """The standalone portal."""
        from cwportal.app import create_command_app

        return create_command_app(broker=_broker)


def _broker(instance: Path) -> str:
    from cwportal.dev import valkey

    return valkey.ensure(instance)


@click.command()
@click.option("--port", type=click.IntRange(0, 65_535), default=8780, show_default=True, help="0 for a free one.")
@click.option("--state", type=click.Path(dir_okay=False, path_type=Path), metavar="FILE", help="Keep the data in FILE.")
@click.option(
    "--fault",
    "faults",
    multiple=True,
    metavar="KIND:METHOD:PATH[:NAME=VALUE…]",
    help="A fault on matching requests, e.g. error_after:POST:additions:times=2:skip=1. Repeatable; the kinds: see docs/sandbox.md.",
)
@click.option(
    "--seed", type=int, default=1, show_default=True, help="Seed of faults that strike by chance (probability=0.1)."
)
@click.option(
    "--variant",
    "variants",
    multiple=True,
    metavar="NAME=VALUE",
    help="How this ConnectWise differs, e.g. round_money=2 or cloud=true. Repeatable; the names: see docs/sandbox.md.",
)
def sandbox(port: int, state: Path | None, faults: tuple[str, ...], seed: int, variants: tuple[str, ...]) -> None:
    """A ConnectWise simulator on 127.0.0.1, with a page that shows what it holds. Ctrl-C stops it."""
    from cwportal.errors import UsageError
    from cwportal.sandbox import serve

    try:
        serve(
            port,
            state,
            faults={"seed": seed, "rules": [_fault(text) for text in faults]},
            **dict(map(_setting, variants)),
        )
    except OSError as error:
        raise UsageError(
            f"The simulator cannot listen on port {port} of 127.0.0.1: {os.strerror(error.errno or 0)}. "
            "Choose another: cwportal sandbox --port 8790"
        ) from None
    except (TypeError, ValueError) as error:
        raise UsageError(f"The simulator does not understand this: {error}.") from None


def _fault(text: str) -> dict[str, Any]:
    kind, *rest = text.split(":")
    if len(rest) < 2:
        raise ValueError(f"{text!r} as a fault; write it like error_after:POST:additions:times=2")
    return {"kind": kind, "match": {"method": rest[0], "path": rest[1]}, **dict(map(_setting, rest[2:]))}


def _setting(text: str) -> tuple[str, Any]:
    name, given, value = text.partition("=")
    if not given:
        raise ValueError(f"{text!r}; write it like name=value")
    try:
        return name, json.loads(value)
    except ValueError:
        return name, value


_EXTRA = {"sandbox": Entry("cwportal.cli:sandbox", "A ConnectWise simulator to try everything on.")}

commands = group.commands(_EXTRA, own_portal=True)


def main(arguments: Sequence[str] | None = None) -> None:
    """Run a command and end the process with its exit status. SIGTERM is Ctrl-C: what is under way is ended in order."""
    gc.set_threshold(_SELDOM)
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    logging.basicConfig(
        level=logging.WARNING, stream=sys.stderr, format="%(asctime)s %(levelname)s %(name)s: %(message)s"
    )
    sys.exit(run(sys.argv[1:] if arguments is None else list(arguments)))


def run(arguments: Sequence[str]) -> int:
    """Run a command; its exit status. Nothing is raised: every error becomes a message on standard error."""
    try:
        status = commands.main(list(arguments), prog_name="cwportal", standalone_mode=False, obj=Starter())
        sys.stdout.flush()
    except click.ClickException as error:
        error.show()
        return error.exit_code
    except (click.Abort, KeyboardInterrupt):
        click.echo("Stopped.", err=True)
        return _INTERRUPTED
    except BrokenPipeError:
        # Nobody reads any more; what is still buffered must not be written at the end of the process.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except Exception:
        logging.getLogger(__name__).exception("cwportal %s", " ".join(arguments[:1]))
        click.echo(
            "Error: something unexpected happened, see above. Nothing is repeated twice: the command can be run again.",
            err=True,
        )
        return 1
    return status if isinstance(status, int) else 0
