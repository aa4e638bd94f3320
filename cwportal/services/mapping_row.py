"""What is chosen for one account: saved, or typed and not saved yet."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
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
class Typed:
    """A choice that is not saved. `text`: what stands in the field; `seen`: token of what was saved when the person began.

    `problem`: why it was not saved, or what the look-up says. `candidates`: companies that fit the text equally well.
    """

    choice: Choice
    text: str = ""
    seen: str = UNMAPPED.token
    problem: str = ""
    candidates: tuple[int, ...] = field(default=())

    @property
    def is_open(self) -> bool:
        """Whether a text waits to be found."""
        return bool(self.text) and self.choice.company is None and not self.choice.new_company

    @property
    def token(self) -> str:
        """Equal for what looks equal in the form."""
        return f"{self.choice.token}-{self.text}"

    def with_problem(self, sentence: str) -> Typed:
        """The same with a sentence."""
        return replace(self, problem=sentence)

    def stored(self) -> dict[str, Any]:
        """As JSON."""
        choice = self.choice
        return {
            "company": choice.company,
            "agreement": choice.agreement,
            "new_company": choice.new_company,
            "new_agreement": choice.new_agreement,
            "export": choice.export,
            "per_cycle": choice.per_cycle,
            "text": self.text,
            "seen": self.seen,
            "problem": self.problem,
            "candidates": list(self.candidates),
        }

    @classmethod
    def of(cls, data: Mapping[str, Any]) -> Typed:
        """From JSON."""
        names = ("company", "agreement", "new_company", "new_agreement", "export", "per_cycle")
        return cls(
            choice=Choice(**{name: data[name] for name in names}),
            text=data["text"],
            seen=data["seen"],
            problem=data["problem"],
            candidates=tuple(data["candidates"]),
        )
