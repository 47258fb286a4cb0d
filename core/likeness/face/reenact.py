"""Re-renders a face: what is taken from one plate frame, drawn in another pose and expression.

`taken.take` measures a plate frame once; `redraw` moves its mesh and draws skin, eyes and mouth into a region
around the face; outside that region, and wherever nothing moves, the plate is left as it is, bit for bit.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from likeness.face import folds, glasses
from likeness.face.compose import compose
from likeness.face.data_layers import data_layers
from likeness.face.fit import Fit, Lens
from likeness.face.lending import borrow
from likeness.face.motion import (
    body_shift,
    field_of,
    parting,
    region,
    same_pose,
    slide_lids,
    turn_back,
    turn_shift,
    unmoved,
    with_open_lids,
)
from likeness.face.openings import lay_eyes, lay_mouth
from likeness.face.part import Part, Spot
from likeness.face.person import to_camera, to_pixels
from likeness.face.references import Reference
from likeness.face.rig import Rig, bounds, facing_of, normals_of, open_facing, outlines_of, trust_of
from likeness.face.taken import Taken
from likeness.render.raster import rasterize

Float = NDArray[np.float32]
Int = NDArray[np.int32]

RELIGHT = 0.7  # how much of the computed change of light is applied


@dataclass(frozen=True)
class Drawn:
    """A region at `origin`, drawn into the canvas where its `matte` (h, w) is not 0, and its layers."""

    origin: tuple[int, int]
    matte: Float
    layers: dict[str, Part]


def redraw(
    rig: Rig,
    taken: Taken,
    target: Fit,
    lens: Lens,
    canvas: Float,
    layers: bool = True,
    lent: Sequence[Reference] = (),
    wrinkles: float = 1.0,
) -> Drawn | None:
    """Draw the taken face as `target`; None when nothing moves or the face is out of the picture.

    `canvas` (H, W, 3 or more) is a copy of the plate whose first three channels are drawn into. What the
    references in `lent` show better than the plate is taken from them. The folds that the expression lays
    into the skin are `wrinkles` times as deep as usual.
    """
    person = rig.person
    if unmoved(taken.fit, target):
        return None
    posed = person.posed(target.expression, person.sealed(taken.local))
    camera = to_camera(person, posed, target, taken.fit)
    pixels = to_pixels(camera, lens)
    outlines = outlines_of(person, pixels)
    carried = to_pixels(with_open_lids(person, taken, target, camera), lens)
    shift = taken.pixels[:, :2] - carried[:, :2]
    slide_lids(person, taken, outlines_of(person, carried), lens, shift)
    if (parted := parting(taken, outlines, lens)) > 0:
        shift += parted * taken.lip_slide
    turned = not same_pose(taken.fit, target)
    box = region(rig, taken, target, pixels, shift, turned)
    if box is None:
        return None
    x0, y0, width, height = box
    normals = normals_of(rig, camera)
    level = np.log(np.maximum(taken.light.level(normals), 0.2))
    light = (RELIGHT * (level - taken.level))[:, None]
    local = pixels - np.array([x0, y0, 0], np.float32)
    trust = trust_of(taken.facing, facing_of(camera, normals))
    trust[rig.ears] = 0  # their shape is too much their own: they go with the hair
    turn = turn_shift(rig, taken, target, lens) if turned else np.zeros_like(shift)
    free = 1 - taken.held[:, None]
    moved = np.concatenate([free * (shift - turn), free * light, turn], 1)
    field = field_of(rig, local, moved, trust, taken, box)
    body = body_shift(rig, taken, target, lens, box)
    color = canvas[y0 : y0 + height, x0 : x0 + width, :3]
    own = _uncover(taken, color, (x0, y0))
    tint = taken.light.tint
    matte, motion = compose(taken.plate, taken.cutout, field, (x0, y0), canvas, body, tint, layers)
    relief = _relief(taken, target, lens, wrinkles)
    used = rig.used if layers or lent else np.empty(0, np.int32) if relief is None else relief.used
    spot, index, bary = _mesh(rig, local, matte.shape, used)
    if relief is not None:
        head = (index, bary, rig.skin, normals, target.rotation, taken.light, RELIGHT)
        folds.lay(relief, *head, color[spot], matte[spot])
    shown = {
        "eyes": lay_eyes(rig, taken, target, outlines, lens, (x0, y0), color, matte),
        "mouth": lay_mouth(rig, taken, camera, pixels, outlines["mouth"], (x0, y0), color, matte),
    }
    if lent:
        facing = open_facing(rig, camera, normals)
        first = (x0 + spot[1].start, y0 + spot[0].start)
        theirs = borrow(rig, taken, target, lent, pixels, facing, index, bary, first, color[spot])
        np.maximum(matte[spot], theirs, out=matte[spot])
        for part in shown.values():
            part.keep(1 - theirs, spot)
    if taken.glasses is not None:
        glasses.lay(taken.glasses, turn_back(rig, taken, turn), (x0, y0), color, matte)
    taken.cutout.lay_front(color, matte, (x0, y0))
    if own is not None:
        color[matte == 0] = own[matte == 0]
    if not layers:
        return Drawn((x0, y0), matte, {})
    local -= np.array([spot[1].start, spot[0].start, 0], np.float32)
    data = data_layers(rig, camera, normals, local, index, bary)
    if relief is not None:
        folds.tilt(relief, index, bary, rig.skin, target.rotation, data["normal"])
    shown |= {name: Part(spot, values) for name, values in data.items()}
    return Drawn((x0, y0), matte, shown | {"motion": Part.whole(motion)})


def _uncover(taken: Taken, color: Float, origin: tuple[int, int]) -> Float | None:
    """Take what is before the face out of the region's `color` (h, w, 3), in place; returns it as it was."""
    if taken.glasses is None and taken.cutout.front is None:
        return None
    own, (x, y) = color.copy(), origin
    color[:] = taken.plate[y : y + len(color), x : x + color.shape[1], :3]
    return own


def _mesh(rig: Rig, local: Float, shape: tuple[int, ...], used: Int) -> tuple[Spot, Int, Float]:
    """The part of a region of that `shape` in which those vertices lie, and the skin rasterized there.

    `local` (V, 3): vertices in the region's pixels, and depth.
    """
    low, high = bounds(local, used) if len(used) else (np.zeros(2), np.zeros(2))
    left, top = np.clip(np.floor(low).astype(int), 0, shape[1::-1]).tolist()
    right, bottom = np.clip(np.ceil(high).astype(int), (left, top), shape[1::-1]).tolist()
    index, bary, _ = rasterize(
        local - np.array([left, top, 0], np.float32), rig.skin, right - left, bottom - top
    )
    return (slice(top, bottom), slice(left, right)), index, bary


def _relief(taken: Taken, target: Fit, lens: Lens, wrinkles: float) -> folds.Relief | None:
    """The folds that the target's expression adds to the plate's."""
    if wrinkles <= 0:
        return None
    away = float(np.linalg.norm(taken.fit.translation))
    size = folds.size_for(max(1.0, taken.blur_px) * away / lens.focal_px)
    return folds.fold(target.expression - taken.fit.expression, wrinkles, size, taken.held)
