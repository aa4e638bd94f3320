"""What is wrong with an installation."""

from __future__ import annotations

from dataclasses import asdict

import click

from cwportal.commands.context import own_portal, program, runtime
from cwportal.commands.options import json_option
from cwportal.commands.out import Paint, print_json
from cwportal.commands.text import cell

_COLOURS = {"ok": "green", "warning": "yellow", "problem": "red"}


@click.command()
@json_option
@click.pass_context
def doctor(context: click.Context, as_json: bool) -> None:
    """Look for what is wrong with this installation: one line for every check. Exit status 1 if there is a problem.

    Nothing is changed. The queue's own server is started if that is what the configuration means.
    """
    from cwportal.jobs import queue
    from cwportal.services.doctor import Health, examine

    ready = runtime(migrated=False)

    def ping() -> None:
        with queue.connect(ready) as opened:
            opened.redis.set("cwportal:doctor", b"", px=1000)  # one that only answers is of no use

    portal = own_portal()
    current = portal.is_current if portal is not None else lambda: True
    checks = examine(ready, ping=ping, host_is_current=current, program=program())
    if as_json:
        print_json([asdict(check) for check in checks])
    else:
        paint = Paint()
        for check in checks:
            words = " ".join(cell(text) for text in (check.what, check.why, check.todo) if text)
            click.echo(f"{paint(f'{check.health:<8}', _COLOURS[check.health])} {check.name}: {words}")
    if any(check.health is Health.PROBLEM for check in checks):
        context.exit(1)
