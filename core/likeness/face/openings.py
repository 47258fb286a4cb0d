"""Lays eyes and the inside of the mouth into a redrawn face."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import ceil, floor

import numba
import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from likeness.face import eyes, grain, mouth, tongue
from likeness.face.fit import Fit, Lens
from likeness.face.inside import highlight, lit_between
from likeness.face.lids import lay_lashes, lay_lid
from likeness.face.limbus import disk_frame, radius_px
from likeness.face.part import Part
from likeness.face.person import upper_count
from likeness.face.references import turned
from likeness.face.retarget import lid_lowering
from likeness.face.rig import EYES, Rig, ball_center, bounds, iris_axes, mean_gap
from likeness.face.taken import Taken

Float = NDArray[np.float32]
Int = NDArray[np.int32]

MADE_LID = (0.2, 0.45)  # blinks, beyond the plate's, from and to which a lid is made anew
LIDS_EDGE = 0.5  # of the way from a lid to the middle of the eye, lids that were lent are seen
EDGE_CM = 0.05  # standard deviation of an eye's edge: lids have rims, and their lashes a shade
NO_SLIT_PX = 0.4  # a lower opening is closed
LOOKS_DEG, OPENS, TURNS_DEG = (1.0, 4.0), (0.1, 0.4), (3.0, 12.0)  # no tracker is sure of, and is: `_made`
SLIT, SLIT_LIGHT = 0.5, 0.12  # an eye less open than this share of itself is darkened, at most to that
HARDLY = np.float32(0.05)  # of a pixel: what is covered no more is lip


@dataclass(frozen=True)
class Ink:
    """What an opening shows: `color` (h, w, 3) by `cover` (h, w), at pixel (`x`, `y`) of a region.

    `made`: how much of the color is drawn anew; the rest is to be the plate's own.
    """

    color: Float
    cover: Float
    x: int
    y: int
    made: float = 1.0


def draw_eyes(
    rig: Rig,
    taken: Taken,
    target: Fit,
    outlines: dict[str, Float],
    lens: Lens,
    origin: tuple[int, int],
    shape: tuple[int, int],
) -> list[Ink | None]:
    """Draw both eyes for a region of that `shape` at `origin`; None of one that does not move."""
    out: list[Ink | None] = []
    for side, name in enumerate(EYES):
        eye, outline = taken.eyes[side], outlines[name]
        box = _local_box(outline, origin, shape)
        axes, way = iris_axes(rig.person, side, target, lens), _to_plate(rig, taken, target, side, lens)
        radius = radius_px(disk_frame(axes))
        made = _made(taken, target, side, outline, radius)
        if eye is None or box is None or made <= 0:
            out.append(None)
            continue
        x, y, width, height = box
        where = (x + origin[0], y + origin[1], width, height)
        soft_px = taken.blur_px + EDGE_CM * radius / rig.person.iris_cm
        color, cover = eyes.draw_eye(eye, axes, outline, way, where, soft_px)
        cover *= float(np.clip(mean_gap(outline) - NO_SLIT_PX, 0, 1))
        open_ = mean_gap(outline) / max(mean_gap(taken.outlines[name]), 1e-3)
        if (slit := _slit(open_)) < 1:
            color = np.float32(slit) * np.minimum(color, taken.light.white)  # no glint comes through lashes
        out.append(Ink(color, cover, x, y, made))
    return out


def lay_eyes(
    inks: Sequence[Ink | None],
    rig: Rig,
    taken: Taken,
    target: Fit,
    outlines: dict[str, Float],
    lens: Lens,
    origin: tuple[int, int],
    color: Float,
    matte: Float,
) -> Part:
    """Lay both eyes and what closes over them into `color` and `matte` in place.

    Returns the layer of four channels, premultiplied.
    """
    layer = _layer([outlines[name] for name in EYES], origin, matte.shape)
    for side, (name, ink) in enumerate(zip(EYES, inks, strict=True)):
        if ink is None:
            continue
        _keep(ink, color)
        closing, lid = _closing(taken, target, side), None
        if closing > 0 and (lid := taken.lids[side]) is not None:
            lay_lid(lid, closing, _to_plate(rig, taken, target, side, lens), origin, color, matte)
        _lay(ink, color, matte, layer)
        if lid is not None:
            margin = outlines[name][: upper_count(name)]
            lay_lashes(lid, closing, margin, taken.blur_px, taken.light.tint, origin, color, matte)
    return layer


def lay_balls(inks: Sequence[Ink | None], color: Float, matte: Float, layer: Part) -> None:
    """Lay both eyeballs into `color`, `matte` and their `layer` again, in place: over lids that were lent."""
    for ink in inks:
        if ink is not None:
            away = ndimage.distance_transform_edt(np.pad(ink.cover > 0, 1))[1:-1, 1:-1]
            inner = np.clip(away / (LIDS_EDGE * max(float(away.max()), 1.0)), 0, 1).astype(np.float32)
            _lay(replace(ink, cover=ink.cover * inner), color, matte, layer)


def _made(taken: Taken, target: Fit, side: int, outline: Float, radius: float) -> float:
    """How much of an eye, whose iris is of that `radius`, is drawn anew, from 0 to 1.

    One that shall look and open nearly as in the plate stays the plate's, as the lids carry it: what differs
    by less than found eyes err is no reason to draw them softer than they were filmed.
    """
    looks = np.degrees(np.abs(target.gaze[side] - taken.fit.gaze[side]).max())
    lids = (outline, radius), (taken.outlines[EYES[side]], taken.irises_px[side])
    opens = [mean_gap(outline) / max(radius, 1e-3) for outline, radius in lids]
    turns = float(np.degrees(turned(target, taken.fit)))
    asked = (looks, LOOKS_DEG), (abs(opens[0] - opens[1]), OPENS), (turns, TURNS_DEG)
    return float(eyes.smoothly(max((much - least) / (most - least) for much, (least, most) in asked), (0, 1)))


def _keep(ink: Ink, color: Float) -> None:
    """Mix into an ink, in place, what of the region's `color` (h, w, 3) is to stay."""
    if ink.made < 1:
        height, width = ink.cover.shape
        own = color[ink.y : ink.y + height, ink.x : ink.x + width]
        ink.color[:] = own + np.float32(ink.made) * (ink.color - own)


