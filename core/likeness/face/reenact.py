"""Re-renders a face: what is taken from one plate frame, drawn in another pose and expression.

`taken.take` measures a plate frame once; `redraw` moves its mesh and draws skin, eyes and mouth into a region
around the face; outside that region, and wherever nothing moves, the plate is left as it is, bit for bit.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numba
import numpy as np
from numpy.typing import NDArray

from likeness.face import data_layers, folds, glasses, pits, rim, shutter, silhouette, warp
from likeness.face.compose import NO_SKIN, compose
from likeness.face.fit import Fit, Lens, toward
from likeness.face.lending import borrow
from likeness.face.light import RELIGHT
from likeness.face.motion import (
    body_shift,
    field_of,
    parted_cm,
    parting,
    region,
    same_pose,
    slide_lids,
    slit_changed,
    standing,
    turn_back,
    turn_shift,
    unmoved,
    way_back,
    with_open_lids,
    with_seam,
)
from likeness.face.openings import Ink, draw_eyes, draw_mouth, lay_balls, lay_eyes, lay_mouth
from likeness.face.part import Part
from likeness.face.person import JAW, to_camera, to_pixels
from likeness.face.references import Reference
from likeness.face.rig import Rig, facing_of, normals_of, open_facing, outlines_of, trust_of
from likeness.face.taken import Taken
from likeness.face.uncovered import NONE, Skin, uncovered
from likeness.render.bands import aside
from likeness.render.simd import copy_past

Float = NDArray[np.float32]
Box = tuple[int, int, int, int]


@dataclass(frozen=True)
class Retake:
    """The `taken` face, to be drawn as `target` into its plate frame.

    `picture` (H, W, 3 or more) is that frame, whose first three channels are its color. What the references
    in `lent` show better than the plate is taken from them. The folds that the expression lays into the skin
    are `wrinkles` times as deep as usual. `layers`: whether they are asked for. `way`: what goes on while the
    shutter is open. `behind`, RGBA, premultiplied, lies in the picture between head and background.
    """

    rig: Rig
    taken: Taken
    target: Fit
    lens: Lens
    picture: Float
    layers: bool = True
    lent: Sequence[Reference] = ()
    wrinkles: float = 1.0
    way: shutter.Way | None = None
    behind: Part = NO_SKIN


@dataclass(frozen=True)
class Drawn:
    """The `picture` (H, W, 3 or more), and `matte` (h, w) and `layers` of the region of it at `origin`.

    Where the matte is 0, and beyond the region, the picture is the plate frame's.
    """

    picture: Float
    origin: tuple[int, int]
    matte: Float
    layers: dict[str, Part]


def head_alone(retake: Retake, columns: tuple[int, int]) -> Drawn | None:
    """The head of the retake, without its body, with what eyes and mouth show in the plate.

    From the first of the `columns` to before the second; the matte is the head's. None as of `redraw`.
    """
    rig, taken, target, lens = retake.rig, retake.taken, retake.target, retake.lens
    moved = _move(rig, taken, target, lens)
    box = region(rig, taken, target, moved.pixels, moved.shift, moved.turned)
    if box is None or unmoved(taken.fit, target):
        return None
    left, right = max(box[0], columns[0]), min(box[0] + box[2], columns[1])
    if right - left < 2:
        return None
    picture = retake.picture.copy()
    matte, _ = _lay_head(retake, moved, (left, box[1], right - left, box[3]), picture, alone=True)
    return Drawn(picture, (left, box[1]), matte, {})


def redraw(retake: Retake) -> Drawn | None:
    """Draw the face of the retake; None when nothing moves or the face is out of the picture."""
    rig, taken, target, lens = retake.rig, retake.taken, retake.target, retake.lens
    if unmoved(taken.fit, target):
        return None
    picture = np.empty_like(retake.picture, order="C")
    copied = aside(copy_past, retake.picture, picture)
    moved = _move(rig, taken, target, lens)
    box = region(rig, taken, target, moved.pixels, moved.shift, moved.turned)
    if box is None:
        return None
    x0, y0, width, height = box
    inks = aside(_draw_openings, rig, taken, moved, lens, box)
    copied.result()
    color = picture[y0 : y0 + height, x0 : x0 + width, :3]
    uncovered = _uncover(taken, color, (x0, y0))
    matte, shown = _lay_head(retake, moved, box, picture)
    eyes, mouth = inks.result()
    shown["eyes"] = lay_eyes(eyes, rig, taken, target, moved.outlines, lens, (x0, y0), color, matte)
    shown["mouth"] = lay_mouth(mouth, color, matte)
    if retake.lent:
        _lend(retake, moved, (x0, y0), color, matte, (shown["eyes"], shown["mouth"]))
        lay_balls(eyes, color, matte, shown["eyes"])
    if taken.glasses is not None:
        glasses.lay(taken.glasses, turn_back(rig, taken, moved.turn), (x0, y0), color, matte)
    if retake.way is not None:
        shutter.smear(color, matte, retake.way, (x0, y0), taken.grain, taken.seed)
    taken.cutout.lay_front(color, matte, (x0, y0))
    if uncovered:
        own = retake.picture[y0 : y0 + height, x0 : x0 + width, :3]
        color[matte == 0] = own[matte == 0]
    return Drawn(picture, (x0, y0), matte, shown if retake.layers else {})


@dataclass(frozen=True)
class _Moved:
    """The head as `target`: vertices in the `camera`'s space (V, 3), their `normals`, and in `pixels`.

    `facing` (V,) is their cosine to the view, `level` (V,) the logarithm of the plate's light on them.
    `shift` (V, 2): where in the plate each comes from, as displacement in pixels; `turn`: what of it the
    head's turn does, if it has `turned`.
    """

    target: Fit
    camera: Float
    pixels: Float
    normals: Float
    facing: Float
    level: Float
    outlines: dict[str, Float]
    shift: Float
    turn: Float
    turned: bool


def _move(rig: Rig, taken: Taken, target: Fit, lens: Lens) -> _Moved:
    person = rig.person
    sticky, jaw = person.sealed(taken.local), float(taken.fit.expression[JAW])
    posed = person.posed(target.expression, target.corrective, sticky, jaw)
    camera = to_camera(person, posed, target, taken.fit)
    pixels = to_pixels(camera, lens)
    outlines = outlines_of(person, pixels)
    carried = to_pixels(with_open_lids(person, taken, target, camera), lens)
    shift = way_back(taken.pixels, carried)
    slide_lids(person, taken, outlines_of(person, carried), lens, shift)
    if (parted := parting(taken, outlines, lens)) > 0:
        shift += parted * taken.lip_slide
    outlines["mouth"] = with_seam(taken, outlines["mouth"], lens)
    turned = not same_pose(taken.fit, target)
    turn = turn_shift(rig, taken, target, lens) if turned else np.zeros_like(shift)
    normals = normals_of(rig, camera)
    facing, level = facing_of(camera, normals), np.log(np.maximum(taken.light.level(normals), 0.2))
    return _Moved(target, camera, pixels, normals, facing, level, outlines, shift, turn, turned)


def _lay_head(
    retake: Retake, moved: _Moved, box: Box, picture: Float, alone: bool = False
) -> tuple[Float, dict[str, Part]]:
    """Draw head and body, without what lies in their openings; the matte of the region and its layers.

    `alone`: without a body that goes along, and skin that comes into sight.
    """
    rig, taken, lens = retake.rig, retake.taken, retake.lens
    x0, y0, width, height = box
    relief = _relief(taken, moved, lens, retake.wrinkles)
    local = moved.pixels - np.array([x0, y0, 0], np.float32)
    more = _carried(rig, moved, relief, retake.layers)
    edge = _rim(rig, taken, moved, lens, box)
    stands = standing(taken, moved.target, box) if moved.turned else None
    field = field_of(rig, local, *_changed(rig, taken, moved), taken, box, more, edge, stands)
    shifted = None if alone else body_shift(rig, taken, moved.target, lens, box)
    body = None if shifted is None else (taken.body, shifted)
    bends, data, behind = folds.NO_FOLDS, data_layers.NO_DATA, None
    if relief is not None:
        bends = folds.lit(relief, moved.normals, taken.held, moved.target.rotation, taken.light, RELIGHT)
    if retake.layers:
        seen = data_layers.box_of(local, rig.used, (height, width))
        data = data_layers.room(seen, lens, (x0, y0))
        outlines = [outline - np.array([x0, y0], np.float32) for outline in moved.outlines.values()]
        behind = aside(data_layers.behind, rig, local, outlines, seen)
    head = (taken.plate, taken.cutout, field, (x0, y0), picture, body, taken.light.tint)
    skin = _uncovered(retake, moved, field, box) if moved.turned and not alone else NONE
    matte, motion = compose(*head, retake.layers, bends, data, skin.under, alone)
    drawn = picture[y0 : y0 + height, x0 : x0 + width]
    skin.lay(drawn[..., :3])
    silhouette.soften(rig.skin, rig.joints, field, drawn, matte)
    if behind is None:
        return matte, {}
    data_layers.look_in(behind.result(), field.moved, data)
    return matte, data_layers.parts(data) | {"motion": Part.whole(motion)}


def _uncovered(retake: Retake, moved: _Moved, field: warp.Field, box: Box) -> Skin:
    """What the head's turn brings into sight in the region, where the `field` has its mesh."""
    taken = retake.taken
    turn = retake.rig.skull @ (toward(moved.target) - toward(taken.fit)).astype(np.float32)
    middle, up = rim.upright(retake.rig, moved.target, retake.lens)
    upright = middle - np.array(box[:2], np.float32), up
    return uncovered(taken, turn, moved.facing, moved.level, field, upright, box, retake.behind)


