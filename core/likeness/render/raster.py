"""A z-buffer rasteriser: triangles to triangle index and perspective-correct barycentrics."""

from __future__ import annotations

from typing import Any

import numba
import numpy as np
from numpy.typing import NDArray

from likeness.render.bands import in_bands
from likeness.render.simd import FAST, LANES, nearest

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


@numba.njit(cache=True, fastmath=FAST, nogil=True)
def _fill(first: int, end: int, points: Float, triangles: Int, index: Int, bary: Float, depth: Float) -> None:
    one = np.float32(1)
    for t in range(triangles.shape[0]):
        a, b, c = triangles[t, 0], triangles[t, 1], triangles[t, 2]
        y0, y1 = _rows(points, a, b, c)
        y0, y1 = max(first, y0), min(end - 1, y1)
        if y1 < y0:
            continue
        edges = _edges(points, a, b, c, index.shape[1])
        if edges[1] < edges[0]:
            continue
        ia, ib, ic = 1.0 / points[a, 2], 1.0 / points[b, 2], 1.0 / points[c, 2]
        # what is over depth grows evenly from pixel to pixel
        d0, d1 = np.float32(edges[5][0] * ia), np.float32(edges[5][1] * ib)
        d2 = np.float32(-(edges[5][0] + edges[5][1]) * ic)
        for y in range(y0, y1 + 1):
            low, high, w0, w1 = _covered(edges, y)
            a0, a1, a2 = np.float32(w0 * ia), np.float32(w1 * ib), np.float32((1.0 - w0 - w1) * ic)
            start, step = a0 + a1 + a2, d0 + d1 + d2
            for x in range(low, high):
                n = np.float32(x - low)
                inverse = start + n * step
                if inverse * depth[y, x] > one:
                    z = one / inverse
                    depth[y, x] = z
                    index[y, x] = t
                    bary[y, x, 0] = (a0 + n * d0) * z
                    bary[y, x, 1] = (a1 + n * d1) * z
                    bary[y, x, 2] = (a2 + n * d2) * z


@numba.njit(cache=True, fastmath=True, nogil=True)
def extents(points: Float, triangles: Int) -> Int:
    """First and last row (T, 2) whose pixel centers each triangle can reach; none behind the camera."""
    out = np.empty((len(triangles), 2), np.int32)
    for t in range(len(triangles)):
        out[t, 0], out[t, 1] = _rows(points, triangles[t, 0], triangles[t, 1], triangles[t, 2])
    return out


@numba.njit(cache=True, nogil=True)
def reaching(first: int, end: int, triangles: Int, extent: Int) -> tuple[Int, Int]:
    """Those `triangles` (T, 3), and their `extents` (T, 2), that can reach the rows from `first` to `end`."""
    there = np.empty(len(triangles), np.int32)
    count = 0
    for t in range(len(triangles)):
        if extent[t, 0] < end and extent[t, 1] >= first:
            there[count] = t
            count += 1
    return triangles[there[:count]], extent[there[:count]]


@numba.njit(cache=True, nogil=True)
def room(rows: int, width: int, channels: int) -> tuple[Float, Float]:
    """`near` and `out` for `carry`, with nothing in them yet."""
    wide = width + LANES
    return np.empty((rows, wide), np.float32), np.empty((rows, channels, wide), np.float32)


@numba.njit(cache=True, fastmath=True, nogil=True)
def carry(
    first: int,
    end: int,
    points: Float,
    triangles: Int,
    extent: Int,
    values: Float,
    near: Float,
    out: Float,
    few: int = 0,
) -> None:
    """What the nearest triangles carry in the rows from `first` to `end`: for kernels that go by bands.

    `points` and `triangles` as for `rasterize`, `extent` from `extents`, `values` (V, C) of the vertices.
    `near` (rows, W + LANES) and `out` (rows, C, W + LANES) are from `room`; the columns beyond the width W
    mean nothing. `near` becomes the inverse of the depth, 0 where there is nothing, `out` what they carry.
    Triangles of which the last of the first `few` channels is nowhere above 0 carry no more than these.
    """
    near[: end - first] = 0
    channels, wide = np.uint64(values.shape[1]), np.uint64(near.shape[1])
    inverse, carried, told = near.reshape(-1), out.reshape(-1), np.empty(3 * values.shape[1], np.float32)
    least = np.uint64(few) if few > 0 else channels
    last = least - np.uint64(1)
    for t in range(triangles.shape[0]):
        y0, y1 = max(first, extent[t, 0]), min(end - 1, extent[t, 1])
        if y1 < y0:
            continue
        a, b, c = triangles[t, 0], triangles[t, 1], triangles[t, 2]
        edges = _edges(points, a, b, c, near.shape[1] - LANES)
        if edges[1] < edges[0]:
            continue
        ia, ib, ic = 1.0 / points[a, 2], 1.0 / points[b, 2], 1.0 / points[c, 2]
        # what is over depth grows evenly from pixel to pixel
        step = _single(edges[5][0] * ia, edges[5][1] * ib, -(edges[5][0] + edges[5][1]) * ic)
        count = least
        if max(values[a, last], values[b, last], values[c, last]) > 0:
            count = channels
        for n in range(count):
            told[n] = values[c, n]
            told[channels + n], told[channels + channels + n] = values[a, n] - told[n], values[b, n] - told[n]
        for y in range(y0, y1 + 1):
            low, high, w0, w1 = _covered(edges, y)
            start = _single(w0 * ia, w1 * ib, (1.0 - w0 - w1) * ic)
            row = np.uint64(y - first)
            for n in range(np.uint64(0), np.uint64(high - low), np.uint64(LANES)):
                x, left = np.uint64(low) + n, np.float32(np.int32(high - low) - np.int32(n))
                nearest(
                    inverse, row * wide + x, left, np.float32(np.int32(n)), start, step, told, count,
                    channels, carried, row * channels * wide + x, wide,
                )  # fmt: skip


