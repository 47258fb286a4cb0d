"""The jaw of a plate is shown by the moved head alone.

Below the ears a turn soon fades beyond the mesh, for the body holds what hangs there. Where it fades over
less than the jaw went, places beyond the head would come from the jaw as if it had stayed: they are led out.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from likeness.face.landmarks import down_face
from likeness.face.warp import Stay, polygon
from likeness.head import points as dense

Float = NDArray[np.float32]

BEYOND = 1.5  # cells outside of the jaw: so far places are led
DEPTH = (0.25, 1.25)  # cells within it: from here on they are, and wholly
BELOW = (0.45, 0.65)  # from brows to chin is 1: above, hair lies beside the face and goes with it


def jaw_of(points: Float, cell: int) -> Stay:
    """The jaw of a face whose points lie at `points` (POINTS, 2), pixels, told in cells of that size."""
    corners = points[dense.FACE]
    first = np.floor(corners.min(axis=0) / cell).astype(int) - 4
    columns, rows = np.ceil(corners.max(axis=0) / cell).astype(int) + 4 - first
    within = polygon((corners / cell - first).astype(np.float32), 0, 0, columns, rows) > 0.5
    depth, nearest = ndimage.distance_transform_edt(within, return_indices=True)
    way = np.moveaxis(nearest - np.indices(within.shape), 0, 2)[..., ::-1]
    longer = 1 + BEYOND / np.maximum(depth, 1)
    x, y = ((np.arange(n) + 0.5 + at) * cell for n, at in zip((columns, rows), first, strict=True))
    below = down_face(points, x, y[:, None])
    share = np.interp(depth, DEPTH, (0, 1)) * np.interp(below, BELOW, (0, 1)) * longer * cell
    return Stay(first * float(cell), (share[..., None] * way).astype(np.float32))
