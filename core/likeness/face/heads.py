"""References lend whole heads: with hair and ears, cut out as the plate's own head is.

A reference's head is put where the plate's is, turned and with the look that the reference shows. Drawn from
there it needs to turn and move less than the plate's own, and brings hair and ears as they look from there.
Background, neck and clothes stay the plate's, unless the plate's own camera took the reference (`plates`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from likeness.face import data_layers, references, warp
from likeness.face.cutout import cut, regions_of
from likeness.face.fit import PIVOT, Fit, Lens
from likeness.face.landmarks import down_face
from likeness.face.part import Part, Spot, window
from likeness.face.person import Person, shown_in, to_pixels
from likeness.face.reenact import Drawn, Retake, redraw
from likeness.face.references import Look, Reference
from likeness.face.rig import Rig
from likeness.face.taken import Taken
from likeness.head import points as dense
from likeness.render.bands import ROWS_IN_TURN, in_turn
from likeness.render.raster import carry, extents, room

Float = NDArray[np.float32]
Mask = NDArray[np.bool_]
Array = NDArray[np.float64]
Box = tuple[int, int, int, int]

# Where each part of the head comes from: those of the face (`references.masks`), hair with ears, and neck.
HAIR, NECK = len(references.PARTS) + 1, len(references.PARTS) + 2
TURN_CM = np.array([2.5] * HAIR + [4.0, 2.5])  # by part: a radian of turn counts as so much motion
OFF_BODY = 0.2  # and so much of a head's way against its body, for the neck
CLOSE_CM = np.array([0.25] * NECK + [0.2])  # by part: so much farther off is clearly another look
PLATE_FIRST = 0.6  # the plate counts as nearer by this factor
LEAST = 0.05  # smaller shares are none
ALIKE = 0.12  # of the face's width: over so much two fits of one person differ alike
NECK_FROM = {True: 0.6, False: 0.9}  # from brows to chin is 1: here a neck that is lent, or not, comes in
NECK_OVER = 0.2  # and over so much
BODY_FROM = 1.4, 0.6  # here, below and beside the neck, the plate's own body begins, over as much
BESIDE_NECK = 0.8, 1.2  # half faces from the face's middle: so far lies what is below, or beside
CELL_PX = 8.0  # of the plate: as finely is it told where in the reference a pixel lies


@dataclass(frozen=True)
class Stand:
    """The `plate` (H, W, 3) with the head of a reference, which lies in it as `fit` says.

    `clean` (H, W, 3) is the plate without a head, if it is known. Beyond `box` (x0, y0, width, height)
    neither differs; how much of it is the reference's tells `shown` (height, width). `neck`: whether it has
    the reference's own.
    """

    plate: Float
    clean: Float | None
    fit: Fit
    box: Box
    shown: Mask
    neck: bool


@dataclass(frozen=True)
class Lent:
    """A head that stands in for the plate's, taken apart, and its `share` of each part (PARTS,)."""

    stand: Stand
    taken: Taken
    share: Float


def standing(plate: Fit, reference: Fit) -> Fit:
    """The reference's look and turn, about the place where the plate's head sits on its neck."""
    moved = (plate.rotation - reference.rotation) @ PIVOT
    return replace(reference, translation=plate.translation + moved, body=np.zeros(2))


@dataclass(frozen=True)
class Pose:
    """How a head stands and looks in one picture, and whether that lends its `neck`."""

    fit: Fit
    look: Look
    neck: bool


def pose_of(person: Person, fit: Fit, neck: bool = True) -> Pose:
    """The person's pose by a fit."""
    return Pose(fit, references.look_of(person, fit), neck)


