"""Where in the plate each pixel of a redrawn face comes from: skin, lids, hair, neck and shoulders."""

from __future__ import annotations

import numba
import numpy as np
from numpy.typing import NDArray

from likeness.face import warp
from likeness.face.fit import PIVOT, Fit, Lens
from likeness.face.landmarks import down_face
from likeness.face.person import (
    Person,
    body_travel,
    evenly,
    outline_points,
    to_camera,
    to_pixels,
    travel,
    upper_count,
)
from likeness.face.retarget import LOWERING, lid_lowering
from likeness.face.rig import EYES, Rig, bounds, face_width, mean_gap, outside
from likeness.face.taken import Taken
from likeness.head import points as dense

Float = NDArray[np.float32]
Int = NDArray[np.int32]

FACE_REACH = 0.12  # how far, in face widths, the surroundings follow an expression
JAW_WENT = 0.5  # of that way: where it went farther, the plate's jaw is not to be seen twice
HAIR_REACH = 3.0  # the same when the head turns
HANGS_FROM, HANGS = 0.55, 1.5  # from brows to chin is 1: where hair begins and ends to be held by the body
BESIDE = (1.2, 2.4)  # aside of the chin, in face widths: there the body ceases to follow
AT_BORDER = 0.35  # of the way to the picture's border, at most, the body is drawn from: beyond is nothing
BORDER_SHARE = 0.06  # of the region: so near its border all motion ends
CARRIED_BLINK = 0.3  # a lid that hangs farther does not carry the plate's pixels: see `lids`
STILL_PX = 0.05  # a vertex that moves less does not
SEAM_PX, SEAM_CM = 1.0, 0.02  # so high is the seam of lips that meet
SLIT_CM = 0.015, 0.05  # lips that part or close by less show what they did between them, and by more do not
PARTED_CM = 0.4  # lips that part by this much more show no teeth of the plate on themselves


def same_pose(a: Fit, b: Fit) -> bool:
    return bool(np.abs(a.head_pose - b.head_pose).max() < 1e-5)


def _travels(a: Fit, b: Fit) -> bool:
    """Whether the head goes along, not only turns."""
    return bool(np.abs(travel(a, b)).max() > 1e-3)


def _same_skin(a: Fit, b: Fit) -> bool:
    off, other = (0.0 if fit.corrective is None else fit.corrective for fit in (a, b))
    return bool(np.abs(off - other).max() < 1e-4)


def unmoved(a: Fit, b: Fit) -> bool:
    return (
        same_pose(a, b)
        and _same_skin(a, b)
        and bool(np.abs(a.expression - b.expression).max() < 1e-4)
        and bool(np.abs(a.gaze - b.gaze).max() < 1e-4)
    )


def with_open_lids(person: Person, taken: Taken, target: Fit, camera: Float) -> Float:
    """`camera` (V, 3), but lids hardly lower than the plate's: so far these carry its pixels."""
    lower = lid_lowering(taken.fit, target)
    if (lower <= CARRIED_BLINK).all():
        return camera
    over = np.clip(1 - CARRIED_BLINK / np.maximum(lower, CARRIED_BLINK), 0, 1)[:, None]
    weights = np.zeros(len(target.expression))
    weights[np.ravel(LOWERING)] = np.ravel(
        over * (target.expression[LOWERING] - taken.fit.expression[LOWERING])
    )
    closed = person.shapes.moved(np.zeros_like(camera), weights)
    return camera - closed @ target.rotation.T.astype(np.float32)


def slide_lids(person: Person, taken: Taken, outlines: dict[str, Float], lens: Lens, shift: Float) -> None:
    """Where a lid closes, the places in the plate from which its skin comes move up to the brow, in place."""
    up = taken.fit.rotation[:2, 1] * lens.focal_px
    for side, name in enumerate(EYES):
        before, after = mean_gap(taken.outlines[name]), mean_gap(outlines[name])
        closing = float(np.clip(1.15 * (1 - after / max(before, 1e-3)), 0, 1))
        if closing > 0:
            slid = np.flatnonzero(person.lid_slide[side])
            share = closing * person.lid_slide[side, slid] / taken.pixels[slid, 2]
            shift[slid] += (share[:, None] * up).astype(np.float32)


def parting(taken: Taken, outlines: dict[str, Float], lens: Lens) -> float:
    """How far the lips part or close, against what they do in the plate: from 0 to 1."""
    return min(abs(parted_cm(taken, outlines, lens)) / PARTED_CM, 1)


def slit_changed(taken: Taken, outlines: dict[str, Float], lens: Lens) -> float:
    """How surely, from 0 to 1, the plate no longer shows what is between the lips.

    Lips that barely part there, and as much as they did, carry it along.
    """
    if not taken.mouth.slit:
        return 1.0
    return float(np.interp(abs(parted_cm(taken, outlines, lens)), SLIT_CM, (0, 1)))


def parted_cm(taken: Taken, outlines: dict[str, Float], lens: Lens) -> float:
    """By how much more the lips part than in the plate, cm; below 0 where they close."""
    before, after = mean_gap(taken.outlines["mouth"]), mean_gap(outlines["mouth"])
    return (after - before) * float(taken.pixels[:, 2].mean()) / lens.focal_px


