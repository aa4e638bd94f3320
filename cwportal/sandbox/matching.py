"""Which requests a fault or a barrier is meant for."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Match:
    """Method, regular expression to be found in the path (case does not matter), tenant and member; empty = any."""

    method: str = ""
    path: str = ""
    tenant: str = ""
    member: str = ""
    body: str = ""

    @classmethod
    def parse(cls, given: Any) -> Match:
        """From the control API's JSON; `method` may be several, joined by `|`. Raises ValueError."""
        if not isinstance(given, dict) or not all(isinstance(value, str) for value in given.values()):
            raise ValueError("match is an object of texts: method, path, tenant, member, body")
        unknown = set(given) - set(cls.__slots__)
        if unknown:
            raise ValueError(f"match does not know {', '.join(sorted(unknown))}")
        for name in ("path", "body"):
            try:
                re.compile(given.get(name, ""))
            except re.error as error:
                raise ValueError(f"{name} is not a regular expression: {error}") from None
        return cls(**given)

    def fits(self, method: str, path: str, tenant: str, member: str, body: bytes) -> bool:
        """Whether a request is meant; `path` without the codebase, `body` as sent."""
        return (
            (not self.method or method in self.method.upper().split("|"))
            and (not self.path or re.search(self.path, path, re.IGNORECASE) is not None)
            and (not self.tenant or self.tenant == tenant)
            and (not self.member or self.member == member)
            and (not self.body or re.search(self.body, body.decode("utf-8", "replace")) is not None)
        )
