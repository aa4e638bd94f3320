"""The Python interpreter's own pace while an export reads hundreds of thousands of values and waits for many answers at once."""

from __future__ import annotations

import gc
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager

_SELDOM = (100_000, 50, 100)
"""The collector at its usual pace walks through all values of a large plan again and again, for a sixth of the processor time of an export.
What is in no cycle is freed at once as ever."""

_TURN = 0.0001
"""Seconds after which a thread that computes lets another one go on. With the usual 5 ms an answer that has arrived, and the request that
follows it, wait for every plan that is being made."""


class _Pace:
    """How many exports are under way in this process, and the pace before the first of them began."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.exports = 0
        self.before = (gc.get_threshold(), sys.getswitchinterval())


_pace = _Pace()


@contextmanager
def paced() -> Iterator[None]:
    """Inside the block. It is the pace of the whole process: the first export changes it, and the last one to end gives it back."""
    with _pace.lock:
        if not _pace.exports:
            collect, turn = _pace.before = gc.get_threshold(), sys.getswitchinterval()
            if collect[0]:
                gc.set_threshold(*_SELDOM)
            sys.setswitchinterval(min(turn, _TURN))
        _pace.exports += 1
    try:
        yield
    finally:
        with _pace.lock:
            _pace.exports -= 1
            if not _pace.exports:
                collect, turn = _pace.before
                sys.setswitchinterval(turn)
                gc.set_threshold(*collect)
