"""What other pictures of the same person lend to a face that is redrawn."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from likeness.face import eyeballs, references
from likeness.face.align import flow, textured
from likeness.face.eyeballs import Eyeball
from likeness.face.fit import Fit, Lens
from likeness.face.person import shown_in, to_pixels
from likeness.face.references import Reference
from likeness.face.rig import GRAZING, Rig, normals_of, open_facing, trust_of, visible
from likeness.face.taken import Taken
from likeness.head import points as dense
from likeness.render.raster import rasterize

Float = NDArray[np.float32]
Int = NDArray[np.int32]

LAID_PX = 128  # of the face, in which a reference is laid onto the plate
LAID_ALIKE = 12.0  # of them: over so much what is off is taken for the same
LAID_UNSURE = 0.02  # trust below which a reference stays as it was fitted


@dataclass(frozen=True)
class Lenders:
    """References as they are, and both eyes as these show them."""

    references: Sequence[Reference]
    eyeballs: tuple[Eyeball | None, Eyeball | None]


def lenders(some: Sequence[Reference]) -> Lenders:
    """Gather what references show together."""
    left, right = (eyeballs.joined([one.eyeballs[side] for one in some]) for side in (0, 1))
    return Lenders(some, (left, right))


def refer(own: Rig, picture: Float, fit: Fit, lens: Lens) -> Reference:
    """A `picture` (H, W, 3) of the same person, in the plate's color space, made ready to lend its pixels.

    `own` is the rig of the person as this picture shows it.
    """
    person = own.person
    camera = shown_in(person, fit)
    pixels = to_pixels(camera, lens)
    facing = open_facing(own, camera, normals_of(own, camera)) * visible(own, pixels)
    part, inside = references.around(picture, pixels, pixels[own.lent, :2])
    none = np.zeros((len(pixels), 3), np.float32)
    points, low = pixels[person.vertex_count :, :2], pixels[0, :2] - inside[0]
    balls = tuple(eyeballs.seen_in(part, person, inside, fit, lens, low, side) for side in (0, 1))
    return Reference(
        references.held(part), inside, facing, none, references.look_of(person, fit), points, fit, balls
    )


def with_eyes(taken: Taken, rig: Rig, lens: Lens, others: Sequence[Eyeball | None]) -> Taken:
    """The plate with eyes that have what its lids and gaze hide, where the two `others` show it."""
    out = list(taken.eyes)
    for side, (eye, other) in enumerate(zip(taken.eyes, others, strict=True)):
        skin = eyeballs.skin_color(taken.plate, rig.person, taken.pixels, side)
        if eye is not None and other is not None and skin is not None:
            straight = eyeballs.straight_axes(rig.person, side, taken.fit, lens)
            out[side] = eyeballs.completed(eye, other, straight, skin)
    return replace(taken, eyes=(out[0], out[1]))


def matched(reference: Reference, rig: Rig, taken: Taken) -> Reference:
    """The reference in the colors of the plate."""
    ids = np.arange(17, dense.SKIN_COUNT) + rig.person.vertex_count
    theirs, shown = colors_at(reference.picture, reference.pixels[ids])
    mine, there = colors_at(taken.plate, taken.pixels[ids, :2])
    both = shown & there & (np.minimum(reference.facing[ids], taken.facing[ids]) > GRAZING)
    places = rig.person.rest[:, :2]
    return replace(reference, gain=references.match(theirs[both], mine[both], places[ids][both], places))


def laid(reference: Reference, rig: Rig, taken: Taken) -> Reference:
    """The reference where the plate's skin is: two fits of one person differ, which optical flow sees.

    Only what large parts of the face have in common is believed: two pictures differ in light and expression.
    """
    points = taken.pixels[rig.person.vertex_count :, :2][: dense.SKIN_COUNT]
    low, scale = points.min(axis=0), LAID_PX / max(float(np.ptp(points, axis=0).max()), 1.0)
    local = ((taken.pixels - [*low, 0]) * [scale, scale, 1]).astype(np.float32)
    index, bary, _ = rasterize(local, rig.surface, LAID_PX, LAID_PX)
    at = rig.surface[index], bary[..., None]
    facing = np.minimum(reference.facing, taken.facing)
    known = ((index >= 0) & ((facing[at[0]] * bary).sum(axis=2) > GRAZING)).astype(np.float32)
    here, there = (
        _gray(picture, (places[at[0]] * at[1]).sum(axis=2), scale)
        for picture, places in ((taken.plate, taken.pixels[:, :2]), (reference.picture, reference.pixels))
    )
    way, trust = flow(_textured(here, known), _textured(there, known), known)
    trust *= known
    sure = ndimage.gaussian_filter(trust, LAID_ALIKE) + LAID_UNSURE
    way = ndimage.gaussian_filter(way * trust[..., None], (LAID_ALIKE, LAID_ALIKE, 0)) / sure[..., None]
    spot = local[:, 1::-1].T - 0.5
    moved = np.stack([ndimage.map_coordinates(way[..., k], spot, order=1) for k in (0, 1)], axis=1) / scale
    both = np.flatnonzero(facing > GRAZING)
    if len(both) < 20:
        return reference
    middle = taken.pixels[both, :2].mean(axis=0), reference.pixels[both].mean(axis=0)
    turn = np.linalg.lstsq(
        taken.pixels[both, :2] - middle[0], reference.pixels[both] - middle[1], rcond=None
    )[0]
    return replace(reference, pixels=(reference.pixels + moved @ turn).astype(np.float32))


def _textured(gray: Float, known: Float) -> Float:
    """As `align.textured` of what is known of a picture."""
    usual = np.median(gray[known > 0]) if known.any() else 0.0
    return textured(np.where(known > 0, gray, usual).astype(np.uint8))


def _gray(picture: Float, places: Float, scale: float) -> Float:
    """Gray codes, as shown, of a linear picture at `places` (h, w, 2) that lie 1 / `scale` pixels apart."""
    shown = 255 * np.clip(np.nan_to_num(picture[..., :3]).mean(axis=2, dtype=np.float32), 0, 1) ** (1 / 2.2)
    soft = ndimage.gaussian_filter(shown, 0.5 / scale)
    out: Float = ndimage.map_coordinates(soft, [places[..., 1] - 0.5, places[..., 0] - 0.5], order=1)
    return out


def colors_at(picture: Float, places: Float) -> tuple[Float, NDArray[np.bool_]]:
    """The colors (N, 3) at pixels (N, 2), and which of them are in the picture and finite."""
    x, y = np.floor(places).astype(int).T
    inside = (x >= 0) & (y >= 0) & (x < picture.shape[1]) & (y < picture.shape[0])
    out = picture[np.clip(y, 0, picture.shape[0] - 1), np.clip(x, 0, picture.shape[1] - 1), :3]
    return np.nan_to_num(out).astype(np.float32, copy=False), inside & np.isfinite(out).all(axis=1)


def borrow(
    rig: Rig,
    taken: Taken,
    target: Fit,
    lent: Sequence[Reference],
    pixels: Float,
    facing: Float,
    origin: tuple[int, int],
    color: Float,
) -> Float:
    """Lay over `color`, the region at `origin`, in place what references show better.

    `pixels` (V, 3) are the target's vertices, `facing` (V,) how they face the camera. Returns how much (h, w)
    is the references'.
    """
    wanted, shown = (references.look_of(rig.person, fit) for fit in (target, taken.fit))
    share = references.shares(wanted, shown, lent)
    trust = [trust_of(reference.facing, facing) for reference in lent]
    return references.lend(lent, share, rig.masks, pixels, trust, rig.skin, origin, color)
