"""The far side of a turned head, which a still does not show, is much like its near side.

The head's mirror image is put behind it, as a reference's head would be put in its place (`heads`), in the
colors of the far side: there its ear and hair come out beside the cheek.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numba
import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from likeness.face import fill, heads, references
from likeness.face.compose import NO_SKIN
from likeness.face.cutout import WHOLE, Cutout, found_at
from likeness.face.eyes import smoothly
from likeness.face.fit import Fit, Lens, toward
from likeness.face.landmarks import down_face
from likeness.face.lending import colors_at
from likeness.face.part import Part
from likeness.face.reenact import Retake, head_alone
from likeness.face.rig import GRAZING, face_width
from likeness.face.rim import upright
from likeness.face.taken import Taken, take
from likeness.head import points as dense
from likeness.performance import ARKIT
from likeness.render.bands import in_bands, in_turn
from likeness.render.blur import gaussian
from likeness.render.distance import grown
from likeness.render.raster import rasterize
from likeness.render.simd import FAST

Float = NDArray[np.float32]
Array = NDArray[np.float64]

FAR = -0.5, -0.25  # face widths from the head's middle to where all is the mirror's
LOBES = 0.42, 0.62  # from brows to chin is 1: between these ears end
TURNED = 0.05, 0.45  # sine: turned less, a head has no far side, and more, its image is too far from it
CHIN, LONG = 0.15, (0.1, 0.25)  # of it about the chin; hair that is so much of what is there falls long
STRAY, RIM = 2, 3  # cells: no wider are stray hairs, and trees taken for such; and so soft all else ends
WORN = 0.5  # of what is on a head: of a hat, two sides are not alike
EMERGES, HIDDEN_CM = (0.0, 0.2), 2.0  # sine, from no turn to one by which the mirror is seen as it is
CELLS, SOFT = 256, 5.0  # about so many the cutout is wide, and over so many its colors change softly
MARGIN = 0.3  # face widths: so far about what a head can fill its image is looked at
FLIP = np.array([-1.0, 1.0, 1.0])


def _sides() -> NDArray[np.int64]:
    """For every shape that of the other side, or itself."""
    swap = {"Left": "Right", "Right": "Left"}
    names = [
        next((name.removesuffix(s) + t for s, t in swap.items() if name.endswith(s)), name) for name in ARKIT
    ]
    return np.array([ARKIT.index(name) for name in names])


TWIN_SHAPE = _sides()


def mirrored(fit: Fit) -> Fit:
    """The fit of the picture's mirror image."""
    return replace(
        fit,
        rotation=FLIP[:, None] * fit.rotation * FLIP,
        translation=FLIP * fit.translation,
        expression=fit.expression[TWIN_SHAPE],
        gaze=fit.gaze[::-1] * [-1.0, 1.0],
        corrective=None,
    )


@dataclass(frozen=True)
class Mirror:
    """A part of the plate, from the pixel `origin` on, with the head's mirror image `taken` apart in it."""

    origin: tuple[int, int]
    lens: Lens
    taken: Taken


def mirror(taken: Taken, lens: Lens) -> Mirror | None:
    """The mirror image of the head that was `taken` apart, in the colors of its far side.

    Jaw and neck are left out: below the ears only long hair is seen beyond the jaw. None of one with a hat.
    """
    kept = _kept(taken)
    if kept is None:
        return None
    cutout, points, per = taken.cutout, taken.pixels[-dense.COUNT :, :2], 1 / _cell(taken)
    gain, shape = _gain(taken), (cutout.layer.shape[0], cutout.layer.shape[1])
    layer = _own_color(cutout.layer)
    layer *= fill.fitted(kept, per, shape)[..., None]
    for n in range(3):  # one after another: large pictures leave no room for all
        layer[..., n] *= fill.fitted(gain[..., n], per, shape)
    theirs = points - np.array(cutout.origin, np.float32)
    theirs[:, 0] = shape[1] - theirs[:, 0]
    return _stand(np.ascontiguousarray(layer[:, ::-1]), theirs[dense.TWIN], taken, lens)


def _own_color(layer: Float) -> Float:
    """A cutout's `layer` (h, w, 4), of which what is mixed has the color of what is whole beside it.

    What a mixture is less its background may have any hue: over that background only nobody sees it.
    """
    whole = (layer[..., 3] > WHOLE) & np.isfinite(layer).all(axis=2)
    out = np.concatenate([fill.smooth(layer[..., :3], whole), layer[..., 3:]], axis=2)
    for rows in in_turn(0, len(out)):
        out[rows, :, :3] *= out[rows, :, 3:]
        out[rows][whole[rows]] = layer[rows][whole[rows]]
    return out


