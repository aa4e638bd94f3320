"""Child processes that end with their parent, however that ends."""

from __future__ import annotations

import ctypes
import os
import signal
import sys
from collections.abc import Callable

_SET_PDEATHSIG = 1
"""PR_SET_PDEATHSIG of <linux/prctl.h>."""


def _load() -> Callable[..., int] | None:
    if sys.platform != "linux":
        return None
    prctl: Callable[..., int] = ctypes.CDLL(None, use_errno=True).prctl
    return prctl


_prctl = _load()


def end_with(parent: int) -> None:
    """In a fresh child: have the kernel kill this process when `parent` dies, and end at once if it has died already.

    The signal follows the thread of the parent that forked: fork from its main thread. Only Linux can do this; elsewhere an orphan
    lives on, which is safe (its lease does, too) but not tidy.
    """
    if _prctl is not None:
        _prctl(_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    if os.getppid() != parent:
        os._exit(1)
