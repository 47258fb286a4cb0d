"""Carries a plate's pixels along a moving mesh, and lets the surroundings follow smoothly.

Every pixel of the result gets the place in the plate from which its color comes. Inside the mesh that
place is exact (rasterized); outside, the displacement is the solution of a screened Laplace equation that
starts from the mesh and fades to nothing at the border of the region, so that there is no seam. Where the
displacement is zero, sampling returns the plate's own value, bit for bit.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple

import numba
import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from likeness.render.bands import aside
from likeness.render.blur import gaussian
from likeness.render.distance import depth as far_from
from likeness.render.raster import carry, extents, rasterize
from likeness.render.simd import FAST, RUN, patch

Float = NDArray[np.float32]
Int = NDArray[np.int32]
Four = tuple[Any, Any, Any, Any]

CELL_PX = 4  # the surroundings are solved on a coarse grid
CELLS_A_FACE = 64  # so many of its cells are a face's width, where pixels are small
SAMPLES = 2  # of the mesh, across and down a cell
FEWEST_CELLS = 12  # a grid of fewer is solved as it is
ROUNDS, RELAXATION = 12, 1.5
WHOLE = np.uint64(64)  # cells of a row are padded to such a number, which vectors take without a rest
INWARD = 16  # cells from a rim, within which the mesh is looked for
EVEN = 2  # places of a rim: along it, all is even over so many
SOFT_TRUST = np.float32(5)  # one over the span of trust, up to 0.5, in which mesh and surroundings meet
EDGE = np.float32(3)  # cells beyond the mesh: so wide is what the picture shows of its edge
OUT, SPREAD = np.float32(2), np.float32(0.3)  # cells beyond that which are spread out, so much of the way
NEARLY = np.float32(2)  # cells beyond it: a throat that comes from there does not come from it
FLAT = 1e-6  # square pixels: places on a line have an affine map, too
EVERYWHERE = tuple(np.array([-np.inf, -np.inf, np.inf, np.inf], np.float32))


@dataclass(frozen=True)
class Rim:
    """Where a mesh ends, and what is beyond does not go with it: `places` (N, 2), pixels of the region.

    `out` (N, 2) leads from each to what lies beyond. That comes from `whence` (N,) away in the plate, along
    the direction `aside` (2,); across it, it goes with the mesh all the same. Where more of the mesh has come
    into sight, pixels of the plate are spread out for it, by no more than `spread` (N,) of the way there.
    """

    places: Float
    out: Float
    aside: Float
    whence: Float
    spread: Float


@dataclass(frozen=True)
class Stay:
    """What of a plate only the mesh shows.

    `off` (r, c): how far beyond that part of the mesh, pixels, below 0 within it; `share` (r, c): how much
    that counts. By as many samples a cell as the mesh is looked at with, from the place `first` (2,) on.
    """

    first: NDArray[np.float64]
    off: Float
    share: Float

    def by(self, share: float, origin: tuple[int, int]) -> Stay:
        """The same, counting so much, 1 at most, for a region of the picture at that `origin`."""
        return Stay(self.first - origin, self.off, np.float32(min(share, 1)) * self.share)


NOTHING_STAYS = Stay(np.zeros(2), *np.zeros((2, 0, 0), np.float32))


class Around(NamedTuple):
    """What surrounds the mesh of a `Field`: one over `cell`, `grid`, ramps, `reach_px`, `beyond`, `stay`."""

    per_px: Any
    grid: Float
    down: Float
    across: Float
    reach: Float
    beyond: Float
    first: Float
    off: Float
    share: Float


@dataclass(frozen=True)
class Field:
    """Where in the plate each pixel of a region comes from, and how its light changes.

    Under the mesh (`points` (V, 3) in pixels of the region and depth, `triangles`) it is what the vertices
    carry, `moved` (V, 4 or more): x and y of the displacement in pixels, the logarithm of the change of
    light, and a trust below 0.5 where the plate does not show a vertex; such places are taken as if there
    were no mesh; what follows is for others to be carried along. Around it the field is that of `grid`
    (5, r + 2, c + 2), whose cells are `cell` pixels wide and of which the first lies beyond the region's
    corner: x, y and light, which end near the mesh, then x and y of what goes on beyond it. `ramp`, of the
    rows (h,) and of the columns (w,): how much of the last two is left. What lies so far `beyond` (r, c) the
    mesh's part of which `stay` tells, pixels, comes from as far beyond it at least, or from beyond its edge;
    both have `SAMPLES` across and down a cell, and `stay` begins at a place of the region. `seen`: the mesh
    as `rasterize` draws it, as finely.
    """

    points: Float
    triangles: Int
    moved: Float
    cell: int
    grid: Float
    ramp: tuple[Float, Float]
    beyond: Float
    stay: Stay
    seen: tuple[Int, Float, Float]

    @cached_property
    def around(self) -> Around:
        """What surrounds the mesh, as kernels take it."""
        stay, reach = self.stay, np.array(self.reach_px, np.float32)
        beyond = self.beyond, stay.first.astype(np.float32), stay.off, stay.share
        return Around(np.float32(1 / self.cell), self.grid, *self.ramp, reach, *beyond)

    @property
    def parts(self) -> tuple[Float, Int, Int, Float, Around]:
        """All of it, as kernels take it."""
        return self.points, self.triangles, extents(self.points, self.triangles), self.moved, self.around

    @cached_property
    def reach_px(self) -> tuple[float, float]:
        """No pixel comes from farther than this, in x and in y, but for what `stay` leads out of the head."""
        x, y = _reach(self.moved, self.grid)
        return x, y


def cell_px(face_px: float) -> int:
    """The grid's cell for a face of that width."""
    return max(CELL_PX, round(face_px / CELLS_A_FACE))


