"""A layer of a region that fills only a part of it: its data window."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numba
import numpy as np
from numpy.typing import NDArray

from likeness.render.bands import in_bands
from likeness.render.simd import FAST

Float = NDArray[np.float32]
Int = NDArray[np.int32]
Spot = tuple[slice, slice]

RUN = 256  # pixels of a row that are looked at together: of fewer the sum is taken one after the other


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

    def keep(self, share: Float, spot: Spot) -> None:
        """Multiply by a `share` (h, w) of the region's part at `spot`, in place."""
        here, there = overlap(self.spot, spot)
        self.values[here] *= share[there][..., None]


def overlap(one: Spot, other: Spot) -> tuple[Spot, Spot]:
    """What two spots of a region have in common, in rows and columns of the one and of the other."""
    ends = [(max(a.start, b.start), min(a.stop, b.stop)) for a, b in zip(one, other, strict=True)]
    if any(low >= high for low, high in ends):
        nothing = slice(0, 0), slice(0, 0)
        return nothing, nothing
    (top, below), (left, right) = ends
    own, others = (
        (slice(top - of[0].start, below - of[0].start), slice(left - of[1].start, right - of[1].start))
        for of in (one, other)
    )
    return own, others


def window(matte: Float) -> Spot:
    """The rows and columns of a `matte` (h, w) between which it is not 0; one pixel where it is nowhere."""
    ends = np.empty((len(matte), 2), np.int32)
    in_bands(_ends, len(matte), matte, ends)
    rows = np.flatnonzero(ends[:, 1])
    if not len(rows):
        return slice(0, 1), slice(0, 1)
    left, right = ends[rows, 0].min(), ends[rows, 1].max()
    return slice(int(rows[0]), int(rows[-1]) + 1), slice(int(left), int(right))


@numba.njit(cache=True, nogil=True, fastmath=FAST)
def _ends(first: int, end: int, matte: Float, out: Int) -> None:
    """The first column that is not 0 and the one after the last, of each row (h, 2); 0 if there is none."""
    for y in range(first, end):
        row, left, right = matte[y], 0, matte.shape[1]
        while right - left >= RUN and _sum(row, right - RUN) <= 0:
            right -= RUN
        while right > left and row[right - 1] <= 0:
            right -= 1
        while right - left >= RUN and _sum(row, left) <= 0:
            left += RUN
        while left < right and row[left] <= 0:
            left += 1
        out[y, 0], out[y, 1] = left, right


@numba.njit(cache=True, nogil=True, fastmath=FAST, inline="always")
def _sum(row: Float, first: int) -> Any:
    """Of so many of a row as are looked at together."""
    total = np.float32(0)
    for x in range(np.uint64(first), np.uint64(first + RUN)):
        total += row[x]
    return total
