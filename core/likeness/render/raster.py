"""A z-buffer rasteriser: triangles to triangle index and perspective-correct barycentrics."""

from __future__ import annotations

import numba
import numpy as np
from numpy.typing import NDArray

from likeness.render.bands import in_bands

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
    mesh = (np.ascontiguousarray(points, np.float32), np.ascontiguousarray(triangles, np.int32))
    in_bands(_fill, height, *mesh, index, bary, depth)
    return index, bary, depth


@numba.njit(cache=True, fastmath=True, nogil=True)
def _fill(first: int, end: int, points: Float, triangles: Int, index: Int, bary: Float, depth: Float) -> None:
    width = index.shape[1]
    for t in range(triangles.shape[0]):
        a, b, c = triangles[t, 0], triangles[t, 1], triangles[t, 2]
        az, bz, cz = points[a, 2], points[b, 2], points[c, 2]
        if az <= 0 or bz <= 0 or cz <= 0:
            continue
        ax, ay = points[a, 0], points[a, 1]
        bx, by = points[b, 0], points[b, 1]
        cx, cy = points[c, 0], points[c, 1]
        y0 = max(first, int(np.ceil(min(ay, by, cy) - 0.5)))
        y1 = min(end - 1, int(np.floor(max(ay, by, cy) - 0.5)))
        if y1 < y0:
            continue
        x0 = max(0, int(np.ceil(min(ax, bx, cx) - 0.5)))
        x1 = min(width - 1, int(np.floor(max(ax, bx, cx) - 0.5)))
        if x1 < x0:
            continue
        area = (bx - ax) * (cy - ay) - (by - ay) * (cx - ax)
        if abs(area) < 1e-9:
            continue
        inv = 1.0 / area
        ia, ib, ic = 1.0 / az, 1.0 / bz, 1.0 / cz
        # both weights grow by a constant from pixel to pixel
        step0, step1 = -(cy - by) * inv, -(ay - cy) * inv
        step2 = -step0 - step1
        per0 = 1.0 / step0 if abs(step0) > 1e-12 else 0.0
        per1 = 1.0 / step1 if abs(step1) > 1e-12 else 0.0
        per2 = 1.0 / step2 if abs(step2) > 1e-12 else 0.0
        for y in range(y0, y1 + 1):
            py = y + 0.5
            start0 = ((bx - x0 - 0.5) * (cy - py) - (by - py) * (cx - x0 - 0.5)) * inv
            start1 = ((cx - x0 - 0.5) * (ay - py) - (cy - py) * (ax - x0 - 0.5)) * inv
            start2 = 1.0 - start0 - start1
            # the part of the row where all three weights are positive
            low, high = 0.0, float(x1 - x0)
            empty = False
            for start, step, per in ((start0, step0, per0), (start1, step1, per1), (start2, step2, per2)):
                if per == 0.0:
                    empty = empty or start < -1e-6
                elif step > 0:
                    low = max(low, (-1e-6 - start) * per)
                else:
                    high = min(high, (-1e-6 - start) * per)
            if empty or low > high:
                continue
            for x in range(x0 + int(np.ceil(low)), x0 + int(np.floor(high)) + 1):
                w0 = start0 + (x - x0) * step0
                w1 = start1 + (x - x0) * step1
                w2 = 1.0 - w0 - w1
                u0, u1, u2 = w0 * ia, w1 * ib, w2 * ic
                z = 1.0 / (u0 + u1 + u2)
                if z < depth[y, x]:
                    depth[y, x] = z
                    index[y, x] = t
                    bary[y, x, 0] = u0 * z
                    bary[y, x, 1] = u1 * z
                    bary[y, x, 2] = u2 * z
