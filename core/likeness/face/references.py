"""Other pictures of a person lend what the plate does not show: teeth, lids, wrinkles, the far cheek.

Every region of the face takes its pixels from that picture, plate or reference, in which it looked most as it
shall look now: least moved and least turned. References are carried by the same mesh as the plate and take
on its color.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numba
import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from likeness.face import warp
from likeness.face.fit import Fit, Lens, Shot, default_lens, fit_identity, refine, rotation_vector, solve_bias
from likeness.face.landmarks import Points, crop_from_points, find_points
from likeness.face.person import Person
from likeness.face.shot import choose_typical, estimate_lens
from likeness.face.track import STILL_LOOKS, Pictures, follow
from likeness.head import points as dense
from likeness.head.model import Head
from likeness.media import look as looks
from likeness.render.bands import in_bands, in_turn
from likeness.render.raster import extents, rasterize
from likeness.render.simd import FAST

if TYPE_CHECKING:
    from likeness.face.eyeballs import Eyeball

Float = NDArray[np.float32]
Int = NDArray[np.int32]
Array = NDArray[np.float64]

# The dense points of each region and how far it reaches beyond them, cm.
PARTS: dict[str, tuple[tuple[str, ...], float]] = {
    "mouth": (("lip_outer", "lip_upper_inner", "lip_lower_inner"), 1.8),
    "eye_left": (("lid_left_upper", "lid_left_lower"), 1.0),
    "eye_right": (("lid_right_upper", "lid_right_lower"), 1.0),
    "brows": (("brow_left", "brow_right"), 2.0),
}
IRISES = {"eye_left": 0, "eye_right": 1}
REST = 0.15  # how much the rest of the face has of a vertex that no region has
CLOSE_CM = 0.12  # so much farther off is clearly another look
TURN_CM = 1.5  # a radian of turn counts as so much motion
IRIS_CM = 1.2  # from an eyeball's middle to its iris
SAME_GAZE_RAD, OTHER_GAZE_RAD = np.radians(2), np.radians(6)  # an eye looks elsewhere, and lends nothing
EDGE_CM = 1.5  # beyond the face's points by this much, references have nothing to say
LARGE, HALF = 3 << 21, 65504.0  # numbers of a reference from which on it is kept in halves, and their largest
BEYOND_PX = 8  # so far beside its mesh it is looked at
MARGIN = 0.05  # of the face's size: what is kept around it of a reference
PLATE_FIRST = 0.85  # the plate counts as nearer by this factor: what it shows itself is not replaced


@dataclass(frozen=True)
class Look:
    """How a face looks in one picture: `place` (POINTS, 2) cm in head space, and its fit's turn and gaze."""

    place: Float
    rotation: Array
    gaze: Array


@dataclass(frozen=True)
class Reference:
    """One picture that lends: `picture` (h, w, 4) scene-linear around the face, `pixels` (V, 2) in it.

    The picture's fourth channel is 1, 0 where its color is not finite. A large one is of half floats.
    `facing` (V,): cosine to the view of each vertex, 0 where it is hidden. `gain` (V, 3): logarithm of the
    factor that brings its color to the plate's. `points` (POINTS, 2) are the dense points in the whole
    picture, in which the head lies as `fit` says. `eyeballs` are what it shows of both eyes.
    """

    picture: Float
    pixels: Float
    facing: Float
    gain: Float
    look: Look
    points: Float
    fit: Fit
    eyeballs: tuple[Eyeball | None, ...]


def find(
    head: Head,
    source: Pictures,
    size: tuple[int, int],
    *,
    most: int,
    device: str,
    tell: Callable[[int, int], None],
) -> dict[str, Any]:
    """Find the face in a still or clip and fit its `most` most typical frames (N), each with its own bias.

    Returns arrays by name: `frames` (N,), `points` (N, POINTS, 2), and as in `findings.find` `rotation`,
    `translation`, `expression`, `gaze`, `residual`, `bias` (N, POINTS, 3), `rest` (N, POINTS, 3), `identity`,
    `focal_px`, `center_px`.
    Raises `BadInput` when no frame shows a face.
    """
    track = follow(source, source.frames, device=device, tell=tell)
    seen = np.flatnonzero(track.found)
    chosen = [int(seen[i]) for i in choose_typical([points.xy for points in track.seen], most)]
    keys = [looked_at(source.look(track.frames[i]), track.points[i].xy, device) for i in chosen]
    lens = estimate_lens(head, keys, size) if len(keys) > 1 else default_lens(*size)
    person, fits = fit_identity(head, keys, lens)
    each = [own_bias(head, person, key, fit) for key, fit in zip(keys, fits, strict=True)]
    out: dict[str, Any] = {
        name: np.stack([getattr(fit, name) for _, fit in each])
        for name in ("rotation", "translation", "expression", "gaze", "residual")
    }
    return out | {
        "frames": np.array([track.frames[i] for i in chosen]),
        "points": np.stack([key.xy for key in keys]),
        "bias": np.stack([shot.bias for shot, _ in each]),
        "rest": np.stack([shot.rest for shot, _ in each]),
        "identity": person.identity,
        "focal_px": np.float64(lens.focal_px),
        "center_px": np.array(lens.center_px),
    }


