"""The group `cwportal`: commands are imported when they are used, and errors end as one message and the promised exit status."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import import_module
from typing import IO, Any

import click

from cwportal.commands.text import clean
from cwportal.errors import BadFile, CWPortalError, UsageError


@dataclass(frozen=True, slots=True)
class Entry:
    """Where a command is, and its line in `--help`."""

    target: str
    summary: str


COMMANDS: Mapping[str, Entry] = {
    "init": Entry("cwportal.commands.init:init", "Create or migrate the database."),
    "load": Entry("cwportal.commands.load:load", "Import portal data from a directory of CSV files."),
    "user": Entry("cwportal.commands.user:user", "People who sign in to the portal."),
    "connect": Entry("cwportal.commands.connection:connect", "Connect a partner to its ConnectWise."),
    "check": Entry("cwportal.commands.connection:check", "Test the connection and the rights of the API member."),
    "settings": Entry("cwportal.commands.settings:settings", "Show or change what is exported, and when."),
    "map": Entry("cwportal.commands.mapping:mapping", "Which company and agreement each account is billed on."),
    "plan": Entry("cwportal.commands.plan:plan", "Preview: what an export would do. Writes nothing to ConnectWise."),
    "decide": Entry("cwportal.commands.decide:decide", "Answer what a plan asks about a line."),
    "export": Entry("cwportal.commands.export:export", "Plan and apply now."),
    "runs": Entry("cwportal.commands.runs:runs", "Exports of a partner, newest first."),
    "log": Entry("cwportal.commands.runs:log", "Everything one export found and did."),
    "upcoming": Entry("cwportal.commands.upcoming:upcoming", "When the next exports start by themselves."),
    "rotate-keys": Entry("cwportal.commands.keys:rotate_keys", "Encrypt stored keys with the newest secret key."),
    "worker": Entry("cwportal.commands.worker:worker", "Carry out exports from the queue."),
    "tick": Entry("cwportal.commands.worker:tick", "Do once what the scheduler does again and again."),
    "scheduler": Entry("cwportal.commands.worker:scheduler", "Start exports when they are due."),
    "refresh": Entry("cwportal.commands.refresh:refresh", "Read companies and agreements into the directory."),
    "suggest": Entry("cwportal.commands.later:suggest", "Suggest companies for accounts."),
    "match": Entry("cwportal.commands.later:match", "Suggestions for two lists of names."),
    "disable": Entry("cwportal.commands.disable:disable", "Forget a partner's connection and settings."),
    "doctor": Entry("cwportal.commands.doctor:doctor", "Look for what is wrong with this installation."),
}
"""Every command of `flask cwportal …`. The script `cwportal` adds the simulator."""

_OWN_PORTAL = frozenset({"load", "user"})


class Failure(click.ClickException):
    """An error of ours as Click shows it: its sentence on standard error, status 1."""

    exit_code = CWPortalError.exit_code

    def __init__(self, error: CWPortalError) -> None:
        super().__init__(str(error))
        self._several = isinstance(error, BadFile) and len(error.problems) > 1

    def show(self, file: IO[Any] | None = None) -> None:
        """Print it, harmless for a terminal."""
        text = clean(self.message)
        click.echo(f"Error:\n{text}" if self._several else f"Error: {text}", file=file, err=file is None)


class Refusal(Failure):
    """What could not be carried out as it was asked: status 2."""

    exit_code = UsageError.exit_code


class Commands(click.Group):
    """A group that knows its commands by name only."""

    def __init__(self, entries: Mapping[str, Entry], **more: Any) -> None:
        super().__init__(**more)
        self._entries = entries

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002
        """In the order of first use, not of the alphabet."""
        return list(self._entries)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        """Import it."""
        entry = self._entries.get(cmd_name)
        if entry is None:
            return None
        module, _, name = entry.target.partition(":")
        command: click.Command = getattr(import_module(module), name)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002
        """From the table: nothing is imported for `--help`."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, entry.summary) for name, entry in self._entries.items()])

    def invoke(self, ctx: click.Context) -> Any:
        """Run a command; what we raise on purpose becomes a message and an exit status."""
        try:
            return super().invoke(ctx)
        except CWPortalError as error:
            raise _shown(error) from error
        except Exception as error:
            told = _of_database(error)
            if told is None:
                raise
            raise _shown(told) from error


def _shown(error: CWPortalError) -> Failure:
    return (Refusal if isinstance(error, UsageError) else Failure)(error)


def _of_database(error: Exception) -> CWPortalError | None:
    """The trouble with the database that it stands for, if it does. What is needed for that is loaded only then."""
    if "sqlalchemy" not in sys.modules:
        return None
    from sqlalchemy.exc import SQLAlchemyError

    if not isinstance(error, SQLAlchemyError):
        return None
    from cwportal.commands.database import explained

    return explained(error)


_HELP = "ConnectWise integration of a partner portal. Data goes to standard output, everything else to standard error."


def commands(extra: Mapping[str, Entry] | None = None, *, own_portal: bool = False) -> Commands:
    """The group; `own_portal`: with the commands for the portal data that only the standalone portal has."""
    entries = {name: entry for name, entry in COMMANDS.items() if own_portal or name not in _OWN_PORTAL}
    return Commands({**entries, **(extra or {})}, name="cwportal", help=_HELP)
