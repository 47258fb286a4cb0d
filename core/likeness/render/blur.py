"""Blurs a picture by a bell, on all cores."""

from __future__ import annotations

import numba
import numpy as np
from numpy.typing import NDArray

from likeness.render.bands import in_bands
from likeness.render.simd import FAST

Float = NDArray[np.float32]


def gaussian(picture: Float, sigma_px: float, truncate: float = 3.0) -> Float:
    """`picture` (H, W, C) blurred by a bell of that standard deviation, cut off `truncate` of them away.

    It goes on mirrored beyond its borders.
    """
    reach = int(truncate * sigma_px + 0.5)
    bell = np.exp(-0.5 * (np.arange(-reach, reach + 1) / sigma_px) ** 2)
    bell = (bell / bell.sum()).astype(np.float32)
    height, width, channels = picture.shape
    between, out = np.empty((2, height, width * channels), np.float32)
    rows = np.ascontiguousarray(picture, np.float32).reshape(height, -1)
    in_bands(_across, height, rows, channels, bell, between)
    in_bands(_down, height, between, bell, out)
    return out.reshape(picture.shape)


@numba.njit(cache=True, nogil=True)
def _mirrored(n: int, count: int) -> int:
    """The place of `n` in so many, which go on mirrored beyond their ends."""
    n %= 2 * count
    return min(n, 2 * count - 1 - n)


@numba.njit(cache=True, nogil=True, fastmath=FAST)
def _across(first: int, end: int, rows: Float, channels: int, bell: Float, out: Float) -> None:
    reach, wide = len(bell) // 2, rows.shape[1]
    count, line = wide // channels, np.empty(wide + 2 * reach * channels, np.float32)
    for y in range(first, end):
        for n in range(reach):
            before, after = _mirrored(n - reach, count), _mirrored(count + n, count)
            for k in range(channels):
                line[n * channels + k] = rows[y, before * channels + k]
                line[(reach + count + n) * channels + k] = rows[y, after * channels + k]
        line[reach * channels : reach * channels + wide] = rows[y]
        row = out[y]
        row[:] = 0
        for i in range(len(bell)):
            weight, shifted = bell[i], line[i * channels : i * channels + wide]
            for n in range(wide):
                row[n] += weight * shifted[n]


@numba.njit(cache=True, nogil=True, fastmath=FAST)
def _down(first: int, end: int, rows: Float, bell: Float, out: Float) -> None:
    reach, (height, wide) = len(bell) // 2, rows.shape
    for y in range(first, end):
        row = out[y]
        row[:] = 0
        for i in range(len(bell)):
            weight, other = bell[i], rows[_mirrored(y + i - reach, height)]
            for n in range(wide):
                row[n] += weight * other[n]
