"""The rim of a turning head: what is seen beside its outline goes as that does, not as the skin next to it.

A head that turns to the side takes cheek and forehead out of sight behind its outline; hair, ears and all
that is seen beyond lie as deep as the outline itself, and hardly move. Where it turns toward the view, they
lie deeper, at the ears, and go out of sight behind the outline. Both outlines, that of the plate and
that of the turned head, are told by angle about the head's middle. Only what goes to the side is taken from
them: hair stands up before the top of a head and nods with it.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numba
import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from scipy.spatial.distance import cdist

from likeness.face.cutout import Cutout
from likeness.face.fit import Fit, Lens
from likeness.face.person import to_pixels
from likeness.face.rig import Rig, face_width
from likeness.face.warp import Rim

Float = NDArray[np.float32]
Int = NDArray[np.int32]
Array = NDArray[np.float64]

BINS = 72  # of the angle: the farthest vertex of each is on the outline
SAMPLES = 4 * BINS
ANGLES = ((np.arange(SAMPLES) + 0.5) * (2 * np.pi / SAMPLES) - np.pi).astype(np.float32)
SMOOTH = 6.0  # samples: vertices lie coarser than the outline is to be told
# From the head's top: between these angles lies its side, from the temples to where the neck begins.
SIDE = (np.abs(ANGLES) > np.radians(40)) & (np.abs(ANGLES) < np.radians(125))
OUTWARD = np.stack([np.cos(ANGLES[SIDE]), np.sin(ANGLES[SIDE])], axis=1)  # along the head's up and aside
# So much of it lies at the ears, and not before them, where hair is beside the temples.
BESIDE_EARS = np.clip((np.abs(ANGLES[SIDE]) - np.radians(75)) / np.radians(15), 0, 1)
BELL = np.exp(-0.5 * (np.arange(4 * SMOOTH + 1) / SMOOTH) ** 2)
BELL /= BELL[0] + 2 * BELL[1:].sum()  # half of it
FEATURES = slice(17, 68)  # of the points: all but the jaw's
SHOWN = (0.04, 0.09)  # of the face's width, from outline to features: from here on the plate shows skin
GRADUAL = 4.0  # samples: so gradually skin begins along the outline
ASLANT = 0.5  # of it counts where a temple of the same side is hidden
LOOSE = np.linspace(0, 0.2, 21)  # of the radius: so far within is the head's own edge looked for
SPREAD = np.float32(0.35)  # of the way to a rim that comes into sight can be filled by spreading skin


@dataclass(frozen=True)
class Outline:
    """The bare head's outline in a picture: `radius` (SAMPLES,), pixels, about its `middle` (2,), by angle.

    Angles count from the head's direction `up` (2,), clockwise in the picture. `ears` (2, 2): where its ears
    are, or would be seen through the head, that on the picture's left first.
    """

    middle: Float
    up: Float
    radius: Float
    ears: Float

    @cached_property
    def aside(self) -> Float:
        """The direction (2,) across the head, to the right in the picture where it is upright."""
        return np.array([-self.up[1], self.up[0]], np.float32)

    @cached_property
    def ways(self) -> Float:
        """The direction (N, 2) outward at each angle of the head's side."""
        return OUTWARD @ np.stack([self.up, self.aside])

    @cached_property
    def places(self) -> Float:
        """The outline's places (N, 2) at the angles of the head's side."""
        return self.middle + self.radius[SIDE, None] * self.ways


def outline(rig: Rig, pixels: Float, fit: Fit, lens: Lens) -> Outline:
    """The outline of a head whose vertices lie at `pixels` (V, 2 or more), turned as `fit` says."""
    middle, up = upright(rig, fit, lens)
    radius = _even(*_farthest(pixels, rig.bare, middle, up))
    return Outline(middle, up, radius, np.stack([_middle(pixels, ids) for ids in rig.both_ears]))


@numba.njit(cache=True, nogil=True)
def _middle(pixels: Float, ids: Int) -> Float:
    """The mean place (2,) of some of the vertices (V, 2 or more)."""
    out = np.zeros(2, np.float32)
    for v in ids:
        out[0] += pixels[v, 0]
        out[1] += pixels[v, 1]
    return out / np.float32(len(ids))


def upright(rig: Rig, fit: Fit, lens: Lens) -> tuple[Float, Float]:
    """The middle (2,) of a head in the picture, between its ears, and the direction (2,) up."""
    up = (fit.rotation[:2, 1] / np.linalg.norm(fit.rotation[:2, 1])).astype(np.float32)
    camera = (fit.rotation @ rig.middle + fit.translation).astype(np.float32)
    return to_pixels(camera[None], lens)[0, :2], up


