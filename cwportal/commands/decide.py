"""Answers to what a plan asks."""

from __future__ import annotations

import click

from cwportal.commands.context import actor, program, runtime
from cwportal.commands.options import partner_option
from cwportal.commands.out import say

_SAID = {
    "use": "is used for this account from now on",
    "leave": "stays as it is, and is not used",
    "take-over": "belongs to this account from now on",
    "recreate": "is made anew",
    "accept": "is not billed any more, and that is accepted",
    "pin": "keeps the values it has in ConnectWise",
    "unpin": "gets the portal's values again",
}


@click.command()
@partner_option
@click.option("--account", required=True, metavar="A", help="The account's id.")
@click.option("--line", required=True, type=click.IntRange(1), metavar="ADDITION", help="The line's id in ConnectWise.")
@click.argument("answer", metavar="use|end:DATE|leave|take-over|recreate|accept|pin|unpin")
def decide(partner: str, account: str, line: int, answer: str) -> None:
    """Answer what a plan asks about a line. The next export obeys; nothing is written now.

    use: the existing line stands for the account's charges. end:DATE: it ends on that day (plain `end`, as the setting says, for a line
    made for another account). leave: it stays as it is. take-over: a line made for another account is this account's. recreate, accept: a line
    that was taken away in ConnectWise is made again, or not. pin, unpin: ConnectWise's values are kept, or not any more.
    """
    from cwportal.services import decisions

    row = decisions.decide(runtime(), partner, account, line, answer, actor=actor())
    if row is not None and row.answer == "end":
        said = f"ends on {row.until.isoformat()}" if row.until else "ends as the setting says"
    else:
        said = _SAID[answer.strip()]
    say(f"Line {line} of account {account} {said}. See what that means: {program()} plan --partner {partner}")
