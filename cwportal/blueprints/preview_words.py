"""Questions about single lines and their answers, as people read them."""

from __future__ import annotations

from decimal import Decimal
from typing import NamedTuple

from cwportal.billing import money
from cwportal.billing.scale import canonical
from cwportal.services.questions import Question, by_hand
from cwportal.vocabulary import Answer

__all__ = ["FIELDS", "Choice", "amount", "by_hand", "choices", "title"]

FIELDS = {"quantity": "Quantity", "unitPrice": "Unit price", "unitCost": "Unit cost"}
"""Values of a line that somebody may change by hand."""


class Choice(NamedTuple):
    """`value` is sent, empty where nothing would change; `day`: whether a last day may be typed; `now`: what is answered as it is."""

    value: str
    label: str
    says: str
    day: bool = False
    now: bool = False


_TITLES = {
    "existing_lines": "Existing line",
    "unconfirmed_write": "Line that may be ours",
    "other_account_lines": "Line of another account",
    "ended_by_hand": "Ended in ConnectWise",
    "gone": "Deleted in ConnectWise",
    "product_changed": "Another product in ConnectWise",
    "drift": "Changed in ConnectWise",
    "pinned": "ConnectWise’s value is kept",
}
_CHOICES = {
    Answer.USE.value: Choice(
        "use", "Use this existing line", "It gets the portal’s values and is the portal’s from then on. No second line."
    ),
    Answer.END.value: Choice(
        "end",
        "End it and create ours",
        "It is cancelled at the date below; the portal’s line starts on the day after.",
        True,
    ),
    Answer.LEAVE.value: Choice(
        "leave",
        "Leave it",
        "It stays as it is, and the portal’s line is created beside it: the customer may pay for both.",
    ),
    Answer.TAKE_OVER.value: Choice("take-over", "Take it over", "It is this account’s line from then on."),
    Answer.RECREATE.value: Choice("recreate", "Create it again", "The portal makes a new line for these charges."),
    Answer.ACCEPT.value: Choice("accept", "Leave it away", "These charges are not billed, and the log says so."),
    Answer.PIN.value: Choice(
        "pin", "Keep ConnectWise’s values for this line", "They stay in every export, with a note in the log."
    ),
    "unpin": Choice("unpin", "Let the portal write its values again", "From the next export on."),
}
_END_OTHER = Choice("end", "End it", "At the date below; without a date, as your settings say.", True)
_AS_IT_IS = {
    "drift": Choice("", "Write the portal’s values", "As the preview shows below."),
    "pinned": Choice("", "Go on keeping ConnectWise’s values", "As it is now."),
}


def title(question: Question) -> str:
    """What it is about, in a few words."""
    return _TITLES.get(question.code, "To decide")


def choices(question: Question) -> list[Choice]:
    """What can be answered; the first one is what happens anyway, where it is only an offer."""
    pinned = question.given is not None and question.given.answer == Answer.PIN
    if (
        question.code == "drift"
    ):  # a pin was given after the plan was read, if there is one: what happens anyway takes it back
        anyway = _AS_IT_IS["drift"]._replace(value="unpin" if pinned else "", now=not pinned)
        return [anyway, *(_CHOICES[answer]._replace(now=pinned) for answer in question.answers)]
    if question.code == "pinned":  # the other way round
        anyway = _AS_IT_IS["pinned"]._replace(value="" if pinned else "pin", now=pinned)
        return [anyway, _CHOICES["unpin"]._replace(value="unpin" if pinned else "", now=not pinned)]
    found = []
    for answer in question.answers:
        other = answer == Answer.END and question.code == "other_account_lines"
        now = question.given is not None and question.given.answer == answer
        found.append((_END_OTHER if other else _CHOICES[answer])._replace(now=now))
    return found


def amount(name: str, value: Decimal) -> str:
    """A value of one of FIELDS."""
    return canonical(value) if name == "quantity" else money.text(value)
