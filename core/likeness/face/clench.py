"""Sees whether teeth are closed behind parted lips: points of lips and chin hardly tell.

In the middle of the mouth, closed teeth go from lip to lip; open ones leave a dark or red stretch between.
"""

from __future__ import annotations

import numba
import numpy as np
from numpy.typing import NDArray

from likeness.face.irises import within
from likeness.head import points as dense
from likeness.media.look import Look

Float = NDArray[np.float32]
Array = NDArray[np.float64]

SIZE = 64  # pixels of the square in which a mouth is looked at
MOUTH = 0.8 * SIZE  # pixels of it are the mouth's width
LEAST_OPEN = 0.14  # of that width: a lower opening is filled by upper teeth alone
MIDDLE = 0.35  # of that width is looked at
COLUMNS = slice(round(SIZE / 2 - MIDDLE * MOUTH / 2), round(SIZE / 2 + MIDDLE * MOUTH / 2))
LIPS = 2.0  # pixels beside the lips that may be theirs
LIP = (4.0, 6.0, 8.0)  # pixels below the opening is lip
WHITER = 0.08  # by as much is a tooth's smallest channel nearer to its largest than a lip's
AS_BRIGHT = 0.6  # of the brightest of the opening are teeth
GAP = (0.045, 0.07)  # of the mouth's width without teeth: from closed for sure to open for sure
ENDS = (0.1, 0.35)  # of the columns show teeth at both lips: from none for sure to both rows for sure
UPPER, LOWER = dense.GROUPS["lip_upper_inner"], dense.GROUPS["lip_lower_inner"]


def clenched(look: Look, xy: Array) -> float:
    """How surely the teeth behind parted lips are closed, 0 to 1, given a face's points (450, 2), px."""
    is_open, matrix = _square(xy)
    return _closed(look.crop(matrix, SIZE), matrix, xy) if is_open else 0.0


@numba.njit(cache=True, nogil=True)
def _square(xy: Array) -> tuple[bool, Array]:
    """Whether a mouth is open enough, and the square around it, its pixels to the picture's (2, 3)."""
    first, last = xy[UPPER[0]], xy[UPPER[-1]]
    x, y = last[0] - first[0], last[1] - first[1]
    x, y = (x, y) if x > 0 else (-x, -y)
    gap = xy[LOWER[len(LOWER) // 2]] - xy[UPPER[len(UPPER) // 2]]
    wide, height = x * x + y * y, gap[1] * x - gap[0] * y
    c, s, middle = x / MOUTH, y / MOUTH, np.zeros(2)
    for lip in (UPPER, LOWER):
        for point in lip:
            middle += xy[point] / (2 * len(lip))
    left, top = middle[0] - (c - s) * SIZE / 2, middle[1] - (s + c) * SIZE / 2
    return wide >= 1 and height >= LEAST_OPEN * wide, np.array([[c, -s, left], [s, c, top]])


@numba.njit(cache=True, nogil=True)
def _closed(seen: Float, matrix: Array, xy: Array) -> float:
    """How surely the teeth are closed that the square (3, SIZE, SIZE) shows."""
    longest, both = _rows(seen[:, :, COLUMNS], within(xy[UPPER], matrix), within(xy[LOWER], matrix))
    closed = (GAP[1] - longest / MOUTH) / (GAP[1] - GAP[0])
    ends = (both - ENDS[0]) / (ENDS[1] - ENDS[0])
    return float(min(max(closed, 0.0), 1.0) * min(max(ends, 0.0), 1.0))


@numba.njit(cache=True, nogil=True)
def _rows(seen: Float, upper: Float, lower: Float) -> tuple[float, float]:
    """The longest stretch without teeth, median over columns (3, SIZE, n), and how many have both rows.

    `upper` and `lower` (N, 2) are the lips' edges in the square of which these are `COLUMNS`.
    """
    width = seen.shape[2]
    across = np.arange(width) + (COLUMNS.start + 0.5)
    upper, lower = upper[np.argsort(upper[:, 0])], lower[np.argsort(lower[:, 0])]
    top = np.interp(across, upper[:, 0], upper[:, 1])
    bottom = np.interp(across, lower[:, 0], lower[:, 1])
    luma, white = np.zeros((SIZE, width)), np.zeros((SIZE, width))
    for y in range(SIZE):
        for x in range(width):
            r, g, b = seen[0, y, x], seen[1, y, x], seen[2, y, x]
            luma[y, x], white[y, x] = (r + g + b) / 3, min(r, g, b) / max(r, g, b, 1e-3)
    first, end = np.ceil(top + LIPS).astype(np.int64), np.floor(bottom - LIPS).astype(np.int64) + 1
    first, end = np.maximum(first, 0), np.minimum(end, SIZE)
    bright, lip_luma, lip_white = [0.0], [0.0], [0.0]
    for x in range(width):
        for y in range(first[x], end[x]):
            bright.append(luma[y, x])
        for below in LIP:
            y = min(int(bottom[x] + below), SIZE - 1)
            lip_luma.append(luma[y, x])
            lip_white.append(white[y, x])
    brightest = np.quantile(np.array(bright), 0.85)
    if brightest <= np.median(np.array(lip_luma)):
        return np.inf, 0.0
    dimmest, whiter = AS_BRIGHT * brightest, np.median(np.array(lip_white)) + WHITER
    longest, both = np.zeros(width), 0
    for x in range(width):
        third, run, above, below = max(2, (end[x] - first[x]) // 3), 0, False, False
        for y in range(first[x], end[x]):
            tooth = luma[y, x] > dimmest and white[y, x] > whiter
            run = 0 if tooth else run + 1
            longest[x] = max(longest[x], run)
            above |= tooth and y < first[x] + third
            below |= tooth and y >= end[x] - third
        both += above and below
    return float(np.median(longest)), both / width
