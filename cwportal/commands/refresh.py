"""The directory: what there is in ConnectWise to choose from."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from cwportal.commands.context import runtime
from cwportal.commands.options import partner_option
from cwportal.commands.out import note, progress, say
from cwportal.errors import CWPortalError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from cwportal.billing.choosable import Unfit


@click.command()
@partner_option
@click.option("--full", is_flag=True, help="Read everything, not only what has changed; happens by itself once a week.")
def refresh(partner: str, full: bool) -> None:
    """Read companies, agreements and tables of a partner's ConnectWise into the directory, to choose from.

    All of it or nothing: if it fails, the directory stays as it was.
    """
    from cwportal.services import choices, directory

    ready = runtime()
    try:
        with progress() as show:
            done = directory.refresh(ready, partner, full=full, progress=lambda what, count: show(what, count, count))
    except CWPortalError:
        before = choices.standing(ready, partner).refreshed_at
        if before is not None:
            note(f"The directory stays as it was read on {before:%Y-%m-%d at %H:%M} UTC.")
        raise
    totals = choices.totals(ready, partner)
    say(_line("company", "companies", totals.companies, totals.choosable_companies, totals.company_reasons))
    say(_line("agreement", "agreements", totals.agreements, totals.choosable_agreements, totals.agreement_reasons))
    what = (
        "everything"
        if done.full
        else f"{done.companies} companies and {done.agreements} agreements that are new or changed"
    )
    say(f"Read {what}, in {done.requests} requests.")
    if done.left_out:
        note(f"Warning: {done.left_out}")
    if done.unread:
        note(f"Not everything could be read, so not every reason against a choice is known. {done.unread[0]}")


def _line(one: str, several: str, count: int, choosable: int, reasons: Mapping[Unfit, int]) -> str:
    why = ", ".join(f"{reason.replace('_', ' ')} {number}" for reason, number in sorted(reasons.items()))
    return (
        f"{count} {one if count == 1 else several}, {choosable} can be chosen{f'; the others: {why}' if why else ''}."
    )