def shares(target: Pose, plate: Pose, lent: Sequence[Pose]) -> Float:
    """How much of each part (PARTS, N) comes from each reference; the plate has what is left."""
    off = np.stack([_away(target, pose) for pose in (plate, *lent)], axis=1)
    stays = np.clip(1 - off[:, :1] / CLOSE_CM[:, None], 0, 1)  # where the plate looks so already
    off[:, 0] *= PLATE_FIRST
    near = np.exp(-(off**2 - off.min(axis=1, keepdims=True) ** 2) / (2 * CLOSE_CM[:, None] ** 2))
    share = (1 - stays) * near[:, 1:] / near.sum(axis=1, keepdims=True)
    return np.where(share < LEAST, 0, share).astype(np.float32)


def _away(target: Pose, other: Pose) -> Array:
    """How far each part (PARTS,) is from looking alike, cm; a neck that is not lent is as far as can be."""
    face = references.away(target.look, other.look, 0.0)
    off = np.hypot([*face, face[-1], face[-1]], TURN_CM * references.turned(target.look, other.look))
    craned = OFF_BODY * float(np.linalg.norm(_off_body(target.fit) - _off_body(other.fit)))
    off[NECK] = np.hypot(off[NECK], craned) if other.neck else np.inf
    return np.asarray(off, float)


def _off_body(fit: Fit) -> Array:
    """Where (2,) across the view the head sits on its neck, against the body, cm."""
    out: Array = (fit.rotation @ PIVOT + fit.translation)[:2] - (0 if fit.body is None else fit.body)
    return out


def put(
    reference: Reference,
    picture: Float,
    shown: Float,
    person: Person,
    taken: Taken,
    lens: Lens,
    device: str = "auto",
) -> Stand | None:
    """Put a reference's head onto the plate that was `taken` apart; None if it is out of the picture.

    `picture` (H, W, 3) is all of the reference in the plate's color space, `shown` its display view.
    """
    cutout = cut(picture, shown, reference.points, regions_of(shown, reference.points, device))
    points, fit = reference.points - np.array(cutout.origin, np.float32), standing(taken.fit, reference.fit)
    put_there = put_layer(cutout.layer, points, fit, person, lens, taken.plate.shape)
    if put_there is None:
        return None
    layer, box = put_there
    clean = taken.plate[..., :3].copy()
    x, y = taken.cutout.origin
    rows, columns = taken.cutout.clean.shape[:2]
    clean[y : y + rows, x : x + columns] = taken.cutout.clean
    gain = np.exp(np.median(reference.gain[reference.facing > 0], axis=0)).astype(np.float32)
    plate, spot = clean.copy(), _spot(box)
    there = layer[..., 3:] > 0
    mixed = layer[..., :3] * gain + (1 - layer[..., 3:]) * clean[spot]
    plate[spot] = np.where(there, mixed, clean[spot])
    whole = _union(box, (x, y, columns, rows))
    inner = _spot(whole)
    return Stand(plate, clean, fit, whole, _differ(plate[inner], taken.plate[inner]), neck=False)


def put_layer(
    layer: Float, theirs: Float, fit: Fit, person: Person, lens: Lens, shape: tuple[int, ...]
) -> tuple[Float, Box] | None:
    """Put a head that is cut out where a `fit` says, in a picture of that `shape`; None if it is out of it.

    The points `theirs` (POINTS, 2) of the `layer` (h, w, 4), premultiplied, come to lie where the `person`
    has them. Returns what the picture has of it, and its box (x0, y0, width, height) there.
    """
    points = to_pixels(shown_in(person, fit), lens)[-dense.COUNT :, :2]
    way = _similar(points, theirs)
    box = _box(way, layer.shape, shape)
    return None if min(box[2:]) < 2 else (_carried(layer, way, points, theirs, box), box)


