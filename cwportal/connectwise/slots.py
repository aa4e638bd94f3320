"""A limit of requests in flight, in which some threads let others go first."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager


class Slots:
    """So many at once, handed on in the order of asking. Threads that give way get one only while no other thread waits for one."""

    def __init__(self, count: int) -> None:
        self._lock = threading.Lock()
        self._free = count
        self._waiting: deque[threading.Lock] = deque()
        self._behind: deque[threading.Lock] = deque()
        self._this_thread = threading.local()

    def give_way(self) -> None:
        """From now on the calling thread lets all others go first."""
        self._this_thread.gives_way = True

    @contextmanager
    def one(self) -> Iterator[None]:
        """A slot for the time of the block."""
        if getattr(self._this_thread, "gives_way", False):
            while not self._taken_or_waited(self._behind, self._wake):
                pass  # woken, it looks again: a slot that is free meanwhile belongs to whoever comes
        else:
            self._taken_or_waited(self._waiting, self._hand_on)
        try:
            yield
        finally:
            self._hand_on()

    def _taken_or_waited(self, queue: deque[threading.Lock], pass_on: Callable[[], None]) -> bool:
        """Whether a free slot was taken. If not, the thread has waited in the queue; `pass_on` is for what it was given and cannot use."""
        turn = threading.Lock()
        turn.acquire()
        with self._lock:
            if self._free:
                self._free -= 1
                return True
            queue.append(turn)
        try:
            turn.acquire()
        except BaseException:  # Ctrl-C
            with self._lock:
                given = turn not in queue
                if not given:
                    queue.remove(turn)
            if given:
                pass_on()
            raise
        return False

    def _hand_on(self) -> None:
        with self._lock:
            if self._waiting:
                self._waiting.popleft().release()
                return
            self._free += 1
        self._wake()

    def _wake(self) -> None:
        with self._lock:
            if self._free and self._behind:
                self._behind.popleft().release()
