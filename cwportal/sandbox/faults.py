"""Rules that make chosen requests go wrong: seeded, counted, each kind one way in which a real service fails."""

from __future__ import annotations

import random
import threading
from dataclasses import dataclass, field
from typing import Any

from .matching import Match

KINDS = {
    "latency": "answered `seconds` later",
    "rate_limit_json": "429 from the application, not done, Retry-After `retry_after`",
    "rate_limit_html": "429 from the edge in HTML, not done, Retry-After `retry_after`",
    "error_before": "`status` (500) without doing it",
    "error_after": "`status` (500) after doing it",
    "close_before": "connection closed without doing it",
    "close_after": "done, then connection closed without an answer",
    "hang_before": "not done; connection closed after `seconds`",
    "hang_after": "done; answered after `seconds`, later than the client waits",
    "commit_late": "held; done `seconds` later although the client has given up",
    "truncated": "done; half of the answer, then closed",
    "html_page": "200 with an HTML page; not done, or done with `done`: true",
    "revoked_keys": "the member's keys stop working with this request",
    "right_lost": "the member loses `right` (its `level` only, if given) with this request",
    "codebase_changed": "the codebase becomes `to` with this request",
    "agreement_cancelled": "the agreement addressed (or `id`) is cancelled just before",
    "agreement_gone": "the agreement addressed (or `id`) is deleted just before",
    "company_gone": "the company addressed (or `id`) is deleted just before",
    "company_inactive": "the company addressed (or `id`) gets an inactive status just before",
    "hand_edit": "fields `set` of the record addressed (or `record` and `id`) are changed just before",
}
EFFECTS = {
    "latency",
    "revoked_keys",
    "right_lost",
    "codebase_changed",
    "agreement_cancelled",
    "agreement_gone",
    "company_gone",
    "company_inactive",
    "hand_edit",
}
"""Kinds that change the world and let the request go on; of the others the first that fits decides."""


@dataclass(slots=True, eq=False)
class Rule:
    """One fault. It fires for the matching requests after the first `skip`, `times` times (None: always)."""

    kind: str
    match: Match
    times: int | None = 1
    skip: int = 0
    probability: float = 1.0
    options: dict[str, Any] = field(default_factory=dict)
    seen: int = 0
    hits: int = 0

    def seconds(self, default: float) -> float:
        """The `seconds` of the rule."""
        return float(self.options.get("seconds", default))


class Faults:
    """The rules in force."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._rules: list[Rule] = []
        self._random = random.Random(1)  # noqa: S311  # nosec B311

    def put(self, given: dict[str, Any]) -> None:
        """Replace all rules: {seed, rules: [...]}; with `add`: true the rules are added. Raises ValueError."""
        rules = [_rule(item) for item in given.get("rules", [])]
        with self._lock:
            self._random = random.Random(given.get("seed", 1))  # noqa: S311  # nosec B311
            self._rules = [*self._rules, *rules] if given.get("add") else rules

    def clear(self) -> None:
        """Drop all rules."""
        with self._lock:
            self._rules = []

    def state(self) -> list[dict[str, Any]]:
        """Every rule with how often it fired."""
        with self._lock:
            return [
                {"kind": r.kind, "times": r.times, "skip": r.skip, "seen": r.seen, "hits": r.hits, **r.options}
                for r in self._rules
            ]

    def take(self, request: tuple[str, str, str, str, bytes]) -> list[Rule]:
        """The rules that fire for this request: any number of effects, at most one that decides its answer."""
        if not self._rules:
            return []
        fired = []
        decided = False
        with self._lock:
            for rule in self._rules:
                if (rule.kind not in EFFECTS and decided) or not rule.match.fits(*request):
                    continue
                rule.seen += 1
                spent = rule.times is not None and rule.hits >= rule.times
                if rule.seen <= rule.skip or spent or self._random.random() >= rule.probability:
                    continue
                rule.hits += 1
                decided = decided or rule.kind not in EFFECTS
                fired.append(rule)
        return fired


def _rule(given: Any) -> Rule:
    if not isinstance(given, dict) or given.get("kind") not in KINDS:
        raise ValueError(f"a rule needs a kind: {', '.join(KINDS)}")
    options = {k: v for k, v in given.items() if k not in {"kind", "match", "times", "skip", "probability"}}
    known = {"seconds", "retry_after", "status", "right", "level", "to", "set", "record", "id", "done"}
    if set(options) - known:
        raise ValueError(f"a rule does not know {', '.join(sorted(set(options) - known))}")
    times = given.get("times", 1)
    if times is not None and not isinstance(times, int):
        raise ValueError("times is a number, or null for always")
    return Rule(
        given["kind"],
        Match.parse(given.get("match", {})),
        times,
        int(given.get("skip", 0)),
        float(given.get("probability", 1.0)),
        options,
    )
