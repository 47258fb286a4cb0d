"""Frames drawn abreast: each by a thread of its own, handed over in their order.

A frame's kernels share the cores badly: half of a small frame is steps too short to share. So as many frames
are under way as there are cores, as long as they are no larger together than one of 4K.
"""

from __future__ import annotations

import gc
import sys
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from itertools import islice
from typing import TypeVar

from likeness.render import bands

Made = TypeVar("Made")

MOST_PX = 3840 * 2160
TURN_S = 1e-4  # so long a thread keeps the lock of Python while another waits for it


def at_once(width: int, height: int) -> int:
    """How many frames of that size are drawn abreast: no more than there are threads."""
    return max(1, min(bands.cores(), MOST_PX // (width * height)))


def large(width: int, height: int) -> bool:
    """Whether not even two frames of that size are drawn abreast, however many threads there are."""
    return 2 * width * height > MOST_PX


def in_order(make: Callable[[int], Made], frames: Iterable[int], at_once: int) -> Generator[tuple[int, Made]]:
    """Each frame with what `make` gives for it, `at_once` of them being made abreast.

    The first is made alone, by all threads: it also makes what the others find ready. Nothing is held that
    was handed over. Close it (`contextlib.closing`) to wait for those under way when the rest is not wanted.
    """
    left = iter(frames)
    for first in islice(left, 1):
        yield first, make(first)
    with _in_short_turns():
        yield from _abreast(make, left, at_once)


@contextmanager
def _in_short_turns() -> Iterator[None]:
    """Threads take turns soon, and what has been loaded, which lives on, is not looked through for garbage.

    That took 3 % of a medium frame, and the usual turns of 5 ms one frame in ten of a small still's.
    """
    before = sys.getswitchinterval()
    sys.setswitchinterval(TURN_S)
    gc.freeze()
    try:
        yield
    finally:
        gc.unfreeze()
        sys.setswitchinterval(before)


def _abreast(make: Callable[[int], Made], left: Iterator[int], at_once: int) -> Generator[tuple[int, Made]]:
    """The same for those that are `left` when the first is made."""
    if at_once < 2:
        for frame in left:
            yield frame, make(frame)
        return
    pool = ThreadPoolExecutor(at_once, "abreast", bands.share_among, (bands.cores() // at_once,))
    begun: deque[Future[tuple[int, Made]]] = deque()

    def begin(count: int) -> None:
        begun.extend(pool.submit(lambda frame: (frame, make(frame)), frame) for frame in islice(left, count))

    try:
        begin(at_once)
        while begun:
            yield begun.popleft().result()
            begin(1)
    finally:
        pool.shutdown(cancel_futures=True)
