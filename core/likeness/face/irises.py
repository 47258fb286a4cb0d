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
LIDS = np.stack(
    [
        np.r_[dense.GROUPS[f"lid_{side}_upper"], dense.GROUPS[f"lid_{side}_lower"][::-1][1:-1]]
        for side in IRISES
    ]
)
_IRISES = np.array(list(IRISES.values()))
END = len(dense.GROUPS["lid_left_upper"]) - 1  # of an eye's lids is its other corner


def moved_irises(look: Look, xy: Array, sigma_px: Array, visible: Array) -> Array:
    """Dense points (450, 2) px, the irises (center and rim) moved to where the picture shows them.

    `sigma_px` and `visible` (450,) are as in `landmarks.Points`.
    """
    left, right = _square(xy, 0), _square(xy, 1)
    pictures = look.crop(left, SIZE), look.crop(right, SIZE)
    return _moved(xy, sigma_px, visible, pictures, (left, right))


@numba.njit(cache=True, nogil=True)
def _square(xy: Array, eye: int) -> Array:
    """The square around an eye, its pixels to the picture's (2, 3)."""
    (x, y), (end_x, end_y) = xy[LIDS[eye, 0]], xy[LIDS[eye, END]]
    width = EYE * SIZE if end_x > x else -EYE * SIZE
    c, s, half = (end_x - x) / width, (end_y - y) / width, SIZE / 2
    return np.array([[c, -s, (x + end_x) / 2 - (c - s) * half], [s, c, (y + end_y) / 2 - (s + c) * half]])


@numba.njit(cache=True, nogil=True)
def _moved(
    xy: Array,
    sigma_px: Array,
    visible: Array,
    pictures: tuple[Float, Float],
    squares: tuple[Array, Array],
) -> Array:
    """The points with both irises moved as far along their squares as both together tell."""
    seen, unsure, told = 0.0, 0.0, np.zeros(len(STEPS))
    for eye in range(2):
        iris = _IRISES[eye]
        rim = slice(iris, iris + 1 + dense.RIM_COUNT)
        seen += visible[iris] / 2
        unsure += sigma_px[rim].mean() / _scale(squares[eye]) / 2
        evidence = _evidence(pictures[eye], squares[eye], xy[LIDS[eye]], xy[rim])
        told += visible[iris] * SURE * evidence
    likely = told / max(seen, 1e-6) - STEPS**2 / (2 * unsure**2)
    chance = np.exp(likely - likely.max())
    way = (chance * STEPS).sum() / chance.sum()
    out = xy.copy()
    for eye in range(2):
        out[_IRISES[eye] : _IRISES[eye] + 1 + dense.RIM_COUNT] += squares[eye][:, 0] * way
    return out


@numba.njit(cache=True, nogil=True)
def _scale(square: Array) -> float:
    """The side of a square's pixel in the picture's."""
    return max(np.hypot(square[0, 0], square[1, 0]), 1e-6)


@numba.njit(cache=True, nogil=True)
def within(xy: Array, matrix: Array) -> Float:
    """Points (N, 2) of a picture in the pixels of a square that `matrix` (2, 3) takes to the picture's."""
    out = np.empty(xy.shape, np.float32)
    (c, minus_s, left), (s, _, top) = matrix
    inverse = 1 / max(c * c + s * s, 1e-12)
    for i in range(len(xy)):
        x, y = xy[i, 0] - left, xy[i, 1] - top
        out[i, 0], out[i, 1] = inverse * (c * x + s * y), inverse * (minus_s * x + c * y)
    return out


@numba.njit(cache=True, nogil=True)
def _inner(open_: NDArray[np.bool_], edge: int) -> NDArray[np.bool_]:
    """The pixels of a mask that lie more than `edge` steps along rows and columns inside it."""
    rows, columns = open_.shape
    steps = np.zeros((rows + 2, columns + 2), np.int32)  # to what is not the mask
    for row in range(rows):
        for column in range(columns):
            if open_[row, column]:
                steps[row + 1, column + 1] = 1 + min(steps[row, column + 1], steps[row + 1, column])
    for row in range(rows, 0, -1):
        for column in range(columns, 0, -1):
            near = min(steps[row + 1, column], steps[row, column + 1])
            steps[row, column] = min(steps[row, column], 1 + near)
    return steps[1:-1, 1:-1] > edge


@numba.njit(cache=True, nogil=True)
def _span(y: Float) -> tuple[int, int]:
    """The first row of the square and the one after the last between which something lies."""
    first = min(max(int(y.min()), 0), SIZE - 1)
    return first, min(max(int(y.max()) + 1, first + 1), SIZE)


@numba.njit(cache=True, nogil=True, fastmath=FAST)
def _evidence(seen: Float, matrix: Array, lids: Array, iris: Array) -> Array:
    """The log likelihood of every step (S,) of an iris from where it was found, by an eye's square.

    Zero where too little of the eye is seen (3, SIZE, SIZE). `lids` (N, 2) and `iris` (1 + R, 2), center and
    rim, are in the picture; `matrix` is as of `within`.
    """
    out = np.zeros(len(STEPS))
    outline = within(lids, matrix)
    upper, lower = _span(outline[:, 1])
    open_ = _inner(polygon(outline, 0, upper, SIZE, lower - upper) > 0.5, EDGE)
    count = open_.sum()
    if count < LEAST:
        return out
    shown, darker = np.zeros(SIZE * SIZE, np.float32), np.zeros(SIZE * SIZE, np.float32)
    gray = ((seen[0, upper:lower] + seen[1, upper:lower] + seen[2, upper:lower]) / np.float32(3)).ravel()
    here = slice(upper * SIZE, lower * SIZE)
    shown[here] = open_.ravel()
    darker[here] = ((gray * shown[here]).sum() / np.float32(count) - gray) * shown[here]
    variance = NOISE * NOISE * count + (darker[here] * darker[here]).sum()
    worth = -0.5 * count * min(_scale(matrix) ** 2, 1.0)
    places = within(iris, matrix)
    x, y, radius = places[:, 0].mean(), places[:, 1].mean(), 0.0
    for place in places[1:]:
        radius += DISK * np.hypot(place[0] - x, place[1] - y) / (len(places) - 1)
    left, top = int(x - radius - 1), int(y - radius - 1)
    wide = int(2 * radius) + 4
    disk = np.zeros((wide, wide), np.float32)
    for row in range(wide):
        for column in range(wide):
            off = np.sqrt((left + column + 0.5 - x) ** 2 + (top + row + 0.5 - y) ** 2)
            disk[row, column] = min(max(radius + 0.5 - off, 0.0), 1.0)
    for j in range(len(STEPS)):
        across = int(STEPS[j])
        inside, dark = np.float32(0), np.float32(0)
        first, end = max(0, -left - across), min(wide, SIZE - left - across)
        for row in range(max(0, -top), min(wide, SIZE - top)):
            share, at = disk[row], (top + row) * SIZE + left + across
            # unsigned, or numba asks of each whether it counts from the end
            for column in range(np.uint64(first), np.uint64(max(first, end))):
                place = np.uint64(at) + column
                inside += share[column] * shown[place]
                dark += share[column] * darker[place]
        beside = count - inside
        if inside > 2 and beside > 2 and dark > 0:
            explained = dark * dark * (1 / inside + 1 / beside) / variance
            out[j] = worth * np.log(1 - min(explained, 0.95))
    return out
