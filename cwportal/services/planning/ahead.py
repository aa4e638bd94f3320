"""Additions read while the portal's data, the ledger and the agreements' state still are: no request has to wait for those."""

from __future__ import annotations

import threading
from collections.abc import Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime, timedelta
from types import TracebackType
from typing import Self

from sqlalchemy import select

from cwportal.billing.values import Row
from cwportal.config import READ_FRESH
from cwportal.connectwise.errors import ConnectWiseError, Incomplete, Malformed
from cwportal.models import Mapping
from cwportal.runtime import Runtime
from cwportal.services.connection import Client
from cwportal.services.ledger import row_of

_ROWS = 10_000
"""Rows that may wait to be planned; some megabytes."""


@dataclass(frozen=True, slots=True)
class Additions:
    """The lines of an agreement, and the moment before they were read."""

    read_at: datetime
    rows: tuple[Row, ...]


def read_additions(runtime: Runtime, client: Client, agreement_id: int) -> Additions:
    """Read now. Raises any ConnectWiseError."""
    read_at = runtime.clock()
    return Additions(read_at, tuple(row_of(addition) for addition in client.read.additions(agreement_id)))


def exported_agreements(runtime: Runtime, partner_id: str, tenant: str) -> list[int]:
    """Agreements that planning will most likely ask for, in its order; what it really asks for is decided later, by the mapping it reads."""
    query = (
        select(Mapping.cw_agreement_id)
        .where(Mapping.partner_id == partner_id, Mapping.tenant == tenant, Mapping.export)
        .where(Mapping.cw_agreement_id.is_not(None))
        .order_by(Mapping.account_id)
    )
    with runtime.database.read() as session:
        return [number for number in session.scalars(query) if number]


@dataclass(frozen=True, slots=True)
class _Failed:
    """What reading raised, and when."""

    at: datetime
    error: ConnectWiseError


class ReadAhead:
    """Reads in the order of `agreement_ids` from the beginning of the block to its end, as long as not too much waits to be planned.

    What was read is given out once, and only while it is fresh; everything else is read when it is asked for. After an error nothing more is
    read ahead, unless it is about one list; who asks for that agreement soon hears of it, and later it is tried once more: an outage may be
    over long before anybody asks.
    """

    def __init__(self, runtime: Runtime, client: Client, agreement_ids: Iterable[int] = ()) -> None:
        self._runtime = runtime
        self._client = client
        self._lock = threading.Lock()
        # More threads than requests in flight, as in `material.gather`: some wait to hear whether this ConnectWise sends Link.
        self._at_once = 2 * runtime.config.concurrency
        # What plans cannot be made without (agreements, products) is not kept waiting by what they need one after the other.
        give_way = client.transport.give_way
        self._pool = ThreadPoolExecutor(self._at_once, thread_name_prefix="ahead", initializer=give_way)
        self._left = dict.fromkeys(agreement_ids)
        self._asked: dict[int, Future[Additions | _Failed]] = {}
        self._reading = self._rows = 0

    def __enter__(self) -> Self:
        try:
            with self._lock:
                self._fill()
        except BaseException:  # without an end of the block those that have begun would go on to the last agreement
            self.__exit__(None, None, None)
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with self._lock:
            self._left.clear()
        self._pool.shutdown(cancel_futures=True)

    def additions(self, agreement_id: int) -> Additions:
        """The lines of an agreement. Raises what reading raises."""
        with self._lock:
            self._left.pop(agreement_id, None)
            asked = self._asked.pop(agreement_id, None)
        if asked is None:
            return read_additions(self._runtime, self._client, agreement_id)
        found = asked.result()
        if isinstance(found, _Failed):
            if self._is_fresh(found.at):
                raise found.error
            return read_additions(self._runtime, self._client, agreement_id)
        with self._lock:
            self._rows -= len(found.rows)
            self._fill()
        return found if self._is_fresh(found.read_at) else read_additions(self._runtime, self._client, agreement_id)

    def _is_fresh(self, moment: datetime) -> bool:
        return self._runtime.clock() - moment <= timedelta(seconds=READ_FRESH)

    def _fill(self) -> None:
        while self._left and self._reading < self._at_once and self._rows < _ROWS:
            number = next(iter(self._left))
            del self._left[number]
            self._reading += 1
            self._asked[number] = self._pool.submit(self._ahead, number)

    def _ahead(self, agreement_id: int) -> Additions | _Failed:
        try:
            found = read_additions(self._runtime, self._client, agreement_id)
        except BaseException as error:
            with self._lock:
                if isinstance(error, Malformed | Incomplete):  # about this list: those of other agreements may be well
                    self._reading -= 1
                    self._fill()
                else:
                    self._left.clear()
            if isinstance(error, ConnectWiseError):
                return _Failed(self._runtime.clock(), error)
            raise
        with self._lock:
            self._reading -= 1
            self._rows += len(found.rows)
            self._fill()
        return found
