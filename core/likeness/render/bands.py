"""Runs a kernel over the rows of a picture on all cores.

Kernels let go of Python's lock, so plain threads do; one that numba would start itself waits by spinning,
which costs several times its own work as soon as anything else wants a core.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from likeness.runtime import default_threads

LEAST_ROWS = 32  # fewer are not worth a thread's waking
BANDS_EACH = 3  # for each thread, since rows differ in what they cost


def in_bands(kernel: Callable[..., None], rows: int, *args: Any) -> None:
    """Call `kernel(first, end, *args)` for bands that together are all `rows`, each once, side by side."""
    threads = default_threads() or 1
    bands = min(threads * BANDS_EACH, rows // LEAST_ROWS) if threads > 1 else 1
    if bands < 2:
        kernel(0, rows, *args)
        return
    edges = [rows * i // bands for i in range(bands + 1)]
    pool = _pool(threads, os.getpid())
    running = [pool.submit(kernel, first, end, *args) for first, end in pairwise(edges)]
    for band in running:
        band.result()


def copied(picture: NDArray[Any]) -> NDArray[Any]:
    """A copy of a picture (H, ...), made on all cores."""
    out = np.empty_like(picture, order="C")
    in_bands(_copy, len(picture), picture, out)
    return out


def _copy(first: int, end: int, picture: NDArray[Any], out: NDArray[Any]) -> None:
    out[first:end] = picture[first:end]


@cache
def _pool(threads: int, process: int) -> ThreadPoolExecutor:
    return ThreadPoolExecutor(threads, "bands")
