"""Carries a plate's pixels along a moving mesh, and lets the surroundings follow smoothly.

Every pixel of the result gets the place in the plate from which its color comes. Inside the mesh that
place is exact (rasterized); outside, the displacement is the solution of a screened Laplace equation that
starts from the mesh and fades to nothing at the border of the region, so that there is no seam. Where the
displacement is zero, sampling returns the plate's own value, bit for bit.
"""

from __future__ import annotations

import numba
import numpy as np
from numpy.typing import NDArray

Float = NDArray[np.float32]
Int = NDArray[np.int32]

CELL_PX = 4  # the surroundings are solved on a coarse grid
STILL_PX = 1e-3  # less displacement than this is none


@numba.njit(cache=True, fastmath=True, parallel=True)
def displacement(index: Int, bary: Float, triangles: Int, moved: Float, trust: Float) -> tuple[Float, Float]:
    """Exact displacement under the mesh.

    `index`, `bary`: the rasterized target mesh of a region. `moved` (V, C) starts with plate place minus
    target place of every vertex in pixels. `trust` (V,): below 0.5 where the plate does not show the
    vertex; such places are left to `surround`. Returns it as a field (h, w, C) and its coverage (h, w): 1
    where the mesh lies, else 0.
    """
    height, width = index.shape
    channels = moved.shape[1]
    field = np.zeros((height, width, channels), np.float32)
    known = np.zeros((height, width), np.float32)
    for y in numba.prange(height):
        for x in range(width):
            t = index[y, x]
            if t < 0:
                continue
            shown = 0.0
            for c in range(3):
                shown += bary[y, x, c] * trust[triangles[t, c]]
            if shown < 0.5:
                continue
            for c in range(channels):
                field[y, x, c] = (
                    bary[y, x, 0] * moved[triangles[t, 0], c]
                    + bary[y, x, 1] * moved[triangles[t, 1], c]
                    + bary[y, x, 2] * moved[triangles[t, 2], c]
                )
            known[y, x] = 1.0
    return field, known


def surround(field: Float, known: Float, reach_px: float | Float, ends: bool = True) -> None:
    """Extend `field` (h, w, C) in place to where `known` (h, w) is 0; it fades within `reach_px`.

    The reach may differ from place to place: then it is given for each cell of `CELL_PX` pixels. If the
    field `ends`, it is nothing at the border of the region, else it goes on there as it comes.
    """
    coarse, weight = _shrink(field, known, CELL_PX)
    cell = np.broadcast_to(np.float32(CELL_PX) / np.maximum(reach_px, 1.0), weight.shape)
    _solve(coarse, weight, np.ascontiguousarray(cell, np.float32), ends)
    _fill(field, known, coarse, CELL_PX, ends)


def _solve(coarse: Float, weight: Float, cell: Float, ends: bool) -> None:
    """Nested iteration: solve on a grid of half the cells first. `cell` is a cell's width in reaches."""
    if min(weight.shape) > 12:
        half, half_weight = _shrink(coarse, np.minimum(weight, 1), 2)
        _solve(half, half_weight, np.ascontiguousarray(2 * cell[::2, ::2]), ends)
        _fill(coarse, np.minimum(weight, 1), half, 2, ends)
    _relax(coarse, weight, cell, 12, ends)