def spread(
    points: Float,
    triangles: Int,
    moved: Float,
    trust: Float,
    cell: int,
    reach_px: tuple[float, float | Float],
    ramp: tuple[Float, Float],
    more: Float | None = None,
    rim: Rim | None = None,
    stands: NDArray[np.bool_] | None = None,
    stay: Stay = NOTHING_STAYS,
    part: NDArray[np.bool_] | None = None,
) -> Field:
    """The field of a mesh and of what surrounds it, in a region as large as the `ramp`.

    `moved` (V, 5): displacement and light as in `Field.grid`. `reach_px`: within it the near and the far part
    fade; the far one's may differ from cell to cell. At the region's border the near part is nothing, the far
    part goes on as it comes, but is nothing in cells beyond the mesh that `stands` (r, c) tells. `more`
    (V, 3 or 6) and `stay`: see `Field`. Of the mesh it is the `part` whose vertices (V,) are told.
    """
    rows, columns = (-(-len(side) // cell) for side in ramp)
    fine = points * np.array([SAMPLES / cell, SAMPLES / cell, 1], np.float32)
    index, bary, depth = rasterize(fine, triangles, SAMPLES * columns, SAMPLES * rows)
    grid, known = _cells(index, bary, triangles, moved, trust)
    told = known
    if rim is not None:
        told = _at_rim(
            rim.places, rim.out, rim.aside, rim.whence, rim.spread, np.float32(cell), grid[3:], known
        )
    if stands is not None:
        told = _let_stand(stands, known, grid[3:, 1:-1, 1:-1], told)
    far = aside(_fade, grid[3:], told, cell, reach_px[1], False)
    _fade(grid[:3], known, cell, reach_px[0], True)
    far.result()
    carried = _ramped(points, moved, trust, *ramp)
    if more is not None:
        carried = np.concatenate([carried, more], 1)
    beyond = np.zeros((0, 0), np.float32)
    if part is not None:
        beyond = np.maximum(far_from(~_shows(index, triangles, part)) - np.float32(0.5), 0) * (cell / SAMPLES)
        beyond = gaussian(beyond[..., None], 1.0)[..., 0]
    return Field(points, triangles, carried, cell, grid, ramp, beyond, stay, (index, bary, depth))


def border_ramp(first: int, size: int, whole_size: int, reach_px: float) -> Float:
    """1 inside a region's pixels (size,) of a row or column, falling to 0 at ends that are not the picture's.

    The region begins at `first` of `whole_size`; the fall is linear over `reach_px`.
    """
    at = (np.arange(size, dtype=np.float32) + 0.5) / np.float32(max(reach_px, 1.0))
    one = np.ones(size, np.float32)
    ends = (at if first > 0 else one, at[::-1] if first + size < whole_size else one)
    out: Float = np.clip(np.minimum(*ends), 0, 1)
    return out


@numba.njit(cache=True, nogil=True)
def _reach(moved: Float, grid: Float) -> Float:
    """The farthest displacement in x and in y (2,) by what vertices carry, or by both parts of the grid."""
    out = np.zeros(2, np.float32)
    for v in range(len(moved)):
        for k in range(2):
            out[k] = max(out[k], abs(moved[v, k]))
    for k in range(2):
        near = far = np.float32(0)
        for r in range(grid.shape[1]):
            for c in range(grid.shape[2]):
                near, far = max(near, abs(grid[k, r, c])), max(far, abs(grid[k + 3, r, c]))
        out[k] = max(out[k], near + far)
    return out


@numba.njit(cache=True, fastmath=True, nogil=True)
def _ramped(points: Float, moved: Float, trust: Float, down: Float, across: Float) -> Float:
    """What the vertices (V, 4) carry: near and far part are one, as much as is left of it where they lie."""
    out = np.empty((len(moved), 4), np.float32)
    rows, columns = len(down), len(across)
    for v in range(len(moved)):
        y, x = min(max(int(points[v, 1]), 0), rows - 1), min(max(int(points[v, 0]), 0), columns - 1)
        left = min(down[y], across[x])
        out[v, 0] = moved[v, 0] + left * moved[v, 3]
        out[v, 1] = moved[v, 1] + left * moved[v, 4]
        out[v, 2] = moved[v, 2]
        out[v, 3] = trust[v]
    return out


@numba.njit(cache=True, fastmath=True, nogil=True)
def _cells(index: Int, bary: Float, triangles: Int, moved: Float, trust: Float) -> tuple[Float, Float]:
    """The mean of the mesh's displacement in each cell of a grid (5, r + 2, c + 2), and where it is known."""
    rows, columns, channels = index.shape[0] // SAMPLES, index.shape[1] // SAMPLES, moved.shape[1]
    grid = np.zeros((channels, rows + 2, columns + 2), np.float32)
    known = np.zeros((rows, columns), np.float32)
    for y in range(index.shape[0]):
        r = y // SAMPLES
        for x in range(index.shape[1]):
            t = index[y, x]
            if t < 0:
                continue
            i, j, k = triangles[t, 0], triangles[t, 1], triangles[t, 2]
            a, b, c = bary[y, x, 0], bary[y, x, 1], bary[y, x, 2]
            if a * trust[i] + b * trust[j] + c * trust[k] < 0.5:
                continue
            q = x // SAMPLES
            known[r, q] += 1
            for n in range(channels):
                grid[n, r + 1, q + 1] += a * moved[i, n] + b * moved[j, n] + c * moved[k, n]
    _divide(grid, known)
    return grid, known


@numba.njit(cache=True, nogil=True)
def _at_rim(
    places: Float,
    out: Float,
    aside: Float,
    whence: Float,
    spread: Float,
    cell: np.float32,
    grid: Float,
    known: Float,
) -> Float:
    """Set the cells of a grid (2, r + 2, c + 2) at a `Rim`, in place; returns where all of it is known.

    Those just within and beyond, too: whatever lies beyond is between cells of the rim.
    """
    rows, columns = known.shape
    sums, count = np.zeros((2, rows, columns), np.float32), np.zeros((rows, columns), np.float32)
    ways, share = _at_places(places, out, aside, whence, spread, cell, grid, known)
    for n in range(len(places)):
        if share[n] <= 0:
            continue
        for half in (-0.5, 0.0, 0.5):
            c, r = int(places[n, 0] / cell + half * out[n, 0]), int(places[n, 1] / cell + half * out[n, 1])
            if 0 <= c < columns and 0 <= r < rows:
                sums[0, r, c] += ways[n, 0]
                sums[1, r, c] += ways[n, 1]
                count[r, c] += 1
    everywhere = known.copy()
    for r in range(rows):
        for c in range(columns):
            if count[r, c] > 0:
                everywhere[r, c] = 1
                grid[0, r + 1, c + 1] = sums[0, r, c] / count[r, c]
                grid[1, r + 1, c + 1] = sums[1, r, c] / count[r, c]
    return everywhere


def _let_stand(stands: NDArray[np.bool_], known: Float, grid: Float, told: Float) -> Float:
    """Empty the cells of a `grid` (2, r, c) that stand beyond the mesh, in place; returns where all is known.

    Those next to them below the mesh, too: pixels just beyond it are between cells.
    """
    beyond = stands & (known == 0)
    still = beyond | (ndimage.maximum_filter(beyond, 5) & (known > 0))
    grid[:, still] = 0
    return np.where(still, np.float32(1), told)


@numba.njit(cache=True, nogil=True)
def _at_places(
    places: Float,
    out: Float,
    aside: Float,
    whence: Float,
    spread: Float,
    cell: np.float32,
    grid: Float,
    known: Float,
) -> tuple[Float, Float]:
    """The displacement (N, 2) at the places of a `Rim`, and of how much (N,) it is the mean; 0 is none.

    It is even along the rim: cells are coarse, and their steps would be seen in an outline.
    """
    (rows, columns), total = known.shape, len(places)
    found, there = np.zeros((total, 2), np.float32), np.zeros(total, np.float32)
    for n in range(total):
        x, y, dx, dy = places[n, 0] / cell, places[n, 1] / cell, out[n, 0], out[n, 1]
        for step in range(INWARD):
            c, r = int(x - step * dx), int(y - step * dy)
            if 0 <= c < columns and 0 <= r < rows and known[r, c] > 0:
                break
        else:
            continue
        u, v = grid[0, r + 1, c + 1], grid[1, r + 1, c + 1]
        more, outward = whence[n] - (u * aside[0] + v * aside[1]), dx * aside[0] + dy * aside[1]
        if more * outward < 0:
            most = spread[n] * (step + 1) * cell * abs(outward)
            more = min(max(more, -most), most)
        found[n, 0], found[n, 1], there[n] = u + more * aside[0], v + more * aside[1], 1
    even, share = np.zeros((total, 2), np.float32), np.zeros(total, np.float32)
    for n in range(total):
        if there[n] <= 0:
            continue
        side = out[n, 0] * aside[0] + out[n, 1] * aside[1] > 0
        for m in range(max(n - 2 * EVEN, 0), min(n + 2 * EVEN + 1, total)):
            if there[m] > 0 and (out[m, 0] * aside[0] + out[m, 1] * aside[1] > 0) == side:
                weight = np.exp(np.float32(-0.5 / EVEN**2) * np.float32((n - m) ** 2))
                share[n] += weight
                even[n, 0] += weight * found[m, 0]
                even[n, 1] += weight * found[m, 1]
        even[n, 0] /= share[n]
        even[n, 1] /= share[n]
    return even, share


@numba.njit(cache=True, nogil=True)
def _shows(index: Int, triangles: Int, part: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Which samples, of triangles `index` (r, c), show that `part` (V,) of the mesh."""
    rows, columns = index.shape
    out = np.zeros((rows, columns), np.bool_)
    for r in range(rows):
        for c in range(columns):
            t = index[r, c]
            out[r, c] = t >= 0 and part[triangles[t, 0]] and part[triangles[t, 1]] and part[triangles[t, 2]]
    return out


@numba.njit(cache=True, fastmath=True, nogil=True)
def led_out(
    x: Any,
    y: Any,
    dx: Any,
    dy: Any,
    share: Float,
    off: Float,
    beyond: Float,
    left: Any,
    top: Any,
    per_px: Any,
    of_mesh: bool,
) -> tuple[Any, Any]:
    """How a place beside the mesh is displaced to come from beyond what stays, and its edge from its edge.

    What lies beside that is spread out: one line of the plate would be drawn all the way. A place `of_mesh`
    is a throat's, which hangs between the part that moved and one that did not: only where it would come from
    what stays, and the more the farther it is from that part. `share` to `top` are of `Around`, each by
    itself: numba counts references to what it takes out of a tuple, which cost as much as all else.
    """
    half, one, fine = np.float32(0.5), np.float32(1), np.float32(SAMPLES) * per_px
    far, much = between_cells(beyond, x * fine - half, y * fine - half), one
    if of_mesh and far <= 0:
        return dx, dy
    u, v = (x + dx - left) * fine - half, (y + dy - top) * fine - half
    much *= between_cells(share, u, v)
    if much <= 0:
        return dx, dy
    own = between_cells(off, u, v)
    if of_mesh:
        much *= min(far * per_px, one) * min(max(one - own * per_px / NEARLY, np.float32(0)), one)
    way = much * (_least_off(far, per_px) - own)
    if way <= 0:
        return dx, dy
    to_x = between_cells(off, u + one, v) - between_cells(off, u - one, v)
    to_y = between_cells(off, u, v + one) - between_cells(off, u, v - one)
    way /= max(np.sqrt(to_x * to_x + to_y * to_y), np.float32(1e-3))
    return dx + way * to_x, dy + way * to_y


@numba.njit(cache=True, fastmath=True, nogil=True, inline="always")
def _least_off(beyond: Any, per_px: Any) -> Any:
    """How far from what stays a place comes from at least that is so far `beyond` the mesh, pixels."""
    edge = EDGE / per_px
    return beyond if beyond <= edge else edge + min(SPREAD * (beyond - edge), OUT / per_px)


@numba.njit(cache=True, fastmath=True, nogil=True)
def between_cells(cells: Float, x: Any, y: Any) -> Any:
    """Between the four cells (r, c) about a place; 0 beyond them all."""
    if not (0 <= x < cells.shape[1] - 1 and 0 <= y < cells.shape[0] - 1):
        return np.float32(0)
    c, r, one = np.int32(x), np.int32(y), np.uint64(1)
    column, row, wx, wy = np.uint64(c), np.uint64(r), x - np.float32(c), y - np.float32(r)
    above = cells[row, column] + wx * (cells[row, column + one] - cells[row, column])
    below = cells[row + one, column] + wx * (cells[row + one, column + one] - cells[row + one, column])
    return above + wy * (below - above)


@numba.njit(cache=True, fastmath=True, nogil=True)
def _divide(grid: Float, known: Float) -> None:
    """Sums over so many to means, in place."""
    for n in range(grid.shape[0]):
        for r in range(known.shape[0]):
            for c in range(known.shape[1]):
                if known[r, c] > 0:
                    grid[n, r + 1, c + 1] /= known[r, c]


def _fade(grid: Float, known: Float, cell: int, reach_px: float | Float, ends: bool) -> None:
    """Continue what is `known` of the grid beyond, in place."""
    if grid.any():
        size = np.broadcast_to(np.float32(cell) / np.maximum(reach_px, 1.0), known.shape)
        _solve(grid, known, np.ascontiguousarray(size, np.float32), ends)


def _solve(grid: Float, known: Float, cell: Float, ends: bool) -> None:
    """Nested iteration: solve on a grid of half the cells first. `cell` is a cell's width in reaches."""
    if min(known.shape) > FEWEST_CELLS:
        half, half_known = _halve(grid, known)
        _solve(half, half_known, np.ascontiguousarray(2 * cell[::2, ::2]), ends)
        _double(grid, known, half)
    _relax(grid, known, 1 / (4 + cell**2), ROUNDS, ends)


@numba.njit(cache=True, fastmath=True, nogil=True)
def _halve(grid: Float, known: Float) -> tuple[Float, Float]:
    """The mean of what is known in every 2 x 2 cells, and in how many of them."""
    height, width = known.shape
    rows, columns = -(-height // 2), -(-width // 2)
    half = np.zeros((grid.shape[0], rows + 2, columns + 2), np.float32)
    total = np.zeros((rows, columns), np.float32)
    for y in range(height):
        for x in range(width):
            if known[y, x] > 0:
                total[y // 2, x // 2] += 1
                for n in range(grid.shape[0]):
                    half[n, y // 2 + 1, x // 2 + 1] += grid[n, y + 1, x + 1]
    _divide(half, total)
    return half, total


@numba.njit(cache=True, fastmath=True, nogil=True)
def _relax(grid: Float, known: Float, per: Float, rounds: int, ends: bool) -> None:
    """Successive over-relaxation, every other cell in turn: see `_split`, cells of a row go side by side.

    `per` (r, c) is one over the weight of a cell's four sides. The grid's rim stays zero where the field
    `ends`, else it becomes what lies beside it.
    """
    (rows, columns), one, two = known.shape, np.uint64(1), np.uint64(2)
    wide = WHOLE * ((np.uint64(columns + 3) // two + WHOLE - one) // WHOLE)
    boards = np.zeros((3, 2, rows + 2, wide), np.float32)
    share, weight, board = boards[0], boards[1], boards[2]
    for r in range(rows):
        for c in range(columns):
            color, k = (r + c) % 2, (c + 1) // 2
            weight[color, r + 1, k] = per[r, c]
            if known[r, c] <= 0:
                share[color, r + 1, k] = RELAXATION
    for n in range(grid.shape[0]):
        _split(grid[n], board)
        for turn in range(2 * rounds):
            if not ends:
                _mirror(board, columns + 1)
            color = turn % 2
            here, there = board[color].reshape(-1), board[1 - color].reshape(-1)
            much, part = share[color].reshape(-1), weight[color].reshape(-1)
            for r in range(one, np.uint64(rows + 1)):
                at = r * wide
                beside = at + (r + np.uint64(color)) % two
                for k in range(wide):
                    around = there[at - wide + k] + there[at + wide + k]
                    around += there[beside - one + k] + there[beside + k]
                    here[at + k] += much[at + k] * (around * part[at + k] - here[at + k])
        if not ends:
            _mirror(board, columns + 1)
        _join(board, grid[n])


@numba.njit(cache=True, fastmath=True, nogil=True)
def _split(cells: Float, board: Float) -> None:
    """Cells (r, c) as those of a checkerboard, its colors apart (2, r, c / 2 or more): four of one color lie
    about one of the other.
    """
    two = np.uint64(2)
    for r in range(np.uint64(len(cells))):
        for color in range(two):
            first = (r + color) % two
            for k in range((np.uint64(cells.shape[1] + 1) - first) // two):
                board[color, r, k] = cells[r, two * k + first]


@numba.njit(cache=True, fastmath=True, nogil=True)
def _join(board: Float, cells: Float) -> None:
    """What `_split` has put apart, together again."""
    two = np.uint64(2)
    for r in range(np.uint64(len(cells))):
        for color in range(two):
            first = (r + color) % two
            for k in range((np.uint64(cells.shape[1] + 1) - first) // two):
                cells[r, two * k + first] = board[color, r, k]


@numba.njit(cache=True, fastmath=True, nogil=True)
def _mirror(board: Float, last: int) -> None:
    """The rim of a checkerboard, in column 0 and the `last`, becomes what lies beside it."""
    rows = board.shape[1]
    for color in range(2):
        board[color, 0], board[color, rows - 1] = board[1 - color, 1], board[1 - color, rows - 2]
    for r in range(rows):
        board[r % 2, r, 0] = board[(r + 1) % 2, r, 0]
        board[(r + last) % 2, r, last // 2] = board[(r + last - 1) % 2, r, (last - 1) // 2]


@numba.njit(cache=True, fastmath=True, nogil=True)
def _double(grid: Float, known: Float, half: Float) -> None:
    """Fill what is not known of a grid from that of half its cells, between them, in place."""
    height, width = known.shape
    near, far = np.float32(0.75), np.float32(0.25)
    row = np.empty(half.shape[2], np.float32)
    for n in range(grid.shape[0]):
        for y in range(height):
            r = y // 2 + 1
            beside = r - 1 if y % 2 == 0 else r + 1
            for c in range(len(row)):
                row[c] = near * half[n, r, c] + far * half[n, beside, c]
            for x in range(width):
                if known[y, x] <= 0:
                    c = x // 2 + 1
                    grid[n, y + 1, x + 1] = near * row[c] + far * row[c - 1 if x % 2 == 0 else c + 1]


@numba.njit(cache=True, fastmath=True, nogil=True)
def displacements(
    first: int,
    end: int,
    span: Int,
    points: Float,
    triangles: Int,
    extent: Int,
    moved: Float,
    around: Around,
    near: Float,
    carried: Float,
    few: int = 0,
) -> None:
    """What the mesh carries in a few rows of a `Field`, and around it the field's own displacement and light.

    `near` (rows, W + LANES), `carried` (rows, C, W + LANES), `few`: see `carry`. The first three of `carried`
    are right everywhere between the first and the end column that `span` (h, 2) gives for each row.
    """
    carry(first, end, points, triangles, extent, moved, near, carried, few)
    cells = np.empty((3, around.grid.shape[2]), np.float32)
    for r in range(end - first):
        low, high = span[first + r, 0], span[first + r, 1]
        if low < high:
            _beside(first + r, low, high, around, cells, near[r], carried[r])
            if around.share.size > 0 and around.beyond.size > 0:
                _lead_out(first + r, low, high, around, near[r], carried[r])


@numba.njit(cache=True, fastmath=True, nogil=True)
def _lead_out(y: int, low: int, high: int, around: Around, near: Float, carried: Float) -> None:
    """Lead places beside the mesh, or of a throat, out of what stays.

    In a row from column `low` to before `high`.
    """
    share, off, beyond, per_px = around.share, around.off, around.beyond, around.per_px
    half = np.float32(0.5)
    (rows, columns), (left, top), (wide, tall) = share.shape, around.first, around.reach
    fine, slack = np.float32(SAMPLES) * per_px, np.float32(1) / per_px
    if not top - tall <= y <= top + rows / fine + tall:
        return
    begin, end = max(low, int(left - wide)), min(high, int(left + columns / fine + wide) + 1)
    line, last = min(int((np.float32(y) + half) * fine), beyond.shape[0] - 1), beyond.shape[1] - 1
    for x in range(begin, end):
        far = beyond[line, min(int((np.float32(x) + half) * fine), last)]
        if near[x] > 0 and far <= 0:
            continue  # as nearly all of the mesh
        u = (np.float32(x) + half + carried[0, x] - left) * fine
        v = (np.float32(y) + half + carried[1, x] - top) * fine
        if not (0 <= u < columns and 0 <= v < rows):
            continue
        c, r = int(u), int(v)
        if share[r, c] <= 0 or off[r, c] > _least_off(far, per_px) + slack:
            continue  # as nearly all else
        carried[0, x], carried[1, x] = led_out(
            np.float32(x) + half, np.float32(y) + half, carried[0, x], carried[1, x],
            share, off, beyond, left, top, per_px, near[x] > 0,
        )  # fmt: skip


@numba.njit(cache=True, fastmath=True, nogil=True)
def _beside(
    y: int,
    low: int,
    high: int,
    around: Around,
    cells: Float,
    near: Float,
    carried: Float,
) -> None:
    """The grid's displacement in x and y and change of light where a row of the region has no mesh to trust.

    Where that is to be trusted a little less than well enough, both meet. Only from column `low` to before
    `high`. `cells` (3, c + 2) is room to work in.
    """
    half, per_px, grid, down, across = np.float32(0.5), around.per_px, around.grid, around.down, around.across
    fy = (np.float32(y) + half) * per_px + half
    r = int(fy)
    wy, last = fy - np.float32(r), len(across) - 1
    wide = np.float32(1) / per_px
    first = int((np.float32(low) + half) * per_px + half)
    end = int((np.float32(high - 1) + half) * per_px + half)
    for c in range(first, end + 2):
        at = int((np.float32(c) - half) * wide)
        left = min(down[y], across[min(max(at, 0), last)])
        for n in range(3):
            cells[n, c] = grid[n, r, c] + wy * (grid[n, r + 1, c] - grid[n, r, c])
        for n in range(2):
            cells[n, c] += left * (grid[n + 3, r, c] + wy * (grid[n + 3, r + 1, c] - grid[n + 3, r, c]))
    trust = carried[3]
    for x in range(np.uint64(low), np.uint64(high)):
        own = SOFT_TRUST * (trust[x] - half) + np.float32(1) if near[x] > 0 else np.float32(0)
        if own >= np.float32(1):
            continue
        fx = (np.float32(np.int32(x)) + half) * per_px + half
        before = np.int32(fx)
        wx, cell = fx - np.float32(before), np.uint64(before)
        for n in range(3):
            value = cells[n, cell] + wx * (cells[n, cell + np.uint64(1)] - cells[n, cell])
            carried[n, x] = value + own * (carried[n, x] - value) if own > 0 else value


@numba.njit(cache=True, fastmath=FAST, nogil=True)
def sample(picture: Float, x: Float, y: Float, wanted: Float, ends: Four, out: Float) -> None:
    """Catmull-Rom samples, `out` (w, 4), of a premultiplied `picture` (H, W, 4) at coordinates `x`, `y` (w,).

    Only where `wanted` (w,) is not 0; elsewhere, and before the first two of the `ends` or beyond the last
    two, x and y, there is nothing. Borders are repeated, overshoot is held within the four nearest pixels,
    non-finite values do not spread. In the loop nothing is called in-line that takes an array: numba would
    count its references for each pixel, which cost more than the sampling.
    """
    flat, samples = picture.reshape(-1), out.reshape(-1)
    line, pixel = np.uint64(4 * picture.shape[1]), np.uint64(4)
    one, right, last = np.float32(1), np.float32(picture.shape[1] - 2), picture.shape[0] - 1
    weights, room = np.empty((8, RUN), np.float32), np.empty(64, np.float32)
    corner = np.empty(RUN, np.int32)
    for start in range(0, len(x), RUN):
        end = min(start + RUN, len(x))
        _corners(x[start:end], y[start:end], wanted[start:end], picture.shape[0], picture.shape[1], corner)
        _catmull_rom(x[start:end], weights[:4])
        _catmull_rom(y[start:end], weights[4:])
        for at in range(np.uint64(end - start)):
            n = at + np.uint64(start)
            if corner[at] >= 0:
                first = pixel * np.uint64(corner[at])
                rows = first, first + line, first + line + line, first + line + line + line
            else:
                out[n, 0] = out[n, 1] = out[n, 2] = out[n, 3] = 0
                if wanted[n] == 0 or not (ends[0] <= x[n] <= ends[2] and ends[1] <= y[n] <= ends[3]):
                    continue
                if not one <= x[n] < right:
                    _sample_border(picture, x[n], y[n], weights, at, room, samples, n * pixel)
                    continue
                first, r = np.uint64(4 * (np.int64(x[n]) - 1)), np.int64(np.floor(y[n]))
                rows = (
                    first + line * np.uint64(min(max(r - 1, 0), last)),
                    first + line * np.uint64(min(max(r, 0), last)),
                    first + line * np.uint64(min(max(r + 1, 0), last)),
                    first + line * np.uint64(min(max(r + 2, 0), last)),
                )
            if not patch(flat, rows, weights, at, samples, n * pixel):
                _finite_mean(flat, rows[1] + pixel, rows[2] - rows[1], x[n] % 1, y[n] % 1, samples, n * pixel)


@numba.njit(cache=True, fastmath=FAST, nogil=True)
def _corners(x: Float, y: Float, wanted: Float, height: int, width: int, out: Any) -> None:
    """The pixel of a picture at which the 4 x 4 about each place begin, counted row after row.

    -1 at the picture's border and where they are not `wanted` (w,).
    """
    one, right, bottom = np.float32(1), np.float32(width - 2), np.float32(height - 2)
    for n in range(len(x)):
        within = (x[n] >= one) & (x[n] < right) & (y[n] >= one) & (y[n] < bottom) & (wanted[n] != 0)
        first = (np.int64(np.int32(y[n])) - 1) * width + np.int64(np.int32(x[n])) - 1
        out[n] = first if within else -1


@numba.njit(cache=True, fastmath=FAST, nogil=True)
def _catmull_rom(places: Float, out: Float) -> None:
    """The weights (4, w) of the pixels about each place (w,): the second lies before it."""
    half, one = np.float32(0.5), np.float32(1)
    before, here, after, beyond = out[0], out[1], out[2], out[3]
    for n in range(len(places)):
        t = places[n] - np.floor(places[n])
        before[n] = half * t * (t * (np.float32(2) - t) - one)
        here[n] = t * t * (np.float32(1.5) * t - np.float32(2.5)) + one
        after[n] = half * t * (t * (np.float32(4) - np.float32(3) * t) + one)
        beyond[n] = half * t * t * (t - one)


@numba.njit(cache=True, nogil=True)
def _sample_border(
    picture: Float, x: Any, y: Any, weights: Float, at: Any, room: Float, out: Float, to: Any
) -> None:
    """The same for one place near a side's border, from a copy of the 4 x 4 pixels about it, `room` (64,)."""
    fx, fy = np.floor(x), np.floor(y)
    for j in range(4):
        r = min(max(int(fy) - 1 + j, 0), picture.shape[0] - 1)
        for i in range(4):
            c = min(max(int(fx) - 1 + i, 0), picture.shape[1] - 1)
            for n in range(4):
                room[16 * j + 4 * i + n] = picture[r, c, n]
    rows = np.uint64(0), np.uint64(16), np.uint64(32), np.uint64(48)
    if not patch(room, rows, weights, at, out, to):
        _finite_mean(room, np.uint64(20), rows[1], x - fx, y - fy, out, to)


@numba.njit(cache=True, nogil=True)
def _finite_mean(flat: Float, first: Any, line: Any, x: Any, y: Any, out: Float, to: Any) -> None:
    """The mean of the finite ones of four pixels, weighed as near as they are; 0 where there are none."""
    one = np.float32(1)
    across, down = (one - x, x), (one - y, y)
    for n in range(4):
        total, weight = np.float32(0), np.float32(0)
        for j in range(2):
            for i in range(2):
                value = flat[first + np.uint64(j) * line + np.uint64(4 * i + n)]
                if np.isfinite(value):
                    share = across[i] * down[j]
                    total += share * value
                    weight += share
        out[to + np.uint64(n)] = total / weight if weight > 1e-6 else np.float32(0)


@numba.njit(cache=True, fastmath=True, nogil=True)
def polygon(corners: Float, x0: int, y0: int, width: int, height: int) -> Float:
    """Area coverage (h, w) of a closed polygon (N, 2) in pixels, from 4 x 8 samples (even-odd rule)."""
    cover = np.zeros((height, width), np.float32)
    count = corners.shape[0]
    crossing = np.empty(count, np.float32)
    top, bottom = corners[:, 1].min() - y0, corners[:, 1].max() - y0
    for y in range(max(int(top), 0), min(int(np.ceil(bottom)), height)):
        for sub in range(8):
            py = y0 + y + (sub + 0.5) / 8
            hits = 0
            for i in range(count):
                j = (i + 1) % count
                ya, yb = corners[i, 1], corners[j, 1]
                if (ya <= py) != (yb <= py):
                    share = (py - ya) / (yb - ya)
                    x = corners[i, 0] + share * (corners[j, 0] - corners[i, 0])
                    at = hits
                    while at > 0 and crossing[at - 1] > x:
                        crossing[at] = crossing[at - 1]
                        at -= 1
                    crossing[at] = x
                    hits += 1
            for h in range(0, hits - 1, 2):
                a = max(crossing[h] - x0, 0.0)
                b = min(crossing[h + 1] - x0, float(width))
                if b <= a:
                    continue
                for x in range(int(a), min(int(np.ceil(b)), width)):
                    cover[y, x] += max(min(b, x + 1.0) - max(a, float(x)), 0.0) / 8
    return cover


@numba.njit(cache=True, nogil=True)
def affine(here: Float, there: Float) -> Float:
    """The affine map (K, 3) that takes places `here` (N, 2) nearest to what is `there` (N, K)."""
    count, channels = there.shape
    mean, sums = np.zeros(2 + channels), np.zeros((2 + channels, 2))
    for n in range(count):
        for k in range(2 + channels):
            mean[k] += (here[n, k] if k < 2 else there[n, k - 2]) / count
    for n in range(count):
        x, y = here[n, 0] - mean[0], here[n, 1] - mean[1]
        for k in range(2 + channels):
            value = (here[n, k] if k < 2 else there[n, k - 2]) - mean[k]
            sums[k, 0] += x * value
            sums[k, 1] += y * value
    xx, xy, yy = sums[0, 0] + FLAT, sums[0, 1], sums[1, 1] + FLAT
    out = np.empty((channels, 3), np.float32)
    for k in range(channels):
        x, y = sums[2 + k]
        across = (yy * x - xy * y) / (xx * yy - xy * xy)
        down = (xx * y - xy * x) / (xx * yy - xy * xy)
        out[k, 0], out[k, 1] = across, down
        out[k, 2] = mean[2 + k] - across * mean[0] - down * mean[1]
    return out
