"""The state of agreements read anew before their first write, many at a time: an export longer than a minute needs it of every one."""

from __future__ import annotations

import threading
from collections.abc import Iterable
from datetime import datetime, timedelta

from cwportal.billing.values import AgreementFacts
from cwportal.config import READ_FRESH
from cwportal.connectwise.conditions import MAX_VALUES
from cwportal.connectwise.errors import Malformed
from cwportal.connectwise.records import Agreement
from cwportal.runtime import Runtime
from cwportal.services.connection import Client
from cwportal.services.planning.facts import agreement_facts
from cwportal.services.planning.material import Material


class AgreementsAgain:
    """Shared by the threads of a run. `agreement_ids`: in the order in which they will be asked for."""

    def __init__(self, runtime: Runtime, client: Client, agreement_ids: Iterable[int]) -> None:
        self._runtime = runtime
        self._client = client
        self._order = tuple(agreement_ids)
        self._places = {number: place for place, number in enumerate(self._order)}
        self._lock = threading.Lock()
        self._read: dict[int, tuple[datetime, Agreement | Malformed | None]] = {}

    def facts(self, agreement_id: int, material: Material) -> AgreementFacts | None:
        """The agreement as it was less than a minute ago, None if it is gone; billing cycles mean what they did when the run began.

        Where it has to be read, so are those that come next. Raises what reading raises; of records that cannot be read, only this one's.
        """
        with self._lock:
            now = self._runtime.clock()
            read_at, record = self._read.get(agreement_id, (None, None))
            if read_at is None or now - read_at > timedelta(seconds=READ_FRESH):
                place = self._places.get(agreement_id)
                several = (agreement_id,) if place is None else self._order[place : place + MAX_VALUES]
                unread: dict[int, Malformed] = {}
                found: dict[int, Agreement | Malformed] = {**self._client.read.agreements(several, unread), **unread}
                self._read.update({number: (now, found.get(number)) for number in several})
                record = found.get(agreement_id)
        if isinstance(record, Malformed):
            raise record
        return None if record is None else agreement_facts(record, material.billing_options)