def _to_plate(rig: Rig, taken: Taken, target: Fit, side: int, lens: Lens) -> Float:
    """From an eyeball's place here to that in the plate (2,), pixels."""
    return ball_center(rig.person, side, taken.fit, lens) - ball_center(rig.person, side, target, lens)


def _closing(taken: Taken, target: Fit, side: int) -> float:
    """How much of a lid that comes down is made anew, from 0 to 1: what the plate's own cannot cover."""
    more = float(lid_lowering(taken.fit, target)[side])
    return eyes.smoothly(more, MADE_LID)


def draw_mouth(
    rig: Rig,
    taken: Taken,
    camera: Float,
    pixels: Float,
    outline: Float,
    share: float,
    origin: tuple[int, int],
    shape: tuple[int, int],
) -> Ink | None:
    """Draw the inside of the mouth for a region of that `shape` at `origin`; None if it is not in it.

    It covers so large a `share` of what the lips carry along between them. With it the tongue, if put out.
    """
    inside = rig.inside
    own, out = inside.at(pixels), tongue.put_out(rig.person, inside, pixels)
    reach = outline if out is None else np.concatenate([outline, tongue.outline(out, own)])
    box = _local_box(reach, origin, shape)
    if box is None:
        return None
    x, y, width, height = box
    first = (x + origin[0], y + origin[1])
    lit = lit_between(inside, rig.person, camera, taken.mouth.red)
    white, shine = taken.light.at(lit.whence), highlight(taken.light, lit.normals)
    where = (*first, width, height)
    color, cover = mouth.draw_mouth(
        taken.plate, taken.mouth, inside, own, white, shine, outline, lit.share, where,
        taken.blur_px, lit.between,
    )  # fmt: skip
    cover *= np.float32(share)
    if out is not None:
        arrives = tongue.light_on(out, lit.share, inside.glow)
        gain = taken.mouth.gain[mouth.TONGUE]
        put = tongue.draw_tongue(out, own, white * arrives, shine * arrives, gain, where, taken.blur_px)
        color, cover = _over(*put, color, cover)
    return Ink(grain.add(color, cover, taken.grain, taken.seed, first), cover, x, y)


