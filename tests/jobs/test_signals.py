"""What SIGTERM and SIGINT do where: to this process, which stands for a worker."""

from __future__ import annotations

import os
import signal

import pytest

from cwportal.jobs import signals
from cwportal.jobs.signals import Stopped

NUMBERS = pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])


def send(number: int = signal.SIGTERM) -> None:
    os.kill(os.getpid(), number)


@NUMBERS
def test_a_block_that_may_be_left_at_once_ends(number: int) -> None:
    former = signal.getsignal(number)
    done = []
    with signals.ending():
        done.append("until the signal")
        send(number)
        done.append("and more")
    assert done == ["until the signal"]
    assert signal.getsignal(number) == former


@NUMBERS
def test_elsewhere_it_is_noted_and_ends_the_next_block_that_may_be_left(number: int) -> None:
    told = []
    with signals.listening() as stop:
        stop.told = lambda: told.append(True)
        send(number)
        send(number)  # at the same moment: the same signal
        assert (stop.requested, told) == (True, [True])
        with pytest.raises(Stopped), stop.at_once():
            pytest.fail("it is begun")
        send(number)  # nothing may be left at once any more


def test_a_part_that_is_not_to_be_interrupted_is_finished_first() -> None:
    done = []

    def work() -> None:
        with stop.at_once():
            with stop.later():
                send()
                done.append("the part")
            done.append("and more")

    with signals.listening() as stop:
        with pytest.raises(Stopped):
            work()
        with stop.later():
            done.append("outside it is as everywhere")
    assert done == ["the part", "outside it is as everywhere"]


def test_what_fails_in_such_a_part_is_no_reason_to_go_on() -> None:
    def fail() -> None:
        with stop.at_once(), stop.later():
            send()
            raise OSError("the queue is away")

    with signals.listening() as stop, pytest.raises(Stopped):
        fail()


def test_a_child_that_has_not_set_its_own_handlers_ends_by_sigterm_and_not_by_sigint() -> None:
    with signals.listening():
        for number, ends in ((signal.SIGTERM, -signal.SIGTERM), (signal.SIGINT, 7)):
            pid = os.fork()
            if pid == 0:
                try:
                    send(number)
                finally:
                    os._exit(7)
            assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == ends
