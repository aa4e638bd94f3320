"""One line of what the doctor says."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Health(StrEnum):
    """How a check came out."""

    OK = "ok"
    WARNING = "warning"
    PROBLEM = "problem"


@dataclass(frozen=True, slots=True)
class Check:
    """One line: what was found, why it matters, what to do. The latter two are empty where all is well."""

    name: str
    health: Health
    what: str
    why: str = ""
    todo: str = ""