def _over(color: Float, cover: Float, under: Float, covered: Float) -> tuple[Float, Float]:
    """Color (h, w, 3) and coverage (h, w) of one ink over another."""
    left = covered * (1 - cover)
    both = cover + left
    mixed = color * cover[..., None] + under * left[..., None]
    mixed /= np.maximum(both, 1e-6)[..., None]
    return mixed, both


def lay_mouth(ink: Ink | None, color: Float, matte: Float) -> Part:
    """Lay the inside of the mouth into `color` and `matte` in place; returns its layer of four channels."""
    if ink is None:
        return Part.empty(4)
    height, width = ink.cover.shape
    spot = slice(ink.y, ink.y + height), slice(ink.x, ink.x + width)
    layer = Part(spot, np.zeros((height, width, 4), np.float32))
    _lips_beneath(ink.cover, color[spot])
    _lay(ink, color, matte, layer)
    return layer


@numba.njit(cache=True, nogil=True)
def _lips_beneath(cover: Float, color: Float) -> None:
    """Beneath what an opening (h, w) covers in part lies nothing but the lips beside it, in place.

    Between them there is no mesh: what was drawn there may be skin from beyond them (white specks).
    """
    height, width = cover.shape
    for y in range(height):
        for x in range(width):
            if not HARDLY < cover[y, x] < 1:
                continue
            for k in range(3):
                least, most = np.float32(np.inf), np.float32(-np.inf)
                for down, right in ((-1, 0), (0, -1), (0, 1), (1, 0)):
                    r, c = min(max(y + down, 0), height - 1), min(max(x + right, 0), width - 1)
                    if cover[r, c] <= HARDLY and np.isfinite(color[r, c, k]):
                        least, most = min(least, color[r, c, k]), max(most, color[r, c, k])
                if least <= most:
                    color[y, x, k] = min(max(color[y, x, k], least), most)


def _layer(outlines: list[Float], origin: tuple[int, int], shape: tuple[int, ...]) -> Part:
    """An empty layer, as large as the outlines (N, 2) need in a region of that `shape` at `origin`."""
    box = _local_box(np.concatenate(outlines), origin, shape)
    if box is None:
        return Part.empty(4)
    x, y, width, height = box
    return Part((slice(y, y + height), slice(x, x + width)), np.zeros((height, width, 4), np.float32))


def _lay(ink: Ink, color: Float, matte: Float, layer: Part) -> None:
    """Lay the ink over the region's `color` and `matte`, and into the layer, in place."""
    height, width = ink.cover.shape
    spot = (slice(ink.y, ink.y + height), slice(ink.x, ink.x + width))
    down, right = ink.y - layer.spot[0].start, ink.x - layer.spot[1].start
    own = layer.values[down : down + height, right : right + width]
    _lay_ink(ink.color, ink.cover, color[spot], matte[spot], own)


@numba.njit(cache=True, nogil=True)
def _lay_ink(ink: Float, cover: Float, color: Float, matte: Float, layer: Float) -> None:
    for y in range(cover.shape[0]):
        for x in range(cover.shape[1]):
            alpha = cover[y, x]
            if alpha > 0:
                matte[y, x] = max(matte[y, x], alpha)
                layer[y, x, 3] = alpha
                for n in range(3):
                    layer[y, x, n] = ink[y, x, n] * alpha
                    color[y, x, n] += alpha * (ink[y, x, n] - color[y, x, n])


def _slit(open_: float) -> float:
    """How bright an eye is that is `open_` times as far open as in the plate: lashes darken a slit."""
    return SLIT_LIGHT + (1 - SLIT_LIGHT) * float(np.clip(open_ / SLIT, 0, 1)) ** 2


def _local_box(
    outline: Float, origin: tuple[int, int], shape: tuple[int, ...]
) -> tuple[int, int, int, int] | None:
    (left, top), (right, bottom) = bounds(outline, np.arange(len(outline)))
    x, y = max(floor(left) - origin[0], 0), max(floor(top) - origin[1], 0)
    width = min(ceil(right) - origin[0] + 1, shape[1]) - x
    height = min(ceil(bottom) - origin[1] + 1, shape[0]) - y
    return (x, y, width, height) if width > 0 and height > 0 else None