def with_seam(taken: Taken, outline: Float, lens: Lens) -> Float:
    """The mouth's outline (N, 2), at least a line high where lips meet that the plate shows apart.

    Pixels between them would show the plate's teeth, and lips that meet shade each other.
    """
    before, after = mean_gap(taken.outlines["mouth"]), mean_gap(outline)
    px_a_cm = lens.focal_px / float(taken.pixels[:, 2].mean())
    met = float(np.clip((before - after) / (PARTED_CM * px_a_cm), 0, 1))
    if met <= 0:
        return outline
    count = upper_count("mouth")
    upper, lower = outline[:count], np.concatenate([outline[count - 1 :], outline[:1]])[::-1]
    wide = upper[-1] - upper[0]
    down = np.array([-wide[1], wide[0]]) * np.sign(wide[0]) / max(float(np.hypot(*wide)), 1e-3)
    high, edges = SEAM_PX + SEAM_CM * px_a_cm, []
    for own, other, way in ((upper, lower, -down), (lower, upper, down)):
        apart = (own - evenly(other, len(own))) @ way
        along = np.linspace(0, 1, len(own))
        less = np.maximum(high * np.minimum(1, 8 * along * (1 - along)) - apart, 0)
        edges.append(own + 0.5 * met * less[:, None] * way)
    return np.concatenate([edges[0], edges[1][-2:0:-1]]).astype(np.float32)


def region(
    rig: Rig, taken: Taken, target: Fit, pixels: Float, shift: Float, turned: bool
) -> tuple[int, int, int, int] | None:
    """The box (x0, y0, width, height) of the picture in which anything can change."""
    used = rig.used
    looked = [k for k in (0, 1) if np.abs(taken.fit.gaze[k] - target.gaze[k]).max() > 1e-3]
    eyes = [outline_points(rig.person, EYES[k]).astype(np.int32) for k in looked]
    moving = np.concatenate([_moving(shift, used), *eyes])
    if not len(moving):
        moving = np.arange(rig.person.vertex_count, len(pixels), dtype=np.int32)
    here, there = bounds(pixels, moving), bounds(taken.pixels, moving)
    low, high = np.minimum(here[0], there[0]), np.maximum(here[1], there[1])
    width = face_width(taken.pixels[rig.person.vertex_count :])
    if turned:
        first, size = np.array(taken.cutout.reach[:2]), np.array(taken.cutout.reach[2:])
        way = -shift[rig.person.vertex_count :]
        low = np.minimum(low, first + np.minimum(way.min(axis=0), 0))
        high = np.maximum(high, first + size + np.maximum(way.max(axis=0), 0))
        if _travels(target, taken.fit):
            chin = pixels[rig.person.vertex_count + 8, :2]
            low[0] = min(low[0], chin[0] - BESIDE[1] * width)
            high[0] = max(high[0], chin[0] + BESIDE[1] * width)
            high[1] = taken.plate.shape[0]
    margin = width * FACE_REACH + 2 * warp.cell_px(width)
    rows, columns = taken.plate.shape[:2]
    low = np.maximum(np.floor(low - margin), 0).astype(int)
    high = np.minimum(np.ceil(high + margin), [columns, rows]).astype(int)
    if (high - low < 2).any():
        return None
    return int(low[0]), int(low[1]), int(high[0] - low[0]), int(high[1] - low[1])


@numba.njit(cache=True, nogil=True)
def _moving(shift: Float, ids: Int) -> Int:
    """Those of the vertices that are displaced."""
    out, count = np.empty(len(ids), np.int32), 0
    for i in ids:
        if abs(shift[i, 0]) > STILL_PX or abs(shift[i, 1]) > STILL_PX:
            out[count] = i
            count += 1
    return out[:count]


@numba.njit(cache=True, nogil=True)
def way_back(before: Float, here: Float) -> Float:
    """By how much vertices (V, 2) were elsewhere `before` (V, 3) than `here` (V, 3), in x and y."""
    out = np.empty((len(here), 2), np.float32)
    for v in range(len(here)):
        out[v, 0], out[v, 1] = before[v, 0] - here[v, 0], before[v, 1] - here[v, 1]
    return out


def turn_shift(rig: Rig, taken: Taken, target: Fit, lens: Lens) -> Float:
    """Where every vertex (V, 2) comes from in the plate if only the head turns, as displacement in pixels."""
    camera = to_camera(rig.person, taken.local, target, taken.fit)
    return way_back(taken.pixels, to_pixels(camera, lens))


def turn_back(rig: Rig, taken: Taken, turn: Float) -> Float:
    """The affine map (2, 3) from the picture to the plate, of what is worn before the eyes.

    `turn` from `turn_shift`.
    """
    if not turn.any():
        return np.eye(2, 3, dtype=np.float32)
    worn = rig.person.vertex_count + np.arange(17, 48)
    before = taken.pixels[worn, :2]
    return warp.affine(before - turn[worn], before)