def slack(outline: Outline, cutout: Cutout, mesh: Float) -> Float:
    """By which share of the `outline`'s radius the plate's head ends within its mesh, by angle (SAMPLES,).

    `mesh` (h, w): how much of each pixel of the cutout that covers. Where hair, or a neck, goes on beyond the
    mesh, there is none.
    """
    ways = np.cos(ANGLES[:, None]) * outline.up + np.sin(ANGLES[:, None]) * outline.aside
    places = outline.middle + (1 - LOOSE[:, None, None]) * outline.radius[:, None] * ways - cutout.origin
    at = np.moveaxis(places[..., ::-1] - 0.5, 2, 0)
    own, seen = (_ends(ndimage.map_coordinates(of, at, order=1)) for of in (mesh, cutout.layer[..., 3]))
    out = ndimage.gaussian_filter1d(np.maximum(seen - own, 0), SMOOTH, mode="wrap")
    return np.asarray(out, np.float32)


def _ends(cover: Float) -> Array:
    """Within which share of the radius (N,) something covers the rest, looked at as `LOOSE` says (L, N)."""
    held = cover > 0.5
    return np.where(held.any(axis=0), LOOSE[held.argmax(axis=0)], 0)


def tightened(points: Float, middle: Float, up: Float, slack: Float) -> Float:
    """Places (N, 2 or more) of a head nearer to its `middle` by the `slack` at their angles."""
    return _tightened(points, middle, up, slack)


@numba.njit(cache=True, nogil=True)
def _tightened(points: Float, middle: Float, up: Float, slack: Float) -> Float:
    out = points.copy()
    for n in range(len(points)):
        x, y = points[n, 0] - middle[0], points[n, 1] - middle[1]
        angle = np.arctan2(y * up[0] - x * up[1], x * up[0] + y * up[1])
        at = (angle - ANGLES[0]) * (SAMPLES / (2 * np.pi))
        before = int(np.floor(at))
        share, here, after = at - before, slack[before % SAMPLES], slack[(before + 1) % SAMPLES]
        less = here + share * (after - here)
        out[n, 0] -= less * x
        out[n, 1] -= less * y
    return out


def skin_shown(outline: Outline, points: Float) -> Float:
    """How well (N,), 0 to 1, a picture shows bare skin within its outline at each angle of the head's side.

    `points` (POINTS, 2) are the face's, pixels: none is seen where brows, eyes or lips reach the outline, and
    all of that side is seen less well.
    """
    off = cdist(outline.places, points[FEATURES]).min(axis=1) / face_width(points)
    shown = np.clip((off - SHOWN[0]) / (SHOWN[1] - SHOWN[0]), 0, 1)
    sides = np.split(shown, [np.count_nonzero(ANGLES[SIDE] < 0)])
    even = [ndimage.gaussian_filter1d(side, GRADUAL, mode="nearest") for side in sides]
    return np.concatenate([side * (ASLANT + (1 - ASLANT) * side.min()) for side in even], dtype=np.float32)


@numba.njit(cache=True, nogil=True)
def _farthest(pixels: Float, ids: Int, middle: Float, up: Float) -> tuple[Float, Float]:
    """Angle and radius (BINS,) of the vertex of each bin of angles that is farthest from the middle, or 0."""
    angle, radius = np.zeros(BINS, np.float32), np.zeros(BINS, np.float32)
    for v in ids:
        x, y = pixels[v, 0] - middle[0], pixels[v, 1] - middle[1]
        far = np.sqrt(x * x + y * y)
        turn = np.arctan2(y * up[0] - x * up[1], x * up[0] + y * up[1])
        k = min(int((turn + np.pi) * (BINS / (2 * np.pi))), BINS - 1)
        if far > radius[k]:
            angle[k], radius[k] = turn, far
    return angle, radius


@numba.njit(cache=True, nogil=True)
def _even(angle: Float, radius: Float) -> Float:
    """The radius (SAMPLES,) between those of the bins (BINS,) that have any, at even angles and smooth."""
    there = np.flatnonzero(radius)
    known, far = np.empty(len(there) + 2), np.empty(len(there) + 2)
    known[1:-1], far[1:-1] = angle[there], radius[there]
    known[0], known[-1] = known[-2] - 2 * np.pi, known[1] + 2 * np.pi
    far[0], far[-1] = far[-2], far[1]
    rough = np.interp(ANGLES, known, far)
    out = np.empty(len(rough), np.float32)
    for n in range(len(out)):
        total = BELL[0] * rough[n]
        for k in range(1, len(BELL)):
            total += BELL[k] * (rough[n - k] + rough[(n + k) % len(rough)])
        out[n] = total
    return out


def rim_of(plate: Outline, shown: Float, turned: Outline, here: Outline) -> Rim:
    """The rim at the outline `here`, which an expression can have changed, of a head that was `turned`.

    `shown` (N,) is what `skin_shown` says of the `plate`.
    """
    whence = (plate.places - turned.places) @ here.aside
    ears = ((plate.ears - turned.ears) @ here.aside)[(ANGLES[SIDE] > 0).astype(int)]
    deeper = np.maximum(np.sign(ANGLES[SIDE]) * (ears - whence), 0) * BESIDE_EARS
    whence = (whence + np.sign(ANGLES[SIDE]) * deeper).astype(np.float32)
    return Rim(here.places, here.ways, here.aside, whence, SPREAD * shown)
