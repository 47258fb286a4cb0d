"""How far a driver's body goes: the collar below the chin is followed through the shot.

A head may sink between shoulders that stay, or go with them as the camera pans; its own way does not tell
which. Clothes do. Many have no texture, so they are told by their colors: what looks like them in the first
frame is laid over what does in every other one.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from likeness.face.warp import polygon
from likeness.head import points as dense
from likeness.media.look import Look

Float = NDArray[np.float32]
Mask = NDArray[np.bool_]
Array = NDArray[np.float64]
Cell = tuple[int, int]

SIZE = 96  # cells of the square that is compared
ASIDE, ABOVE, BELOW = 0.8, 0.1, 0.7  # face widths about the chin: how far it reaches
CLOTHES = ((0.45, 0.6), (0.2, 0.9))  # so far below the chin are clothes, no farther aside; else so
FEWEST = 60  # cells of clothes: a picture that shows fewer tells nothing
BINS = 12  # of each channel, in which colors are counted
COMMON = 0.5  # how much a color that is everywhere tells less
STEP, ROUNDS = 5, 3  # cells about the best so far that are tried, and how often
OVERLAP = 200  # cells that are to be compared at least


def follow(
    look: Callable[[int], Look],
    frames: Sequence[int],
    found: Mask,
    points: Float,
    check: Callable[[], None] = lambda: None,
) -> Array:
    """How far (F, 2) the collar is from where it was in the first frame with a face, pixels; NaN: unknown.

    `look` gives the picture of a frame. `points` (F, POINTS, 2) are the face's in `frames` (F,) of one shot,
    seen where `found` (F,).
    """
    out = np.full((len(frames), 2), np.nan)
    seen = np.flatnonzero(found)
    first = points[seen[0]]
    wide = float(np.linalg.norm(first[0] - first[16]))
    corner, cell = first[8] - np.array([ASIDE, ABOVE]) * wide, 2 * ASIDE * wide / SIZE
    matrix = np.array([[cell, 0, corner[0]], [0, cell, corner[1]]])
    usual = look(frames[int(seen[0])])
    inside = _inside(usual.shape, corner, cell, first[8, 1] + BELOW * wide)
    likely = _likely(usual.crop(matrix, SIZE), inside, (first[8] - corner) / cell, wide / cell)
    if likely is None:
        return out
    here = likely(usual.crop(matrix, SIZE)), inside * _bare(points[seen[0]], corner, cell)
    best = (0, 0)
    for i in seen:
        check()
        there = (
            likely(look(frames[int(i)]).crop(matrix, SIZE)),
            inside * _bare(points[i], corner, cell),
        )
        best, part = _sought(here, there, best)
        out[i] = (np.array(best) + part) * cell
    return np.stack([np.interp(np.arange(len(frames)), seen, way[seen]) for way in out.T], axis=1)


def _inside(shape: tuple[int, int], corner: Array, cell: float, lowest: float) -> Float:
    """Where (SIZE, SIZE) the square is in the picture, and not below its row `lowest`."""
    x, y = (corner[k] + cell * (np.arange(SIZE) + 0.5) for k in (0, 1))
    return ((x > 0) & (x < shape[1]) & ((y > 0) & (y < min(shape[0], lowest)))[:, None]).astype(np.float32)


def _bare(points: Float, corner: Array, cell: float) -> Float:
    """Where (SIZE, SIZE) no face is before the clothes."""
    outline = (points[dense.FACE] - corner) / cell
    face = polygon(outline.astype(np.float32), 0, 0, SIZE, SIZE)
    out: Float = 1 - ndimage.maximum_filter(face, 5)
    return out


def _likely(crop: Float, inside: Float, chin: Array, wide: float) -> Callable[[Float], Float] | None:
    """What says of a crop (3, SIZE, SIZE) how much (SIZE, SIZE) it looks like the clothes of this one."""
    at = np.arange(SIZE) + 0.5
    for below, aside in CLOTHES:
        clothes = (
            (at[:, None] > chin[1] + below * wide) & (np.abs(at - chin[0]) < aside * wide) & (inside > 0)
        )
        if clothes.sum() >= FEWEST:
            break
    else:
        return None
    own, all_ = (_counted(crop, there) for there in (clothes, inside > 0))
    told = own / (own + COMMON * all_ + 0.01)

    def likely(picture: Float) -> Float:
        out: Float = ndimage.gaussian_filter(told[_bins(picture)].astype(np.float32), 1.0)
        return out

    return likely


def _bins(crop: Float) -> tuple[NDArray[np.int64], ...]:
    return tuple(np.clip(np.cbrt(crop) * BINS, 0, BINS - 1).astype(np.int64))


def _counted(crop: Float, there: Mask) -> Array:
    """How often each color is, where the most frequent is 1."""
    count = np.zeros((BINS,) * 3)
    np.add.at(count, tuple(each[there] for each in _bins(crop)), 1)
    count = ndimage.gaussian_filter(count, 0.7)
    out: Array = count / count.max()
    return out


def _sought(here: tuple[Float, Float], there: tuple[Float, Float], start: Cell) -> tuple[Cell, Array]:
    """By how many cells (x, y), and parts of them (2,), `there` is moved; each a map and where it counts."""
    tried: dict[Cell, float] = {}
    best = start
    for _ in range(ROUNDS):
        near = [(best[0] + x, best[1] + y) for y in range(-STEP, STEP + 1) for x in range(-STEP, STEP + 1)]
        tried |= {by: _apart(here, there, by) for by in near if by not in tried}
        before, best = best, min(tried, key=lambda by: tried[by])
        if best == before:
            break
    part = np.zeros(2)
    for k in (0, 1):
        low, high = (
            tried.get((best[0] + d * (k == 0), best[1] + d * (k == 1)), tried[best]) for d in (-1, 1)
        )
        bend = low - 2 * tried[best] + high
        part[k] = np.clip(0.5 * (low - high) / bend, -0.5, 0.5) if bend > 0 else 0
    return best, part


def _apart(here: tuple[Float, Float], there: tuple[Float, Float], by: Cell) -> float:
    """The mean squared difference of two maps where both count, one moved `by` so many cells."""
    spots = []
    for step in (by[1], by[0]):
        low, high = min(max(0, step), SIZE), max(min(SIZE, SIZE + step), 0)
        spots.append((slice(low - step, max(high, low) - step), slice(low, max(high, low))))
    a, b = (tuple(spot[k] for spot in spots) for k in (0, 1))
    counts = here[1][a] * there[1][b]
    return float(((here[0][a] - there[0][b]) ** 2 * counts).sum() / max(float(counts.sum()), OVERLAP))
