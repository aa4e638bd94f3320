"""Python's garbage collector while an export holds hundreds of thousands of values."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager

_SELDOM = (100_000, 50, 100)


@contextmanager
def seldom() -> Iterator[None]:
    """Look for cycles less often inside the block; what is in no cycle is freed at once as ever.

    At its usual pace the collector walks through all values of a large plan again and again, for a sixth of the export's processor time.
    It is one for the whole process, so a second export at the same time leaves it as it is.
    """
    former = gc.get_threshold()
    if former == _SELDOM or former[0] == 0:
        yield
        return
    gc.set_threshold(*_SELDOM)
    try:
        yield
    finally:
        gc.set_threshold(*former)
