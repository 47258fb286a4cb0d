"""A layer of a region that fills only a part of it: its data window."""

from __future__ import annotations

from dataclasses import dataclass

import numba
import numpy as np
from numpy.typing import NDArray

from likeness.render.bands import copied

Float = NDArray[np.float32]
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
        return Part(spot, copied(values[spot]))

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
    rows, columns = (np.flatnonzero(most) for most in _most(matte))
    if not len(rows):
        return slice(0, 1), slice(0, 1)
    return slice(int(rows[0]), int(rows[-1]) + 1), slice(int(columns[0]), int(columns[-1]) + 1)


@numba.njit(cache=True, fastmath=True, nogil=True)
def _most(matte: Float) -> tuple[Float, Float]:
    """The most of each row (h,) and of each column (w,)."""
    rows, columns = np.zeros(matte.shape[0], np.float32), np.zeros(matte.shape[1], np.float32)
    for y in range(len(rows)):
        most = np.float32(0)
        for x in range(len(columns)):
            most, columns[x] = max(most, matte[y, x]), max(columns[x], matte[y, x])
        rows[y] = most
    return rows, columns
