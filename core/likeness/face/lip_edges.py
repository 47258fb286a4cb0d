"""Finds where parted lips end by the picture's own pixels: at the step from their color to what is between.

Points found by a network stay near the middle where they are unsure, and parted lips are then found too
close: smiles show too little of the teeth. Each lip's inner edge moves as one, most in its middle and not at
the corners, to where pixels that are of the lip's color lie beside others; how far goes by how unsure its
points are. Lips that hardly part, and an inside of the lips' color, leave them where they were found.
"""

from __future__ import annotations

import numba
import numpy as np
from numpy.typing import NDArray

from likeness.face.irises import within
from likeness.head import points as dense
from likeness.media.look import Look
from likeness.render.simd import FAST

Float = NDArray[np.float32]
Array = NDArray[np.float64]

SIZE = 64  # pixels of the square in which a mouth is looked at
MOUTH = 0.7 * SIZE  # of them are the mouth's width
ALONG = (0.2, 0.8)  # of that width is looked at
STEP, STEPS = 0.25, 24  # pixels by which an edge is moved, and how often each way
BAND = 1.5  # pixels on either side of an edge that are compared
NOISE = (0.03, 0.015, 0.015)  # standard deviation, of full range, of luma and of two chromas
STRONGEST = 12.0  # squared deviations: a stronger step tells no more
SURE = 0.04  # of them count as independent
UNSURE = 0.8  # of the points' own deviation: neighbors err alike, and their mean less
LIP = (0.4, 0.85)  # of the way from a lip's inner to its outer edge is lip for sure
AS_LIP = 4.0  # deviations by which lip may be of another color at its edge
NEAR = 3  # columns beside one in which the lip is of the same color
LEAST_COLUMNS = 8
INWARD = 0.4  # of the opening may an edge move in at most
PARTED = (0.06, 0.12)  # of the mouth's width: lips less apart stay, farther ones go all the way
UPPER, LOWER = dense.GROUPS["lip_upper_inner"], dense.GROUPS["lip_lower_inner"]
_LOOP, _LEFT_CORNER = dense.GROUPS["lip_outer"], 54
_CORNER = int(np.flatnonzero(_LOOP == _LEFT_CORNER)[0])
# The outer edges, like the inner ones from the right corner to the left.
OVER, UNDER = _LOOP[: _CORNER + 1], np.r_[_LOOP[:1], _LOOP[: _CORNER - 1 : -1]]


def moved_lips(look: Look, xy: Array, sigma_px: Array) -> Array:
    """Dense points (450, 2) px, the inner edges of parted lips moved to where the picture shows them.

    `sigma_px` (450,) is as in `landmarks.Points`.
    """
    matrix, height = _square(xy)
    share = min(max((height / MOUTH - PARTED[0]) / (PARTED[1] - PARTED[0]), 0.0), 1.0)
    return _moved(look.crop(matrix, SIZE), matrix, height, share, xy, sigma_px) if share else xy


