"""References lend whole heads: with hair and ears, cut out as the plate's own head is.

A reference's head is put where the plate's is, turned and with the look that the reference shows. Drawn from
there it needs to turn and move less than the plate's own, and brings hair and ears as they look from there.
Background, neck and clothes stay the plate's.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from likeness.face import references, warp
from likeness.face.cutout import Cutout, cut, regions_of
from likeness.face.fit import PIVOT, Fit, Lens
from likeness.face.landmarks import down_face
from likeness.face.part import Part
from likeness.face.person import Person, to_camera, to_pixels
from likeness.face.reenact import Drawn, Retake, redraw
from likeness.face.references import Reference
from likeness.face.taken import Taken
from likeness.head import points as dense

Float = NDArray[np.float32]
Mask = NDArray[np.bool_]
Array = NDArray[np.float64]
Box = tuple[int, int, int, int]

CLOSE_CM = 0.2  # so much farther off is clearly another look of a head
LEAST = 0.05  # a head with a smaller share is not drawn
ALIKE = 0.12  # of the face's width: over so much two fits of one person differ alike
NECK = 0.6, 0.8  # from brows to chin is 1: between these the plate's own neck comes in
CELL_PX = 8.0  # of the plate: as finely is it told where in the reference a pixel lies


@dataclass(frozen=True)
class Stand:
    """The `plate` (H, W, 3) with the head of a reference, which lies in it as `fit` says.

    `clean` (H, W, 3) is the plate without a head. Beyond `box` (x0, y0, width, height) neither differs.
    """

    plate: Float
    clean: Float
    fit: Fit
    box: Box


@dataclass(frozen=True)
class Lent:
    """A head that stands in for the plate's, taken apart, and its share in the result."""

    stand: Stand
    taken: Taken
    share: float


def standing(plate: Fit, reference: Fit) -> Fit:
    """The reference's look and turn, about the place where the plate's head sits on its neck."""
    moved = (plate.rotation - reference.rotation) @ PIVOT
    return replace(reference, translation=plate.translation + moved)


def shares(person: Person, target: Fit, plate: Fit, lent: Sequence[Reference]) -> list[float]:
    """How much of the head comes from each reference (N,); the plate has what is left."""
    wanted, shown = (references.look_of(person, fit) for fit in (target, plate))
    looks = [shown, *(references.look_of(person, reference.fit) for reference in lent)]
    off = np.array([references.away(wanted, look)[-1] for look in looks])
    stays = 1 - min(off[0] / CLOSE_CM, 1.0)  # where the plate looks so already
    off[0] *= references.PLATE_FIRST
    near = np.exp(-(off**2 - off.min() ** 2) / (2 * CLOSE_CM**2))
    share = (1 - stays) * near[1:] / near.sum()
    return [float(s) if s >= LEAST else 0.0 for s in share]


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
    fit = standing(taken.fit, reference.fit)
    points = to_pixels(to_camera(person, person.posed(fit.expression), fit, fit), lens)[-dense.COUNT :, :2]
    cutout = cut(picture, shown, reference.points, regions_of(shown, reference.points, device))
    theirs = reference.points - np.array(cutout.origin, np.float32)
    way = _similar(points, theirs)
    box = _box(way, cutout.layer.shape, taken.plate.shape)
    if min(box[2:]) < 2:
        return None
    layer = _carried(cutout.layer, way, points, theirs, box)
    clean = taken.plate[..., :3].copy()
    x, y = taken.cutout.origin
    rows, columns = taken.cutout.clean.shape[:2]
    clean[y : y + rows, x : x + columns] = taken.cutout.clean
    gain = np.exp(np.median(reference.gain[reference.facing > 0], axis=0)).astype(np.float32)
    plate, spot = clean.copy(), _spot(box)
    there = layer[..., 3:] > 0
    mixed = layer[..., :3] * gain + (1 - layer[..., 3:]) * clean[spot]
    plate[spot] = np.where(there, mixed, clean[spot])
    return Stand(plate, clean, fit, _union(box, (x, y, columns, rows)))


