"""Spreads labels over what looks alike: they stop at edges.

The random walker of Grady ("Random walks for image segmentation", 2006) on a coarse grid; then from one grid
to the next finer one within a narrow band about the labels' edge, down to the picture's own pixels (Lombaert
et al., "A multilevel banded graph cuts method for fast image segmentation", 2005).
"""

from __future__ import annotations

import numba
import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

Float = NDArray[np.float32]
Mask = NDArray[np.bool_]

SWEEPS, RELAXATION = 40, 1.6
LEAST = 1e-4  # spreads over any edge
BINS = 20  # of each channel, in which colors are counted
SEEN = 0.02  # of what is usual: colors that are seen as seldom tell nothing
BAND = 3  # cells about the labels' edge whose labels are found anew on a finer grid


def spread(label: Float, unsure: Mask, color: Float, guess: Float, own: float, alike: float) -> None:
    """Make every label (h, w) that is `unsure` the mean of its `guess` and of those beside it, in place.

    Of these, most of those whose `color` (h, w, 3) is `alike`; the guess counts as `own` of them.
    """
    places = _red_first(np.flatnonzero(unsure), label.shape[1])
    shares = _shares(places, color, alike, own)
    _spread(label.reshape(-1), places, shares, guess.reshape(-1), label.shape[1])


def _red_first(places: NDArray[np.int64], width: int) -> NDArray[np.int64]:
    """First every other of the places (N,), as on a checkerboard: none of these waits for what is beside."""
    black = ((places // width + places % width) & 1).astype(bool)
    return np.concatenate([places[~black], places[black]])


def usual(picture: Float, seeds: Mask) -> Float:
    """How usual (h, w) a picture's colors (h, w, 3), 0 to 1, are among its `seeds`: 1 there on average."""
    bins = _bins(picture)
    count = np.bincount(bins[seeds], minlength=BINS**3).reshape((BINS,) * 3)
    often = ndimage.gaussian_filter(count.astype(np.float32), 1.0).ravel()[bins]
    out: Float = often / max(float(often[seeds].mean()) if seeds.any() else 1.0, 1e-6)
    return out


@numba.njit(cache=True, nogil=True)
def _bins(picture: Float) -> NDArray[np.int64]:
    """In which bin (h, w) of all colors those of a picture (h, w, 3) are counted."""
    height, width, channels = picture.shape
    out = np.zeros((height, width), np.int64)
    for y in range(height):
        for x in range(width):
            for k in range(channels):
                value = min(max(picture[y, x, k] * np.float32(BINS), np.float32(0)), np.float32(BINS - 1))
                out[y, x] = out[y, x] * BINS + int(value)
    return out


def sharp(label: Float, views: list[Float], alike: float) -> Float:
    """A label (h, w) of the coarsest of a picture's `views` (see `pyramid`), as a label of the finest.

    Its edge follows theirs. `alike` as in `spread`.
    """
    out = label
    for view in views[-2::-1]:
        out = np.repeat(np.repeat(out, 2, 0), 2, 1)[: view.shape[0], : view.shape[1]]
        solid = out > 0.5
        unsure = ndimage.maximum_filter(solid, 2 * BAND + 1) & ~ndimage.minimum_filter(solid, 2 * BAND + 1)
        out = np.where(unsure, out, solid).astype(np.float32)
        spread(out, unsure, view, out, 0.0, alike)
    return out


def pyramid(picture: Float | Mask, levels: int) -> list[Float]:
    """A picture (H, W, ...), then so many ever coarser views of it: each the mean of 2 x 2 pixels."""
    views = [np.ascontiguousarray(picture, np.float32)]
    for _ in range(levels):
        views.append(_halved(views[-1]))
    return views


def _halved(picture: Float) -> Float:
    rows, columns = (n % 2 for n in picture.shape[:2])
    if rows or columns:
        picture = np.pad(picture, [(0, rows), (0, columns)] + [(0, 0)] * (picture.ndim - 2), "edge")
    out: Float = picture[::2, ::2] + picture[1::2, ::2]
    out += picture[::2, 1::2]
    out += picture[1::2, 1::2]
    out *= 0.25
    return out


@numba.njit(cache=True, nogil=True)
def _shares(places: NDArray[np.int64], color: Float, alike: float, own: float) -> Float:
    """What counts in the mean for the `places` (N,): what is above, below, left and right of them, and their
    own guess (N, 5).
    """
    height, width = color.shape[:2]
    out, per = np.zeros((len(places), 5), np.float32), np.float32(1 / (2 * alike * alike))
    for n in range(len(places)):
        out[n, 4] = own
        y, x = places[n] // width, places[n] % width
        for k, (r, c) in enumerate(((y - 1, x), (y + 1, x), (y, x - 1), (y, x + 1))):
            if 0 <= r < height and 0 <= c < width:
                squared = np.float32(0)
                for i in range(3):
                    squared += (color[r, c, i] - color[y, x, i]) ** 2
                out[n, k] = np.exp(-squared * per) + np.float32(LEAST)
        total = out[n, 0] + out[n, 1] + out[n, 2] + out[n, 3] + out[n, 4]
        for k in range(5):
            out[n, k] /= total
    return out


@numba.njit(cache=True, nogil=True)
def _spread(label: Float, places: NDArray[np.int64], share: Float, guess: Float, width: int) -> None:
    last = len(label) - 1  # beyond the ends nothing counts, but it is read
    for _ in range(SWEEPS):
        for n in range(len(places)):
            place = places[n]
            above, below = label[max(place - width, 0)], label[min(place + width, last)]
            before, after = label[max(place - 1, 0)], label[min(place + 1, last)]
            value = share[n, 0] * above + share[n, 1] * below + share[n, 2] * before + share[n, 3] * after
            value += share[n, 4] * guess[place]
            label[place] += np.float32(RELAXATION) * (value - label[place])