def looked_at(look: looks.Look, xy: Array, device: str) -> Points:
    """The points of a face that lie about `xy` (POINTS, 2), found as carefully as those of a still."""
    return find_points(look, crop_from_points(xy), device, looks=STILL_LOOKS)


def own_bias(head: Head, person: Shot, key: Points, fit: Fit) -> tuple[Shot, Fit]:
    """The person with the bias that lays it onto this very picture."""
    shot = person
    for _ in range(3):
        shot = solve_bias(head, shot, [key], [fit])
        fit = refine(head, shot, key, fit, steps=2)
    return shot, fit


def shot_of(found: Mapping[str, Any], index: int) -> Shot:
    """The person as the reference at `index` shows it."""
    x, y = found["center_px"]
    lens = Lens(float(found["focal_px"]), (float(x), float(y)))
    return Shot(lens, found["identity"], found["bias"][index], found["rest"][index])


def look_of(person: Person, fit: Fit) -> Look:
    """How the person looks in this pose and expression."""
    points = person.posed(fit.expression, fit.corrective)[person.vertex_count :]
    return Look(points[:, :2].copy(), fit.rotation, fit.gaze)


def around(picture: Float, pixels: Float, points: Float) -> tuple[Float, Float]:
    """What of `picture` (H, W, 3) lies around the face's `points` (N, 2), and `pixels` (V, 2) in it."""
    size = np.array(picture.shape[1::-1])
    margin = MARGIN * np.ptp(points, axis=0)
    low = np.clip(np.floor(points.min(axis=0) - margin), 0, size - 4).astype(int)
    high = np.clip(np.ceil(points.max(axis=0) + margin), low + 4, size).astype(int)
    part = picture[low[1] : high[1], low[0] : high[0], :3]
    there = np.isfinite(part).all(axis=2, keepdims=True)
    part = np.concatenate([np.where(there, part, 0), there], axis=2, dtype=np.float32)
    return part, (pixels[:, :2] - low).astype(np.float32)


def held(part: Float) -> Float:
    """A reference's picture (h, w, 4) as it is kept: a large one in half floats."""
    return part if part.size < LARGE else np.clip(part, -HALF, HALF).astype(np.float16)


def match(own: Float, wanted: Float, places: Float, vertices: Float) -> Float:
    """The logarithm of the gain (V, 3) at `vertices` (V, 2) that turns colors `own` (N, 3) into `wanted`.

    A plane over the face, robustly fitted at `places` (N, 2) cm: two pictures differ in exposure, white and
    in the side that the light comes from.
    """
    if len(own) < 20:
        return np.zeros((len(vertices), 3), np.float32)
    ratio = np.clip(np.log(np.maximum(wanted, 1e-5) / np.maximum(own, 1e-5)), -2, 2)
    middle, scale = places.mean(axis=0), 5.0
    terms = np.c_[np.ones(len(places)), (places - middle) / scale]
    plane = np.median(ratio, axis=0)[None] * np.array([[1], [0], [0]])
    for _ in range(4):
        off = np.abs(ratio - terms @ plane).mean(axis=1)
        weight = (1 / (1 + (off / 0.15) ** 2))[:, None]
        system = terms.T @ (weight * terms) + 0.02 * len(own) * np.diag([0, 1, 1])
        plane = np.linalg.solve(system, terms.T @ (weight * ratio))
    out = np.c_[np.ones(len(vertices)), np.clip((vertices - middle) / scale, -2, 2)] @ plane
    return out.astype(np.float32)


