"""Where output goes: data to standard output, notes and progress to standard error."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, TextIO

import click

from cwportal.commands.context import Progress
from cwportal.commands.text import clean
from cwportal.errors import UsageError


def say(text: str = "") -> None:
    """Data, or the answer to what was asked."""
    click.echo(clean(text))


def note(text: str) -> None:
    """What is not data."""
    click.echo(clean(text), err=True)


def print_json(value: Any) -> None:
    """One JSON value. ASCII only, so that neither an encoding nor a terminal can stumble over a name."""
    click.echo(json.dumps(value, indent=2))


def secret(what: str, variable: str, *, confirm: bool = False) -> str:
    """A secret from the environment, else asked for without showing it, else one line of standard input. UsageError if there is none."""
    given = os.environ.get(variable)
    if given:
        return given
    if sys.stdin.isatty():
        answer: str = click.prompt(what, hide_input=True, confirmation_prompt=confirm, err=True)
        return answer
    line = sys.stdin.readline().strip()
    if not line:
        raise UsageError(f"{what} is not given. Set {variable}, or run this in a terminal to be asked for it.")
    return line


class Paint:
    """Colours, where they are wanted: a terminal that is not dumb, and NO_COLOR not set."""

    def __init__(self, stream: TextIO | None = None) -> None:
        stream = stream or sys.stdout
        self._on = stream.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"

    def __call__(self, text: str, colour: str | None = None, *, bold: bool = False) -> str:
        """`text`, harmless, in the colour."""
        text = clean(text)
        return click.style(text, fg=colour, bold=bold or None) if self._on else text


@contextmanager
def progress() -> Iterator[Progress]:
    """A bar on standard error while the block runs, if that is a terminal; else nothing."""
    if not sys.stderr.isatty():
        yield _nothing
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeElapsedColumn
    from rich.progress import Progress as Bar

    columns = (TextColumn("{task.description}", markup=False), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Bar(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("", total=None)

        def show(what: str, done: int, total: int) -> None:
            bar.update(task, description=clean(what), completed=done, total=total)

        yield show


def _nothing(what: str, done: int, total: int) -> None:
    """No bar."""
