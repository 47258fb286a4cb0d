"""Runs a kernel over the rows of a picture on all cores.

Kernels let go of Python's lock, so plain threads do; one that numba would start itself waits by spinning,
which costs several times its own work as soon as anything else wants a core.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from functools import cache
from itertools import pairwise
from typing import Any, ParamSpec, TypeVar

from likeness.runtime import default_threads

Given = ParamSpec("Given")
Made = TypeVar("Made")

LEAST_ROWS = 32  # fewer are not worth a thread's waking
BANDS_EACH = 6  # for each thread, since rows differ in what they cost
ROWS_IN_TURN = 128

_own = threading.local()


def share_among(threads: int) -> None:
    """From now on the work that this thread gives out is shared among so many threads, itself one of them."""
    _own.threads = threads


def cores() -> int:
    """How many threads there are for all the work of this process."""
    return default_threads() or os.cpu_count() or 1


def _threads() -> int:
    return getattr(_own, "threads", None) or cores()


def in_bands(kernel: Callable[..., None], rows: int, *args: Any) -> None:
    """Call `kernel(first, end, *args)` for bands that together are all `rows`, each once, side by side."""
    threads = _threads()
    bands = min(threads * BANDS_EACH, rows // LEAST_ROWS) if threads > 1 else 1
    if bands < 2:
        kernel(0, rows, *args)
        return
    left = iter(list(pairwise(rows * i // bands for i in range(bands + 1))))

    def take() -> None:
        for first, end in left:
            kernel(first, end, *args)

    pool = _pool(cores() - 1, os.getpid(), "bands")
    helpers = [pool.submit(take) for _ in range(threads - 1)]
    take()  # whoever asks does not wait for a thread to wake, nor for what others ask of the pool
    for helper in helpers:
        if not helper.cancel():
            helper.result()


def in_turn(first: int, end: int) -> list[slice]:
    """The rows from `first` to before `end`, some after others: a large picture leaves no room for copies."""
    return [slice(row, min(row + ROWS_IN_TURN, end)) for row in range(first, end, ROWS_IN_TURN)]


def aside(function: Callable[Given, Made], *args: Given.args, **more: Given.kwargs) -> Future[Made]:
    """Begin `function(*args)` beside what is done here, with one core at once; `result()` waits for it.

    It may call `in_bands`, but not `aside`.
    """
    if _threads() > 1:
        return _pool(cores(), os.getpid(), "aside").submit(function, *args, **more)
    done = Future[Made]()
    done.set_result(function(*args, **more))
    return done


@cache
def _pool(threads: int, process: int, name: str) -> ThreadPoolExecutor:
    return ThreadPoolExecutor(threads, name)