@numba.njit(cache=True, nogil=True)
def _square(xy: Array) -> tuple[Array, float]:
    """The square around a mouth, its pixels to the picture's (2, 3), and how many of them its lips part."""
    first, last = xy[UPPER[0]], xy[UPPER[-1]]
    above, below = xy[UPPER[len(UPPER) // 2]], xy[LOWER[len(LOWER) // 2]]
    c, s, half = (last[0] - first[0]) / MOUTH, (last[1] - first[1]) / MOUTH, SIZE / 2
    x, y = (above[0] + below[0]) / 2, (above[1] + below[1]) / 2
    matrix = np.array([[c, -s, x - (c - s) * half], [s, c, y - (s + c) * half]])
    height = (c * (below[1] - above[1]) - s * (below[0] - above[0])) / max(c * c + s * s, 1e-12)
    return matrix, height


@numba.njit(cache=True, nogil=True)
def _moved(seen: Float, matrix: Array, height: float, share: float, xy: Array, sigma_px: Array) -> Array:
    """The points with both lips' edges moved by a `share` of what the square (3, SIZE, SIZE) tells."""
    c, s = matrix[0, 0], matrix[1, 0]
    scale = max(np.hypot(c, s), 1e-6)
    out = xy.copy()
    for up in (1, -1):
        inner, outer = (UPPER, OVER) if up == 1 else (LOWER, UNDER)
        edge, rim = within(xy[inner], matrix), within(xy[outer], matrix)
        unsure, worth = UNSURE * sigma_px[inner].mean() / scale, SURE * min(scale * scale, 1.0)
        way = up * share * _way(seen, edge, rim, up, unsure, worth, INWARD * height)
        for i in range(len(inner)):
            most = way * np.sin(np.pi * i / (len(inner) - 1))
            out[inner[i], 0] += most * s
            out[inner[i], 1] -= most * c
    return out


@numba.njit(cache=True, nogil=True, fastmath=FAST)
def _way(seen: Float, edge: Float, rim: Float, up: int, unsure: float, worth: float, most: float) -> float:
    """How far, pixels, a lip's edge (N, 2) moves toward its rim (M, 2) in a square (3, SIZE, SIZE).

    `up` is 1 if the rim lies above, -1 if below. `unsure` is the edge's standard deviation, `worth` the share
    of a pixel's evidence that counts; inward it moves by no more than `most`.
    """
    left, right = edge[0, 0], edge[-1, 0]
    first = max(int(left + ALONG[0] * (right - left)), 0)
    across = np.arange(first, min(int(left + ALONG[1] * (right - left)), SIZE)) + 0.5
    if len(across) < LEAST_COLUMNS:
        return 0.0
    inner, outer = np.interp(across, edge[:, 0], edge[:, 1]), np.interp(across, rim[:, 0], rim[:, 1])
    sums = _sums(seen, first, len(across))
    lip = _colors(sums, inner, outer)
    ways = (np.arange(2 * STEPS + 1) - STEPS) * STEP
    likely = -ways * ways / (2 * unsure * unsure)
    for i in range(len(across)):
        share = np.sin(np.pi * (across[i] - left) / (right - left))
        for n in range(len(ways)):
            at = inner[i] - up * ways[n] * share
            step, strange = 0.0, 0.0
            for k in range(3):
                here = _at(sums[i, k], at)
                beyond = up * (here - _at(sums[i, k], at - up * BAND)) / BAND
                between = up * (_at(sums[i, k], at + up * BAND) - here) / BAND
                step += ((beyond - between) / NOISE[k]) ** 2
                strange += ((beyond - lip[i, k]) / (AS_LIP * NOISE[k])) ** 2
            likely[n] += worth * min(step, STRONGEST) * np.exp(-0.5 * strange)
    chance = np.exp(likely - likely.max()) * (ways >= -most)
    return float((chance * ways).sum() / max(chance.sum(), 1e-30))


@numba.njit(cache=True, nogil=True, fastmath=FAST)
def _sums(seen: Float, first: int, count: int) -> Array:
    """Luma and two chromas of so many columns, summed up to each row: (count, 3, SIZE + 1)."""
    out = np.zeros((count, 3, SIZE + 1))
    for row in range(SIZE):
        for i in range(count):
            red, green, blue = seen[0, row, first + i], seen[1, row, first + i], seen[2, row, first + i]
            out[i, 0, row + 1] = out[i, 0, row] + (red + green + blue) / 3
            out[i, 1, row + 1] = out[i, 1, row] + red - green
            out[i, 2, row + 1] = out[i, 2, row] + green - blue
    return out


@numba.njit(cache=True, nogil=True, fastmath=FAST)
def _colors(sums: Array, inner: Array, outer: Array) -> Array:
    """The lip's color (C, 3) in each column, between the rows of its edges (C,)."""
    count = len(inner)
    each, out = np.empty((count, 3)), np.empty((count, 3))
    for i in range(count):
        near, far = inner[i] + LIP[0] * (outer[i] - inner[i]), inner[i] + LIP[1] * (outer[i] - inner[i])
        for k in range(3):
            each[i, k] = (_at(sums[i, k], far) - _at(sums[i, k], near)) / (far - near + 1e-9)
    for i in range(count):
        for k in range(3):
            out[i, k] = each[max(i - NEAR, 0) : i + NEAR + 1, k].mean()
    return out


@numba.njit(cache=True, nogil=True, inline="always")
def _at(sums: Array, row: float) -> float:
    """Sums up to a row that need not be whole."""
    row = min(max(row, 0.0), SIZE - 1e-6)
    whole = int(row)
    return sums[whole] + (row - whole) * (sums[whole + 1] - sums[whole])
