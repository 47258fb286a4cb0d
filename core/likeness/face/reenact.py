"""Re-renders a face: what is taken from one plate frame, drawn in another pose and expression.

`take` measures a plate frame once: its mesh in pixels, its light, eyeballs, irises and the inside of its
mouth. `redraw` moves the mesh and draws skin, eyes and mouth into a region around the face; outside that
region, and wherever nothing moves, the plate is left as it is, bit for bit.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numba
import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from likeness.face import eyes, grain, lips, mouth, references, warp
from likeness.face.compose import compose
from likeness.face.cutout import Cutout, cut, whole
from likeness.face.fit import PIVOT, Fit, Lens
from likeness.face.light import EYEBALL_ALBEDO, Light, estimate
from likeness.face.mouth import Inside, PlateMouth
from likeness.face.person import (
    OPENINGS,
    Person,
    caps,
    eye_axes,
    opening,
    outline_points,
    to_camera,
    to_pixels,
    travel,
)
from likeness.face.references import Reference
from likeness.head import points as dense
from likeness.head.model import vertex_normals
from likeness.render.bands import in_bands
from likeness.render.raster import rasterize

Float = NDArray[np.float32]
Int = NDArray[np.int32]

IRIS_RADIUS_CM, IRIS_DEPTH_CM = 0.6, 1.38
FACE_REACH = 0.12  # how far, in face widths, the surroundings follow an expression
HAIR_REACH = 3.0  # the same when the head turns
HANGS_FROM, HANGS = 0.55, 1.5  # from brows to chin is 1: where hair begins and ends to be held by the body
SHOULDERS = (-0.15, 0.35)  # below the chin, in its distance from the brows: there the body begins to follow
BESIDE = (1.2, 2.4)  # aside of the chin, in face widths: there it ceases
BORDER_SHARE = 0.06  # of the region: so near its border all motion ends
GRAZING = 0.18  # cosine to the view below which the plate does not show a surface well enough
MOST_STRETCH = 1.8  # times: more than this the plate's pixels are not spread out
PARTED_CM = 0.4  # lips that part by this much more show no teeth of the plate on themselves
HIDDEN_CM = 0.6  # behind the nearest surface by this much, a vertex is hidden
RELIGHT = 0.7  # how much of the computed change of light is applied
SLIT, SLIT_LIGHT = 0.5, 0.12  # an eye less open than this share of itself is darkened, at most to that
EYES = ("eye_left", "eye_right")


@dataclass(frozen=True)
class Rig:
    """Triangle lists of a person, made once: `skin` (T, 3) with the openings closed, and the `inside`.

    `nearest` (SKIN_COUNT,): the skin's vertex nearest to each dense point. `used`: the skin's vertices.
    `ears` (V,): which of all vertices are an ear's. `masks`: see `references.masks`.
    """

    person: Person
    skin: Int
    surface: Int
    inside: Inside
    nearest: Int
    used: Int
    ears: NDArray[np.bool_]
    masks: Float


@dataclass(frozen=True)
class Taken:
    """One plate frame taken apart. `pixels` (V, 3) holds x, y and depth of vertices and points.

    `local` (V, 3) are the same in head space, cm.
    `blur_px` is the standard deviation of the plate's own blur;
    `plate` is without what is before the face, which the cutout keeps.
    `grain` is added to what is drawn anew, the same for the same `seed`. `lip_slide` (V, 2)
    takes lips without teeth. `outlines` are those of eyes and mouth by name, (N, 2).
    """

    plate: Float
    fit: Fit
    cutout: Cutout
    blur_px: float
    grain: grain.Grain
    seed: tuple[int, ...]
    lip_slide: Float
    local: Float
    pixels: Float
    outlines: dict[str, Float]
    light: Light
    level: Float
    facing: Float
    eyes: tuple[eyes.Eye | None, eyes.Eye | None]
    mouth: PlateMouth


@dataclass(frozen=True)
class Drawn:
    """A region at `origin`: `color` (h, w, C) to lay over the plate by `matte` (h, w), and layers."""

    origin: tuple[int, int]
    color: Float
    matte: Float
    layers: dict[str, Float]


def build_rig(person: Person) -> Rig:
    """Collect the triangles that are drawn."""
    surface = person.head.part("skin")
    vertices = np.unique(surface)
    points = person.rest[person.vertex_count :][: dense.SKIN_COUNT]
    nearest = vertices[cKDTree(person.rest[vertices]).query(points)[1]].astype(np.int32)
    skin = np.concatenate([surface, caps(person)])
    ears = np.zeros(len(person.rest), bool)
    ears[: person.vertex_count] = person.head.regions["ears"] > 0.5
    return Rig(
        person,
        skin,
        surface,
        mouth.inside_of(person.head),
        nearest,
        np.unique(skin),
        ears,
        references.masks(person),
    )


def take(
    rig: Rig,
    plate: Float,
    fit: Fit,
    lens: Lens,
    shown: Float | None = None,
    seed: tuple[int, ...] = (0,),
) -> Taken:
    """Take apart a plate frame (H, W, 3), scene-linear, in which the head lies as `fit` says.

    `shown` (H, W, 3) is its display view: with it, the head is cut from its background; without, all of the
    picture goes with the head.
    """
    person = rig.person
    local = person.posed(fit.expression)
    camera = to_camera(person, local, fit, fit)
    pixels = to_pixels(camera, lens)
    normals = _normals(rig, camera)
    points = pixels[person.vertex_count :, :2]
    cutout = whole(plate) if shown is None else cut(plate, shown, points)
    plate = cutout.bare(plate)
    outlines = _outlines(person, pixels)
    lids = [outlines[name] for name in EYES]
    axes = [_iris(person, side, fit, lens) for side in (0, 1)]
    eyeball = _eyeball_color(plate, lids, axes)
    light = estimate(*_skin_samples(rig, plate, pixels, normals), eyeball)
    fallback = light.white * EYEBALL_ALBEDO
    taken_eyes = tuple(
        eyes.take_eye(plate, outline, axis, fallback) for outline, axis in zip(lids, axes, strict=True)
    )
    inside_normals = vertex_normals(camera, rig.inside.triangles)
    shade = light.at(inside_normals)
    plate_mouth = mouth.take_mouth(plate, rig.inside, pixels, outlines["mouth"], shade)
    level = np.log(np.maximum(light.level(normals), 0.2))
    facing = _facing(camera, normals) * _seen(rig, pixels)
    return Taken(
        plate=plate,
        fit=fit,
        cutout=cutout,
        blur_px=grain.blur(plate, points),
        grain=grain.measure(plate, points),
        seed=seed,
        lip_slide=lips.slide(plate, person, pixels),
        local=local,
        pixels=pixels,
        outlines=outlines,
        light=light,
        level=level,
        facing=facing,
        eyes=(taken_eyes[0], taken_eyes[1]),
        mouth=plate_mouth,
    )


def refer(own: Rig, picture: Float, fit: Fit, lens: Lens) -> Reference:
    """A `picture` (H, W, 3) of the same person, in the plate's color space, made ready to lend its pixels.

    `own` is the rig of the person as this picture shows it.
    """
    person = own.person
    camera = to_camera(person, person.posed(fit.expression), fit, fit)
    pixels = to_pixels(camera, lens)
    facing = _open_facing(own, camera, _normals(own, camera)) * _seen(own, pixels)
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


def redraw(
    rig: Rig,
    taken: Taken,
    target: Fit,
    lens: Lens,
    layers: bool = True,
    lent: Sequence[Reference] = (),
) -> Drawn | None:
    """Draw the taken face as `target`; None when nothing moves or the face is out of the picture.

    What the references in `lent` show better than the plate is taken from them.
    """
    person = rig.person
    if _unmoved(taken.fit, target):
        return None
    posed = person.posed(target.expression, person.sealed(taken.local))
    camera = to_camera(person, posed, target, taken.fit)
    pixels = to_pixels(camera, lens)
    outlines = _outlines(person, pixels)
    shift = taken.pixels[:, :2] - pixels[:, :2]
    _slide_lids(person, taken, outlines, lens, shift)
    if (parted := _parting(taken, outlines, lens)) > 0:
        shift += parted * taken.lip_slide
    turned = not np.allclose(taken.fit.head_pose, target.head_pose, atol=1e-6)
    box = _region(rig, taken, target, pixels, shift, turned)
    if box is None:
        return None
    x0, y0, width, height = box
    normals = _normals(rig, camera)
    level = np.log(np.maximum(taken.light.level(normals), 0.2))
    light = (RELIGHT * (level - taken.level))[:, None]
    local = pixels - np.array([x0, y0, 0], np.float32)
    index, bary, _ = rasterize(local, rig.skin, width, height)
    trust = _trust(taken.facing, _facing(camera, normals))
    trust[rig.ears] = 0  # their shape is too much their own: they go with the hair
    turn = _rigid(rig, taken, target, lens) if turned else np.zeros_like(shift)
    field = _field(rig, index, bary, np.concatenate([shift - turn, light, turn], 1), trust, taken, box)
    body = _body(rig, taken, target, lens, box)
    color, matte, motion = compose(taken.plate, taken.cutout, field, (x0, y0), body, taken.light.tint)
    eye_cover = _lay_eyes(rig, taken, target, outlines, lens, (x0, y0), color, matte)
    mouth_cover = _lay_mouth(rig, taken, camera, pixels, outlines["mouth"], (x0, y0), color, matte)
    if lent:
        facing = _open_facing(rig, camera, normals)
        theirs = _borrow(rig, taken, target, lent, pixels, facing, index, bary, (x0, y0), color)
        np.maximum(matte, theirs, out=matte)
        eye_cover *= 1 - theirs[..., None]
        mouth_cover *= 1 - theirs[..., None]
    taken.cutout.lay_front(color, matte, (x0, y0))
    out: dict[str, Float] = {}
    if layers:
        out = _layers(rig, camera, normals, index, bary) | {"motion": motion}
        out["eyes"], out["mouth"] = eye_cover, mouth_cover
    return Drawn((x0, y0), color, matte, out)


def _borrow(
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
    trust = [_trust(reference.facing, facing) for reference in lent]
    return references.lend(lent, share, rig.masks, pixels, trust, rig.skin, index, bary, origin, color)


def _trust(before: Float, after: Float) -> Float:
    """How well the plate shows each vertex (V,), from its facing there and here: from 0.5 well enough."""
    enough = np.minimum(before, after) / GRAZING
    dense_enough = before / np.maximum(after, 1e-3) * MOST_STRETCH
    return np.clip(np.minimum(enough, dense_enough) / 2, 0, 1).astype(np.float32)


def _rigid(rig: Rig, taken: Taken, target: Fit, lens: Lens) -> Float:
    """Where every vertex (V, 2) comes from in the plate if only the head turns, as displacement in pixels."""
    camera = to_camera(rig.person, taken.local, target, taken.fit)
    return taken.pixels[:, :2] - to_pixels(camera, lens)[:, :2]


def _field(
    rig: Rig,
    index: Int,
    bary: Float,
    moved: Float,
    trust: Float,
    taken: Taken,
    box: tuple[int, int, int, int],
) -> warp.Field:
    """The displacement to the plate and the change of light of the region.

    `moved` (V, 5): what the head's turn does, the last two, goes on beyond the mesh, through hair and ears;
    what the expression does ends soon.
    """
    face = _face_width(taken.pixels[rig.person.vertex_count :])
    cell = warp.cell_px(face)
    reach = (face * FACE_REACH, face * _hair_reach(rig, taken, box, cell))
    ramp = _ramp(box, taken.plate.shape)
    return warp.spread(index, bary, rig.skin, moved.astype(np.float32), trust, cell, reach, ramp)


def _hair_reach(rig: Rig, taken: Taken, box: tuple[int, int, int, int], cell: int) -> Float:
    """How far a turn goes on beyond the mesh, in face widths, by cell of the region (rows, columns).

    Far beside the head; below the chin hair lies on the shoulders, which hold it.
    """
    points = taken.pixels[rig.person.vertex_count :, :2]
    brow, chin = points[17:27].mean(axis=0), points[8]
    down = chin - brow
    x0, y0, width, height = box
    x, y = (
        first + cell * (np.arange(-(-size // cell)) + 0.5) - middle
        for first, size, middle in ((x0, width, brow[0]), (y0, height, brow[1]))
    )
    below = (x[None] * down[0] + y[:, None] * down[1]) / max(float(down @ down), 1.0)
    free = np.clip((HANGS - below) / (HANGS - HANGS_FROM), 0, 1)
    out: Float = (FACE_REACH + (HAIR_REACH - FACE_REACH) * free**2).astype(np.float32)
    return out


def _body(rig: Rig, taken: Taken, target: Fit, lens: Lens, box: tuple[int, int, int, int]) -> Float | None:
    """The displacement (h, w, 2) of neck and shoulders that go with a traveling head; None if it stays."""
    if np.allclose(travel(target, taken.fit), 0, atol=1e-3):
        return None
    pivots = np.stack([fit.rotation @ PIVOT + fit.translation for fit in (taken.fit, target)])
    before, after = to_pixels(pivots.astype(np.float32), lens)[:, :2]
    points = taken.pixels[rig.person.vertex_count :, :2] + (after - before)
    brow, chin = points[17:27].mean(axis=0), points[8]
    down = (chin - brow) / max(float(np.linalg.norm(chin - brow)), 1.0)
    x0, y0, width, height = box
    x = np.arange(width, dtype=np.float32) + 0.5 + x0 - chin[0]
    y = np.arange(height, dtype=np.float32)[:, None] + 0.5 + y0 - chin[1]
    tall = float((chin - brow) @ down)
    below = (x * down[0] + y * down[1]) / tall
    aside = np.abs(x * down[1] - y * down[0]) / _face_width(points)
    share = np.clip((below - SHOULDERS[0]) / (SHOULDERS[1] - SHOULDERS[0]), 0, 1)
    share = share * np.clip((BESIDE[1] - aside) / (BESIDE[1] - BESIDE[0]), 0, 1)
    down_ramp, across_ramp = _ramp(box, taken.plate.shape)
    share = share * share * (3 - 2 * share) * np.minimum(down_ramp[:, None], across_ramp)
    return (share[..., None] * (before - after)).astype(np.float32)


def _ramp(box: tuple[int, int, int, int], shape: tuple[int, ...]) -> tuple[Float, Float]:
    """By row (h,) and by column (w,): 1 inside the region, 0 at borders that are not the picture's."""
    x0, y0, width, height = box
    sides = []
    for first, size, whole_size in ((y0, height, shape[0]), (x0, width, shape[1])):
        at = (np.arange(size, dtype=np.float32) + 0.5) / max(BORDER_SHARE * size, 1.0)
        one = np.ones(size, np.float32)
        ramp = np.minimum(at if first > 0 else one, at[::-1] if first + size < whole_size else one)
        ramp = np.clip(ramp, 0, 1)
        sides.append((ramp * ramp * (3 - 2 * ramp)).astype(np.float32))
    return sides[0], sides[1]


