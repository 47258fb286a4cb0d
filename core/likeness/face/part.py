"""A layer of a region that fills only a part of it: its data window."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

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