@numba.njit(cache=True, fastmath=True)
def _shrink(field: Float, known: Float, size: int) -> tuple[Float, Float]:
    height, width = known.shape
    rows, columns = -(-height // size), -(-width // size)
    channels = field.shape[2]
    coarse = np.zeros((rows, columns, channels), np.float32)
    weight = np.zeros((rows, columns), np.float32)
    for y in range(height):
        for x in range(width):
            if known[y, x] > 0:
                r, c = y // size, x // size
                weight[r, c] += 1.0
                for k in range(channels):
                    coarse[r, c, k] += field[y, x, k]
    for r in range(rows):
        for c in range(columns):
            if weight[r, c] > 0:
                for k in range(channels):
                    coarse[r, c, k] /= weight[r, c]
    return coarse, weight


@numba.njit(cache=True, fastmath=True)
def _relax(coarse: Float, weight: Float, cell: Float, rounds: int, ends: bool) -> None:
    """Successive over-relaxation; where the field `ends`, cells outside the grid are zero."""
    rows, columns, channels = coarse.shape
    for _ in range(rounds):
        for r in range(rows):
            for c in range(columns):
                if weight[r, c] > 0:
                    continue
                sides = 4.0 + cell[r, c] ** 2
                if not ends:
                    sides -= (r == 0) + (r + 1 == rows) + (c == 0) + (c + 1 == columns)
                for k in range(channels):
                    around = 0.0
                    if r > 0:
                        around += coarse[r - 1, c, k]
                    if r + 1 < rows:
                        around += coarse[r + 1, c, k]
                    if c > 0:
                        around += coarse[r, c - 1, k]
                    if c + 1 < columns:
                        around += coarse[r, c + 1, k]
                    goal = around / sides
                    coarse[r, c, k] += 1.5 * (goal - coarse[r, c, k])


@numba.njit(cache=True, fastmath=True, parallel=True)
def _fill(field: Float, known: Float, coarse: Float, size: int, ends: bool) -> None:
    height, width = known.shape
    rows, columns, channels = coarse.shape
    low = -0.5 if ends else 0.0
    for y in numba.prange(height):
        fy = min(max((y + 0.5) / size - 0.5, low), rows - 1 - low)
        r = int(np.floor(fy))
        wy = fy - r
        for x in range(width):
            if known[y, x] > 0:
                continue
            fx = min(max((x + 0.5) / size - 0.5, low), columns - 1 - low)
            c = int(np.floor(fx))
            wx = fx - c
            for k in range(channels):
                value = 0.0
                for j in range(2):
                    for i in range(2):
                        if 0 <= r + j < rows and 0 <= c + i < columns:
                            share = (wy if j else 1.0 - wy) * (wx if i else 1.0 - wx)
                            value += share * coarse[r + j, c + i, k]
                field[y, x, k] = value


@numba.njit(cache=True, parallel=True)
def sample(plate: Float, field: Float, x0: int, y0: int, out: Float) -> None:
    """Fill `out` (h, w, C) from `plate` (H, W, C) at each pixel plus its displacement `field` (h, w, 3).

    Catmull-Rom interpolation, borders repeated; its overshoot is held within the four nearest pixels. A
    pixel that does not move is copied. Non-finite values stay where they are and do not spread.
    """
    height, width, channels = out.shape
    rows, columns = plate.shape[0], plate.shape[1]
    for y in numba.prange(height):
        wx = np.empty(4, np.float32)
        wy = np.empty(4, np.float32)
        patch = np.empty((4, 4, channels), np.float32)
        own_row = min(max(y0 + y, 0), rows - 1)
        for x in range(width):
            dx, dy = field[y, x, 0], field[y, x, 1]
            if abs(dx) < STILL_PX and abs(dy) < STILL_PX:
                own_column = min(max(x0 + x, 0), columns - 1)
                for k in range(channels):
                    out[y, x, k] = plate[own_row, own_column, k]
                continue
            px, py = x0 + x + dx, y0 + y + dy
            ix, iy = int(np.floor(px)), int(np.floor(py))
            _catmull_rom(px - ix, wx)
            _catmull_rom(py - iy, wy)
            if 1 <= ix < columns - 2 and 1 <= iy < rows - 2:
                _weigh(plate[iy - 1 : iy + 3, ix - 1 : ix + 3], wx, wy, out[y, x])
            else:
                for j in range(4):
                    row = min(max(iy + j - 1, 0), rows - 1)
                    for i in range(4):
                        patch[j, i] = plate[row, min(max(ix + i - 1, 0), columns - 1)]
                _weigh(patch, wx, wy, out[y, x])


@numba.njit(cache=True, inline="always")
def _weigh(patch: Float, wx: Float, wy: Float, out: Float) -> None:
    """The weighted sum of a patch (4, 4, C), held within its middle four."""
    for k in range(out.shape[0]):
        total = np.float32(0.0)
        for j in range(4):
            total += wy[j] * (
                wx[0] * patch[j, 0, k]
                + wx[1] * patch[j, 1, k]
                + wx[2] * patch[j, 2, k]
                + wx[3] * patch[j, 3, k]
            )
        a, b, c, d = patch[1, 1, k], patch[1, 2, k], patch[2, 1, k], patch[2, 2, k]
        if np.isfinite(total):
            out[k] = min(max(total, min(a, b, c, d)), max(a, b, c, d))
        else:
            out[k] = _finite_mean(patch, wx, wy, k)


@numba.njit(cache=True)
def _finite_mean(patch: Float, wx: Float, wy: Float, k: int) -> np.float32:
    total, weight = np.float32(0.0), np.float32(0.0)
    for j in range(1, 3):
        for i in range(1, 3):
            if np.isfinite(patch[j, i, k]):
                total += abs(wy[j] * wx[i]) * patch[j, i, k]
                weight += abs(wy[j] * wx[i])
    return total / weight if weight > 1e-6 else np.float32(0.0)


@numba.njit(cache=True, fastmath=True, inline="always")
def _catmull_rom(t: float, weights: Float) -> None:
    weights[0] = ((-0.5 * t + 1.0) * t - 0.5) * t
    weights[1] = (1.5 * t - 2.5) * t * t + 1.0
    weights[2] = ((-1.5 * t + 2.0) * t + 0.5) * t
    weights[3] = (0.5 * t - 0.5) * t * t


@numba.njit(cache=True, fastmath=True, parallel=True)
def polygon(corners: Float, x0: int, y0: int, width: int, height: int) -> Float:
    """Area coverage (h, w) of a closed polygon (N, 2) in pixels, from 4 x 8 samples (even-odd rule)."""
    cover = np.zeros((height, width), np.float32)
    count = corners.shape[0]
    for y in numba.prange(height):
        crossing = np.empty(count, np.float32)
        for sub in range(8):
            py = y0 + y + (sub + 0.5) / 8
            hits = 0
            for i in range(count):
                j = (i + 1) % count
                ya, yb = corners[i, 1], corners[j, 1]
                if (ya <= py) != (yb <= py):
                    share = (py - ya) / (yb - ya)
                    crossing[hits] = corners[i, 0] + share * (corners[j, 0] - corners[i, 0])
                    hits += 1
            crossing[:hits].sort()
            for h in range(0, hits - 1, 2):
                a = max(crossing[h] - x0, 0.0)
                b = min(crossing[h + 1] - x0, float(width))
                if b <= a:
                    continue
                for x in range(int(a), min(int(np.ceil(b)), width)):
                    cover[y, x] += max(min(b, x + 1.0) - max(a, float(x)), 0.0) / 8
    return cover
