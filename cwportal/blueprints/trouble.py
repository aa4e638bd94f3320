"""What ConnectWise, or the way to it, said to credentials: what happened, why, and what to click."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from cwportal.blueprints import words
from cwportal.connectwise import errors
from cwportal.services import hurry
from cwportal.services.credentials import RightsLacking

_KEYS = "System › Members › API Members › your member › API Keys"
_SAVED = "The key you typed is kept. Type it again if it may be wrong."
KEY_AGAIN = "What you typed here was not kept. Type it again."
"""Under the private key, where a page comes back without having kept it: it is never shown again."""
_KEPT, _NOT_KEPT = "What you typed is kept.", "Nothing was changed."
_WITHOUT_TICK = "The role of the API member was made without this tick, or another role was chosen for the member."


@dataclass(frozen=True, slots=True)
class Trouble:
    """A message on top of the form; `fields`: id of a field -> sentence under it."""

    title: str
    what: str
    why: str
    todo: str
    fields: Mapping[str, str] = field(default_factory=dict)


def of(  # noqa: PLR0911, PLR0912 - a table
    error: errors.ConnectWiseError, now: datetime, zone: str, *, kept: bool
) -> Trouble:
    """The message for a test that failed at `now`. `kept`: what was typed is kept, also the private key, which no page shows again."""
    at = words.moment(now, zone)
    typed = _KEPT if kept else _NOT_KEPT
    site = {"site": "Check this address."}
    match error:
        case errors.Rejected():
            return Trouble(
                "ConnectWise refused the API keys",
                f"Site and Company ID are right, but ConnectWise refused this pair of keys at {at}.",
                "One of the keys is mistyped or cut off, the two belong to different pairs, or the API member is inactive.",
                f"In ConnectWise open {_KEYS}, press +, save, and copy both new keys before you close the window.",
                {
                    "public_key": "Not accepted together with the private key.",
                    "private_key": _SAVED if kept else "Not accepted together with the public key.",
                },
            )
        case errors.UnknownCompany():
            return Trouble(
                "This site knows no such company",
                error.sentence,
                "The company is mistyped, or lives on another site, such as eu. instead of na.",
                "Log in to ConnectWise and copy Company and Site from the login page.",
                {"company_id": "Not known at this site.", "site": "Perhaps another site is meant."},
            )
        case RightsLacking():
            return _lacking(error)
        case errors.Forbidden():
            return Trouble(
                "The API member's role lacks a right without which nothing works",
                f"The keys are right, but the role may not read what every export needs: {_shown(error.right)}.",
                _WITHOUT_TICK,
                f"In ConnectWise open System › Security Roles › the role of the API member › {_shown(error.right)}, "
                "choose All, save, and press the button again.",
            )
        case errors.ClientIdRejected():
            return Trouble(
                "ConnectWise refused the portal itself",
                error.sentence,
                "The portal introduces itself with an ID (clientId), which ConnectWise did not accept. Your keys are not the reason.",
                f"There is nothing you can change. Tell the portal's operator. {typed}",
            )
        case errors.RateLimited():
            again = (
                words.moment(_next_minute(now + timedelta(seconds=error.retry_after)), zone)
                if error.retry_after
                else ""
            )
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
        case hurry.TookLong():
            return Trouble(
                "ConnectWise answers too slowly",
                f"It answers, but until {at} it had not told all that the portal has to ask, and a page does not wait longer.",
                "It is busy or being maintained, or something on the way to it slows it down.",
                f"Try again in some minutes. If it stays like this, tell the portal's operator. {typed}",
            )
        case hurry.Crowded():
            return Trouble(
                "The portal waits for ConnectWise already",
                "Others are testing or saving just now, and only a few may at the same time, so that all other pages go on answering.",
                "Your values are not the reason: ConnectWise was not asked about them.",
                f"Press the button again in a minute. {typed}",
            )
        case errors.TimedOut():
            return Trouble(
                "ConnectWise did not answer in time",
                f"The portal asked at {at}, waited, and heard nothing or not the whole answer.",
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
        case errors.NotJson():
            return Trouble(
                "Something else answers in place of ConnectWise",
                f"At {at} a web page or something else that cannot be read came back instead of ConnectWise’s answer.",
                "ConnectWise is being maintained, or a firewall or a sign-in page in front of it answers instead.",
                "Try again in some minutes. If it stays like this, check Site, and ask who looks after your ConnectWise or its firewall.",
                site,
            )
        case errors.Interrupted():
            return _cut_off(typed, f"The connection broke off at {at}, before the answer was complete.")
        case errors.ServerFailed():
            return _cut_off(
                typed, f"At {at} ConnectWise answered that it had an error of its own ({error.status or 'no number'})."
            )
        case _:
            return _cut_off(typed, error.sentence)


def _cut_off(typed: str, what: str) -> Trouble:
    return Trouble(
        "ConnectWise could not answer",
        what,
        "The cause lies at ConnectWise or on the way to it; your values may well be right.",
        f"Try again in some minutes. {typed}",
    )


def _lacking(error: RightsLacking) -> Trouble:
    """All rights at once that nothing works without, so that nobody is sent to ConnectWise twice."""
    rows = [row for row in error.rights if row.blocks]
    names = " and ".join(" › ".join((row.need.module, row.need.function, row.need.level.capitalize())) for row in rows)
    todo = f"In ConnectWise open System › Security Roles › the role of the API member, set {names} to All, save, and press the button again."
    if all(row.is_own_only for row in rows):
        return Trouble(
            "The API member sees only its own records",
            f"The keys are right, but the role has the level My, not All, for {names}.",
            "At level My ConnectWise shows an API member only companies and agreements of its own, and says nothing about the others. They "
            "would look as if they did not exist: new ones would be made beside them, and customers billed twice.",
            todo,
        )
    return Trouble(
        "The API member's role lacks a right without which nothing works",
        f"The keys are right, but the role may not read what every export needs: {names}.",
        _WITHOUT_TICK,
        todo,
    )


def _shown(right: str) -> str:
    return right.replace(" > ", " › ")


def _next_minute(at: datetime) -> datetime:
    """Instants are shown to the minute: the first one shown that is not too early."""
    whole = at.replace(second=0, microsecond=0)
    return whole if whole == at else whole + timedelta(minutes=1)