def _outlines(person: Person, pixels: Float) -> dict[str, Float]:
    """The outlines (N, 2) of eyes and mouth by name."""
    return {name: opening(person, pixels, name) for name in (*EYES, "mouth")}


def _slide_lids(person: Person, taken: Taken, outlines: dict[str, Float], lens: Lens, shift: Float) -> None:
    """Where a lid closes, the places in the plate from which its skin comes move up to the brow, in place."""
    up = taken.fit.rotation[:2, 1] * lens.focal_px
    for side, name in enumerate(EYES):
        before, after = _gap(taken.outlines[name]), _gap(outlines[name])
        closing = float(np.clip(1.15 * (1 - after / max(before, 1e-3)), 0, 1))
        if closing > 0:
            slid = np.flatnonzero(person.lid_slide[side])
            share = closing * person.lid_slide[side, slid] / taken.pixels[slid, 2]
            shift[slid] += (share[:, None] * up).astype(np.float32)


def _parting(taken: Taken, outlines: dict[str, Float], lens: Lens) -> float:
    """How far the lips part, beyond what they do in the plate: from 0 to 1."""
    before, after = _gap(taken.outlines["mouth"]), _gap(outlines["mouth"])
    cm = (after - before) * float(taken.pixels[:, 2].mean()) / lens.focal_px
    return float(np.clip(cm / PARTED_CM, 0, 1))


