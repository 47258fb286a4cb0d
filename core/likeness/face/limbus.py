"""Finds an iris's edge in a picture: how large a person's irises are, and where each one stands.

Where iris and white meet, at the limbus, a picture grows lighter outward, along more of a circle than
anywhere else (the integro-differential operator of Daugman, "High confidence visual recognition of persons by
a test of statistical independence", 1993). Only what lies between the lids is asked, and most where the edge
runs up and down: what runs across may be a lid's. How much the pixels say goes by how many there are, so that
irises of few pixels keep the model's size and place.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numba
import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from scipy.special import logsumexp

from likeness.face.fit import Fit, Lens
from likeness.face.person import Person, shown_in, to_pixels
from likeness.face.rig import EYES, iris_axes, outlines_of
from likeness.face.warp import polygon
from likeness.media.look import Look

Float = NDArray[np.float32]
Array = NDArray[np.float64]

SIZE, REACH = 96, 2.2  # pixels of the square in which an iris is looked at, and radii from its middle
DISPLAY = 2.2  # exponent of what is shown
RADII = np.exp(np.linspace(-0.28, 0.2, 25))  # of the model's
ACROSS, UP = np.linspace(-0.3, 0.3, 13), np.linspace(-0.3, 0.3, 9)  # radii by which an iris lies beside
RADIUS_SPREAD, ACROSS_SPREAD, UP_SPREAD = 0.08, 0.15, 0.12  # standard deviations, before it is looked at
ANGLES = np.linspace(0, 2 * np.pi, 48, endpoint=False)
EDGE, EDGE_PX = 0.12, 0.8  # half the width over which an edge is looked for: radii, and the least pixels
LEAST_STEEP = 0.25  # of the way from dark to light: what grows lighter by less speaks against an edge
LEAST_CONTRAST = 0.3  # of the light's, between dark and light
LID, LID_SOFT = 0.12, (0.6, 0.9)  # radii over which lids are softened, and the cover that counts then
LEAST_PX = 12  # that an eye shows


def evidence(luma: Float, outline: Float, frame: Float, radii: Array = RADII) -> Array | None:
    """The log likelihood (X, Y, R) of an iris's places `ACROSS` and `UP`, in radii, and of the `radii`.

    `luma` (h, w) is scene-linear; `outline` (N, 2) the opening in its pixels, and `frame` (2, 3)
    takes a unit disk, y up, to the iris as the model has it. None where too little is seen.
    """
    radius = radius_px(frame)
    open_ = polygon(outline.astype(np.float32), 0, 0, *luma.shape[::-1])
    if (open_ > 0.5).sum() < LEAST_PX or radius < 1:
        return None
    dark, light = np.quantile(luma[open_ > 0.5], (0.15, 0.9))
    bare = np.clip((ndimage.gaussian_filter(open_, LID * radius) - LID_SOFT[0]) / np.ptp(LID_SOFT), 0, 1)
    seen = np.stack([np.clip(luma, dark, light), bare])
    contrast = max(float(light - dark), LEAST_CONTRAST * float(light), 1e-6)
    half, out = max(EDGE, EDGE_PX / radius), np.empty((len(ACROSS), len(UP), len(radii)))
    for k, r in enumerate(radii):
        (inside, there), (outside, beyond) = (_ring(seen, frame, r + way) for way in (-half, half))
        steep = np.clip((outside - inside) / contrast, -1, 1) - LEAST_STEEP
        out[..., k] = (steep * there * beyond * np.abs(np.cos(ANGLES))).sum(axis=-1)
    return out * radius * 2 * np.pi / len(ANGLES)


@numba.njit(cache=True, nogil=True)
def disk_frame(axes_px: Float) -> Float:
    """The affine map (2, 3) from disk coordinates to pixels, from projected center and radius ends."""
    out = np.empty((2, 3), np.float32)
    for k in range(2):
        center = axes_px[0, k]
        out[k, 0], out[k, 1], out[k, 2] = axes_px[1, k] - center, axes_px[2, k] - center, center
    return out


@numba.njit(cache=True, nogil=True)
def radius_px(frame: Float) -> float:
    """The radius of a disk as large as the iris looks."""
    return float(np.sqrt(abs(frame[0, 0] * frame[1, 1] - frame[0, 1] * frame[1, 0])))


def _ring(seen: Array, frame: Float, radius: float) -> Array:
    """What is `seen` (C, h, w) at a circle's places (C, X, Y, A), about each place an iris can have."""
    x = ACROSS[:, None, None] + radius * np.cos(ANGLES)
    y = UP[:, None] + radius * np.sin(ANGLES)
    local = np.stack(np.broadcast_arrays(x, y))
    spot = np.tensordot(frame[:, :2], local, 1) + (frame[:, 2] - 0.5)[:, None, None, None]
    return np.stack([ndimage.map_coordinates(each, spot[::-1], order=1) for each in seen])


def seen_radius(person: Person, lens: Lens, pictures: Iterable[tuple[Look, Fit]]) -> float:
    """The radius of a person's irises, cm, as some pictures show them, in each of which the head lies as its
    fit says.
    """
    told = []
    for look, fit in pictures:
        outlines = outlines_of(person, to_pixels(shown_in(person, fit), lens))
        for side, name in enumerate(EYES):
            frame = disk_frame(iris_axes(person, side, fit, lens))
            square = _square(frame)
            step, corner = square[0, 0], square[:, 2]
            luma = look.crop(square, SIZE).mean(axis=0) ** DISPLAY
            local = np.c_[frame[:, :2], frame[:, 2] - corner] / step
            told.append(evidence(luma, (outlines[name] - corner) / step, local))
    return person.iris_cm * radius_of([one for one in told if one is not None])


def _square(frame: Float) -> Array:
    """The square about an iris, its pixels to the picture's (2, 3): not smaller than those."""
    step = max(REACH * float(np.linalg.norm(frame[:, :2], axis=1).max()) / (SIZE / 2), 1.0)
    return np.c_[step * np.eye(2), frame[:, 2] - step * SIZE / 2]


def radius_of(seen: Sequence[Array]) -> float:
    """The radius, of the model's, that the evidences (X, Y, R) of one person's irises tell together.

    As likely as not an iris shows no edge: blurred, or between dark lashes. All that such a one would tell is
    which circles are hidden most.
    """
    told, places = -((np.log(RADII) / RADIUS_SPREAD) ** 2) / 2, _places()
    places = places - logsumexp(places)
    for one in seen:
        shown = logsumexp(one + places[..., None], axis=(0, 1))
        told = told + np.logaddexp(shown, 0)  # of an edge that is not to be seen it tells nothing
    chance = np.exp(told - told.max())
    return float(np.exp((chance * np.log(RADII)).sum() / chance.sum()))


def place(luma: Float, outline: Float, frame: Float) -> Float:
    """By how many radii (2,) to the right and up the iris lies beside its `frame`; see `evidence`."""
    told = evidence(luma, outline, frame, np.ones(1))
    if told is None:
        return np.zeros(2, np.float32)
    likely = told[..., 0] + _places()
    chance = np.exp(likely - likely.max())
    chance /= chance.sum()
    return np.array([chance.sum(axis=1) @ ACROSS, chance.sum(axis=0) @ UP], np.float32)


def _places() -> Array:
    """The log likelihood (X, Y) of places before anything is seen."""
    out: Array = -(((ACROSS / ACROSS_SPREAD) ** 2)[:, None] + (UP / UP_SPREAD) ** 2) / 2
    return out
