"""Stopping a job: asked politely first, and interrupted if it does not listen."""

from __future__ import annotations

import _thread
import contextlib
import signal
import threading
from collections.abc import Iterator
from types import FrameType

GRACE_S = 0.6


class Stop:
    """Whether the running job shall stop; calling it answers that, as `run_job` asks.

    A job that does not ask within `GRACE_S` gets a `KeyboardInterrupt` in the main thread, which is the
    thread that must run it.
    """

    def __init__(self) -> None:
        self._asked = threading.Event()
        self._running = False
        self._interrupted = False
        self._insist: threading.Timer | None = None

    def __call__(self) -> bool:
        return self._asked.is_set()

    def suggest(self) -> None:
        """Ask the running job to stop when it asks the next time, however long that takes."""
        self._asked.set()

    def request(self) -> None:
        """Ask the running job to stop; may be called from any thread, and more than once."""
        self._asked.set()
        if self._insist is None:
            self._insist = threading.Timer(GRACE_S, _thread.interrupt_main)
            self._insist.daemon = True
            self._insist.start()

    def on_signal(self, number: int, frame: FrameType | None) -> None:
        """A signal handler: the first signal asks, the second (or the timer's) interrupts."""
        if not self():
            self.request()
        else:
            self.insist()

    def insist(self) -> None:
        """Raise `KeyboardInterrupt` if a job that was asked to stop is still running."""
        if self() and self._running:
            self._interrupted = True
            raise KeyboardInterrupt

    @contextlib.contextmanager
    def watching(self) -> Iterator[None]:
        """Around the job, in the main thread: outside of it nothing is interrupted.

        An interrupt that an import or a library made another error of is an interrupt again.
        """
        self._running = True
        try:
            yield
        except Exception:
            if self._interrupted:
                raise KeyboardInterrupt from None
            raise
        finally:
            self._running = False
            if self._insist is not None:
                self._insist.cancel()


@contextlib.contextmanager
def on_signals(stop: Stop) -> Iterator[None]:
    """While the body runs, Ctrl-C and a polite kill ask `stop`; the handlers before come back after."""
    numbers = [signal.SIGINT, signal.SIGTERM]
    before = {number: signal.signal(number, stop.on_signal) for number in numbers}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
