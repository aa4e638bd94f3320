"""Connecting a partner, and testing the connection."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from cwportal.commands.context import actor, runtime
from cwportal.commands.options import json_option, partner_option
from cwportal.commands.out import note, print_json, say, secret
from cwportal.commands.text import table

if TYPE_CHECKING:
    from cwportal.services.connection import Connected


@click.command()
@partner_option
@click.option("--site", required=True, metavar="S", help="Where one logs in to ConnectWise, e.g. na.myconnectwise.net.")
@click.option("--company-id", required=True, metavar="C", help="The company typed at the login.")
@click.option("--public-key", required=True, metavar="K", help="Public key of the API member.")
def connect(partner: str, site: str, company_id: str, public_key: str) -> None:
    """Connect a partner to its ConnectWise, and test it first: nothing is kept unless it works.

    The private key comes from CWPORTAL_PRIVATE_KEY, or is asked for.
    """
    from cwportal.services import connection, rights

    ready = runtime()
    ready.source.partner(partner)
    connected = connection.connect(
        ready,
        partner,
        site=site,
        company_id=company_id,
        public_key=public_key,
        private_key=secret("Private key", "CWPORTAL_PRIVATE_KEY"),
        actor=actor(),
    )
    say(_where(connected))
    for missing in rights.missing(ready, partner, connected.rights):
        note(f"Warning: the right {missing.name} is missing, needed for: {missing.needed_for}.")
    for own in (right for right in rights.table(ready, partner, connected.rights) if right.wants_all):
        note(f"Warning: the right {own.name} is at level My, for the API member's own records only. Set it to All.")


@click.command()
@partner_option
@json_option
@click.pass_context
def check(context: click.Context, partner: str, as_json: bool) -> None:
    """Test the connection, and the rights of the API member: one row for every right. Exit status 1 if a needed one is missing."""
    from cwportal.services import connection, rights

    ready = runtime()
    connected = connection.check(ready, partner)
    rows = rights.table(ready, partner, connected.rights)
    if as_json:
        print_json(
            {
                "site": connected.site,
                "company_id": connected.company_id,
                "companies": connected.companies,
                "rights": [row.as_dict() for row in rows],
            }
        )
    else:
        say(_where(connected))
        say()
        say(
            table(
                ("module", "function", "level", "state", "", "needed for"),
                [(r.module, r.function, r.level, r.told, "!" if r.is_lacking else "", r.needed_for) for r in rows],
            )
        )
    lacking = [row for row in rows if row.is_lacking]
    for row in lacking:
        note(
            f"Error: the right {row.name} is {'at level My, not All' if row.is_own_only else 'missing'}. "
            f"In ConnectWise: System > Security Roles > the role of the API member > {row.module} > {row.function}: {row.level} All."
        )
    if lacking:
        context.exit(1)


def _where(connected: Connected) -> str:
    return (
        f"Connected to {connected.site} as company {connected.company_id}: "
        f"{connected.companies} {'company' if connected.companies == 1 else 'companies'} visible."
    )
