"""A layer of a region that fills only a part of it: its data window."""

from __future__ import annotations

from dataclasses import dataclass

import numba
import numpy as np
from numpy.typing import NDArray

Float = NDArray[np.float32]
Int = NDArray[np.int32]
Spot = tuple[slice, slice]


@dataclass(frozen=True)
class Part:
    """`values` (h, w, C) at rows and columns `spot` of a region; beyond there is nothing."""

    spot: Spot
    values: Float

    @staticmethod
    def empty(channels: int) -> Part:
        """Nothing: one pixel of zeros."""
        return Part.whole(np.zeros((1, 1, channels), np.float32))

    @staticmethod
    def whole(values: Float) -> Part:
        """All of a region, from its first pixel on."""
        return Part((slice(0, values.shape[0]), slice(0, values.shape[1])), values)

    @staticmethod
    def cut(values: Float, spot: Spot) -> Part:
        """A copy of that part of the `values` (H, W, C) of a region."""
        return Part(spot, np.ascontiguousarray(values[spot]))

    def keep(self, share: Float, spot: Spot) -> None:
        """Multiply by a `share` (h, w) of the region's part at `spot`, in place."""
        rows, columns = (
            (max(own.start, other.start), min(own.stop, other.stop))
            for own, other in zip(self.spot, spot, strict=True)
        )
        if rows[0] < rows[1] and columns[0] < columns[1]:
            here, there = (
                tuple(
                    slice(a - at.start, b - at.start) for (a, b), at in zip((rows, columns), of, strict=True)
                )
                for of in (self.spot, spot)
            )
            self.values[here] *= share[there][..., None]


def window(matte: Float) -> Spot:
    """The rows and columns of a `matte` (h, w) between which it is not 0; one pixel where it is nowhere."""
    low, high = _extent(matte)
    return slice(int(low[0]), int(high[0])), slice(int(low[1]), int(high[1]))


@numba.njit(cache=True, nogil=True)
def _extent(matte: Float) -> tuple[Int, Int]:
    height, width = matte.shape
    low, high = np.array([height, width], np.int32), np.zeros(2, np.int32)
    for y in range(height):
        row = matte[y]
        left, right = 0, width
        # only what lies beyond the columns that are known can widen them
        while left < low[1] and row[left] <= 0:
            left += 1
        known = max(high[1], left)
        while right > known and row[right - 1] <= 0:
            right -= 1
        if left < low[1] or right > known:
            low[1], high[1] = min(low[1], left), max(high[1], right)
        else:
            while left < right and row[left] <= 0:
                left += 1
            if left == right:
                continue
        low[0], high[0] = min(low[0], y), y + 1
    if high[0] == 0:
        low[:], high[:] = 0, 1
    return low, high
