"""The pits beside a mouth's corners: closed lips press them into the cheeks, and they go as lips part.

A plate with a closed mouth shows them as dark spots, which lay beside a wide open mouth like dirt.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from likeness.face.fill import cells_of
from likeness.face.grain import LUMA
from likeness.face.mouth import box_around

Float = NDArray[np.float32]

CORNERS = (48, 54), (54, 48)  # of the lips, each with the other one
REACH = 0.17  # of the mouth's width: so far from a corner a pit goes
INWARD = 0.03  # and so far from it toward the lips
WIDEST = 0.12  # of it a pit is at most
FINEST = 0.012  # of it: what is finer is no pit
LEAST, MOST = 0.06, 0.7  # of the logarithm of light: less is no pit, more than the second is not made up for
PARTED_CM = 0.2, 0.8  # lips that part by so much more begin to take them away, and have
DARKEST = 1e-4


@dataclass(frozen=True)
class Pit:
    """`light` (h, w): the logarithm by which a pit is darker than the skin about it.

    In cells of so many pixels, of which the first begins at the plate's pixel `origin`.
    """

    light: Float
    cell: int
    origin: tuple[int, int]

    def at(self, places: Float) -> Float:
        """The same at `places` (N, 2) of the plate, pixels."""
        x, y = ((places - np.array(self.origin, np.float32)) / np.float32(self.cell) - np.float32(0.5)).T
        return np.asarray(ndimage.map_coordinates(self.light, [y, x], order=1, mode="constant"), np.float32)


def pits_of(plate: Float, points: Float) -> tuple[Pit, Pit]:
    """Of the right and of the left corner of a mouth in the plate (H, W, 3), with dense `points` (450, 2)."""
    return _pit(plate, points, *CORNERS[0]), _pit(plate, points, *CORNERS[1])


def gone(parted_cm: float) -> float:
    """How much of the pits, 0 to 1, lips have taken away that have parted by so much more."""
    least, most = PARTED_CM
    share = min(max((parted_cm - least) / (most - least), 0.0), 1.0)
    return share * share * (3 - 2 * share)


def _pit(plate: Float, points: Float, corner: int, other: int) -> Pit:
    away = points[corner] - points[other]
    wide = max(float(np.hypot(*away)), 1e-3)
    reach, cell = REACH * wide, max(1, int(FINEST * wide))
    x0, y0, width, height = box_around(points[[corner]] + np.array([[-reach], [reach]]), cell, plate.shape)
    luma = plate[y0 : y0 + height, x0 : x0 + width, :3] @ LUMA
    log = np.log(np.maximum(np.nan_to_num(luma, posinf=DARKEST), DARKEST))
    log = cells_of(log[..., None], np.ones_like(log, bool), cell)[..., 0]
    log = ndimage.gaussian_filter(log, FINEST * wide / cell)
    size = 2 * round(WIDEST * wide / cell / 2) + 1
    about = np.hypot(*np.ogrid[-(size // 2) : size // 2 + 1, -(size // 2) : size // 2 + 1]) <= size / 2
    filled = ndimage.gaussian_filter(ndimage.grey_closing(log, footprint=about), 2 * FINEST * wide / cell)
    x, y = (
        first + cell * (np.arange(count) + 0.5) - at
        for first, count, at in zip((x0, y0), log.shape[::-1], points[corner], strict=True)
    )
    outward = (x * away[0] + y[:, None] * away[1]) / wide
    near = np.clip(2 - 2 * np.hypot(x, y[:, None]) / reach, 0, 1)
    near = near * near * (3 - 2 * near) * np.clip(1 + outward / (INWARD * wide), 0, 1)
    return Pit((near * np.clip(filled - log - LEAST, 0, MOST)).astype(np.float32), cell, (x0, y0))
