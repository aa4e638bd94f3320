"""Questions about single lines and their answers, as people read them."""

from __future__ import annotations

from typing import NamedTuple

from cwportal.services.previews import Question
from cwportal.vocabulary import Answer


class Choice(NamedTuple):
    """`value` is sent, empty where nothing would change; `day`: whether a last day may be typed."""

    value: str
    label: str
    says: str
    day: bool = False


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
    found = [_AS_IT_IS[question.code]] if question.code in _AS_IT_IS else []
    for answer in question.answers:
        other = answer == Answer.END and question.code == "other_account_lines"
        found.append(_END_OTHER if other else _CHOICES[answer])
    return found
