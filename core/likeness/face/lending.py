"""What other pictures of the same person lend to a face that is redrawn."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from likeness.face import references
from likeness.face.fit import Fit, Lens
from likeness.face.person import to_camera, to_pixels
from likeness.face.references import Reference
from likeness.face.rig import GRAZING, Rig, normals_of, open_facing, trust_of, visible
from likeness.face.taken import Taken
from likeness.head import points as dense

Float = NDArray[np.float32]
Int = NDArray[np.int32]


def refer(own: Rig, picture: Float, fit: Fit, lens: Lens) -> Reference:
    """A `picture` (H, W, 3) of the same person, in the plate's color space, made ready to lend its pixels.

    `own` is the rig of the person as this picture shows it.
    """
    person = own.person
    camera = to_camera(person, person.posed(fit.expression), fit, fit)
    pixels = to_pixels(camera, lens)
    facing = open_facing(own, camera, normals_of(own, camera)) * visible(own, pixels)
    part, inside = references.around(picture, pixels, pixels[own.used, :2])
    none = np.zeros((len(pixels), 3), np.float32)
    return Reference(part, inside, facing, none, references.look_of(person, fit))


def matched(reference: Reference, rig: Rig, taken: Taken) -> Reference:
    """The reference in the colors of the plate."""
    ids = np.arange(17, dense.SKIN_COUNT) + rig.person.vertex_count
    theirs, shown = _colors(reference.picture, reference.pixels[ids])
    mine, there = _colors(taken.plate, taken.pixels[ids, :2])
    both = shown & there & (np.minimum(reference.facing[ids], taken.facing[ids]) > GRAZING)
    places = rig.person.rest[:, :2]
    return replace(reference, gain=references.match(theirs[both], mine[both], places[ids][both], places))


def _colors(picture: Float, places: Float) -> tuple[Float, NDArray[np.bool_]]:
    """The colors (N, 3) at pixels (N, 2), and which of them are in the picture and finite."""
    x, y = np.floor(places).astype(int).T
    inside = (x >= 0) & (y >= 0) & (x < picture.shape[1]) & (y < picture.shape[0])
    out = picture[np.clip(y, 0, picture.shape[0] - 1), np.clip(x, 0, picture.shape[1] - 1), :3]
    return np.nan_to_num(out), inside & np.isfinite(out).all(axis=1)


def borrow(
    rig: Rig,
    taken: Taken,
    target: Fit,
    lent: Sequence[Reference],
    pixels: Float,
    facing: Float,
    index: Int,
    bary: Float,
    origin: tuple[int, int],
    color: Float,
) -> Float:
    """Lay over `color` in place what references show better; returns how much (h, w) is theirs."""
    wanted, shown = (references.look_of(rig.person, fit) for fit in (target, taken.fit))
    share = references.shares(wanted, shown, lent)
    trust = [trust_of(reference.facing, facing) for reference in lent]
    return references.lend(lent, share, rig.masks, pixels, trust, rig.skin, index, bary, origin, color)