def _rim(rig: Rig, taken: Taken, moved: _Moved, lens: Lens, box: Box) -> warp.Rim | None:
    """Where in the region the rim of a head that has turned lies, and how it came there."""
    if not moved.turned:
        return None
    places = taken.pixels[:, :2] - moved.turn, moved.pixels
    turned, here = (rim.outline(rig, at, moved.target, lens) for at in places)
    out = rim.rim_of(taken.outline, taken.skin_shown, turned, here)
    return replace(out, places=out.places - np.array(box[:2], np.float32))


def _draw_openings(
    rig: Rig, taken: Taken, moved: _Moved, lens: Lens, box: Box
) -> tuple[list[Ink | None], Ink | None]:
    """What eyes and mouth show in the region: it does not depend on what lies about them."""
    x0, y0, width, height = box
    where = (x0, y0), (height, width)
    made = slit_changed(taken, moved.outlines, lens)
    mouth = draw_mouth(rig, taken, moved.camera, moved.pixels, moved.outlines["mouth"], made, *where)
    return draw_eyes(rig, taken, moved.target, moved.outlines, lens, *where), mouth


def _changed(rig: Rig, taken: Taken, moved: _Moved) -> tuple[Float, Float]:
    """Displacement and light by vertex (V, 5), as in `Field.grid`, and how well the plate shows each (V,)."""
    trust = trust_of(taken.facing, moved.facing)
    trust[rig.ears] = 0  # their shape is too much their own: they go with the hair
    return _joined(moved.shift, moved.turn, moved.level - taken.level, taken.held), trust