def field_of(
    rig: Rig,
    points: Float,
    moved: Float,
    trust: Float,
    taken: Taken,
    box: tuple[int, int, int, int],
    more: Float | None,
    rim: warp.Rim | None,
    stands: NDArray[np.bool_] | None,
) -> warp.Field:
    """The displacement to the plate and the change of light of the region.

    `points` (V, 3) are the vertices in it, pixels and depth. `moved` (V, 5): what the head's turn does, the
    last two, goes on beyond the mesh, through hair and ears, as at its `rim`; what the expression does ends
    soon. `more` (V, 3 or 6) is only carried along.
    """
    face = face_width(taken.pixels[rig.person.vertex_count :])
    cell = warp.cell_px(face)
    reach = (face * FACE_REACH, face * _hair_reach(rig, taken, box, cell))
    ramp = _ramp(box, taken.plate.shape)
    went = float(np.hypot(*moved[rig.person.vertex_count + 8, 3:])) / (face * FACE_REACH)
    mesh = points, outside(rig, points), moved, trust, cell, reach, ramp, more, rim, stands
    if went < JAW_WENT:
        return warp.spread(*mesh)
    return warp.spread(*mesh, taken.jaw.by(2 * went - 1, box[:2]), rig.face)


def standing(taken: Taken, target: Fit, box: tuple[int, int, int, int]) -> NDArray[np.bool_] | None:
    """Which cells of the region (rows, columns) stand with the neck while the head turns.

    None where the network was not asked, or the head travels: a neck goes with it, nobody knows how far.
    """
    if taken.neck is None or _travels(target, taken.fit):
        return None
    x0, y0, width, height = box
    cell = warp.cell_px(face_width(taken.pixels[-dense.COUNT :]))
    x, y = (first + cell * (np.arange(-(-n // cell)) + 0.5) for first, n in ((x0, width), (y0, height)))
    return taken.neck.at(np.stack(np.meshgrid(x, y), axis=-1))


def _hair_reach(rig: Rig, taken: Taken, box: tuple[int, int, int, int], cell: int) -> Float:
    """How far a turn goes on beyond the mesh, in face widths, by cell of the region (rows, columns).

    Far beside the head; below the chin hair lies on the shoulders, which hold it.
    """
    points = taken.pixels[rig.person.vertex_count :, :2]
    x0, y0, width, height = box
    x, y = (first + cell * (np.arange(-(-size // cell)) + 0.5) for first, size in ((x0, width), (y0, height)))
    below = down_face(points, x[None], y[:, None])
    free = np.clip((HANGS - below) / (HANGS - HANGS_FROM), 0, 1)
    out: Float = (FACE_REACH + (HAIR_REACH - FACE_REACH) * free**2).astype(np.float32)
    return out


def body_shift(
    rig: Rig, taken: Taken, target: Fit, lens: Lens, box: tuple[int, int, int, int]
) -> Float | None:
    """The displacement (h, w, 2) to the plate of a body that goes with a traveling head; None if it stays."""
    if not _travels(target, taken.fit):
        return None
    pivot = taken.fit.rotation @ PIVOT + taken.fit.translation
    pivots = np.stack([pivot, pivot + body_travel(target, taken.fit)])
    before, after = to_pixels(pivots.astype(np.float32), lens)
    points = taken.pixels[rig.person.vertex_count :, :2] + (after - before)[:2]
    brow, chin = points[17:27].mean(axis=0), points[8]
    down = (chin - brow) / max(float(np.linalg.norm(chin - brow)), 1.0)
    x0, y0, width, height = box
    x = np.arange(width, dtype=np.float32) + 0.5 + x0
    y = np.arange(height, dtype=np.float32)[:, None] + 0.5 + y0
    aside = np.abs((x - chin[0]) * down[1] - (y - chin[1]) * down[0]) / face_width(points)
    share = np.clip((BESIDE[1] - aside) / (BESIDE[1] - BESIDE[0]), 0, 1)
    down_ramp, across_ramp = _ramp(box, taken.plate.shape)
    share = share * share * (3 - 2 * share) * np.minimum(down_ramp[:, None], across_ramp)
    nearer = after[2] / before[2]
    out = np.empty((height, width, 2), np.float32)
    for k, (at, size) in enumerate(((x, taken.plate.shape[1]), (y, taken.plate.shape[0]))):
        way = share * (before[k] + nearer * (at - after[k]) - at)
        out[..., k] = np.clip(way, -at * AT_BORDER, (size - at) * AT_BORDER)
    return out


def _ramp(box: tuple[int, int, int, int], shape: tuple[int, ...]) -> tuple[Float, Float]:
    """By row (h,) and by column (w,): 1 inside the region, 0 at borders that are not the picture's."""
    x0, y0, width, height = box
    sides = []
    for first, size, whole_size in ((y0, height, shape[0]), (x0, width, shape[1])):
        ramp = warp.border_ramp(first, size, whole_size, BORDER_SHARE * size)
        sides.append((ramp * ramp * (3 - 2 * ramp)).astype(np.float32))
    return sides[0], sides[1]
