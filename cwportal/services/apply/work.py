"""What all writes of one run share, safe for its threads."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import TypeVar

from cwportal.connectwise.errors import ConnectWiseError, Incomplete
from cwportal.connectwise.writer import Writer
from cwportal.runtime import Runtime
from cwportal.services.apply.journal import Done, Journal
from cwportal.services.connection import Client
from cwportal.services.planning.stream import IN_A_ROW, STOPPING
from cwportal.services.runs import Cancelled, Lease, OutOfTime
from cwportal.vocabulary import Action, Kind, Outcome

_Record = TypeVar("_Record")
_FORBIDDEN_IN_A_ROW = 3


@dataclass(slots=True)
class Work:
    """The run's writer and journal, and what has gone wrong so far."""

    runtime: Runtime
    client: Client
    writer: Writer
    journal: Journal
    lease: Lease
    failed_products: dict[str, str] = field(default_factory=dict)
    new_products: dict[str, int] = field(default_factory=dict)
    refused: dict[tuple[Kind, Action], str] = field(default_factory=dict)
    stopped: ConnectWiseError | None = None
    _unanswered: int = 0
    _forbidden: dict[tuple[Kind, Action], set[str]] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def send(self, change_id: int, started: datetime, write: Callable[[], _Record]) -> _Record:
        """The one request of a change, whose intent was committed at `started`; looked at once more after every wait."""
        last_check, passed = self.journal.last_check(change_id, started), list[None]()

        def check() -> None:
            last_check()
            passed.append(None)

        try:
            with self.client.gate.sending(check):
                return write()
        except (Cancelled, OutOfTime) as stop:
            not_sent = Done(change_id, Outcome.FAILED, f"Not sent. {stop}")
            self.journal.finish(not_sent if not passed else Done(change_id, Outcome.UNKNOWN, f"Not sent again. {stop}"))
            raise

    def outcome(self, error: ConnectWiseError) -> Outcome:
        """What is known of a write after its error: failed only if ConnectWise certainly did not do it (rule 12)."""
        return Outcome.UNKNOWN if error.certainty == "unknown" else Outcome.FAILED

    def failed(self, error: ConnectWiseError) -> None:
        """Note an error; the run stops if it would meet every further write, or after several without an answer."""
        with self._lock:
            # A list that does not agree with its count is an answer, and what others are answered may be well.
            if error.certainty == "unknown" and not isinstance(error, Incomplete):
                self._unanswered += 1
            if isinstance(error, STOPPING) or self._unanswered >= IN_A_ROW:
                self.stopped = self.stopped or error

    def forbidden(self, pair: tuple[Kind, Action], account_id: str, why: str) -> None:
        """Note that an account's lines may not be written. One agreement may be closed to the API member (level My, a location);
        after several accounts in a row the right itself is missing, and nobody's is tried any more."""
        with self._lock:
            several = self._forbidden.setdefault(pair, set())
            several.add(account_id)
            if len(several) >= _FORBIDDEN_IN_A_ROW:
                self.refused[pair] = why

    def permitted(self, pair: tuple[Kind, Action]) -> None:
        """Note that it may be written for an account."""
        with self._lock:
            self._forbidden.pop(pair, None)

    def succeeded(self) -> None:
        """An answer came: ConnectWise is there."""
        with self._lock:
            self._unanswered = 0
