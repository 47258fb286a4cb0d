"""The pits beside a mouth's corners: closed lips press them into the cheeks, and they go as lips part.

A plate with a closed mouth shows them as dark spots, which lay beside a wide open mouth like dirt.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

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
    """`light` (h, w): the logarithm by which a pit at `origin` is darker than the skin about it."""

    light: Float
    origin: tuple[int, int]

    def at(self, places: Float) -> Float:
        """The same at `places` (N, 2) of the plate, pixels."""
        x, y = (places - np.array(self.origin, np.float32) - np.float32(0.5)).T
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
    wide = float(np.hypot(*away))
    reach = REACH * wide
    x0, y0, width, height = box_around(points[[corner]] + np.array([[-reach], [reach]]), 1, plate.shape)
    x, y = np.arange(width) + 0.5 + x0, np.arange(height)[:, None] + 0.5 + y0
    luma = plate[y0 : y0 + height, x0 : x0 + width, :3] @ LUMA
    log = np.log(np.maximum(np.nan_to_num(luma, posinf=DARKEST), DARKEST))
    log = ndimage.gaussian_filter(log, FINEST * wide)
    size = 2 * round(WIDEST * wide / 2) + 1
    about = np.hypot(*np.ogrid[-(size // 2) : size // 2 + 1, -(size // 2) : size // 2 + 1]) <= size / 2
    filled = ndimage.gaussian_filter(ndimage.grey_closing(log, footprint=about), 2 * FINEST * wide)
    way = away / max(wide, 1e-3)
    outward = (x - points[corner, 0]) * way[0] + (y - points[corner, 1]) * way[1]
    near = np.clip(2 - 2 * np.hypot(x - points[corner, 0], y - points[corner, 1]) / max(reach, 1e-3), 0, 1)
    near = near * near * (3 - 2 * near) * np.clip(1 + outward / max(INWARD * wide, 1e-3), 0, 1)
    return Pit((near * np.clip(filled - log - LEAST, 0, MOST)).astype(np.float32), (x0, y0))