@numba.njit(cache=True, nogil=True, inline="always")
def _single(a: float, b: float, c: float) -> tuple[Any, Any, Any]:
    return np.float32(a), np.float32(b), np.float32(c)


@numba.njit(cache=True, fastmath=True, nogil=True, inline="always")
def _rows(points: Float, a: int, b: int, c: int) -> tuple[int, int]:
    """First and last row whose pixel centers lie between the corners; none behind the camera."""
    if points[a, 2] <= 0 or points[b, 2] <= 0 or points[c, 2] <= 0:
        return 1, 0
    ay, by, cy = points[a, 1], points[b, 1], points[c, 1]
    return int(np.ceil(min(ay, by, cy) - 0.5)), int(np.floor(max(ay, by, cy) - 0.5))


@numba.njit(cache=True, fastmath=True, nogil=True, inline="always")
def _edges(points: Float, a: int, b: int, c: int, width: int) -> tuple[Any, ...]:
    """What `_covered` needs of a triangle: first and last column, then pairs of a value and its growth a row.

    These are, at the first column's centers, the weights of the first two corners; then the columns, counted
    from the first, at which the triangle begins and ends: the largest of two, and the least of two. Last what
    the two weights grow by from column to column.
    """
    ax, ay, bx = points[a, 0], points[a, 1], points[b, 0]
    by, cx, cy = points[b, 1], points[c, 0], points[c, 1]
    x0 = max(0, int(np.ceil(min(ax, bx, cx) - 0.5)))
    x1 = min(width - 1, int(np.floor(max(ax, bx, cx) - 0.5)))
    area = (bx - ax) * (cy - ay) - (by - ay) * (cx - ax)
    inv = 0.0
    if abs(area) < 1e-9:
        x1 = x0 - 1
    else:
        inv = 1.0 / area
    step0, step1 = -(cy - by) * inv, -(ay - cy) * inv
    ax, bx, cx = ax - (x0 + 0.5), bx - (x0 + 0.5), cx - (x0 + 0.5)
    down0, down1 = (cx - bx) * inv, (ax - cx) * inv
    start0 = (bx * cy - by * cx) * inv + 0.5 * down0
    start1 = (cx * ay - cy * ax) * inv + 0.5 * down1
    sides = (
        _side(start0, down0, step0),
        _side(start1, down1, step1),
        _side(1.0 - start0 - start1, -down0 - down1, -step0 - step1),
    )
    begins, ends = (-1.0, 0.0, -1.0, 0.0), (x1 - x0 + 1.0, 0.0, x1 - x0 + 1.0, 0.0)
    for at, per, begin in sides:
        if begin:
            begins = (at, per, begins[0], begins[1])
        else:
            ends = (at, per, ends[0], ends[1])
    return x0, x1, (start0, down0, start1, down1), begins, ends, (step0, step1)


@numba.njit(cache=True, fastmath=True, nogil=True, inline="always")
def _side(start: float, down: float, step: float) -> tuple[float, float, bool]:
    """Where a weight becomes 0 in row 0, how much farther in each next, and whether it is above 0 behind.

    A weight that does not change along a row is 0 very far away.
    """
    per = 1.0 / step if abs(step) > 1e-12 else 1e12
    return (-1e-6 - start) * per, -down * per, per > 0


@numba.njit(cache=True, fastmath=True, nogil=True, inline="always")
def _covered(edges: tuple[Any, ...], y: int) -> tuple[int, int, float, float]:
    """The columns from the first to before the last that a row of a triangle covers, and the first's weights.

    There all three weights are positive.
    """
    x0, x1, start, begins, ends, step = edges
    low = max(0.0, begins[0] + y * begins[1], begins[2] + y * begins[3])
    high = min(float(x1 - x0), ends[0] + y * ends[1], ends[2] + y * ends[3])
    weights = (start[0] + y * start[1], start[2] + y * start[3])
    if low > high:
        return x0, x0, weights[0], weights[1]
    first = int(np.ceil(low))
    end = x0 + int(np.floor(high)) + 1
    return x0 + first, end, weights[0] + first * step[0], weights[1] + first * step[1]
