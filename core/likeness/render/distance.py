"""How far pixels are from what is not so, exactly, on all cores and in little memory.

Felzenszwalb and Huttenlocher, "Distance transforms of sampled functions", Theory of Computing 2012: along the
columns, then along each row the lower envelope of the parabolas that its columns give.
"""

from __future__ import annotations

import numba
import numpy as np
from numpy.typing import NDArray

from likeness.render.bands import in_bands

Float = NDArray[np.float32]
Mask = NDArray[np.bool_]


def depth(solid: Mask) -> Float:
    """How far (h, w), in pixels, each is from the nearest that is not `solid`; infinite where all are."""
    out = _along_columns(solid)
    in_bands(_along_rows, len(out), out)
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