def redraw_with(heads: Sequence[Lent], retake: Retake) -> Drawn | None:
    """As `reenact.redraw`, but heads that stand in have their shares of the result.

    The layers are those of the head with the largest share of the face.
    """
    face = [head.share[HAIR - 1] for head in heads]
    most = int(np.argmax([1 - sum(face), *face]))
    own = shown = redraw(replace(retake, layers=retake.layers and most == 0))
    if own is None or shown is None:
        return None
    mix = _Mix.of(own, _box_of(own), retake, heads)
    for k, head in enumerate(heads):  # one after another: large pictures leave no room for all of them
        there = _with(head, retake, most == k + 1)
        drawn = redraw(there) or Drawn(there.picture, own.origin, np.zeros_like(own.matte), {})
        made = _Made.of(drawn, own, head.stand)
        shown = drawn if drawn.layers else shown
        del there, drawn
        if (box := _union(mix.box, made.box)) != mix.box:
            mix = _Mix.of(own, box, retake, heads, mix)
        mix.add(k, made, own.picture)
    color = own.picture[_spot(mix.box)][..., :3]
    np.add(color, mix.change, out=color, where=mix.matte[..., None] > 0)
    x, y = shown.origin[0] - mix.box[0], shown.origin[1] - mix.box[1]
    layers = {name: _moved(part, x, y) for name, part in shown.layers.items()}
    return Drawn(own.picture, mix.box[:2], mix.matte, layers)


def _with(head: Lent, retake: Retake, layers: bool) -> Retake:
    """The retake of a head that stands in, in the picture as it was put there."""
    stand, target = head.stand, retake.target
    picture, spot = retake.picture.copy(), _spot(stand.box)
    picture[spot][..., :3] = stand.plate[spot]
    body = None if stand.fit.body is None else target.body  # as long as both are known
    return replace(
        retake,
        taken=head.taken,
        target=replace(target, body=body),
        picture=picture,
        layers=retake.layers and layers,
    )


@dataclass(frozen=True)
class _Made:
    """What of a picture matters, in which a head stands in: its `color` (h, w, 3) in a `box`.

    `changed` (h, w): how much of it is not the plate.
    """

    box: Box
    color: Float
    changed: Float

    @classmethod
    def of(cls, drawn: Drawn, own: Drawn, stand: Stand) -> _Made:
        """Of what was `drawn` of it, beside the plate's `own`: whole pictures need much room."""
        there = window(stand.shown.astype(np.float32))
        head = _box_at(there, stand.box), stand.shown[there]
        parts = [(_box_of(own), own.matte), (_box_of(drawn), drawn.matte), head]
        box = _union(*(part for part, _ in parts))
        changed = np.zeros(box[:1:-1], np.float32)
        for part, shown in parts:
            inner = _spot(part, box)
            np.maximum(changed[inner], shown, out=changed[inner])
        return cls(box, drawn.picture[_spot(box)][..., :3].copy(), changed)


@dataclass(frozen=True)
class _Mix:
    """By how much heads `change` (h, w, 3) what was drawn of the plate's own in a `box`, and its `matte`.

    `share` (h, w, N): each head's.
    """

    box: Box
    change: Float
    matte: Float
    share: Float

    @classmethod
    def of(
        cls, drawn: Drawn, box: Box, retake: Retake, heads: Sequence[Lent], before: _Mix | None = None
    ) -> _Mix:
        """What was `drawn` of the plate's own, changed as in the mix `before`, which is a part of it."""
        x0, y0, width, height = box
        own, change = np.zeros((height, width), np.float32), np.zeros((height, width, 3), np.float32)
        own[_spot(_box_of(drawn), box)] = drawn.matte
        free = np.ones((height, width), np.float32)
        retake.taken.cutout.lay_front(change, free, (x0, y0))
        change[...] = 0
        camera = shown_in(retake.rig.person, retake.target, retake.taken.fit)
        share = np.stack([head.share for head in heads], axis=1)
        necks = [head.stand.neck for head in heads]
        share = _shares_at(box, to_pixels(camera, retake.lens), retake.rig, share, necks)
        share *= free[..., None]
        if before is not None:
            inner = _spot(before.box, box)
            change[inner], own[inner] = before.change, before.matte
        return cls(box, change, own, share)

    def add(self, k: int, made: _Made, picture: Float) -> None:
        """Add the share of head `k` as it was `made`; `picture` has the plate's own."""
        inner = _spot(made.box, self.box)
        own, change, matte = picture[_spot(made.box)][..., :3], self.change[inner], self.matte[inner]
        for rows in in_turn(0, made.box[3]):
            share, changed = self.share[inner][rows, :, k], made.changed[rows]
            with np.errstate(invalid="ignore"):  # pixels that are not finite stay the plate's
                off = np.nan_to_num(made.color[rows] - own[rows], posinf=0, neginf=0)
            change[rows] += (share * changed)[..., None] * off
            np.maximum(matte[rows], changed * (share > 0), out=matte[rows])


