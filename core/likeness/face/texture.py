"""The fine texture of a plate's skin, pores or a painting's cracks, for skin that the plate does not show.

That has the texture of its place on the face's other side or, where a plate hides both sides, of a place
farther to the front. A mesh that goes with the skin carries it there.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numba
import numpy as np
from numpy.typing import NDArray

from likeness.face.cutout import WHOLE, found_at
from likeness.face.fill import at_pixel
from likeness.face.grain import LUMA
from likeness.face.part import Spot
from likeness.face.rig import face_width
from likeness.face.warp import affine, between_cells
from likeness.head import points as dense
from likeness.render.bands import in_bands
from likeness.render.blur import gaussian
from likeness.render.simd import FAST

if TYPE_CHECKING:
    from likeness.face.taken import Taken

Float = NDArray[np.float32]

COARSEST = 0.015  # face widths: what is wider is no texture
MOST = 3.0  # times what is usual: folds, edges and hairs show more
DARKEST = 1e-5  # of colors
SEEN = 0.2, 0.5  # cosine to the view from which on, and from which wholly, a vertex tells its twin's texture
HIDDEN = 0.05  # and that up to which a place farther to the front does
FRONT_RAD = 0.6  # so much farther about the head


@dataclass(frozen=True)
class Texture:
    """What is `finest` (h, w) of a face's skin: differences of the logarithm of its light.

    `whence` (V, 3) vertices of other skin have it: a place in it, x and y in pixels, and how surely.
    """

    finest: Float
    whence: Float

    def lay(self, skin: Float, whence: Float, cell: int) -> None:
        """Give made `skin` (h, w, 4) its texture, in place; `whence` (r, c, 3) as was carried to its cells.

        Both are premultiplied; a `cell` is so many pixels wide.
        """
        in_bands(_lay, len(skin), skin, np.ascontiguousarray(whence), cell, self.finest)


def texture_of(taken: Taken) -> Texture:
    """The texture of the skin of the face that was `taken` apart."""
    rig, (height, width) = taken.rig, taken.cutout.layer.shape[:2]
    seen, origin = taken.facing[rig.twin], np.array(taken.cutout.origin, np.float32)
    fronts, twins = _farther_front(taken), taken.pixels[rig.twin, :2]
    share = np.clip([(seen - SEEN[0]) / (SEEN[1] - SEEN[0]), (SEEN[0] - seen) / (SEEN[0] - HIDDEN)], 0, 1)
    places = np.where(seen[:, None] > SEEN[0], twins, fronts)
    sure = share.max(axis=0) * (1 - rig.jaw_edge[rig.twin])
    if taken.regions is not None:
        sure *= found_at(taken.regions, places, "skin")
    face = places[rig.face] - origin
    ends = np.clip([np.floor(face.min(axis=0)), face.max(axis=0) + 2], 0, [width, height])
    (left, top), (right, below) = ends.astype(int).tolist()
    spot = slice(top, max(below, top)), slice(left, max(right, left))
    finest = _finest(taken.cutout.layer, spot, COARSEST * face_width(taken.pixels[-dense.COUNT :]))
    places -= origin + np.array([left, top], np.float32)
    most = MOST * _usual(finest, places[sure > 0.5])
    return Texture(np.clip(finest, -most, most), np.c_[places, sure].astype(np.float32))


def _farther_front(taken: Taken) -> Float:
    """Where in the plate (V, 2) vertices would lie if they were farther to the front about the head."""
    local, seen = taken.local, taken.facing > SEEN[1]
    angle = np.arctan2(local[:, 0], local[:, 2])
    angle -= FRONT_RAD * np.sign(angle)
    radius = np.hypot(local[:, 0], local[:, 2])
    front = np.c_[radius * np.sin(angle), local[:, 1], radius * np.cos(angle)]
    way = affine((local @ taken.fit.rotation.T)[seen, :2], taken.pixels[seen, :2])
    return np.asarray((front @ taken.fit.rotation.T)[:, :2] @ way[:, :2].T + way[:, 2], np.float32)


def _finest(layer: Float, spot: Spot, coarsest_px: float) -> Float:
    """What in a `spot` of a head's `layer`, RGBA, is finer than so many pixels."""
    part = layer[spot]
    light = part[..., :3] @ LUMA
    known = (part[..., 3] > WHOLE) & np.isfinite(light)
    both = np.zeros((*light.shape, 2), np.float32)
    both[..., 1] = known
    both[known, 0] = np.log(np.maximum(light[known], DARKEST))
    mean = gaussian(both, coarsest_px)
    out = both[..., 0] - mean[..., 0] / np.maximum(mean[..., 1], np.float32(DARKEST))
    return np.where(known, out, 0).astype(np.float32)


def _usual(finest: Float, places: Float) -> float:
    """The usual size of the differences at `places` (N, 2)."""
    x, y = places.astype(int).T
    inside = (x >= 0) & (y >= 0) & (x < finest.shape[1]) & (y < finest.shape[0])
    return float(np.median(np.abs(finest[y[inside], x[inside]]))) if inside.any() else 0.0


@numba.njit(cache=True, nogil=True, fastmath=FAST)
def _lay(first: int, end: int, skin: Float, whence: Float, cell: int, finest: Float) -> None:
    there = np.empty(3, np.float32)
    for y in range(first, end):
        for x in range(skin.shape[1]):
            alpha = skin[y, x, 3]
            if alpha <= 0:
                continue
            at_pixel(whence, cell, y, x, there)
            if there[2] <= 0:
                continue
            light = np.exp(there[2] / alpha * between_cells(finest, there[0] / alpha, there[1] / alpha))
            for n in range(3):
                skin[y, x, n] *= light
