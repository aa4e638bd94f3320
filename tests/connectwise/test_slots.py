"""How many requests are in flight at once, and who is next."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager

import pytest

from cwportal.connectwise.slots import Slots


@contextmanager
def asking(slots: Slots, got: Callable[[], None], *, behind: bool = False) -> Iterator[None]:
    """A thread that has asked for a slot before the block begins, and has let it go when it has ended."""
    thread = threading.Thread(target=_ask, args=(slots, got, behind))
    queue = slots._behind if behind else slots._waiting
    before = len(queue)
    thread.start()
    until = time.monotonic() + 30
    while len(queue) == before:
        assert time.monotonic() < until
        time.sleep(0.001)
    yield
    thread.join(30)
    assert not thread.is_alive()


def _ask(slots: Slots, got: Callable[[], None], behind: bool) -> None:
    if behind:
        slots.give_way()
    with slots.one():
        got()


def test_those_that_give_way_come_after_all_others_and_others_in_their_order() -> None:
    slots, order = Slots(1), list[str]()
    with ExitStack() as waiting, slots.one():
        for name in ("first behind", "second behind"):
            waiting.enter_context(asking(slots, lambda name=name: order.append(name), behind=True))
        for name in ("a", "b", "c"):
            waiting.enter_context(asking(slots, lambda name=name: order.append(name)))
    assert order == ["a", "b", "c", "first behind", "second behind"]


@pytest.mark.parametrize("count", [1, 3])
def test_never_more_than_so_many_at_once_and_none_is_forgotten(count: int) -> None:
    slots, now, most, done = Slots(count), set[int](), list[int](), list[int]()
    chance = random.Random(5)

    def work(number: int, behind: bool) -> None:
        if behind:
            slots.give_way()
        for _ in range(40):
            with slots.one():
                now.add(number)
                most.append(len(now))
                time.sleep(chance.random() / 5000)
                now.discard(number)
        done.append(number)

    with ThreadPoolExecutor(16) as pool:
        for future in [pool.submit(work, number, number % 2 == 0) for number in range(16)]:
            future.result(60)
    assert sorted(done) == [*range(16)]
    assert max(most) <= count
    with ExitStack() as all_free:
        for _ in range(count):
            all_free.enter_context(slots.one())
        assert slots._free == 0


@pytest.mark.parametrize("behind", [False, True])
@pytest.mark.parametrize("given", [False, True])
def test_an_interrupt_while_waiting_loses_no_slot(behind: bool, given: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """`given`: Ctrl-C comes just after the slot was handed on."""
    slots = Slots(1)
    holding = ExitStack()
    holding.enter_context(slots.one())

    class Turn:
        def __init__(self) -> None:
            self.times = 0

        def acquire(self) -> None:
            self.times += 1
            if self.times == 2:
                if given:
                    holding.close()
                raise KeyboardInterrupt

        def release(self) -> None:
            pass

    if behind:
        slots.give_way()
    with monkeypatch.context() as patched:
        patched.setattr("cwportal.connectwise.slots.threading.Lock", Turn)
        with pytest.raises(KeyboardInterrupt), slots.one():
            raise AssertionError("there is none")
    holding.close()
    assert (slots._free, len(slots._waiting), len(slots._behind)) == (1, 0, 0)
    with slots.one():
        assert slots._free == 0