def _shares_at(box: Box, pixels: Float, rig: Rig, share: Float, necks: Sequence[bool]) -> Float:
    """How much of every pixel of the box (h, w, N) is each head's, whose parts have `share` (PARTS, N).

    A head that does not lend its neck (`necks`) has its share of the jaw all the same.
    """
    x0, y0, width, height = box
    x, y = x0 + np.arange(width) + 0.5, y0 + np.arange(height)[:, None] + 0.5
    start = np.array([NECK_FROM[lent] for lent in necks])
    out = np.empty((height, width, len(necks)), np.float32)
    points = pixels[-dense.COUNT :, :2]
    for band in in_turn(0, height):
        down = down_face(points, x, y[band])
        neck = np.clip((down[..., None] - start) / NECK_OVER, 0, 1).astype(np.float32)
        out[band] = share[HAIR] + neck * (share[NECK] - share[HAIR])
        out[band] /= np.maximum(out[band].sum(axis=2, keepdims=True), 1)
        out[band] *= 1 - _body_at(points, x, y[band], down)[..., None]
    local = pixels - np.array([x0, y0, 0], np.float32)
    left, top, columns, rows = data_layers.box_of(local, rig.used, (height, width))
    local -= np.array([left, top, 0], np.float32)
    values = np.concatenate([rig.masks.sum(axis=0)[:, None], rig.masks.T @ share[:HAIR]], 1, dtype=np.float32)
    near, carried = room(ROWS_IN_TURN, columns, values.shape[1])
    face, reach = out[top : top + rows, left : left + columns], extents(local, rig.skin)
    for band in in_turn(0, rows):
        carry(band.start, band.stop, local, rig.skin, reach, values, near, carried)
        count = band.stop - band.start
        there = (near[:count, :columns] > 0)[..., None]
        here = np.where(there, carried[:count, :, :columns].transpose(0, 2, 1), 0)
        face[band] = face[band] * (1 - here[..., :1]) + here[..., 1:]
    return out


def _body_at(points: Float, x: Float, y: Float, down: Float) -> Float:
    """How much (h, w) of the places `x`, `y` is the body below a face with `points` (450, 2), not its neck.

    A body that many pictures had a share of would be seen through; `down` is as of `down_face`.
    """
    middle, half = (points[0] + points[16]) / 2, (points[16] - points[0]) / 2
    aside = np.abs((x - middle[0]) * half[0] + (y - middle[1]) * half[1]) / max(float(half @ half), 1.0)
    near, far = BESIDE_NECK
    below, beside = BODY_FROM
    start = below + (beside - below) * np.clip((aside - near) / (far - near), 0, 1)
    return np.clip((down - start) / NECK_OVER, 0, 1).astype(np.float32)


def _box_at(spot: Spot, within: Box) -> Box:
    """The box of rows and columns that count from the first of another."""
    rows, columns = spot
    size = columns.stop - columns.start, rows.stop - rows.start
    return (within[0] + columns.start, within[1] + rows.start, *size)


def _box_of(drawn: Drawn) -> Box:
    return (*drawn.origin, drawn.matte.shape[1], drawn.matte.shape[0])


def _moved(part: Part, x: int, y: int) -> Part:
    """The part in a region that begins so much farther to the left and above."""
    rows, columns = (slice(s.start + by, s.stop + by) for s, by in zip(part.spot, (y, x), strict=True))
    return Part((rows, columns), part.values)


