"""A job is asked to stop, and interrupted when it does not listen."""

from __future__ import annotations

import os
import signal
import sys
import threading
import time

import pytest

from likeness.stop import GRACE_S, Stop, on_signals


def spin(seconds: float) -> None:
    """Work that never asks whether it shall stop."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        sum(range(1000))


def test_a_job_that_asks_is_told() -> None:
    stop = Stop()
    assert not stop()
    stop.request()
    assert stop()


def test_a_job_that_does_not_ask_is_interrupted_within_a_second() -> None:
    stop = Stop()
    with on_signals(stop), pytest.raises(KeyboardInterrupt), stop.watching():
        threading.Timer(0.05, stop.request).start()
        begin = time.monotonic()
        spin(10)
    assert GRACE_S <= time.monotonic() - begin < 1


def test_an_interrupt_that_a_library_made_another_error_of_is_one() -> None:
    stop = Stop()
    with on_signals(stop), pytest.raises(KeyboardInterrupt), stop.watching():
        stop.request()
        try:
            spin(10)
        except KeyboardInterrupt:
            raise ImportError("initialization failed") from None


def test_an_error_of_a_job_that_was_not_interrupted_stays_what_it_is() -> None:
    stop = Stop()
    with pytest.raises(ImportError), stop.watching():
        stop.suggest()
        raise ImportError("initialization failed")


def test_a_job_that_ends_in_time_is_not_interrupted() -> None:
    stop = Stop()
    with on_signals(stop):
        with stop.watching():
            stop.request()
        spin(GRACE_S + 0.3)


@pytest.mark.skipif(sys.platform == "win32", reason="POSIX signals")
def test_the_first_signal_asks_and_the_second_interrupts() -> None:
    stop = Stop()
    with on_signals(stop), pytest.raises(KeyboardInterrupt), stop.watching():
        os.kill(os.getpid(), signal.SIGTERM)
        spin(0.01)
        assert stop()
        os.kill(os.getpid(), signal.SIGINT)
        spin(1)


def test_the_handlers_before_come_back() -> None:
    before = signal.getsignal(signal.SIGINT)
    with on_signals(Stop()):
        assert signal.getsignal(signal.SIGINT) != before
    assert signal.getsignal(signal.SIGINT) == before
