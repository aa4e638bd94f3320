"""When exports are due."""

from __future__ import annotations

from datetime import UTC, datetime

import click

from cwportal.commands.context import program, runtime
from cwportal.commands.options import json_option, partner_option
from cwportal.commands.out import note, print_json, say


@click.command()
@partner_option
@click.option(
    "--from", "after", metavar="ISO", help="Later than this instant, e.g. 2026-11-01T00:00:00Z; default: now."
)
@click.option("--count", type=click.IntRange(1, 1000), default=5, show_default=True, help="How many.")
@json_option
def upcoming(partner: str, after: str | None, count: int, as_json: bool) -> None:
    """The next exports by the partner's settings, in UTC and in the partner's time. An instant without a zone is UTC."""
    from cwportal.services import settings
    from cwportal.services.upcoming import starts

    ready = runtime()
    chosen = settings.get(ready, partner)
    found = [start.at for start in starts(chosen, ready.clock() if after is None else _instant(after), count)]
    if as_json:
        print_json([{"utc": _utc(at), "local": at.isoformat()} for at in found])
        return
    if not found:
        note(
            f"None: exports are started by hand. To change that: {program()} settings --partner {partner} --export daily|monthly"
        )
    else:
        note(f"Exports do not start by themselves yet: run {program()} export when one is due.")
    for at in found:
        say(f"{at:%A %d %B %Y, %H:%M} ({chosen.timezone})  =  {_utc(at)}")


def _instant(text: str) -> datetime:
    try:
        value = datetime.fromisoformat(text)
    except ValueError:
        raise click.BadParameter(
            f"{text!r} is not an instant; write it like 2026-11-01T00:00:00Z.", param_hint="--from"
        ) from None
    return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


def _utc(at: datetime) -> str:
    return at.astimezone(UTC).isoformat().replace("+00:00", "Z")