def _differ(a: Float, b: Float) -> Mask:
    """Where (h, w) two pictures (h, w, 3) are not the same."""
    out: Mask = ((a != b[..., :3]) & ~(np.isnan(a) & np.isnan(b[..., :3]))).any(axis=2)
    return out


def _similar(points: Float, theirs: Float) -> tuple[Array, Array, Array]:
    """The similarity that takes `points` (N, 2) to `theirs`: (p - first) @ second + third."""
    middle, there = points.mean(axis=0), theirs.mean(axis=0)
    a, b = points - middle, theirs - there
    turn = np.array([[along := (a * b).sum(), across := (a[:, 0] * b[:, 1] - a[:, 1] * b[:, 0]).sum()],
                     [-across, along]]) / (a**2).sum()  # fmt: skip
    return middle, turn, there


def _box(way: tuple[Array, Array, Array], of: tuple[int, ...], shape: tuple[int, ...]) -> Box:
    """Where in a picture of that `shape` a layer, as large as it says, comes to lie."""
    middle, turn, there = way
    corners = np.array([[0, 0], [of[1], 0], [0, of[0]], [of[1], of[0]]])
    here = (corners - there) @ np.linalg.inv(turn) + middle
    size = np.array(shape[1::-1])
    low = np.clip(np.floor(here.min(axis=0)), 0, size).astype(int)
    high = np.clip(np.ceil(here.max(axis=0)), low, size).astype(int)
    return int(low[0]), int(low[1]), int(high[0] - low[0]), int(high[1] - low[1])


def _carried(layer: Float, way: tuple[Array, Array, Array], points: Float, theirs: Float, box: Box) -> Float:
    """The `layer` in a `box` of the plate (h, w, 4): what lies at `theirs` (POINTS, 2) comes to `points`."""
    middle, turn, there = way
    at = [box[k] + 0.5 + CELL_PX * np.arange(box[2 + k] // CELL_PX + 2) for k in (0, 1)]
    grid = np.stack(np.meshgrid(*at), axis=2)
    place = (grid - middle) @ turn + there + _near(grid, points, theirs - ((points - middle) @ turn + there))
    cells = np.mgrid[: box[3], : box[2]] / CELL_PX
    x, y = (
        ndimage.map_coordinates(place[..., k], cells, order=1).astype(np.float32).ravel() - np.float32(0.5)
        for k in (0, 1)
    )
    shrunk = float(np.sqrt(np.linalg.det(turn)))
    if shrunk > 1:
        layer = ndimage.gaussian_filter(layer, (0.5 * (shrunk - 1), 0.5 * (shrunk - 1), 0))
    inside = (x > -1) & (y > -1) & (x < layer.shape[1]) & (y < layer.shape[0])
    out = np.zeros((len(x), 4), np.float32)
    warp.sample(layer, x, y, inside.astype(np.float32), warp.EVERYWHERE, out)
    out[:, 3] = np.clip(out[:, 3], 0, 1)
    return out.reshape(box[3], box[2], 4)


def _near(places: Array, points: Float, off: Array) -> Array:
    """By how much `points` (N, 2) are `off` (N, 2), at `places` (r, c, 2): less the farther from them."""
    reach = ALIKE * float(np.ptp(points[:, 0]))
    out = np.empty(places.shape)
    for r, row in enumerate(places):
        weight = np.exp(-((row[:, None] - points) ** 2).sum(axis=2) / (2 * reach**2))
        out[r] = weight @ off / (weight.sum(axis=1, keepdims=True) + 1)
    return out


def _spot(box: Box, within: Box = (0, 0, 0, 0)) -> tuple[slice, slice]:
    """Rows and columns of a box, counted from the first of another."""
    x, y = box[0] - within[0], box[1] - within[1]
    return slice(y, y + box[3]), slice(x, x + box[2])


def _union(*boxes: Box) -> Box:
    low = [min(box[k] for box in boxes) for k in (0, 1)]
    high = [max(box[k] + box[k + 2] for box in boxes) for k in (0, 1)]
    return low[0], low[1], high[0] - low[0], high[1] - low[1]
