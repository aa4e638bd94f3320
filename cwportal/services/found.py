"""What a run found, read from its rows: the loudest first, and what is the same for many accounts said once."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Generator, Iterable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from itertools import groupby, islice
from threading import Lock
from typing import Any
from weakref import WeakKeyDictionary

from sqlalchemy import Text, case, cast, select
from sqlalchemy.orm import Session

from cwportal.db import Database
from cwportal.models import Run, RunAccount
from cwportal.runtime import Runtime
from cwportal.vocabulary import Severity

READ_AT_MOST = 5_000
"""Findings of one run that a page looks at; the CSV file has all."""
FEW, ALL = 5, 200
"""Accounts named under one heading: at first, and when asked for."""
RUN = "run"
"""Code of the sentence with which a run ended."""
_RUNS_KEPT = 8
_kept: WeakKeyDictionary[Database, OrderedDict[tuple[int, datetime], tuple[Sequence[Found], bool]]] = (
    WeakKeyDictionary()
)
_lock = Lock()
_ORDER = {Severity.ERROR: 0, Severity.HOLD: 1, Severity.WARNING: 2, Severity.INFO: 3}


@dataclass(frozen=True, slots=True)
class Found:
    """A finding of a run. `account_id` None: of the run as a whole. `amount`: money a month not billed or at stake."""

    code: str
    severity: Severity
    account_id: str | None
    part_number: str | None
    addition_id: int | None
    amount: Decimal | None
    message: str
    command: str | None


@dataclass(frozen=True, slots=True)
class Group:
    """Findings of one kind. `shown` are the first of them, `total` is how many there are, of `accounts` accounts."""

    code: str
    severity: Severity
    shown: Sequence[Found]
    total: int
    accounts: int
    parts: int
    amount: Decimal


def stored(account_id: str | None, value: Mapping[str, Any]) -> Found:
    """A finding from its JSON."""
    amount = value.get("amount")
    return Found(
        value["code"],
        Severity(value["severity"]),
        account_id,
        value.get("part_number"),
        value.get("addition_id"),
        None if amount is None else Decimal(amount),
        value["message"],
        value.get("command"),
    )


def each(session: Session, run: Run, *, loud_first: bool = False) -> Generator[Found]:
    """Findings of a run: the sentence with which it ended, its own, then those of accounts in their order.

    `loud_first`: accounts with an error, or with something that waits, before all others.
    """
    if run.error:
        yield Found(RUN, Severity.ERROR, None, None, None, None, run.error, None)
    for value in run.findings:
        yield stored(None, value)
    text = cast(RunAccount.findings, Text)
    loud = case((text.contains('"severity": "hold"') | text.contains('"severity": "error"'), 0), else_=1)
    order = (loud, RunAccount.account_id) if loud_first else (RunAccount.account_id,)
    query = select(RunAccount.account_id, RunAccount.findings).where(RunAccount.run_id == run.id, text != "[]")
    with session.execute(query.order_by(*order).execution_options(yield_per=200)) as rows:
        for account_id, values in rows:
            for value in values:
                yield stored(account_id, value)


def of_run(runtime: Runtime, session: Session, run: Run) -> tuple[Sequence[Found], bool]:
    """Findings of a run, and whether there are more than READ_AT_MOST: then the loud ones are among those read.

    Those of a run that has ended never change; they are kept for the next page that wants them.
    """
    if run.finished_at is None:
        return _read(session, run)
    with _lock:
        kept = _kept.setdefault(runtime.database, OrderedDict())
        key = (run.id, run.finished_at)
        if key in kept:
            kept.move_to_end(key)
            return kept[key]
    found = _read(session, run)
    with _lock:
        kept[key] = found
        while len(kept) > _RUNS_KEPT:
            kept.popitem(last=False)
    return found


def _read(session: Session, run: Run) -> tuple[Sequence[Found], bool]:
    with closing(each(session, run, loud_first=True)) as findings:
        several = tuple(islice(findings, READ_AT_MOST + 1))
    return several[:READ_AT_MOST], len(several) > READ_AT_MOST


def grouped(several: Iterable[Found], shown: int = FEW) -> list[Group]:
    """By code and severity, the loudest first; `shown` of a group are named."""

    def key(one: Found) -> tuple[int, str]:
        return _ORDER[one.severity], one.code

    groups = []
    for _, items in groupby(sorted(several, key=key), key):
        same = list(items)
        groups.append(
            Group(
                same[0].code,
                same[0].severity,
                same[:shown],
                len(same),
                len({one.account_id for one in same if one.account_id is not None}),
                len({one.part_number for one in same if one.part_number is not None}),
                sum((one.amount for one in same if one.amount is not None), Decimal(0)),
            )
        )
    return groups
