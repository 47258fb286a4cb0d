"""Carries a plate's pixels along a moving mesh, and lets the surroundings follow smoothly.

Every pixel of the result gets the place in the plate from which its color comes. Inside the mesh that
place is exact (rasterized); outside, the displacement is the solution of a screened Laplace equation that
starts from the mesh and fades to nothing at the border of the region, so that there is no seam. Where the
displacement is zero, sampling returns the plate's own value, bit for bit.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numba
import numpy as np
from numpy.typing import NDArray

Float = NDArray[np.float32]
Int = NDArray[np.int32]

CELL_PX = 4  # the surroundings are solved on a coarse grid
CELLS_A_FACE = 64  # so many of its cells are a face's width, where pixels are small
STILL_PX = 1e-3  # less displacement than this is none
FAST = {"contract", "reassoc", "arcp", "afn"}  # not those that take every number for finite


@dataclass(frozen=True)
class Field:
    """Where in the plate each pixel of a region (h, w) comes from, and how its light changes.

    Under the mesh (`index`, `bary`: rasterized `triangles`) it is `moved` (V, 5) of the vertices: x and y of
    the displacement in pixels and the logarithm of the change of light, which end near the mesh, then x and
    y of what goes on beyond it. `trust` (V,): below 0.5 where the plate does not show a vertex; such places
    are taken as if there were no mesh. Around it the field is that of `grid` (r, c, 5), whose cells are
    `cell` pixels wide and of which the first lies beyond the region's corner. `ramp`, of the rows (h,) and
    of the columns (w,): how much of the last two is left.
    """

    index: Int
    bary: Float
    triangles: Int
    moved: Float
    trust: Float
    cell: int
    grid: Float
    ramp: tuple[Float, Float]

    @property
    def parts(self) -> tuple[Int, Float, Int, Float, Float, np.float32, Float, Float, Float]:
        """All of it, as kernels take it."""
        mesh = (self.index, self.bary, self.triangles, self.moved, self.trust)
        return (*mesh, np.float32(1 / self.cell), self.grid, *self.ramp)


def cell_px(face_px: float) -> int:
    """The grid's cell for a face of that width."""
    return max(CELL_PX, round(face_px / CELLS_A_FACE))


def spread(
    index: Int,
    bary: Float,
    triangles: Int,
    moved: Float,
    trust: Float,
    cell: int,
    reach_px: tuple[float, float | Float],
    ramp: tuple[Float, Float],
) -> Field:
    """The field of a mesh and of what surrounds it.

    `reach_px`: within it the near and the far part fade; the far one's may differ from cell to cell. At the
    region's border the near part is nothing, the far part goes on as it comes.
    """
    coarse, weight = _cells(index, bary, triangles, moved, trust, cell)
    near, far = (np.ascontiguousarray(part) for part in (coarse[..., :3], coarse[..., 3:]))
    for grid, reach, ends in ((near, reach_px[0], True), (far, reach_px[1], False)):
        if grid.any():
            size = np.broadcast_to(np.float32(cell) / np.maximum(reach, 1.0), weight.shape)
            _solve(grid, weight, np.ascontiguousarray(size, np.float32), ends)
    around = ((1, 1), (1, 1), (0, 0))
    grid = np.concatenate([np.pad(near, around), np.pad(far, around, mode="edge")], axis=2)
    return Field(index, bary, triangles, moved, trust, cell, grid, ramp)


