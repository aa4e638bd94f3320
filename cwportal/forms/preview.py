"""What is chosen on a preview: accounts to approve or reject, answers about single lines of one account."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from wtforms import IntegerField, SelectMultipleField, StringField  # type: ignore[import-untyped]

from cwportal.forms.press import Press
from cwportal.vocabulary import Answer

_LONGEST = 300
_LINE = re.compile(r"answer-([0-9]{1,10})")
_DAY = re.compile(r"until-([0-9]{1,10})")
_LARGEST_ID = 2**31 - 1


def _cut(text: str | None) -> str:
    return (text or "").replace("\x00", "")[:_LONGEST]


class Choose(Press):
    """`account`: those ticked. `do`: "all" that can be approved, or all that are "waiting"; `everything`: how many these were when the page
    was shown, `name` the name of their plans. `take_back`: one whose rejection ends.

    `back`: the page to go to afterwards, `status` or the preview.
    """

    account = SelectMultipleField(validate_choice=False)
    everything = IntegerField()
    name = StringField(filters=[_cut])
    do = StringField(filters=[_cut])
    take_back = StringField(filters=[_cut])
    back = StringField(filters=[_cut])

    def accounts(self) -> list[str] | None:
        """The chosen accounts; None means all that can be."""
        return None if self.do.data in ("all", "waiting") else [str(one) for one in self.account.data or []]

    def seen(self) -> dict[str, Any]:
        """What was seen, as `services.approvals` takes it."""
        return {"shown": self.shown(), "name": self.name.data, "only_waiting": self.do.data == "waiting"}

    def shown(self) -> int:
        """How many "all" were; -1 where that was not sent, which fits no number."""
        return int(self.everything.data) if isinstance(self.everything.data, int) else -1


@dataclass(frozen=True, slots=True)
class Typed:
    """An answer about one line as it was typed."""

    answer: str
    until: str

    @property
    def words(self) -> str:
        """As `services.decisions` takes it."""
        return f"{self.answer}:{self.until}" if self.answer == Answer.END and self.until else self.answer


class Decide(Press):
    """Answers about the lines of one account: a field `answer-LINE` for each, `until-LINE` for the last day of one that ends."""

    account = StringField(filters=[_cut])

    @staticmethod
    def typed(sent: Mapping[str, str]) -> dict[int, Typed]:
        """Line -> what was answered; lines without an answer are left out, unless a last day was typed for them."""
        answers = {}
        for name, value in sent.items():
            found = _LINE.fullmatch(name)
            if found and value and int(found[1]) <= _LARGEST_ID:
                answers[int(found[1])] = Typed(_cut(value), _cut(sent.get(f"until-{found[1]}")).strip())
            day = _DAY.fullmatch(name)
            if day and value.strip() and f"answer-{day[1]}" not in sent and int(day[1]) <= _LARGEST_ID:
                answers[int(day[1])] = Typed("", _cut(value).strip())
        return answers
