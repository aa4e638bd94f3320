"""What a plan asks about single lines, what can be answered, and the values of a line that were changed by hand."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal

from cwportal.billing.fields import WORDS
from cwportal.models import LineDecision
from cwportal.services.found import Found
from cwportal.vocabulary import Answer, Severity

_LINES = (Answer.USE, Answer.END, Answer.LEAVE)
_LOST = (Answer.RECREATE, Answer.ACCEPT)
_ANSWERS: dict[str, tuple[str, ...]] = {
    "existing_lines": _LINES,
    "unconfirmed_write": _LINES,
    "other_account_lines": (Answer.TAKE_OVER, Answer.END),
    "ended_by_hand": _LOST,
    "gone": _LOST,
    "product_changed": _LOST,
    "drift": (Answer.PIN,),
    "pinned": ("unpin",),
}
"""Finding -> what a person can answer about its line."""


_VALUES = re.compile(
    r"portal (?P<portal>[-0-9.]+), ConnectWise (?P<connectwise>[-0-9.]+), last exported (?P<exported>[-0-9.]+|nothing)\.(?P<rest>.*)",
    re.DOTALL,
)
"""The end of a finding `drift` (see `billing.tell.changed_by_hand`) of an amount."""


@dataclass(frozen=True, slots=True)
class ByHand:
    """A value that somebody changed in ConnectWise. `name` is ConnectWise's field, `exported` None where the portal never sent one."""

    name: str
    portal: Decimal
    connectwise: Decimal
    exported: Decimal | None


@dataclass(frozen=True, slots=True)
class Question:
    """Something about one line that a person can answer. `must`: its account waits for that. `given`: the answer kept now.

    `values`: what was changed by hand on it; `sentences` then say only what happens.
    """

    code: str
    line: int
    part_number: str | None
    values: tuple[ByHand, ...]
    sentences: tuple[str, ...]
    answers: tuple[str, ...]
    must: bool
    given: LineDecision | None

    @property
    def taken_back(self) -> bool:
        """Whether the answer that the plan was made with is kept no more."""
        return self.code == "pinned" and (self.given is None or self.given.answer != Answer.PIN)


def answers_to(one: Found) -> tuple[str, ...]:
    """What can be answered about the line that a finding names; nothing where it only tells."""
    if one.addition_id is None or one.command is None or "cwportal decide" not in one.command:
        return ()
    return _ANSWERS.get(one.code, ())


def by_hand(one: Found) -> tuple[ByHand | None, str]:
    """The three values of a finding about an amount that was changed by hand, and the rest of its sentence; None and all of it for others."""
    for name, word in WORDS.items():
        begins = f"The {word} of line {one.addition_id} of {one.part_number} was changed in ConnectWise: "
        found = _VALUES.fullmatch(one.message.removeprefix(begins)) if one.message.startswith(begins) else None
        if one.code == "drift" and found:
            exported = None if found["exported"] == "nothing" else Decimal(found["exported"])
            value = ByHand(name, Decimal(found["portal"]), Decimal(found["connectwise"]), exported)
            return value, found["rest"].strip()
    return None, one.message


def of(findings: Iterable[Found], decisions: Mapping[int, LineDecision]) -> list[Question]:
    """One for every line that can be answered about, those that must be answered first."""
    by_line: dict[int, list[Found]] = defaultdict(list)
    for one in findings:
        if answers_to(one) and one.addition_id is not None:
            by_line[one.addition_id].append(one)
    questions = [_question(line, several, decisions.get(line)) for line, several in by_line.items()]
    return sorted(questions, key=lambda question: (not question.must, question.part_number or "", question.line))


def _question(line: int, several: list[Found], given: LineDecision | None) -> Question:
    told = [by_hand(one) for one in several]
    return Question(
        code=several[0].code,
        line=line,
        part_number=several[0].part_number,
        values=tuple(value for value, _ in told if value is not None),
        sentences=tuple(dict.fromkeys(sentence for _, sentence in told)),
        answers=answers_to(several[0]),
        must=any(one.severity is Severity.HOLD for one in several),
        given=given,
    )
