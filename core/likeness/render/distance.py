"""How far pixels are from what is not so, exactly, on all cores and in little memory; what is near or within.

Felzenszwalb and Huttenlocher, "Distance transforms of sampled functions", Theory of Computing 2012: along the
columns, then along each row the lower envelope of the parabolas that its columns give.
"""

from __future__ import annotations

import numba
import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from likeness.render.bands import in_bands

Float = NDArray[np.float32]
Mask = NDArray[np.bool_]


def depth(solid: Mask) -> Float:
    """How far (h, w), in pixels, each is from the nearest that is not `solid`; infinite where all are."""
    out = _along_columns(solid)
    in_bands(_along_rows, len(out), out)
    return out


@numba.njit(cache=True, nogil=True)
def grown(mask: Mask, steps: int) -> Mask:
    """A mask (h, w), and all that is so few steps beside it, each to one of four sides."""
    height, width = mask.shape
    away, out = np.empty((height, width), np.int32), np.empty((height, width), np.bool_)
    for y in range(height):
        last = steps + 1
        for x in range(width):
            last = 0 if mask[y, x] else min(last + 1, away[y - 1, x] + 1 if y > 0 else steps + 1)
            away[y, x] = last
    for y in range(height - 1, -1, -1):
        last = steps + 1
        for x in range(width - 1, -1, -1):
            last = min(last + 1, away[y, x], away[y + 1, x] + 1 if y + 1 < height else steps + 1)
            away[y, x] = last
            out[y, x] = last <= steps
    return out


def without_holes(mask: Mask) -> Mask:
    """A mask (h, w) with all that it surrounds: what no four-sided way leads to from the picture's border."""
    labels, count = ndimage.label(~mask)
    outside = np.zeros(count + 1, bool)
    for border in (labels[0], labels[-1], labels[:, 0], labels[:, -1]):
        outside[border] = True
    outside[0] = False
    out: Mask = ~outside[labels]
    return out


@numba.njit(cache=True, nogil=True)
def _along_columns(solid: Mask) -> Float:
    """The same within each column."""
    height, width = solid.shape
    out, one = np.empty((height, width), np.float32), np.float32(1)
    for x in range(width):
        out[0, x] = np.float32(np.inf) if solid[0, x] else np.float32(0)
    for y in range(1, height):
        for x in range(width):
            out[y, x] = out[y - 1, x] + one if solid[y, x] else np.float32(0)
    for y in range(height - 2, -1, -1):
        for x in range(width):
            out[y, x] = min(out[y, x], out[y + 1, x] + one)
    return out


@numba.njit(cache=True, nogil=True)
def _along_rows(first: int, end: int, out: Float) -> None:
    """From the distances within the columns those within the picture, in place."""
    width = out.shape[1]
    lowest, begins = np.empty(width, np.int64), np.empty(width + 1, np.float64)
    height = np.empty(width, np.float64)
    for y in range(first, end):
        row, count = out[y], 0
        for x in range(width):
            if row[x] == np.inf:
                continue
            height[x] = np.float64(row[x]) * row[x]
            begin = -np.inf
            while count > 0:
                before = lowest[count - 1]
                higher = height[x] - height[before] + np.float64(x * x - before * before)
                begin = higher / (2 * (x - before))
                if begin > begins[count - 1]:
                    break
                count -= 1
            lowest[count], begins[count] = x, begin if count > 0 else -np.inf
            count += 1
        if count == 0:
            continue
        begins[count] = np.inf
        n = 0
        for x in range(width):
            while begins[n + 1] < x:
                n += 1
            across = np.float64(x - lowest[n])
            row[x] = np.float32(np.sqrt(across * across + height[lowest[n]]))