def masks(person: Person) -> Float:
    """How much of every vertex (V + POINTS) each region has, the rest of the face last.

    Sums to one in the face and falls to zero beyond it: hair, neck and clothes are the plate's.
    """
    points = person.rest[person.vertex_count :]
    out = []
    for groups, reach in PARTS.values():
        near = points[np.concatenate([dense.GROUPS[g] for g in groups])]
        distance, _ = cKDTree(near).query(person.rest)
        out.append(np.exp(-((distance / reach) ** 4)))
    table = np.stack([*out, np.full(len(person.rest), REST)])
    beyond, _ = cKDTree(points[: dense.SKIN_COUNT]).query(person.rest)
    inside = np.clip(1.25 - beyond / EDGE_CM, 0, 1)
    return (table / table.sum(axis=0) * inside).astype(np.float32)


def shares(target: Look, plate: Look, references: Sequence[Reference]) -> Float:
    """How much each region takes from each reference: (PARTS + 1, N); the plate has what is left."""
    off = np.stack([away(target, look) for look in (plate, *(r.look for r in references))], axis=1)
    off[:, 0] *= PLATE_FIRST
    nearness = np.exp(-(off**2 - off.min(axis=1, keepdims=True) ** 2) / (2 * CLOSE_CM**2))
    share = nearness / nearness.sum(axis=1, keepdims=True)
    moved = np.clip(off[:, :1] / CLOSE_CM, 0, 1)  # where the plate looks so already, it stays
    out = (share[:, 1:] * moved).astype(np.float32)
    for row, name in enumerate(PARTS):
        if name in IRISES:
            out[row] *= [_looks_there(target, r.look, IRISES[name]) for r in references]
    return out


def _looks_there(target: Look, other: Look, side: int) -> float:
    """1 where an eye looks where it shall; two irises side by side are none."""
    off = float(np.abs(target.gaze[side] - other.gaze[side]).max())
    return float(np.clip((OTHER_GAZE_RAD - off) / (OTHER_GAZE_RAD - SAME_GAZE_RAD), 0, 1))


def away(target: Look, other: Look, turn_cm: float = TURN_CM) -> Array:
    """How far each region (PARTS + 1,) is from looking alike, cm; a radian of turn counts as `turn_cm`."""
    moved = target.place - other.place
    turn = turn_cm * turned(target, other)
    out = []
    for name, (groups, _) in PARTS.items():
        ids = np.concatenate([dense.GROUPS[g] for g in groups])
        off = float((moved[ids] ** 2).sum(axis=1).mean())
        if name in IRISES:
            side = IRISES[name]
            off += float(((IRIS_CM * (target.gaze[side] - other.gaze[side])) ** 2).sum())
        out.append(np.sqrt(off + turn**2))
    out.append(np.sqrt(float((moved[: dense.SKIN_COUNT] ** 2).sum(axis=1).mean()) + turn**2))
    return np.array(out)


def turned(target: Look | Fit, other: Look | Fit) -> float:
    """By how much two heads are turned against each other, radians."""
    return float(np.linalg.norm(rotation_vector(target.rotation @ other.rotation.T)))


def lend(
    references: Sequence[Reference],
    share: Float,
    mask: Float,
    pixels: Float,
    trust: Sequence[Float],
    triangles: Int,
    origin: tuple[int, int],
    color: Float,
) -> Float:
    """Mix the references into `color` (h, w, 3) in place; returns how much (h, w) of it is theirs now.

    `pixels` (V, 3) are the target's vertices in the picture, whose region at `origin` this is; `trust` (V,)
    how well each reference shows them, from 0.5 well enough. `share` from `shares`, `mask` from `masks`.
    """
    moved = [_moved(*each, mask, pixels) for each in zip(references, share.T, trust, strict=True)]
    lenders = [(one.picture, way) for one, way in zip(references, moved, strict=True) if way is not None]
    total = np.zeros(color.shape[:2], np.float32)
    x0, y0 = origin
    for rows in in_turn(0, len(color)):
        part, theirs, mixed = color[rows], total[rows], np.zeros_like(color[rows])
        local = pixels - np.array([x0, y0 + rows.start, 0], np.float32)
        index, bary, _ = rasterize(local, triangles, part.shape[1], len(part))
        for picture, way in lenders:
            seen, first = _rows_seen(picture, way, local, triangles, y0 + rows.start, len(part))
            mesh = index, bary, triangles, way, seen, x0, y0 + rows.start - first
            in_bands(_add, len(part), *mesh, mixed, theirs)
        _close(mixed, theirs)
        in_bands(_mix, len(part), mixed, theirs, part)
    return total


