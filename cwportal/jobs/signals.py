"""SIGTERM and SIGINT: end when nothing is in hand, at once where that leaves nothing behind."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from types import FrameType

_TWICE = 1.0
"""Seconds within which two signals are one: a terminal and a supervisor may both send it."""


class Stopped(BaseException):
    """A signal has come where the process may be left at once."""


class Stop:
    """What signals have asked for. Signals are only noted, except inside `at_once`.

    `told` is called with the first one, `forced` with a later one, after which the process ends with status 0. Both must be short.
    """

    def __init__(self) -> None:
        self.requested = False
        self.told: Callable[[], None] = _nothing
        self.forced: Callable[[], None] = _nothing
        self._process = os.getpid()
        self._when = 0.0
        self._may_raise = False

    @contextmanager
    def at_once(self) -> Iterator[None]:
        """A signal inside, or one that has come before, raises Stopped."""
        try:
            self._may_raise = True
            if self.requested:
                raise Stopped
            yield
        finally:
            self._may_raise = False

    @contextmanager
    def later(self) -> Iterator[None]:
        """A part of `at_once` that is not to be interrupted: a signal in it raises Stopped at its end."""
        former, self._may_raise = self._may_raise, False
        try:
            yield
        finally:
            self._may_raise = former
            if former and self.requested:
                raise Stopped

    def handle(self, number: int, _frame: FrameType | None) -> None:
        """The handler."""
        if os.getpid() != self._process:
            _in_child(number)
        elif not self.requested:
            self.requested, self._when = True, time.monotonic()
            self.told()
            if self._may_raise:
                self._may_raise = False  # once: what ends because of it is not interrupted again
                raise Stopped
        elif time.monotonic() - self._when >= _TWICE:
            self.forced()
            raise SystemExit(0)


@contextmanager
def listening() -> Iterator[Stop]:
    """In the main thread: SIGTERM and SIGINT are handled by this Stop during the block, afterwards as before."""
    stop = Stop()
    former = {number: signal.signal(number, stop.handle) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield stop
    finally:
        for number, handler in former.items():
            signal.signal(number, handler)


@contextmanager
def ending() -> Iterator[None]:
    """A signal ends the block, as if it had come to its end."""
    with listening() as stop, suppress(Stopped), stop.at_once():
        yield


def _in_child(number: int) -> None:
    """In a fresh child that has not set its own handlers yet: what they will be."""
    if number == signal.SIGTERM:
        signal.signal(number, signal.SIG_DFL)
        os.kill(os.getpid(), number)


def _nothing() -> None:
    """Until somebody wants to know."""
