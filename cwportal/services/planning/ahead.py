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


class ReadAhead:
    """Reads from the beginning of the block until `enough`, or until something goes wrong: who asks for an agreement then hears of it.

    What was read ahead is used once, and only while it is fresh; everything else is read when it is asked for.
    """

    def __init__(self, runtime: Runtime, client: Client, agreement_ids: Iterable[int] = ()) -> None:
        self._runtime = runtime
        self._client = client
        self._lock = threading.Lock()
        self._stop = threading.Event()
        self._rows = 0
        self._pool = ThreadPoolExecutor(runtime.config.concurrency, thread_name_prefix="ahead")
        self._asked: dict[int, Future[Additions | None]] = {
            number: self._pool.submit(self._ahead, number) for number in agreement_ids
        }

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.enough()
        self._pool.shutdown(cancel_futures=True)

    def enough(self) -> None:
        """Begin no more reads: from now on agreements are read by those who plan them."""
        self._stop.set()

    def additions(self, agreement_id: int) -> Additions:
        """The lines of an agreement. Raises what reading raises."""
        asked = self._asked.pop(agreement_id, None)
        if asked is not None and not asked.cancel():
            found = asked.result()
            if found is not None and self._runtime.clock() - found.read_at <= timedelta(seconds=READ_FRESH):
                return found
        return self._read(agreement_id)

    def _ahead(self, agreement_id: int) -> Additions | None:
        if self._stop.is_set():
            return None
        try:
            found = self._read(agreement_id)
        except BaseException:
            self._stop.set()
            raise
        with self._lock:
            self._rows += len(found.rows)
            if self._rows >= _ROWS:
                self._stop.set()
        return found

    def _read(self, agreement_id: int) -> Additions:
        return read_additions(self._runtime, self._client, agreement_id)