@numba.njit(cache=True, nogil=True)
def _joined(shift: Float, turn: Float, light: Float, held: Float) -> Float:
    """The columns of `_changed` (V, 5): what the expression does, where nothing is `held`, and the turn."""
    out = np.empty((len(shift), 5), np.float32)
    for v in range(len(shift)):
        free = np.float32(1) - held[v]
        for k in range(2):
            out[v, k], out[v, 3 + k] = free * (shift[v, k] - turn[v, k]), turn[v, k]
        out[v, 2] = free * (np.float32(RELIGHT) * light[v])
    return out


def _carried(rig: Rig, moved: _Moved, relief: folds.Relief | None, layers: bool) -> Float | None:
    """What folds (V, 3) and layers (V, 6) ask of each pixel of the mesh: see `folds_at`, `describe`."""
    if relief is None and not layers:
        return None
    out = np.zeros((len(moved.pixels), 6 if layers else 3), np.float32)
    out[:, 1:3] = rig.uv
    if relief is not None:
        out[: len(relief.folded), 0] = relief.folded
    if layers:
        out[:, 3:] = data_layers.normals_with_openings(rig, moved.camera, moved.normals)
    return out


def _lend(
    retake: Retake,
    moved: _Moved,
    origin: tuple[int, int],
    color: Float,
    matte: Float,
    openings: tuple[Part, ...],
) -> None:
    """Lay over the region at `origin` what references show better; the `openings` lose as much. In place."""
    rig, taken = retake.rig, retake.taken
    local = moved.pixels - np.array([*origin, 0], np.float32)
    left, top, width, height = data_layers.box_of(local, rig.lent, matte.shape)
    facing = open_facing(rig, moved.camera, moved.normals)
    spot, first = (slice(top, top + height), slice(left, left + width)), (origin[0] + left, origin[1] + top)
    theirs = borrow(rig, taken, moved.target, retake.lent, moved.pixels, facing, first, color[spot])
    np.maximum(matte[spot], theirs, out=matte[spot])
    for part in openings:
        part.keep(1 - theirs, spot)


def _uncover(taken: Taken, color: Float, origin: tuple[int, int]) -> bool:
    """Take what is before the face, if anything is, out of the region's `color` (h, w, 3), in place."""
    if taken.glasses is None and taken.cutout.front is None:
        return False
    x, y = origin
    color[:] = taken.plate[y : y + len(color), x : x + color.shape[1], :3]
    return True


def _relief(taken: Taken, moved: _Moved, lens: Lens, wrinkles: float) -> folds.Relief | None:
    """The folds that the target's expression adds to the plate's, and the pits that it takes away."""
    away = float(np.linalg.norm(taken.fit.translation))
    size = folds.size_for(max(1.0, taken.blur_px) * away / lens.focal_px)
    change = moved.target.expression - taken.fit.expression
    relief = folds.fold(change, wrinkles, size) if wrinkles > 0 else None
    share = pits.gone(parted_cm(taken, moved.outlines, lens))
    return folds.without_pits(relief, size, share, taken.pits, taken.pixels) if share > 0 else relief