def _gap(outline: Float) -> float:
    """Mean height of an opening: its area over its width."""
    x, y = outline.T
    area = abs(float(np.dot(x, np.roll(y, -1)) - np.dot(y, np.roll(x, -1)))) / 2
    return area / max(float(np.ptp(x)), 1e-3)


def _lay_eyes(
    rig: Rig,
    taken: Taken,
    target: Fit,
    outlines: dict[str, Float],
    lens: Lens,
    origin: tuple[int, int],
    color: Float,
    matte: Float,
) -> Float:
    """Draw both eyes into `color` and `matte` in place; returns the layer (h, w, 4), premultiplied."""
    layer = np.zeros((*matte.shape, 4), np.float32)
    for side, name in enumerate(EYES):
        eye = taken.eyes[side]
        outline = outlines[name]
        if eye is None or _eye_unmoved(taken, target, side, outline):
            continue
        ball = _center(rig.person, side, target, lens) - _center(rig.person, side, taken.fit, lens)
        box = _local_box(outline, origin, matte.shape)
        if box is None:
            continue
        x, y, width, height = box
        ink, cover = eyes.draw_eye(
            eye,
            _iris(rig.person, side, target, lens),
            outline,
            -ball,
            x + origin[0],
            y + origin[1],
            width,
            height,
        )
        open_ = _gap(outline) / max(_gap(taken.outlines[name]), 1e-3)
        if (slit := _slit(open_)) < 1:
            ink = np.float32(slit) * np.minimum(ink, taken.light.white)  # no glint comes through lashes
        _lay(ink, cover, color, matte, layer, x, y)
    return layer


