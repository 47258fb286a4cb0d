"""Motion blur: what moves while the shutter is open leaves a smear along its way.

A plate holds the smear of its own motion; what a performance adds to that is smeared here, as the plate's
camera would have taken it. Grain does not move with what is photographed: what the smear takes of it comes
back.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numba
import numpy as np
from numpy.typing import NDArray

from likeness.face import grain
from likeness.face.part import Spot, window
from likeness.face.rig import face_width
from likeness.render.bands import in_bands

Float = NDArray[np.float32]
Array = NDArray[np.float64]

FULL_DEG = 360.0  # open all the time from one frame to the next
TRACE = np.float32(1e-6)  # of a matte: less is nothing in half precision, and stays the plate
LEAST_PX = 1.0  # a shorter way stays within a pixel
MOST = 0.4  # of the face's width: longer smears are cut
JUMP = 0.5  # of the face's width from frame to frame: a cut, not motion
CELLS_A_FACE = 24  # so many cells of a grid are a face's width
POINT_STEP = 4  # every so many of the points tell the way of a cell
NEAR = 0.03  # of the face's width: nearer, points tell alike
RUN = 16  # pixels of a row that have one way
GOES_ON, ENDS = 0.35, 0.9  # of the face's width beyond the points: hair goes with the head


@dataclass(frozen=True)
class Way:
    """How far, px (N, 2), each of the `places` (N, 2) in the picture goes while the shutter is open."""

    places: Float
    way: Float

    def __bool__(self) -> bool:
        return bool((self.way**2).sum(axis=1).max() > LEAST_PX**2)


def way_of(beyond: Sequence[Array], now: Array, angle_deg: float) -> Way:
    """The way of skin that is `now` at these places (N, 2), under a shutter that is open for an angle.

    `beyond`: how far (N, 2) each lies from where the plate itself shows it, in neighboring frames, one after
    another: only this motion was not photographed yet. Where the face jumps, a new shot begins.
    """
    places = now.astype(np.float32)
    width = face_width(places)
    steps = [after - before for before, after in pairwise(beyond)]
    steady = [step for step in steps if np.linalg.norm(step, axis=1).mean() < JUMP * width]
    way = angle_deg / FULL_DEG * np.mean(steady, axis=0) if steady else np.zeros_like(now)
    length = np.linalg.norm(way, axis=1, keepdims=True)
    way *= np.minimum(MOST * width / np.maximum(length, 1e-6), 1)
    return Way(places, way.astype(np.float32))


def smear(
    color: Float, matte: Float, way: Way, origin: tuple[int, int], noise: grain.Grain, seed: tuple[int, ...]
) -> None:
    """Smear the region's `color` (h, w, 3) and `matte` (h, w), which begin at pixel `origin`, in place.

    Where the smear brings nothing that the matte has, all stays; values that are not finite do not spread.
    """
    if not way:
        return
    face, corner = face_width(way.places), np.array(origin, np.float32)
    cell = max(face / CELLS_A_FACE, 2.0)
    rows, columns = (int(np.ceil(size / cell)) + 1 for size in matte.shape)
    grid = np.zeros((rows, columns, 2), np.float32)
    few = slice(None, None, POINT_STEP)
    reach = np.array([NEAR, GOES_ON, ENDS], np.float32) * np.float32(face)
    _spread(way.places[few] - corner, way.way[few], np.float32(cell), reach, grid)
    margin = int(0.5 * np.sqrt((grid**2).sum(axis=2).max())) + 2
    spot = _where(grid, cell, matte, margin)
    if spot is None:
        return
    first = (spot[0].start, spot[1].start)
    there = _source(color[spot], matte[spot], margin)
    lost = np.zeros(matte[spot].shape, np.float32)
    scale = np.float32(1 / cell)
    in_bands(_smear, len(lost), there, margin, grid, scale, *first, color[spot], matte[spot], lost)
    grain.add_to(color[spot], lost, noise, seed, (origin[0] + first[1], origin[1] + first[0]))


def _source(color: Float, matte: Float, margin: int) -> Float:
    """Color and matte (h + 2 margin, w + 2 margin + RUN, 4), which go on as at their edges."""
    height, width = matte.shape
    out = np.empty((height + 2 * margin, width + 2 * margin + RUN, 4), np.float32)
    in_bands(_copy, len(out), color, matte, margin, out)
    return out


@numba.njit(cache=True, nogil=True)
def _copy(begin: int, end: int, color: Float, matte: Float, margin: int, out: Float) -> None:
    """Pixels that are not finite have the color of the one before them in their row."""
    height, width = matte.shape
    for y in range(begin, end):
        row, line, sound = min(max(y - margin, 0), height - 1), out[y, margin : margin + width], True
        own, shown = color[row], matte[row]
        for x in range(np.uint64(width)):
            a, b, c = own[x, 0], own[x, 1], own[x, 2]
            total = a + b + c
            sound &= total - total == 0  # finite
            line[x, 0], line[x, 1], line[x, 2], line[x, 3] = a, b, c, shown[x]
        if not sound:
            _mend(line)
        out[y, :margin] = out[y, margin]
        out[y, margin + width :] = out[y, margin + width - 1]


@numba.njit(cache=True, nogil=True)
def _mend(line: Float) -> None:
    """Give pixels (w, 4) that are not finite the color of the one before, in place."""
    red, green, blue = np.float32(0), np.float32(0), np.float32(0)
    for x in range(len(line)):
        total = line[x, 0] + line[x, 1] + line[x, 2]
        if total - total == 0:
            red, green, blue = line[x, 0], line[x, 1], line[x, 2]
        line[x, 0], line[x, 1], line[x, 2] = red, green, blue


@numba.njit(cache=True, nogil=True)
def _spread(places: Float, way: Float, cell: np.float32, reach: Float, out: Float) -> None:
    """The way (r, c, 2) at the corners of cells, from those of points nearby; beyond the face it ends."""
    near, goes_on, ends = reach
    for r in range(out.shape[0]):
        for c in range(out.shape[1]):
            total, closest = np.float32(0), np.float32(np.inf)
            x, y = np.float32(0), np.float32(0)
            for n in range(len(places)):
                dx, dy = c * cell - places[n, 0], r * cell - places[n, 1]
                squared = dx * dx + dy * dy
                closest = min(closest, squared)
                weight = np.float32(1) / (squared + near * near)
                weight *= weight
                total += weight
                x += weight * way[n, 0]
                y += weight * way[n, 1]
            left = min(max((ends - np.sqrt(closest)) / (ends - goes_on), np.float32(0)), np.float32(1))
            left = left * left * (np.float32(3) - np.float32(2) * left) / total
            out[r, c, 0], out[r, c, 1] = left * x, left * y


def _where(grid: Float, cell: float, matte: Float, margin: int) -> Spot | None:
    """Rows and columns of the region in which a way is long enough to smear; None where there are none.

    No farther from what the `matte` (h, w) has than the `margin`.
    """
    long = (grid**2).sum(axis=2) > LEAST_PX**2
    if not long.any():
        return None
    spot = []
    for axis, shown in enumerate(window(matte)):
        cells = np.flatnonzero(long.any(axis=1 - axis))
        first, end = (
            max(int((cells[0] - 1) * cell), 0),
            min(int((cells[-1] + 1) * cell) + 1, matte.shape[axis]),
        )
        # whole runs are left out, so that those which stay begin where they would
        end = min(end, first + -(-(shown.stop + margin - first) // RUN) * RUN)
        first += max(shown.start - margin - first, 0) // RUN * RUN
        if end <= first:
            return None
        spot.append(slice(first, end))
    return spot[0], spot[1]


@numba.njit(cache=True, nogil=True)
def _smear(
    begin: int,
    end: int,
    there: Float,
    margin: int,
    grid: Float,
    scale: np.float32,
    top: int,
    left: int,
    color: Float,
    matte: Float,
    lost: Float,
) -> None:
    """Each pixel's mean over its way: of the pixels along it.

    A run of pixels has the way of its middle.
    """
    one, half = np.float32(1), np.float32(0.5)
    width, line = matte.shape[1], there.shape[1] * 4
    flat, sums = there.reshape(-1), np.empty(4 * RUN, np.float32)
    for y in range(begin, end):
        own, shown, gone = color[y], matte[y], lost[y]
        for start in range(0, width, RUN):
            count = min(RUN, width - start)
            u, v = _at(grid, (left + start + half * count) * scale, (top + y + half) * scale)
            across = abs(v) > abs(u)
            length = abs(v) if across else abs(u)
            if length <= one:
                continue
            slope, reach = (u / v if across else v / u), half * (length + one)
            along, aside = (line, 4) if across else (4, line)
            middle = (y + margin) * line + (start + margin) * 4
            sums[:] = 0
            squares = np.float32(0)
            for k in range(-int(reach), int(reach) + 1):
                weight = np.float32(min(reach - abs(k), one) / length)
                place = np.uint64(middle + k * along + round(slope * k) * aside)
                for i in range(np.uint64(4 * RUN)):  # a slice of its own would be counted, which takes longer
                    sums[i] += weight * flat[place + i]
                squares += weight * weight
            grainless = np.sqrt(max(one - squares, np.float32(0)))
            for x in range(np.uint64(count)):
                at, mean = np.uint64(start) + x, np.uint64(4) * x
                total = own[at, 0] + own[at, 1] + own[at, 2]
                if sums[mean + np.uint64(3)] > TRACE and total - total == 0:  # finite
                    for n in range(np.uint64(3)):
                        own[at, n] = sums[mean + n]
                    shown[at] = sums[mean + np.uint64(3)]
                    gone[at] = grainless


@numba.njit(cache=True, nogil=True, inline="always")
def _at(grid: Float, x: float, y: float) -> tuple[float, float]:
    """The grid's way at a place, linear between its corners."""
    r, c = min(int(y), grid.shape[0] - 2), min(int(x), grid.shape[1] - 2)
    fy, fx = y - r, x - c
    a, b, d, e = (1 - fy) * (1 - fx), (1 - fy) * fx, fy * (1 - fx), fy * fx
    u = a * grid[r, c, 0] + b * grid[r, c + 1, 0] + d * grid[r + 1, c, 0] + e * grid[r + 1, c + 1, 0]
    v = a * grid[r, c, 1] + b * grid[r, c + 1, 1] + d * grid[r + 1, c, 1] + e * grid[r + 1, c + 1, 1]
    return u, v
