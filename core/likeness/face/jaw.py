"""The jaw of a plate is shown by the moved head alone.

Below the ears a turn soon fades beyond the mesh, for the body holds what hangs there. Where it fades over
less than the jaw went, places beyond the head would come from the jaw as if it had stayed. So far beyond the
mesh as they are here, they come from at least as far beyond it in the plate: its edge and what lies beside.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from likeness.face.landmarks import down_face
from likeness.face.part import window
from likeness.face.rig import bounds
from likeness.face.warp import EDGE, OUT, SAMPLES, Stay, polygon
from likeness.head import points as dense
from likeness.render.blur import gaussian
from likeness.render.distance import depth
from likeness.render.raster import rasterize

Float = NDArray[np.float32]
Int = NDArray[np.int32]

BELOW = (0.45, 0.65)  # from brows to chin is 1: above, hair lies beside the face and goes with it
MARGIN = 8  # cells about it


def jaw_of(face: Int, pixels: Float, cell: int) -> Stay:
    """The jaw of a head whose vertices and points lie at `pixels` (V, 3), for a grid of such cells.

    `face` (T, 3) are the triangles of its bare skin, see `Rig.face`.
    """
    points = pixels[-dense.COUNT :, :2]
    low, high = bounds(pixels, np.unique(face))
    begin = np.floor(low / cell).astype(int) - MARGIN
    columns, rows = (np.ceil(high / cell).astype(int) + MARGIN - begin).tolist()
    fine = SAMPLES / cell
    rows, columns = SAMPLES * rows, SAMPLES * columns
    local = (pixels - np.array([*(begin * cell), 0])) * np.array([fine, fine, 1])
    local = np.ascontiguousarray(local, np.float32)
    lips = polygon(local[-dense.COUNT :][dense.GROUPS["lip_outer"], :2], 0, 0, columns, rows) > 0
    within = (rasterize(local, face, columns, rows)[0] >= 0) | lips
    off = (np.where(within, 0.5 - depth(within), depth(~within) - 0.5) / fine).astype(np.float32)
    off = gaussian(off[..., None], 1.0)[..., 0]
    x, y = ((np.arange(n) + 0.5) / fine + at * cell for n, at in zip((columns, rows), begin, strict=True))
    share = np.interp(down_face(points, x, y[:, None]), BELOW, (0, 1)).astype(np.float32)
    share[lips] = 0  # between lips that meet and what closes them there is a thread without mesh
    counts = (share > 0) & (off < (EDGE + OUT + 1) * cell)
    spot = tuple(slice(max(one.start - 2, 0), one.stop + 2) for one in window(counts.astype(np.float32)))
    first = begin * float(cell) + [spot[1].start / fine, spot[0].start / fine]
    return Stay(first, np.ascontiguousarray(off[spot]), np.ascontiguousarray(share[spot]))