def _slit(open_: float) -> float:
    """How bright an eye is that is `open_` times as far open as in the plate: lashes darken a slit."""
    return SLIT_LIGHT + (1 - SLIT_LIGHT) * float(np.clip(open_ / SLIT, 0, 1)) ** 2


def _lay_mouth(
    rig: Rig,
    taken: Taken,
    camera: Float,
    pixels: Float,
    outline: Float,
    origin: tuple[int, int],
    color: Float,
    matte: Float,
) -> Float:
    """Draw the inside of the mouth into `color` and `matte` in place; returns its layer (h, w, 4)."""
    layer = np.zeros((*matte.shape, 4), np.float32)
    box = _local_box(outline, origin, matte.shape)
    if box is None:
        return layer
    x, y, width, height = box
    normals = vertex_normals(camera, rig.inside.triangles)
    lips = np.concatenate([dense.GROUPS["lip_upper_inner"], dense.GROUPS["lip_lower_inner"]])
    lip_depth = float(camera[lips + rig.person.vertex_count, 2].mean())
    ink, cover = mouth.draw_mouth(
        taken.plate,
        taken.mouth,
        rig.inside,
        pixels,
        taken.light.at(normals),
        mouth.highlight(taken.light, normals),
        outline,
        lip_depth,
        (x + origin[0], y + origin[1], width, height),
        taken.blur_px,
    )
    ink = grain.add(ink, cover, taken.grain, taken.seed)
    _lay(ink, cover, color, matte, layer, x, y)
    return layer


