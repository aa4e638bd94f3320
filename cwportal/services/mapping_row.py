"""What is chosen for one account: saved, or typed and not saved yet."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from cwportal.models import Mapping as MappingRow


@dataclass(frozen=True, slots=True)
class Choice:
    """Company, agreement and marks of one account. `new_company`, `new_agreement`: still to be created."""

    company: int | None = None
    agreement: int | None = None
    new_company: bool = False
    new_agreement: bool = False
    export: bool = False
    per_cycle: bool = False

    @property
    def mapped(self) -> bool:
        """Whether there is an agreement, or one is to be created."""
        return self.agreement is not None or self.new_agreement

    @property
    def place(self) -> tuple[int | None, int | None, bool, bool]:
        """Where the account is billed."""
        return self.company, self.agreement, self.new_company, self.new_agreement

    @property
    def token(self) -> str:
        """Equal for equal choices: what a page was shown with is compared with what there is now."""
        marks = "".join("ny"[on] for on in (self.new_company, self.new_agreement, self.export, self.per_cycle))
        return f"{self.company or 0}-{self.agreement or 0}-{marks}"


UNMAPPED = Choice()


def saved(row: MappingRow | None, tenant: str) -> Choice:
    """The choice that is in force; a mapping into another ConnectWise than the present one is none."""
    if row is None or row.tenant != tenant:
        return UNMAPPED
    return chosen(
        row.cw_company_id, row.cw_agreement_id, row.new_company, row.new_agreement, row.export, row.per_cycle_confirmed
    )


def chosen(
    company: int | None, agreement: int | None, new_company: bool, new_agreement: bool, export: bool, per_cycle: bool
) -> Choice:
    """The choice that columns of a mapping stand for: what was asked for as new is new until it is there."""
    if agreement is None and not new_agreement:
        return UNMAPPED
    return Choice(
        company, agreement, new_company and company is None, new_agreement and agreement is None, export, per_cycle
    )


@dataclass(frozen=True, slots=True)
class Beside:
    """What the same person typed for the row in another window, before what stands there took its place."""

    choice: Choice
    text: str


@dataclass(frozen=True, slots=True)
class Typed:
    """A choice that is not saved. `text`: what stands in the field; `seen`: token of what was saved when the person began.

    `problem`: why it was not saved, or what the look-up says. `candidates`: companies that fit the text equally well. `guessed`: the words
    that were taken for the company, until a page has shown it. `beside`: see there, until a page that shows it is saved.
    """

    choice: Choice
    text: str = ""
    seen: str = UNMAPPED.token
    problem: str = ""
    candidates: tuple[int, ...] = field(default=())
    guessed: str = ""
    beside: Beside | None = None

    @property
    def is_open(self) -> bool:
        """Whether a text waits to be found."""
        return bool(self.text) and self.choice.company is None and not self.choice.new_company

    @property
    def token(self) -> str:
        """Equal for what looks equal in the form."""
        return f"{self.choice.token}-{'2' if self.beside else '1'}-{self.text}"

    def same(self, other: Typed) -> bool:
        """Whether the fields are the same."""
        return self.choice == other.choice and self.text == other.text

    def over(self, other: Typed | None) -> Typed:
        """The same, typed by somebody to whom `other` was not shown; what it replaces is kept beside it."""
        if other is None:
            return self
        return replace(self, beside=other.beside if self.same(other) else Beside(other.choice, other.text))

    def stored(self) -> dict[str, Any]:
        """As JSON."""
        return {
            **asdict(self.choice),
            "text": self.text,
            "seen": self.seen,
            "problem": self.problem,
            "candidates": list(self.candidates),
            "guessed": self.guessed,
            "beside": None if self.beside is None else {**asdict(self.beside.choice), "text": self.beside.text},
        }

    @classmethod
    def of(cls, data: Mapping[str, Any]) -> Typed:
        """From JSON."""
        beside = data.get("beside")
        return cls(
            choice=_choice(data),
            text=data["text"],
            seen=data["seen"],
            problem=data["problem"],
            candidates=tuple(data["candidates"]),
            guessed=data.get("guessed", ""),
            beside=None if beside is None else Beside(_choice(beside), beside["text"]),
        )


def _choice(data: Mapping[str, Any]) -> Choice:
    names = ("company", "agreement", "new_company", "new_agreement", "export", "per_cycle")
    return Choice(**{name: data[name] for name in names})