@numba.njit(cache=True, fastmath=True, nogil=True)
def _cells(
    index: Int, bary: Float, triangles: Int, moved: Float, trust: Float, cell: int
) -> tuple[Float, Float]:
    """The mean of the mesh's displacement in each cell, and how many of its pixels were looked at.

    Every other pixel of every other row is.
    """
    height, width = index.shape
    rows, columns = -(-height // cell), -(-width // cell)
    channels = moved.shape[1]
    coarse = np.zeros((rows, columns, channels), np.float32)
    weight = np.zeros((rows, columns), np.float32)
    for y in range(0, height, 2):
        r = y // cell
        for x in range(0, width, 2):
            t = index[y, x]
            if t < 0:
                continue
            i, j, k = triangles[t, 0], triangles[t, 1], triangles[t, 2]
            a, b, c = bary[y, x, 0], bary[y, x, 1], bary[y, x, 2]
            if a * trust[i] + b * trust[j] + c * trust[k] < 0.5:
                continue
            weight[r, x // cell] += 1.0
            for n in range(channels):
                coarse[r, x // cell, n] += a * moved[i, n] + b * moved[j, n] + c * moved[k, n]
    for r in range(rows):
        for x in range(columns):
            if weight[r, x] > 0:
                for n in range(channels):
                    coarse[r, x, n] /= weight[r, x]
    return coarse, weight


def _solve(coarse: Float, weight: Float, cell: Float, ends: bool) -> None:
    """Nested iteration: solve on a grid of half the cells first. `cell` is a cell's width in reaches."""
    if min(weight.shape) > 12:
        half, half_weight = _halve(coarse, weight)
        _solve(half, half_weight, np.ascontiguousarray(2 * cell[::2, ::2]), ends)
        _double(coarse, weight, half, ends)
    _relax(coarse, weight, cell, 12, ends)


@numba.njit(cache=True, fastmath=True, nogil=True)
def _halve(field: Float, known: Float) -> tuple[Float, Float]:
    """The mean of what is known in every 2 x 2 cells, and in how many of them."""
    height, width = known.shape
    rows, columns = -(-height // 2), -(-width // 2)
    channels = field.shape[2]
    coarse = np.zeros((rows, columns, channels), np.float32)
    weight = np.zeros((rows, columns), np.float32)
    for y in range(height):
        for x in range(width):
            if known[y, x] > 0:
                r, c = y // 2, x // 2
                weight[r, c] += 1.0
                for k in range(channels):
                    coarse[r, c, k] += field[y, x, k]
    for r in range(rows):
        for c in range(columns):
            if weight[r, c] > 0:
                for k in range(channels):
                    coarse[r, c, k] /= weight[r, c]
    return coarse, weight


@numba.njit(cache=True, fastmath=True, nogil=True)
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


@numba.njit(cache=True, fastmath=True, nogil=True)
def _double(field: Float, known: Float, coarse: Float, ends: bool) -> None:
    """Fill what is not known of `field` from the grid of half its cells, in place."""
    for y in range(known.shape[0]):
        for x in range(known.shape[1]):
            if known[y, x] <= 0:
                for k in range(field.shape[2]):
                    field[y, x, k] = _between(coarse, (y + 0.5) / 2 - 0.5, (x + 0.5) / 2 - 0.5, k, ends)


@numba.njit(cache=True, fastmath=True, nogil=True, inline="always")
def _between(coarse: Float, fy: Any, fx: Any, k: int, ends: bool) -> Any:
    """Channel `k` of a grid between its cells; where it `ends` there is nothing beyond, else it goes on."""
    rows, columns = coarse.shape[0], coarse.shape[1]
    low = np.float32(-0.5) if ends else np.float32(0.0)
    fy = min(max(fy, low), rows - 1 - low)
    fx = min(max(fx, low), columns - 1 - low)
    r, c = int(np.floor(fy)), int(np.floor(fx))
    wy, wx = np.float32(fy - r), np.float32(fx - c)
    value = np.float32(0.0)
    for j in range(2):
        for i in range(2):
            if 0 <= r + j < rows and 0 <= c + i < columns:
                share = (wy if j else np.float32(1.0) - wy) * (wx if i else np.float32(1.0) - wx)
                value += share * coarse[r + j, c + i, k]
    return value


@numba.njit(cache=True, fastmath=True, nogil=True, inline="always")
def place(
    y: int,
    x: int,
    index: Int,
    bary: Float,
    triangles: Int,
    moved: Float,
    trust: Float,
    per_px: Any,
    grid: Float,
    down: Float,
    across: Float,
) -> tuple[Any, Any, Any]:
    """Displacement in x and y and change of light of one pixel of a `Field`."""
    left = min(down[y], across[x])
    t = index[y, x]
    if t >= 0:
        i, j, k = np.uint32(triangles[t, 0]), np.uint32(triangles[t, 1]), np.uint32(triangles[t, 2])
        a, b, c = bary[y, x, 0], bary[y, x, 1], bary[y, x, 2]
        if a * trust[i] + b * trust[j] + c * trust[k] >= np.float32(0.5):
            dx = a * (moved[i, 0] + left * moved[i, 3])
            dx += b * (moved[j, 0] + left * moved[j, 3]) + c * (moved[k, 0] + left * moved[k, 3])
            dy = a * (moved[i, 1] + left * moved[i, 4])
            dy += b * (moved[j, 1] + left * moved[j, 4]) + c * (moved[k, 1] + left * moved[k, 4])
            return dx, dy, a * moved[i, 2] + b * moved[j, 2] + c * moved[k, 2]
    half = np.float32(0.5)
    fy, fx = (np.float32(y) + half) * per_px + half, (np.float32(x) + half) * per_px + half
    r, q = np.uint32(fy), np.uint32(fx)
    wy, wx = fy - np.float32(r), fx - np.float32(q)
    s, p = r + np.uint32(1), q + np.uint32(1)
    d, e = wy * (1 - wx), wy * wx
    a, b = (1 - wx) - d, wx - e
    dx = a * (grid[r, q, 0] + left * grid[r, q, 3]) + b * (grid[r, p, 0] + left * grid[r, p, 3])
    dx += d * (grid[s, q, 0] + left * grid[s, q, 3]) + e * (grid[s, p, 0] + left * grid[s, p, 3])
    dy = a * (grid[r, q, 1] + left * grid[r, q, 4]) + b * (grid[r, p, 1] + left * grid[r, p, 4])
    dy += d * (grid[s, q, 1] + left * grid[s, q, 4]) + e * (grid[s, p, 1] + left * grid[s, p, 4])
    light = a * grid[r, q, 2] + b * grid[r, p, 2] + d * grid[s, q, 2] + e * grid[s, p, 2]
    return dx, dy, light


@numba.njit(cache=True, fastmath=FAST, nogil=True, inline="always")
def cubic(picture: Float, x: Any, y: Any) -> tuple[Any, Any, Any, Any]:
    """`picture` (H, W, 4) at index coordinates: Catmull-Rom, borders repeated.

    Its overshoot is held within the four nearest pixels. Non-finite values do not spread.
    """
    rows, columns = picture.shape[0], picture.shape[1]
    ix, iy = int(np.floor(x)), int(np.floor(y))
    across, down = _catmull_rom(x - np.float32(ix)), _catmull_rom(y - np.float32(iy))
    # unsigned, or numba asks of each whether it counts from the end
    four, line = np.uint64(4), np.uint64(columns) * np.uint64(4)
    if 1 <= ix < columns - 2 and 1 <= iy < rows - 2:
        first = np.uint64((iy - 1) * columns + ix - 1) * four
        at = (first, first + four, first + four + four, first + four + four + four)
        to = (np.uint64(0), line, line + line, line + line + line)
    else:
        at = (_held(ix - 1, columns) * four, _held(ix, columns) * four,
              _held(ix + 1, columns) * four, _held(ix + 2, columns) * four)  # fmt: skip
        to = (_held(iy - 1, rows) * line, _held(iy, rows) * line,
              _held(iy + 1, rows) * line, _held(iy + 2, rows) * line)  # fmt: skip
    flat, one = picture.reshape(-1), np.uint64(1)
    red = _tap(flat, at, to, np.uint64(0), across, down)
    green = _tap(flat, at, to, one, across, down)
    blue = _tap(flat, at, to, one + one, across, down)
    return red, green, blue, _tap(flat, at, to, one + one + one, across, down)


@numba.njit(cache=True, nogil=True, inline="always")
def _held(i: int, count: int) -> Any:
    return np.uint64(min(max(i, 0), count - 1))


@numba.njit(cache=True, fastmath=FAST, nogil=True, inline="always")
def _tap(
    flat: Float,
    at: tuple[Any, Any, Any, Any],
    to: tuple[Any, Any, Any, Any],
    k: Any,
    a: tuple[Any, Any, Any, Any],
    b: tuple[Any, Any, Any, Any],
) -> Any:
    """Channel `k` of the patch whose columns begin at `at` and rows at `to`, weighed by `a` and `b`."""
    c0, c1, c2, c3 = at[0] + k, at[1] + k, at[2] + k, at[3] + k
    r0, r1, r2, r3 = to
    p, q, r, s = flat[r1 + c1], flat[r1 + c2], flat[r2 + c1], flat[r2 + c2]
    above = a[0] * flat[r0 + c0] + a[1] * flat[r0 + c1] + a[2] * flat[r0 + c2] + a[3] * flat[r0 + c3]
    upper = a[0] * flat[r1 + c0] + a[1] * p + a[2] * q + a[3] * flat[r1 + c3]
    lower = a[0] * flat[r2 + c0] + a[1] * r + a[2] * s + a[3] * flat[r2 + c3]
    below = a[0] * flat[r3 + c0] + a[1] * flat[r3 + c1] + a[2] * flat[r3 + c2] + a[3] * flat[r3 + c3]
    total = b[0] * above + b[1] * upper + b[2] * lower + b[3] * below
    if not np.isfinite(total):
        return _finite_mean(p, q, r, s, abs(a[1]), abs(a[2]), abs(b[1]), abs(b[2]))
    return min(max(total, min(p, q, r, s)), max(p, q, r, s))


@numba.njit(cache=True, nogil=True)
def _finite_mean(p: Any, q: Any, r: Any, s: Any, a1: Any, a2: Any, b1: Any, b2: Any) -> np.float32:
    total, weight = np.float32(0.0), np.float32(0.0)
    for value, share in ((p, a1 * b1), (q, a2 * b1), (r, a1 * b2), (s, a2 * b2)):
        if np.isfinite(value):
            total += share * value
            weight += share
    return total / weight if weight > 1e-6 else np.float32(0.0)


@numba.njit(cache=True, fastmath=True, nogil=True, inline="always")
def _catmull_rom(t: Any) -> tuple[Any, Any, Any, Any]:
    half, one = np.float32(0.5), np.float32(1.0)
    return (
        ((-half * t + one) * t - half) * t,
        (np.float32(1.5) * t - np.float32(2.5)) * t * t + one,
        ((np.float32(-1.5) * t + np.float32(2.0)) * t + half) * t,
        (half * t - half) * t * t,
    )


@numba.njit(cache=True, fastmath=True, nogil=True)
def polygon(corners: Float, x0: int, y0: int, width: int, height: int) -> Float:
    """Area coverage (h, w) of a closed polygon (N, 2) in pixels, from 4 x 8 samples (even-odd rule)."""
    cover = np.zeros((height, width), np.float32)
    count = corners.shape[0]
    for y in range(height):
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