def _lay(ink: Float, cover: Float, color: Float, matte: Float, layer: Float, x: int, y: int) -> None:
    height, width = cover.shape
    spot = (slice(y, y + height), slice(x, x + width))
    color[spot][..., :3] += cover[..., None] * (ink - color[spot][..., :3])
    matte[spot] = np.maximum(matte[spot], cover)
    layer[spot][..., :3] = ink * cover[..., None]
    layer[spot][..., 3] = cover


def _layers(rig: Rig, camera: Float, normals: Float, index: Int, bary: Float) -> dict[str, Float]:
    """Data layers of the region: uv of the plate's place, normal, depth, position."""
    height, width = index.shape
    values = (_uv(rig.person), normals, camera)
    uv, normal, position = (np.empty((height, width, v.shape[1]), np.float32) for v in values)
    depth = np.empty((height, width, 1), np.float32)
    in_bands(_spread, height, index, bary, rig.skin, *values, uv, normal, position, depth)
    return {"uv": uv, "normal": normal, "position": position, "depth": depth}


@numba.njit(cache=True, fastmath=True, nogil=True)
def _spread(
    first: int,
    end: int,
    index: Int,
    bary: Float,
    triangles: Int,
    vertex_uv: Float,
    vertex_normal: Float,
    vertex_place: Float,
    uv: Float,
    normal: Float,
    position: Float,
    depth: Float,
) -> None:
    """Interpolate values of the vertices over a rasterized region; 0 where it is empty."""
    for y in range(first, end):
        for x in range(index.shape[1]):
            t = index[y, x]
            if t < 0:
                uv[y, x] = 0
                normal[y, x] = 0
                position[y, x] = 0
                depth[y, x] = 0
                continue
            i, j, k = triangles[t, 0], triangles[t, 1], triangles[t, 2]
            a, b, c = bary[y, x, 0], bary[y, x, 1], bary[y, x, 2]
            for n in range(2):
                uv[y, x, n] = a * vertex_uv[i, n] + b * vertex_uv[j, n] + c * vertex_uv[k, n]
            long = np.float32(0.0)
            for n in range(3):
                position[y, x, n] = a * vertex_place[i, n] + b * vertex_place[j, n] + c * vertex_place[k, n]
                value = a * vertex_normal[i, n] + b * vertex_normal[j, n] + c * vertex_normal[k, n]
                normal[y, x, n] = value
                long += value * value
            unit = 1 / np.sqrt(long) if long > 1e-12 else np.float32(1.0)
            for n in range(3):
                normal[y, x, n] *= unit
            depth[y, x, 0] = position[y, x, 2]


