"""A z-buffer rasteriser: triangles to triangle index and perspective-correct barycentrics."""

from __future__ import annotations

import numba
import numpy as np
from numpy.typing import NDArray

Float = NDArray[np.float32]
Int = NDArray[np.int32]


def rasterize(points: Float, triangles: Int, width: int, height: int) -> tuple[Int, Float, Float]:
    """Draw the nearest triangle at every pixel center.

    `points` (V, 3): x and y in pixels (y down, pixel centers at .5), z the distance along the view
    axis (positive in front). `triangles` (T, 3). Returns `index` (H, W) int32, -1 where empty,
    `bary` (H, W, 3) perspective-correct weights of the triangle's corners, and `depth` (H, W), inf
    where empty. Triangles with a corner behind the camera are dropped; both windings are drawn.
    """
    index = np.full((height, width), -1, np.int32)
    bary = np.zeros((height, width, 3), np.float32)
    depth = np.full((height, width), np.inf, np.float32)
    _fill(
        np.ascontiguousarray(points, np.float32),
        np.ascontiguousarray(triangles, np.int32),
        index,
        bary,
        depth,
    )
    return index, bary, depth


@numba.njit(cache=True, fastmath=True, nogil=True)
def _fill(points: Float, triangles: Int, index: Int, bary: Float, depth: Float) -> None:
    height, width = index.shape
    for t in range(triangles.shape[0]):
        a, b, c = triangles[t, 0], triangles[t, 1], triangles[t, 2]
        ax, ay, az = points[a, 0], points[a, 1], points[a, 2]
        bx, by, bz = points[b, 0], points[b, 1], points[b, 2]
        cx, cy, cz = points[c, 0], points[c, 1], points[c, 2]
        if az <= 0 or bz <= 0 or cz <= 0:
            continue
        area = (bx - ax) * (cy - ay) - (by - ay) * (cx - ax)
        if abs(area) < 1e-9:
            continue
        x0 = max(0, int(np.ceil(min(ax, bx, cx) - 0.5)))
        x1 = min(width - 1, int(np.floor(max(ax, bx, cx) - 0.5)))
        y0 = max(0, int(np.ceil(min(ay, by, cy) - 0.5)))
        y1 = min(height - 1, int(np.floor(max(ay, by, cy) - 0.5)))
        inv = 1.0 / area
        for y in range(y0, y1 + 1):
            py = y + 0.5
            for x in range(x0, x1 + 1):
                px = x + 0.5
                w0 = ((bx - px) * (cy - py) - (by - py) * (cx - px)) * inv
                w1 = ((cx - px) * (ay - py) - (cy - py) * (ax - px)) * inv
                w2 = 1.0 - w0 - w1
                if w0 < -1e-6 or w1 < -1e-6 or w2 < -1e-6:
                    continue
                u0, u1, u2 = w0 / az, w1 / bz, w2 / cz
                z = 1.0 / (u0 + u1 + u2)
                if z < depth[y, x]:
                    depth[y, x] = z
                    index[y, x] = t
                    bary[y, x, 0] = u0 * z
                    bary[y, x, 1] = u1 * z
                    bary[y, x, 2] = u2 * z
