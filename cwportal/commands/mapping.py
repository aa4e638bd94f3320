"""Which company and agreement each account is billed on."""

from __future__ import annotations

import csv
import sys
from pathlib import Path

import click

from cwportal.commands.context import actor, runtime
from cwportal.commands.options import partner_option
from cwportal.commands.out import say
from cwportal.commands.text import cell, harmless
from cwportal.errors import BadFile


@click.group("map")
def mapping() -> None:
    """Which company and agreement each account is billed on."""


@mapping.command("import")
@click.argument("file", metavar="FILE", type=click.Path(dir_okay=False, allow_dash=True))
@partner_option
def import_file(file: str, partner: str) -> None:
    """Set the mapping of every account named in FILE (`-` = standard input), all of them or none.

    Columns: account_id,company,agreement,export. company and agreement are an id of ConnectWise, name:X or, for companies, identifier:X;
    both empty to unmap. export is yes or no.
    """
    from cwportal.services import mapping as service

    ready = runtime()
    ready.source.partner(partner)
    name = "standard input" if file == "-" else Path(file).name
    text = _read(file, name)
    try:
        done = service.import_file(ready, partner, text, actor=actor())
    except BadFile as error:
        raise BadFile([f"{name} {problem}" for problem in error.problems]) from None
    say(f"Mapped: {done.mapped}, of which exported: {done.exporting}. Unmapped: {done.unmapped}.")


@mapping.command("export")
@partner_option
def export_file(partner: str) -> None:
    """Print the mapping of every account as CSV, in the columns of `map import` plus names."""
    from cwportal.services import mapping as service

    ready = runtime()
    ready.source.partner(partner)
    writer = csv.writer(sys.stdout, lineterminator="\n")
    for row in service.export_rows(ready, partner):
        writer.writerow([harmless(cell(value)) for value in row])


@mapping.command("confirm-cycle")
@partner_option
@click.argument("account")
def confirm_cycle(partner: str, account: str) -> None:
    """Confirm that the prices of ACCOUNT are per billing cycle of its agreement, which does not bill monthly."""
    from cwportal.services import mapping as service

    ready = runtime()
    ready.source.partner(partner)
    service.confirm_per_cycle(ready, partner, account, actor=actor())
    say(f"Prices of {account} are per billing cycle of its agreement.")


def _read(file: str, name: str) -> str:
    try:
        content = sys.stdin.buffer.read() if file == "-" else Path(file).read_bytes()
    except OSError as error:
        raise BadFile([f"{name} cannot be read: {error.strerror}."]) from None
    try:
        return content.decode("utf-8")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise BadFile([f"{name} line {line}: not UTF-8. Save the file as CSV UTF-8."]) from None
