"""Kernels' vectors: what goes past the cache arrives whole, wherever it begins."""

from __future__ import annotations

import numba
import numpy as np
import pytest

from likeness.render.simd import stream


@numba.njit
def _streamed(row: np.ndarray, count: int, out: np.ndarray, to: int) -> None:
    stream(row, np.uint64(count), out, np.uint64(to))


@pytest.mark.parametrize("count", [0, 1, 15, 16, 17, 100])
@pytest.mark.parametrize("to", [0, 1, 7, 16, 33])
def test_a_streamed_row_arrives_where_it_shall(count: int, to: int) -> None:
    row, out = np.arange(1, 101, dtype=np.float32), np.zeros(200, np.float32)
    _streamed(row, count, out, to)
    expected = np.zeros(200, np.float32)
    expected[to : to + count] = row[:count]
    assert (out == expected).all()