def _solid(alpha: Float) -> Float:
    """How much of each cell, whose `alpha` (h, w) that is, the image may show: no stray hairs."""
    core = ndimage.binary_opening(alpha > WHOLE, iterations=STRAY)
    return gaussian(grown(core, RIM).astype(np.float32)[..., None], 1.0)[..., 0]


def _kept(taken: Taken) -> Float | None:
    """How much of the cutout (h, w), in cells, its image shows; None of a head with a hat."""
    cutout, points, cell = taken.cutout, taken.pixels[-dense.COUNT :, :2], _cell(taken)
    shape = [-(-n // cell) for n in cutout.layer.shape[:2]]
    places = cell * (np.indices(shape)[::-1].transpose(1, 2, 0) + 0.5) + cutout.origin
    down = down_face(points, places[..., 0], places[..., 1])
    out, alpha = 1 - smoothly(down, LOBES), cutout.layer[::cell, ::cell, 3]
    if taken.regions is not None:
        hair, worn = (found_at(taken.regions, places, of) for of in ("hair", "occluder"))
        above, beside_chin = alpha * (down < 0), alpha * (np.abs(down - 1) < CHIN)
        if (above * worn).sum() > WORN * (above * (hair + worn)).sum():
            return None
        falls = (beside_chin * hair).sum() / max(float(beside_chin.sum()), 1.0)
        out += (1 - out) * hair * smoothly(falls, LONG)
    return np.asarray(out * _solid(alpha), np.float32)


def _cell(taken: Taken) -> int:
    """So many pixels are a cell in which it is told what of the cutout is kept, and in which colors."""
    return max(1, max(taken.cutout.layer.shape[:2]) // CELLS)


def _stand(layer: Float, theirs: Float, taken: Taken, lens: Lens) -> Mirror | None:
    """The mirrored `layer` (h, w, 4), whose points are `theirs` (POINTS, 2), where the plate's head was."""
    rig, (x, y, width, height) = taken.rig, taken.cutout.reach
    margin = round(MARGIN * face_width(taken.pixels[-dense.COUNT :]))
    left, top = max(x - margin, 0), max(y - margin, 0)
    clean = taken.plate[top : y + height + margin, left : x + width + margin, :3].copy()
    near = replace(lens, center_px=(lens.center_px[0] - left, lens.center_px[1] - top))
    fit = heads.standing(taken.fit, mirrored(taken.fit))
    put = heads.put_layer(layer, theirs, fit, rig.person, near, clean.shape)
    if put is None:
        return None
    layer, box = put
    own = taken.cutout.origin[0] - left, taken.cutout.origin[1] - top
    clean[own[1] :, own[0] :][: len(taken.cutout.clean), : taken.cutout.clean.shape[1]] = taken.cutout.clean
    spot = slice(box[1], box[1] + box[3]), slice(box[0], box[0] + box[2])
    plate, behind = clean.copy(), clean[spot]
    plate[spot] = layer[..., :3] + (1 - layer[..., 3:]) * behind
    cutout = Cutout(box[:2], layer, behind.copy(), box)
    return Mirror((left, top), near, take(rig, plate, fit, near, seed=taken.seed, cutout=cutout))


def _gain(taken: Taken) -> Float:
    """What takes the cutout's colors (h, w, 3), in cells, to those of the face's other side."""
    rig, first = taken.rig, taken.rig.person.vertex_count
    ids = np.arange(17, dense.SKIN_COUNT)
    twins = dense.TWIN[ids]
    colors, there = colors_at(taken.plate, taken.pixels[first:, :2])
    facing = taken.facing[first:]
    both = there[ids] & there[twins] & (np.minimum(facing[ids], facing[twins]) > GRAZING)
    own, other = ids[both], twins[both]
    places = rig.person.rest[:, :2]
    mirrored_places = places * np.array([-1, 1], np.float32)
    gain = references.match(colors[other], colors[own], places[first + own], mirrored_places)
    cell = _cell(taken)
    rows, columns = (-(-n // cell) for n in taken.cutout.layer.shape[:2])
    low, per = np.array([*taken.cutout.origin, 0], np.float32), np.array([1 / cell, 1 / cell, 1], np.float32)
    index, bary, _ = rasterize((taken.pixels - low) * per, rig.skin, columns, rows)
    near = ndimage.distance_transform_edt(index < 0, return_distances=False, return_indices=True)
    change = (gain[rig.skin[index]] * bary[..., None]).sum(axis=2)[tuple(near)].astype(np.float32)
    return np.asarray(np.exp(gaussian(change, SOFT)), np.float32)


def behind(image: Mirror, retake: Retake) -> Part:
    """What lies behind the head of a retake on the side that comes into sight, RGBA, in the whole picture."""
    fit, target = retake.taken.fit, retake.target
    plate = image.taken.plate
    there = replace(
        retake, taken=image.taken, target=_aside(fit, target), lens=image.lens, picture=plate,
        layers=False, lent=(), wrinkles=0.0, way=None,
    )  # fmt: skip
    drawn = head_alone(there, _columns(there))
    if drawn is None:
        return NO_SKIN
    (x, y), (height, width) = drawn.origin, drawn.matte.shape
    left, top = x + image.origin[0], y + image.origin[1]
    spot = slice(top, top + height), slice(left, left + width)
    out, cutout = np.zeros((height, width, 4), np.float32), retake.taken.cutout
    head = drawn.picture[y : y + height, x : x + width], drawn.matte
    clean = retake.taken.plate[spot], cutout.clean, left - cutout.origin[0], top - cutout.origin[1]
    in_bands(_cut, height, *head, *clean, *_across(retake, left, top), out)
    return Part(spot, out)


def _columns(there: Retake) -> tuple[int, int]:
    """From which to before which column an upright head's image can be seen: about the half it shows best."""
    columns, (middle, up) = there.taken.plate.shape[1], upright(there.rig, there.target, there.lens)
    reach = (MARGIN - FAR[0]) * face_width(there.taken.pixels[-dense.COUNT :])
    if abs(up[0]) > abs(up[1]) / 2:
        return 0, columns
    if far_side(there.taken.fit) > 0:
        return 0, int(middle[0] + reach)
    return max(int(middle[0] - reach), 0), columns


def _across(retake: Retake, left: int, top: int) -> tuple[float, float, float]:
    """How far beyond the head's middle a place of a region is, on the side that comes into sight.

    That is a x + b y + c, of `FAR`, from 0 at its first to 1 at its second.
    """
    taken, (middle, up) = retake.taken, upright(retake.rig, retake.target, retake.lens)
    per = far_side(taken.fit) / face_width(taken.pixels[-dense.COUNT :]) / (FAR[1] - FAR[0])
    (x, y), a, b = middle - [left, top], -up[1] * per, up[0] * per
    return float(a), float(b), float(-a * x - b * y - FAR[0] / (FAR[1] - FAR[0]))


@numba.njit(cache=True, nogil=True, fastmath=FAST)
def _cut(
    first: int,
    end: int,
    drawn: Float,
    matte: Float,
    plate: Float,
    clean: Float,
    left: int,
    top: int,
    a: float,
    b: float,
    c: float,
    out: Float,
) -> None:
    """The head that was `drawn` (h, w, 3) with that `matte` (h, w), RGBA, premultiplied, on one side.

    It lies before the `plate` (h, w, 3), and before what is `clean`, of which the region's first pixel is in
    column `left` and row `top`.
    """
    zero, one = np.float32(0), np.float32(1)
    for y in range(first, end):
        for x in range(out.shape[1]):
            share = min(max(np.float32(a * (x + 0.5) + b * (y + 0.5) + c), zero), one)
            share *= share * (np.float32(3) - np.float32(2) * share)
            alpha, v, u = matte[y, x], y + top, x + left
            if share <= zero or alpha <= zero:
                continue
            known = 0 <= v < clean.shape[0] and 0 <= u < clean.shape[1]
            for n in range(3):
                behind = clean[v, u, n] if known else plate[y, x, n]
                out[y, x, n] = share * (drawn[y, x, n] - (one - alpha) * behind)
            out[y, x, 3] = share * alpha


def _aside(fit: Fit, target: Fit) -> Fit:
    """The `target` of the mirror image of a head that lies in the plate as `fit` says.

    As long as hardly more of the far side is to be seen than in the plate, it hides behind the head.
    """
    hidden = 1 - smoothly(_came(fit, target), EMERGES)
    way = np.array([-far_side(fit) * HIDDEN_CM * float(hidden), 0, 0])
    return replace(target, translation=target.translation + way, body=np.zeros(2))


def far_side(fit: Fit) -> float:
    """1 if what a head hides of itself is on the picture's right, -1 if it is on the left."""
    return -1.0 if toward(fit)[0] > 0 else 1.0


def comes(fit: Fit, target: Fit) -> bool:
    """Whether a turn from `fit` to `target` brings into sight what the mirror image shows."""
    least, most = TURNED
    return least < abs(toward(fit)[0]) < most and _came(fit, target) > 0


def _came(fit: Fit, target: Fit) -> float:
    """How much farther the far side faces the camera, as a sine."""
    return float((toward(target)[0] - toward(fit)[0]) * far_side(fit))
