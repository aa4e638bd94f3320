"""People who sign in to the standalone portal."""

from __future__ import annotations

import click

from cwportal.commands.context import own_portal, runtime
from cwportal.commands.options import partner_option
from cwportal.commands.out import say, secret
from cwportal.errors import UsageError
from cwportal.vocabulary import Role


@click.group()
def user() -> None:
    """People who sign in to the portal."""


@user.command()
@click.argument("email")
@partner_option
@click.option("--role", required=True, type=click.Choice([role.value for role in Role]), help="What they may do.")
def add(email: str, partner: str, role: str) -> None:
    """Add a login for EMAIL. The password comes from CWPORTAL_PASSWORD, or is asked for."""
    runtime()
    portal = own_portal()
    if portal is None:
        raise UsageError("This portal has its own people; add them there.")
    password = secret("Password", "CWPORTAL_PASSWORD", confirm=True)
    portal.add_user(email, partner, role, password)
    say(f"{email} may sign in for {partner} as {role}.")