def _moved(reference: Reference, share: Float, trust: Float, mask: Float, pixels: Float) -> Float | None:
    """See `_add`; None for a reference that has next to no `share` (PARTS + 1,)."""
    weight = share @ mask
    if weight.max() < 0.01:
        return None
    shown = np.clip(2 * trust - 0.6, 0, 1)
    way = [reference.pixels - pixels[:, :2], reference.gain, (weight * shown)[:, None]]
    return np.concatenate(way, axis=1, dtype=np.float32)


def _rows_seen(
    picture: Float, way: Float, local: Float, triangles: Int, top: int, rows: int
) -> tuple[Float, int]:
    """What so many rows of the target, from `top` on, show of a reference, and the first row of that.

    Of one in halves these rows alone, in full. `way` as for `_add`, `local` (V, 3) the target's vertices from
    the first of its rows on.
    """
    if picture.dtype == np.float32:
        return picture, 0
    extent, lends = extents(local, triangles), (way[triangles, 5] > 0).any(axis=1)
    there = np.unique(triangles[lends & (extent[:, 0] < rows) & (extent[:, 1] >= 0)])
    y = top + local[there, 1] + way[there, 1]
    low = int(np.clip(y.min(initial=np.inf) - BEYOND_PX, 0, len(picture) - 4))
    high = int(np.clip(y.max(initial=0) + BEYOND_PX, low + 4, len(picture)))
    return picture[low:high].astype(np.float32), low


@numba.njit(cache=True, nogil=True)
def _close(mixed: Float, total: Float) -> None:
    """Give pixels between two that references reach what these have, in place.

    Along lids, where the skin's triangles end and those across the opening begin, some pixels lie on neither,
    and would stay as they were.
    """
    half = np.float32(0.5)
    for y in range(1, total.shape[0] - 1):
        for x in range(1, total.shape[1] - 1):
            for down, right in ((1, 0), (0, 1)):
                before, after = total[y - down, x - right], total[y + down, x + right]
                if total[y, x] < half * min(before, after):
                    total[y, x] = half * (before + after)
                    for k in range(3):
                        mixed[y, x, k] = half * (
                            mixed[y - down, x - right, k] + mixed[y + down, x + right, k]
                        )


@numba.njit(cache=True, nogil=True)
def _mix(first: int, end: int, mixed: Float, total: Float, color: Float) -> None:
    """Lay what references sum to, `mixed` (h, w, 3), over the color, in place; `total` (h, w) is theirs."""
    for y in range(first, end):
        for x in range(color.shape[1]):
            if total[y, x] > 0:
                for k in range(3):
                    color[y, x, k] += mixed[y, x, k] - total[y, x] * color[y, x, k]


@numba.njit(cache=True, nogil=True, fastmath=FAST)
def _add(
    first: int,
    end: int,
    index: Int,
    bary: Float,
    triangles: Int,
    moved: Float,
    picture: Float,
    x0: int,
    y0: int,
    mixed: Float,
    total: Float,
) -> None:
    """Add one reference: `moved` (V, 6) has its displacement, the logarithm of its gain and its weight."""
    width = index.shape[1]
    at_x, at_y = np.empty(width, np.float32), np.empty(width, np.float32)
    weight, seen = np.empty(width, np.float32), np.empty((width, 4), np.float32)
    gain, values = np.empty((width, 3), np.float32), np.empty(6, np.float32)
    for y in range(first, end):
        for x in range(width):
            t = index[y, x]
            weight[x] = 0
            if t < 0:
                continue
            i, j, k = triangles[t, 0], triangles[t, 1], triangles[t, 2]
            a, b, c = bary[y, x, 0], bary[y, x, 1], bary[y, x, 2]
            for n in range(6):
                values[n] = a * moved[i, n] + b * moved[j, n] + c * moved[k, n]
            at_x[x], at_y[x] = np.float32(x0 + x) + values[0], np.float32(y0 + y) + values[1]
            gain[x, 0], gain[x, 1], gain[x, 2] = values[2], values[3], values[4]
            weight[x] = max(values[5], np.float32(0))
        warp.sample(picture, at_x, at_y, weight, warp.EVERYWHERE, seen)
        for x in range(width):
            if weight[x] > 0:
                total[y, x] += weight[x] * seen[x, 3]
                for n in range(3):
                    mixed[y, x, n] += weight[x] * seen[x, n] * np.exp(gain[x, n])
