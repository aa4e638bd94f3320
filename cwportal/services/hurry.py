"""What a page may ask ConnectWise while a person waits for it: not for minutes, and never so many pages that no other is answered."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from cwportal.connectwise.errors import Certainty, ConnectWiseError
from cwportal.connectwise.gate import Gate

IN_ALL = 40.0
"""Seconds after which a page sends no further request."""
ONE_ANSWER = 10.0
"""Seconds for one answer at most, whatever exports may wait."""
TRIES = 2
AT_ONCE = 3
"""Pages of one process that may wait for ConnectWise at the same time: a web server has four threads at least."""

NO_ANSWER = "ConnectWise did not answer in time: it is busy or being maintained. Try again in some minutes."

_places = threading.BoundedSemaphore(AT_ONCE)


class TookLong(ConnectWiseError):
    """ConnectWise answers, and so slowly that a page does not wait for all of it."""


class Crowded(ConnectWiseError):
    """Other pages wait for ConnectWise already; this one has not asked."""

    certainty: Certainty = "not_sent"


@contextmanager
def page() -> Iterator[None]:
    """One of the pages that may ask within the block, or Crowded at once."""
    if not _places.acquire(blocking=False):
        raise Crowded(
            "The portal waits for ConnectWise's answers to others at the moment, so it has not asked for you. "
            "Press the button again in a minute."
        )
    try:
        yield
    finally:
        _places.release()


class HurriedGate:
    """A gate that lets no request out after IN_ALL seconds from now. `clock` is monotonic seconds."""

    def __init__(self, gate: Gate, clock: Callable[[], float] = time.monotonic) -> None:
        self._gate = gate
        self._clock = clock
        self._until = clock() + IN_ALL

    def wait(self) -> None:
        """As the gate does; TookLong where the time is over."""
        self._look()
        self._gate.wait()
        self._look()

    def hold(self, seconds: float) -> None:
        """As the gate does."""
        self._gate.hold(seconds)

    def _look(self) -> None:
        if self._clock() >= self._until:
            raise TookLong(
                f"ConnectWise answers so slowly that the portal stopped asking after {IN_ALL:.0f} seconds. Try again in some minutes."
            )
