"""What ConnectWise, or the way to it, said to credentials: what happened, why, and what to click."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from cwportal.blueprints import words
from cwportal.connectwise import errors
from cwportal.services.credentials import RightsLacking

_KEYS = "System › Members › API Members › your member › API Keys"
_SAVED = "The key you typed is kept. Type it again if it may be wrong."


@dataclass(frozen=True, slots=True)
class Trouble:
    """A message on top of the form; `fields`: id of a field -> sentence under it."""

    title: str
    what: str
    why: str
    todo: str
    fields: Mapping[str, str] = field(default_factory=dict)


def of(error: errors.ConnectWiseError, now: datetime, zone: str) -> Trouble:  # noqa: PLR0911 - a table
    """The message for a test that failed at `now`."""
    at = words.moment(now, zone)
    site = {"site": "Check this address."}
    match error:
        case errors.Rejected():
            return Trouble(
                "ConnectWise refused the API keys",
                f"Site and Company ID are right, but ConnectWise refused this pair of keys at {at}.",
                "One of the keys is mistyped or cut off, the two belong to different pairs, or the API member is inactive.",
                f"In ConnectWise open {_KEYS}, press +, save, and copy both new keys before you close the window.",
                {"public_key": "Not accepted together with the private key.", "private_key": _SAVED},
            )
        case errors.UnknownCompany():
            return Trouble(
                "This site knows no such company",
                error.sentence,
                "The company is mistyped, or lives on another site, such as eu. instead of na.",
                "Log in to ConnectWise and copy Company and Site from the login page.",
                {"company_id": "Not known at this site.", "site": "Perhaps another site is meant."},
            )
        case RightsLacking() | errors.Forbidden():
            module, _, rest = error.right.partition(" > ")
            return Trouble(
                "The API member's role lacks a right without which nothing works",
                f"The keys are right, but the role may not read what every export needs: {error.right.replace(' > ', ' › ')}.",
                "The role of the API member was made without this tick, or another role was chosen for the member.",
                f"In ConnectWise open System › Security Roles › the role of the API member › {module} › {rest.replace(' > ', ' › ')}, "
                "choose All, save, and press the button again.",
            )
        case errors.ClientIdRejected():
            return Trouble(
                "ConnectWise refused the portal itself",
                error.sentence,
                "The portal introduces itself with an ID (clientId), which ConnectWise did not accept. Your keys are not the reason.",
                "There is nothing you can change. Tell the portal's operator; what you typed is kept.",
            )
        case errors.RateLimited():
            again = words.moment(now + timedelta(seconds=error.retry_after), zone) if error.retry_after else ""
            return Trouble(
                "ConnectWise asks us to wait",
                f"ConnectWise answers only so many requests in a while, and at {at} it wanted no more.",
                "Other programs that use your ConnectWise count, too.",
                f"Press the button again after {again}." if again else "Press the button again in some minutes.",
            )
        case errors.SiteRefused():
            return Trouble(
                "This site cannot be used",
                error.sentence,
                "The portal only talks to public addresses over https.",
                "Type the address you log in to ConnectWise with, such as na.myconnectwise.net.",
                site,
            )
        case errors.Redirected():
            return Trouble(
                "This site sends us somewhere else",
                error.sentence,
                "The address belongs to a web page that forwards visitors. Keys are never sent on to another address.",
                "Log in to ConnectWise and copy the host from the address line of the page you arrive at.",
                site,
            )
        case errors.TlsFailed():
            return Trouble(
                "The site's certificate is not trusted",
                error.sentence,
                "Without it nobody can tell who receives the keys.",
                "Check Site. A server of your own needs a certificate that browsers accept.",
                site,
            )
        case errors.TimedOut():
            return Trouble(
                "ConnectWise did not answer in time",
                error.sentence,
                "It is busy or being maintained, or a firewall in front of it keeps the portal out.",
                "Try again in some minutes. If it stays like this, check Site and the firewall.",
                site,
            )
        case errors.Unreachable():
            return Trouble(
                "The site cannot be reached",
                error.sentence,
                "The address is mistyped, or the server does not run.",
                "Check Site, then press the button again.",
                site,
            )
        case errors.NotConnectWise():
            return Trouble(
                "There is no ConnectWise at this site",
                error.sentence,
                "The address belongs to something else, such as your own web site.",
                "Type the address you log in to ConnectWise with, such as na.myconnectwise.net.",
                site,
            )
        case _:
            return Trouble(
                "ConnectWise could not answer",
                error.sentence,
                "The cause lies at ConnectWise or on the way to it; your values may well be right.",
                "Try again in some minutes. What you typed is kept.",
            )