def _uv(person: Person) -> Float:
    uv = person.head.vertex_uv
    points = np.zeros((len(person.rest) - len(uv), 2), np.float32)
    return np.concatenate([uv, points]).astype(np.float32)


def _iris(person: Person, side: int, fit: Fit, lens: Lens) -> Float:
    return to_pixels(eye_axes(person, side, fit, IRIS_RADIUS_CM, IRIS_DEPTH_CM).astype(np.float32), lens)


def _center(person: Person, side: int, fit: Fit, lens: Lens) -> Float:
    """The eyeball's center in pixels, at its front surface's depth."""
    front = person.eye_centers[side] + [0.0, 0.0, IRIS_DEPTH_CM]
    camera = (fit.rotation @ front + fit.translation).astype(np.float32)
    return to_pixels(camera[None], lens)[0, :2]


def _normals(rig: Rig, camera: Float) -> Float:
    """Normals of vertices and of the skin's points, which borrow that of the nearest vertex."""
    out = vertex_normals(camera, rig.surface)
    first = rig.person.vertex_count
    out[first : first + dense.SKIN_COUNT] = out[rig.nearest]
    return out


@numba.njit(cache=True, nogil=True)
def _facing(camera: Float, normals: Float) -> Float:
    """Cosine between the normal and the way to the camera (V,); 1 for points, which have no normal."""
    out = np.ones(len(camera), np.float32)
    for v in range(len(camera)):
        (x, y, z), (i, j, k) = camera[v], normals[v]
        if i != 0 or j != 0 or k != 0:
            out[v] = -(i * x + j * y + k * z) / np.sqrt(x * x + y * y + z * z)
    return out


def _open_facing(rig: Rig, camera: Float, normals: Float) -> Float:
    """The same, but 1 along eyes and mouth: between their outlines is what they show, not skin rolled in."""
    out = _facing(camera, normals)
    for name in OPENINGS:
        out[outline_points(rig.person, name)] = 1
    return out


def _seen(rig: Rig, pixels: Float) -> Float:
    """1 where the picture shows a vertex (V,), 0 where a nearer part of the head hides it."""
    used = rig.used
    low = np.floor(pixels[used, :2].min(axis=0)).astype(int) - 1
    scale = min(1.0, 256 / float(np.ptp(pixels[used, :2], axis=0).max() + 1))
    local = (pixels - np.array([*low, 0], np.float32)) * np.array([scale, scale, 1], np.float32)
    size = np.ceil(local[used, :2].max(axis=0)).astype(int) + 2
    _, _, depth = rasterize(local, rig.surface, int(size[0]), int(size[1]))
    x, y = (np.clip(local[:, k].astype(int), 0, size[k] - 1) for k in (0, 1))
    return (pixels[:, 2] < depth[y, x] + HIDDEN_CM).astype(np.float32)


