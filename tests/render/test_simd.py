"""Kernels' vectors: what goes past the cache arrives whole; pixels are summed by channel."""

from __future__ import annotations

import numba
import numpy as np
import pytest

from likeness.render.simd import stream, summed


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


@numba.njit
def _summed(line: np.ndarray, at: int, count: int, out: np.ndarray, to: int) -> None:
    summed(line, np.uint64(at), np.uint64(count), np.float32(0.5), out, np.uint64(to))


@pytest.mark.parametrize("count", [1, 2, 5])
def test_pixels_that_follow_each_other_are_summed_by_channel(count: int) -> None:
    line, out = np.arange(22, dtype=np.float32), np.zeros(12, np.float32)
    _summed(line, 3, count, out, 5)
    expected = 0.5 * line[3 : 3 + 3 * count].reshape(count, 3).sum(axis=0)
    assert out[5:8] == pytest.approx(expected)
    assert not out[:5].any() and not out[9:].any()