def redraw_with(heads: Sequence[Lent], retake: Retake) -> Drawn | None:
    """As `reenact.redraw`, but heads that stand in have their shares of the result.

    The layers are those of the head with the largest share.
    """
    share = max(head.share for head in heads)
    most = 1 - sum(head.share for head in heads) >= share
    own = shown = redraw(replace(retake, layers=retake.layers and most))
    if own is None or shown is None:
        return None
    drawn = []
    for head in heads:
        wanted = retake.layers and not most and head.share == share
        made = redraw(replace(retake, taken=head.taken, picture=_under(head, retake.picture), layers=wanted))
        if made is not None:
            drawn.append((head, made))
            shown = made if wanted else shown
    boxes = [box for head, made in drawn for box in (head.stand.box, _box_of(made))]
    rig, taken, target = retake.rig, retake.taken, retake.target
    posed = rig.person.posed(target.expression)
    points = to_pixels(to_camera(rig.person, posed, target, taken.fit), retake.lens)[-dense.COUNT :, :2]
    mix = _Mix.of(own, _union(_box_of(own), *boxes), points, taken.cutout)
    for head, made in drawn:
        mix.add(head, made, own.picture, taken.plate)
    color = own.picture[_spot(mix.box)][..., :3]
    np.add(color, mix.change, out=color, where=mix.matte[..., None] > 0)
    x, y = shown.origin[0] - mix.box[0], shown.origin[1] - mix.box[1]
    layers = {name: _moved(part, x, y) for name, part in shown.layers.items()}
    return Drawn(own.picture, mix.box[:2], mix.matte, layers)


def _under(head: Lent, picture: Float) -> Float:
    """The picture of a plate frame (H, W, 3 or more) with the head that stands in, as it was put there."""
    out, spot = picture.copy(), _spot(head.stand.box)
    out[spot][..., :3] = head.stand.plate[spot]
    return out


@dataclass(frozen=True)
class _Mix:
    """By how much heads `change` (h, w, 3) what was drawn of the plate's own in a `box`, and its `matte`.

    `free` (h, w) is 1 on the head, and 0 on neck, body and what is before the face.
    """

    box: Box
    change: Float
    matte: Float
    free: Float

    @classmethod
    def of(cls, drawn: Drawn, box: Box, points: Float, cutout: Cutout) -> _Mix:
        """Nothing changed yet. `points` (POINTS, 2) are those of the drawn face."""
        x0, y0, width, height = box
        matte, change = np.zeros((height, width), np.float32), np.zeros((height, width, 3), np.float32)
        matte[_spot(_box_of(drawn), box)] = drawn.matte
        x, y = x0 + np.arange(width) + 0.5, y0 + np.arange(height)[:, None] + 0.5
        free = np.clip((NECK[1] - down_face(points, x, y)) / (NECK[1] - NECK[0]), 0, 1).astype(np.float32)
        cutout.lay_front(change, free, (x0, y0))
        return cls(box, np.zeros_like(change), matte, free)

    def add(self, head: Lent, made: Drawn, picture: Float, plate: Float) -> None:
        """Add the share of a head that was drawn; `picture` has the plate's own."""
        spot, stand = _spot(self.box), head.stand
        with np.errstate(invalid="ignore"):  # pixels that are not finite stay the plate's
            off = np.nan_to_num(made.picture[spot][..., :3] - picture[spot][..., :3], posinf=0, neginf=0)
        self.change[...] += np.float32(head.share) * self.free[..., None] * off
        changed = np.zeros_like(self.matte)
        changed[_spot(_box_of(made), self.box)] = made.matte
        inner = _spot(stand.box)
        changed[_spot(stand.box, self.box)][_differ(stand.plate[inner], plate[inner])] = 1
        np.maximum(self.matte, changed * (self.free > 0), out=self.matte)


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
