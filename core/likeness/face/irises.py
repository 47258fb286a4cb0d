"""Finds where the irises stand by the eyes' own pixels: what is dark and round between the lids.

Points found by a network stay near the middle where they are unsure, and eyes then look aside too little. Of
the opening between the found lids, a disk of the iris's size explains most where the iris is (two tones by
least squares, as Chan and Vese 2001); both eyes move together. They move along the eye alone: across it the
lids, their shade and their lashes cover an iris and are as dark, and the network tells better. How much the
pixels have to say goes by how many there are: eyes of a few pixels stay as they were found.
"""

from __future__ import annotations

import numba
import numpy as np
from numpy.typing import NDArray

from likeness.face.warp import polygon
from likeness.head import points as dense
from likeness.media.look import Look
from likeness.render.simd import FAST

Float = NDArray[np.float32]
Array = NDArray[np.float64]

SIZE = 64  # pixels of the square in which an eye is looked at
EYE = 0.8  # of its side is the eye's width
STEPS = np.arange(-12, 13, 2)  # pixels of it by which an iris may be moved along the eye
SURE = 0.05  # of the pixels count as independent
EDGE = 2  # pixels beside the lids that are lashes as likely as eye
LEAST = 12  # pixels that an open eye shows
DISK = 1.0  # of the found iris's radius: a smaller one would shun the lids, a larger one seek them
NOISE = 0.01  # standard deviation of the eye's own noise, of full range
IRISES = {"left": dense.IRIS_LEFT, "right": dense.IRIS_RIGHT}
LIDS = {
    side: np.concatenate([dense.GROUPS[f"lid_{side}_upper"], dense.GROUPS[f"lid_{side}_lower"][::-1][1:-1]])
    for side in IRISES
}


def moved_irises(look: Look, xy: Array, sigma_px: Array, visible: Array) -> Array:
    """Dense points (450, 2) px, the irises (center and rim) moved to where the picture shows them.

    `sigma_px` and `visible` (450,) are as in `landmarks.Points`.
    """
    looked = [_look(look, xy, side, iris) for side, iris in IRISES.items()]
    seen = visible[list(IRISES.values())]
    told = SURE * sum(
        share * evidence
        for (_, evidence, _), share in zip(looked, seen / max(seen.mean(), 1e-6), strict=True)
    )
    unsure = np.mean(
        [
            sigma_px[_points_of(i)].mean() / size
            for i, (_, _, size) in zip(IRISES.values(), looked, strict=True)
        ]
    )
    likely = told - STEPS**2 / (2 * unsure**2)
    chance = np.exp(likely - likely.max())
    way = chance @ STEPS / chance.sum()
    out = xy.copy()
    for iris, (matrix, _, _) in zip(IRISES.values(), looked, strict=True):
        out[_points_of(iris)] += matrix[:, 0] * way
    return out


def _points_of(iris: int) -> slice:
    return slice(iris, iris + 1 + dense.RIM_COUNT)


def _look(look: Look, xy: Array, side: str, iris: int) -> tuple[Array, Array, float]:
    """An eye's square (2, 3), the log likelihood of every step of its iris, and a pixel's size."""
    upper = dense.GROUPS[f"lid_{side}_upper"]
    along = xy[upper[-1]] - xy[upper[0]]
    along = along if along[0] > 0 else -along
    turn = np.array([[along[0], -along[1]], [along[1], along[0]]]) / (EYE * SIZE)
    middle = (xy[upper[-1]] + xy[upper[0]]) / 2
    matrix = np.concatenate([turn, (middle - turn.sum(axis=1) * SIZE / 2)[:, None]], axis=1)
    scale = max(float(np.hypot(*turn[:, 0])), 1e-6)
    outline, disk = (
        ((xy[ids] - middle) @ turn / scale**2 + SIZE / 2).astype(np.float32)
        for ids in (LIDS[side], _points_of(iris))
    )
    center = disk.mean(axis=0)
    radius = DISK * float(np.hypot(*(disk[1:] - center).T).mean())
    open_ = _inner(polygon(outline, 0, 0, SIZE, SIZE) > 0.5, EDGE)
    evidence = np.zeros(len(STEPS))
    if open_.sum() >= LEAST:
        red, green, blue = look.crop(matrix, SIZE)
        gray = (red + green + blue) / 3
        share = _explained(gray, open_, float(center[0]), float(center[1]), radius, STEPS, NOISE)
        evidence = -0.5 * open_.sum() * min(scale**2, 1.0) * np.log(1 - share)
    return matrix, evidence, scale


@numba.njit(cache=True, nogil=True)
def _inner(open_: NDArray[np.bool_], edge: int) -> NDArray[np.bool_]:
    """The pixels of a mask that lie more than `edge` steps along rows and columns inside it."""
    rows, columns = open_.shape
    out = np.zeros((rows, columns), np.bool_)
    for row in range(edge, rows - edge):
        for column in range(edge, columns - edge):
            whole = open_[row, column]
            for y in range(-edge, edge + 1):
                side = edge - abs(y)
                for x in range(-side, side + 1):
                    whole = whole and open_[row + y, column + x]
                if not whole:
                    break
            out[row, column] = whole
    return out


@numba.njit(cache=True, nogil=True, fastmath=FAST)
def _explained(
    gray: Float,
    open_: NDArray[np.bool_],
    x: float,
    y: float,
    radius: float,
    steps: NDArray[np.int64],
    noise: float,
) -> Array:
    """The share of the opening's variance that a darker disk at every step from (x, y) explains."""
    size = len(gray)
    count, mean = 0, 0.0
    for row in range(size):
        for column in range(size):
            if open_[row, column]:
                count += 1
                mean += gray[row, column]
    mean /= count
    variance = noise * noise * count
    seen, darker = np.zeros(size * size, np.float32), np.zeros(size * size, np.float32)
    for row in range(size):
        for column in range(size):
            if open_[row, column]:
                below = mean - gray[row, column]
                variance += below * below
                seen[row * size + column] = 1
                darker[row * size + column] = np.float32(below)
    left, top = int(x - radius - 1), int(y - radius - 1)
    wide = int(2 * radius) + 4
    disk = np.zeros((wide, wide), np.float32)
    for row in range(wide):
        for column in range(wide):
            off = np.sqrt((left + column + 0.5 - x) ** 2 + (top + row + 0.5 - y) ** 2)
            disk[row, column] = min(max(radius + 0.5 - off, 0.0), 1.0)
    out = np.zeros(len(steps))
    for j, across in enumerate(steps):
        inside, dark = np.float32(0), np.float32(0)
        first, end = max(0, -left - across), min(wide, size - left - across)
        for row in range(max(0, -top), min(wide, size - top)):
            share, at = disk[row], (top + row) * size + left + across
            # unsigned, or numba asks of each whether it counts from the end
            for column in range(np.uint64(first), np.uint64(max(first, end))):
                place = np.uint64(at) + column
                inside += share[column] * seen[place]
                dark += share[column] * darker[place]
        beside = count - inside
        if inside > 2 and beside > 2 and dark > 0:
            explained = dark * dark * (1 / inside + 1 / beside) / variance
            out[j] = min(float(explained), 0.95)
    return out