def _eyeball_color(plate: Float, outlines: list[Float], axes: list[Float]) -> Float | None:
    """The seen eyeballs' bright tone (3,), or None when next to nothing of them is seen."""
    seen = []
    for outline, axis in zip(outlines, axes, strict=True):
        x0, y0, width, height = mouth.box_around(outline, 1, plate.shape)
        cover = warp.polygon(outline, x0, y0, width, height)
        frame = eyes.disk_frame(axis)
        if abs(np.linalg.det(frame[:, :2])) < 1e-6:
            continue
        local = eyes._disk_coordinates(frame, x0, y0, width, height)
        ball = (cover > 0.99) & (np.hypot(local[..., 0], local[..., 1]) > 1.2)
        seen.append(plate[y0 : y0 + height, x0 : x0 + width, :3][ball])
    colors = np.concatenate(seen) if seen else np.zeros((0, 3), np.float32)
    colors = colors[np.isfinite(colors).all(axis=1)]
    return np.quantile(colors, 0.75, axis=0).astype(np.float32) if len(colors) >= 12 else None


def _skin_samples(rig: Rig, plate: Float, pixels: Float, normals: Float) -> tuple[Float, Float]:
    """Colors and normals at the points of cheeks, nose and forehead that face the camera."""
    ids = np.arange(17, dense.SKIN_COUNT) + rig.person.vertex_count
    near = rig.nearest[17:]
    facing = normals[near, 2] < -0.2
    x, y = pixels[ids, 0].astype(int), pixels[ids, 1].astype(int)
    inside = facing & (x >= 0) & (y >= 0) & (x < plate.shape[1]) & (y < plate.shape[0])
    if inside.sum() < 20:
        gray = np.full((20, 3), 0.18, np.float32)
        return gray, np.tile(np.array([0, 0, -1], np.float32), (20, 1))
    colors = np.nan_to_num(plate[y[inside], x[inside], :3], posinf=0, neginf=0)
    return colors.astype(np.float32), normals[near][inside]


def _region(
    rig: Rig, taken: Taken, target: Fit, pixels: Float, shift: Float, turned: bool
) -> tuple[int, int, int, int] | None:
    """The box (x0, y0, width, height) of the picture in which anything can change."""
    used = rig.used
    moving = used[(np.abs(shift[used, 0]) > 0.05) | (np.abs(shift[used, 1]) > 0.05)]
    if not len(moving):
        moving = np.arange(rig.person.vertex_count, len(pixels))
    both = np.concatenate([pixels[moving, :2], taken.pixels[moving, :2]])
    width = _face_width(taken.pixels[rig.person.vertex_count :])
    low, high = both.min(axis=0), both.max(axis=0)
    if turned:
        first = np.array(taken.cutout.origin)
        way = -shift[rig.person.vertex_count :]
        low = np.minimum(low, first + np.minimum(way.min(axis=0), 0))
        high = np.maximum(high, first + taken.cutout.clean.shape[1::-1] + np.maximum(way.max(axis=0), 0))
        if not np.allclose(travel(target, taken.fit), 0, atol=1e-3):
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


def _local_box(
    outline: Float, origin: tuple[int, int], shape: tuple[int, ...]
) -> tuple[int, int, int, int] | None:
    low = np.maximum(np.floor(outline.min(axis=0)) - origin, 0).astype(int)
    high = np.minimum(np.ceil(outline.max(axis=0)) - origin + 1, [shape[1], shape[0]]).astype(int)
    if (high - low < 1).any():
        return None
    return int(low[0]), int(low[1]), int(high[0] - low[0]), int(high[1] - low[1])


def _face_width(points_px: Float) -> float:
    return float(np.linalg.norm(points_px[0, :2] - points_px[16, :2])) + 1.0


def _unmoved(a: Fit, b: Fit) -> bool:
    return (
        np.allclose(a.head_pose, b.head_pose, atol=1e-6)
        and np.allclose(a.expression, b.expression, atol=1e-4)
        and np.allclose(a.gaze, b.gaze, atol=1e-4)
    )


def _eye_unmoved(taken: Taken, target: Fit, side: int, outline: Float) -> bool:
    still = np.allclose(taken.fit.gaze[side], target.gaze[side], atol=1e-3)
    return bool(still and np.abs(taken.outlines[EYES[side]] - outline).max() < 0.15)
