"""Skin that comes into sight when a head turns: the far cheek, and what the jaw hid of the neck.

The plate does not show it. The mesh says where it is, and it has the color of its place on the face's other
side, or of the skin nearest to it, in the light that falls on it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numba
import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from likeness.face import fill
from likeness.face.compose import NO_SKIN
from likeness.face.cutout import found_at
from likeness.face.light import RELIGHT
from likeness.face.part import Part, Spot, overlap, window
from likeness.face.regions import Regions
from likeness.face.rig import bounds, face_width
from likeness.face.rim import tightened
from likeness.face.warp import Field
from likeness.head import points as dense
from likeness.render.bands import in_bands
from likeness.render.blur import gaussian
from likeness.render.raster import carry, extents, reaching, room
from likeness.render.simd import FAST

if TYPE_CHECKING:
    from likeness.face.taken import Taken

Float = NDArray[np.float32]
Int = NDArray[np.int32]
Box = tuple[int, int, int, int]

SURE = 0.35  # cosine to the view from which on a vertex tells its color
DARKEST = 1e-5  # of colors
NEARLY_ALL = 0.08, 0.92  # of skin
WHOLE = 0.95  # of the head's matte, that it does
NEAREST, NEAR_CM = 12, 0.3  # so many tell the color of another; nearer than that is as near
AROUND = 16  # so many tell by how much one side differs from the other
BARE = 0.6, 0.9  # of the neck about a place: from here on it can be bare, and is
BESIDE_CM = 2.0, 3.5  # so far beside what is hidden of a neck it counts as such, and so far not
TWIN_CM = 0.8, 1.6  # so near is a place on the other side, and so far is none
UNLIKE = 0.4, 1.0  # of the light's logarithm: by so much it differs there, and so much is another light
SHADED = 0.25, 0.6  # of the same, made even: by so much it differs from what is near, and so much is a shadow
CAME = 0.03, 0.12  # cosine to the view: by so much more is seen of a vertex
TURN = 0.04, 0.09  # cosine to the view: by so much more is seen of a skull, not of a nose's wing
FAR_TURN = 0.08, 0.16  # the same: from here on a jaw's own edge is left behind, and from there wholly
STRETCH = 0.4, 0.75  # of what is seen of it the plate shows: so little is uncovered, so much is not
FINE = 2  # samples of a cell, across and down
TILE = 16  # samples, in which what may be hidden is looked for
EDGE, MARGIN = 0.7, 4  # so soft is its edge, cells; and so far beyond it nothing is left of it, pixels
AROUND_CELLS = 6  # the same, and beyond that nothing tells of it
BAND_ROWS = 8  # of cells are drawn at once: their samples stay in the cache
LARGE_PX = 400  # a face that is as wide has cells of two pixels, others of one


@dataclass(frozen=True)
class Complexion:
    """The logarithm of the color `even` (V, 3) that every vertex of bare skin would have in even light.

    `bare` (V,): how surely the neck is, and not in clothes. `hairless` (V,): how surely the face is, where no
    hair is combed over it. `darkest` and `lightest` (4,): between these are
    nearly all that the plate shows of skin, in the plate's light; of the logarithm's mean, and of each
    channel's difference from that.
    """

    even: Float
    bare: Float
    hairless: Float
    darkest: Float
    lightest: Float

    def lit(self, change: Float, of: NDArray[np.bool_] | slice = slice(None)) -> Float:
        """The color (N, 3) in light whose logarithm differs by `change` (N, 3), as far as it is known.

        Of all vertices, or `of` some (V,).
        """
        log = self.even[of] + change
        mean = log.mean(axis=1, keepdims=True)
        shown = np.clip(np.hstack([mean, log - mean]), self.darkest, self.lightest)
        return np.asarray(np.exp(shown[:, :1] + shown[:, 1:]), np.float32)


def complexion(taken: Taken) -> Complexion:
    """The complexion of a plate's face.

    What is not seen is as its place on the other side, if that is seen, but for what near skin differs from
    its own other side.
    """
    rig, out = taken.rig, np.zeros((len(taken.pixels), 3), np.float32)
    spots, rest = rig.spots, rig.person.rest
    seen, log = _seen(taken, spots.ids)
    if len(seen) < NEAREST:
        return Complexion(out, out[:, 0], out[:, 0], *np.zeros((2, 4), np.float32))
    mean = log.mean(axis=1, keepdims=True)
    ends = np.quantile(np.hstack([mean, log - mean]), NEARLY_ALL, axis=0).astype(np.float32)
    color = log - RELIGHT * taken.level[seen, None] * taken.light.tint
    shown = np.isin(spots.some, seen)
    (off, near), (far, twin) = (
        cKDTree(rest[seen] * [side, 1, 1]).query(rest[spots.some], k=NEAREST) for side in (1, -1)
    )
    mine, theirs = _mean(color[near], off), _mean(color[twin], far)
    both = shown & (far[:, 0] < TWIN_CM[1])
    if both.any():
        around = list(range(1, min(AROUND, both.sum()) + 1))
        off, near = cKDTree(rest[spots.some][both]).query(rest[spots.some], k=around)
        theirs += _mean((mine - theirs)[both][near], off)
    unlike = np.abs(taken.level[spots.some] - taken.level[seen[twin[:, 0]]])
    shaded = _rise(SHADED, np.abs((theirs - mine).mean(axis=1))) * rig.beside_nose[spots.some]
    alone = np.max([_rise(TWIN_CM, far[:, 0]), _rise(UNLIKE, unlike), shaded], axis=0)
    alone = np.where(shown, 1, alone)[:, None]
    told = theirs + alone * (mine - theirs)
    out[spots.ids] = (told[spots.near] * spots.share[..., None]).sum(axis=1)
    return Complexion(out, _bare(taken), _hairless(taken), *ends)


def _hairless(taken: Taken) -> Float:
    """How surely (V,) a face has no hair over it: what is hidden as where it is seen nearest by."""
    rig, out = taken.rig, np.ones(len(taken.pixels), np.float32)
    if taken.regions is None:
        return rig.hairless
    ids = rig.spots.ids
    out[ids] = 1 - _nearest_seen(taken, taken.regions, ids, ids[taken.facing[ids] > SURE], "hair")[1]
    return rig.hairless * out


def _bare(taken: Taken) -> Float:
    """How surely (V,) a neck that is hidden is bare, as where it is seen nearest by, and some about it."""
    rig, out = taken.rig, np.zeros(len(taken.pixels), np.float32)
    ids = np.flatnonzero(rig.neck)
    seen = ids[taken.facing[ids] > SURE]
    if taken.regions is None or len(seen) < NEAREST:
        return out
    there, about = _nearest_seen(taken, taken.regions, ids, seen, "neck")
    out[ids] = _rise(BARE, about)
    out[seen] = _rise(BARE, there)
    hidden = ids[taken.facing[ids] <= 0]
    if not len(hidden):
        return np.zeros_like(out)
    out[ids] *= _rise(BESIDE_CM[::-1], cKDTree(rig.person.rest[hidden]).query(rig.person.rest[ids])[0])
    return out


def _nearest_seen(
    taken: Taken, regions: Regions, ids: NDArray[np.integer], seen: NDArray[np.integer], of: str
) -> tuple[Float, Float]:
    """How surely there is a region, by name, at vertices that are `seen`, and at `ids` as at the nearest."""
    there, rest = found_at(regions, taken.pixels[seen, :2], of), taken.rig.person.rest
    off, near = cKDTree(rest[seen]).query(rest[ids], k=NEAREST)
    return there, _mean(there[near, None], off)[:, 0]


def _seen(taken: Taken, ids: Int) -> tuple[Int, Float]:
    """Which of the vertices the plate shows well, and the logarithm of their color (N, 3)."""
    seen = ids[(taken.facing[ids] > SURE) & (taken.held[ids] < 0.5)]
    layer = taken.cutout.layer
    at = np.floor(taken.pixels[seen, 1::-1] - taken.cutout.origin[::-1]).astype(int)
    inside = ((at >= 0) & (at < layer.shape[:2])).all(axis=1)
    shown = layer[tuple(at[inside].T)]
    whole = (shown[:, 3] > WHOLE) & np.isfinite(shown).all(axis=1)
    return seen[inside][whole], np.log(np.maximum(shown[whole, :3], DARKEST))


def _mean(values: Float, off: NDArray[np.float64]) -> Float:
    """The mean (N, C) of `values` (N, K, C), of which those count more that are less far `off` (N, K), cm."""
    weight = (off + NEAR_CM) ** -2.0
    weight /= weight.sum(axis=1, keepdims=True)
    return np.asarray((values * weight[..., None]).sum(axis=1), np.float32)


@dataclass(frozen=True)
class Skin:
    """Skin that has come into sight, over what is behind the head: RGBA, premultiplied, `under` the head.

    `over`: how much (h, w, 1) of that lies over the head, whose own pixels are too few there.
    """

    under: Part
    over: Part

    def lay(self, color: Float) -> None:
        """Lay what lies over the head over the region's `color` (h, w, 3), in place."""
        here, there = overlap(self.over.spot, self.under.spot)
        share, under = self.over.values[here], self.under.values[there]
        in_bands(_lay, len(share), share, under, color[self.over.spot][here])


NOWHERE = Part(NO_SKIN.spot, NO_SKIN.values[..., :1])
NONE = Skin(NO_SKIN, NOWHERE)


def uncovered(
    taken: Taken,
    turn: Float,
    facing: Float,
    level: Float,
    field: Field,
    upright: tuple[Float, Float],
    box: Box,
    behind: Part = NO_SKIN,
) -> Skin:
    """What comes into sight in a region, its `box` (x0, y0, width, height) of the picture.

    Skin lies over what is `behind` the head, RGBA, in the picture, which takes its place where hair may be.
    The head turned to where the `field` has its mesh, by which the cosine to the view of an even skull grew
    by `turn` (V,); `facing` (V,) is that of the vertices, `level` (V,) the logarithm of the light on them.
    Of the neck comes what the head hid: where the plate shows what is beside it, there is none, wherever the
    mesh may have it; and all is no wider than the plate shows the head, whose middle and direction up in the
    region are `upright` (2,).
    """
    rig, own, behind = taken.rig, np.maximum(taken.facing, 0), _in_region(behind, box)
    most = np.abs(turn).max()
    if most <= TURN[0]:
        return Skin(behind, NOWHERE)
    came = (
        _rise(TURN, turn) * _rise(CAME, facing - own) * _rise(STRETCH[::-1], own / np.maximum(facing, 1e-3))
    )
    kept = np.maximum(rig.features, rig.jaw_edge * (1 - _rise(FAR_TURN, turn)))
    face, over = came * taken.complexion.hairless, came * (1 - kept)
    hid = _rise(TURN, most) * taken.complexion.bare
    chosen = _chosen(field.triangles, rig.bare_skin, came + hid, facing)
    shown = field.triangles[chosen]
    if not len(shown):
        return Skin(behind, NOWHERE)
    pixels = tightened(field.points, *upright, taken.slack)
    ends = np.floor(bounds(pixels, shown.ravel())) + np.array([[-MARGIN], [MARGIN + 1]])
    (left, top), (right, below) = np.clip(ends, 0, box[2:]).astype(int).tolist()
    if min(right - left, below - top) < 1:
        return Skin(behind, NOWHERE)
    values = _values(taken, level, shown, (face, hid, over))
    cell = 1 if face_width(pixels[-dense.COUNT :]) < LARGE_PX else 2
    cells = np.zeros((-(-(below - top) // cell), -(-(right - left) // cell), 8), np.float32)
    fine = np.float32(FINE / cell)
    local = (pixels - np.array([left, top, 0], np.float32)) * np.array([fine, fine, 1], np.float32)
    size = FINE * cells.shape[1], FINE * cells.shape[0]
    hiding = _before(field.triangles, chosen, shown, local, facing, *size)
    reach = extents(local, shown), extents(local, hiding)
    first = box[0] + left - taken.cutout.origin[0], box[1] + top - taken.cutout.origin[1]
    head = taken.cutout.layer, *first, cell
    in_bands(_paint, len(cells), local, shown, hiding, *reach, values, *head, cells)
    rows, columns = _with_margin(window(np.maximum(cells[..., 3], cells[..., 4])), cells.shape)
    cells = gaussian(cells[rows, columns], EDGE)
    down, across = (
        slice(least + cell * some.start, min(least + cell * some.stop, end))
        for some, least, end in ((rows, top, below), (columns, left, right))
    )
    spot = down, across
    skin, share = (_enlarged(part, cell, spot) for part in (cells[..., :4], cells[..., 4:5]))
    taken.texture.lay(skin, cells[..., 5:], cell)
    return Skin(_over(Part(spot, skin), behind), Part(spot, share))


def _values(taken: Taken, level: Float, shown: Int, cover: tuple[Float, Float, Float]) -> Float:
    """Of the vertices of the triangles `shown` (T, 3) the color, three kinds of `cover`, and whence their
    texture is: (V, 9).
    """
    out, there = np.zeros((len(level), 9), np.float32), np.zeros(len(level), bool)
    there[shown] = True
    light = RELIGHT * level[there, None] * taken.light.tint
    out[there, :3] = taken.complexion.lit(light, there)
    for k, each in enumerate(cover):
        out[:, 3 + k] = each
    out[:, 6:] = taken.texture.whence
    return out


def _with_margin(spot: Spot, shape: tuple[int, ...]) -> Spot:
    """A spot with as many cells around it as its blur reaches, of as many as there are."""
    rows, columns = (
        slice(max(some.start - AROUND_CELLS, 0), min(some.stop + AROUND_CELLS, size))
        for some, size in zip(spot, shape, strict=False)
    )
    return rows, columns


def _enlarged(cells: Float, cell: int, spot: Spot) -> Float:
    """What was painted in `cells` (h, w, C) of so many pixels, by pixel of that spot."""
    if cell == 1:
        return np.ascontiguousarray(cells)
    rows, columns = spot
    out = np.zeros((rows.stop - rows.start, columns.stop - columns.start, cells.shape[2]), np.float32)
    fill.add_cells(cells, cell, out)
    return out


@numba.njit(cache=True, nogil=True)
def _chosen(triangles: Int, bare: NDArray[np.bool_], shown: Float, facing: Float) -> NDArray[np.bool_]:
    """Those triangles (T,) of `bare` vertices of which something is `shown` (V,), and which face the view."""
    out = np.zeros(len(triangles), np.bool_)
    for t in range(len(triangles)):
        i, j, k = triangles[t, 0], triangles[t, 1], triangles[t, 2]
        if bare[i] and bare[j] and bare[k] and max(shown[i], shown[j], shown[k]) > 0:
            out[t] = max(facing[i], facing[j], facing[k]) > 0
    return out


@numba.njit(cache=True, nogil=True)
def _before(
    triangles: Int,
    chosen: NDArray[np.bool_],
    shown: Int,
    points: Float,
    facing: Float,
    width: int,
    height: int,
) -> Int:
    """Those of the triangles (T, 3) not `chosen` that face the view and may hide some of those `shown`."""
    far = np.zeros((height // TILE + 1, width // TILE + 1), np.float32)
    for t in range(len(shown)):
        top, below, left, right, _, most = _tiles(shown[t], points, far.shape)
        for r in range(top, below):
            for c in range(left, right):
                far[r, c] = max(far[r, c], most)
    out, count = np.empty_like(triangles), 0
    for t in range(len(triangles)):
        i, j, k = triangles[t, 0], triangles[t, 1], triangles[t, 2]
        if chosen[t] or max(facing[i], facing[j], facing[k]) <= 0:
            continue
        top, below, left, right, least, _ = _tiles(triangles[t], points, far.shape)
        if top < below and left < right and far[top:below, left:right].max() > least:
            out[count, 0], out[count, 1], out[count, 2] = i, j, k
            count += 1
    return out[:count]


@numba.njit(cache=True, nogil=True)
def _tiles(triangle: Int, points: Float, shape: tuple[int, int]) -> tuple[int, int, int, int, Any, Any]:
    """First and end row and column of the tiles that a triangle (3,) meets; its least and most depth."""
    a, b, c = points[triangle[0]], points[triangle[1]], points[triangle[2]]
    left, right = min(a[0], b[0], c[0]) / TILE, max(a[0], b[0], c[0]) / TILE
    top, below = min(a[1], b[1], c[1]) / TILE, max(a[1], b[1], c[1]) / TILE
    rows = max(int(top), 0), min(int(below) + 1, shape[0])
    columns = max(int(left), 0), min(int(right) + 1, shape[1])
    return rows[0], rows[1], columns[0], columns[1], min(a[2], b[2], c[2]), max(a[2], b[2], c[2])


@numba.njit(cache=True, nogil=True, fastmath=FAST)
def _paint(
    first: int,
    end: int,
    points: Float,
    shown: Int,
    hiding: Int,
    reach: Int,
    hiding_reach: Int,
    values: Float,
    layer: Float,
    left: int,
    top: int,
    cell: int,
    cells: Float,
) -> None:
    """The skin, RGBA, that the mesh carries to `cells` (h, w, 8) of zeros, how much lies over the head, and
    whence its texture is, premultiplied.

    `points` (V, 3) are in samples, `FINE` times as fine; `shown` and `hiding` (T, 3), with their `extents`,
    are the skin's triangles and others. `values` (V, 9) are color, how much of it is the face's, how much the
    neck's and how much lies over the head, and whence its texture is. Of the neck is only what the head
    covered: the plate's `layer`, in which the first cell, of so many pixels, lies at `left` and `top`.
    """
    zero, told, all_ = np.float32(0), np.empty(9, np.float32), np.float32(FINE * FINE)
    wide, nothing = FINE * cells.shape[1], np.zeros((len(points), 1), np.float32)
    near, carried = room(FINE * BAND_ROWS, wide, 9)
    before, empty = room(FINE * BAND_ROWS, wide, 1)
    for start in range(first, end, BAND_ROWS):
        stop = min(start + BAND_ROWS, end)
        low, high = FINE * start, FINE * stop
        there, extent = reaching(low, high, shown, reach)
        if len(there) == 0:
            continue
        carry(low, high, points, there, extent, values, near, carried)
        there, extent = reaching(low, high, hiding, hiding_reach)
        carry(low, high, points, there, extent, nothing, before, empty)
        for y in range(start, stop):
            line = FINE * (y - start)
            for x in range(cells.shape[1]):
                told[:] = zero
                count = zero
                for v in range(line, line + FINE):
                    for u in range(FINE * x, FINE * x + FINE):
                        if near[v, u] > zero and near[v, u] >= before[v, u]:
                            count += np.float32(1)
                            for n in range(9):
                                told[n] += carried[v, n, u]
                if count == zero:
                    continue
                v, u, covered = top + cell * y, left + cell * x, zero
                if 0 <= v < layer.shape[0] and 0 <= u < layer.shape[1]:
                    covered = layer[v, u, 3]
                alpha = min((told[3] + told[4] * covered) / all_, np.float32(1))
                for n in range(3):
                    cells[y, x, n] = told[n] / count * alpha
                    cells[y, x, 5 + n] = told[6 + n] / count * alpha
                cells[y, x, 3], cells[y, x, 4] = alpha, told[5] / all_


@numba.njit(cache=True, nogil=True, fastmath=FAST)
def _lay(first: int, end: int, share: Float, under: Float, color: Float) -> None:
    """Lay a `share` (h, w, 1) of what is `under` (h, w, 4), premultiplied, over a `color` (h, w, 3)."""
    for y in range(first, end):
        for x in range(share.shape[1]):
            alpha = under[y, x, 3]
            if share[y, x, 0] <= 0 or alpha <= 0:
                continue
            part = min(share[y, x, 0], alpha) / alpha
            for n in range(3):
                color[y, x, n] += part * (under[y, x, n] - alpha * color[y, x, n])


def _in_region(part: Part, box: Box) -> Part:
    """A `part` of the picture in a region of it, its `box`."""
    (rows, columns), (x, y) = part.spot, box[:2]
    spot = slice(rows.start - y, rows.stop - y), slice(columns.start - x, columns.stop - x)
    return Part(spot, part.values)


def _over(part: Part, under: Part) -> Part:
    """A `part` of a region, RGBA, over another one."""
    if not under.values.size:
        return part
    rows, columns = (
        slice(min(a.start, b.start), max(a.stop, b.stop)) for a, b in zip(part.spot, under.spot, strict=True)
    )
    size = rows.stop - rows.start, columns.stop - columns.start
    out = Part((rows, columns), np.zeros((*size, 4), np.float32))
    out.values[overlap(out.spot, under.spot)[0]] = under.values
    below = out.values[overlap(out.spot, part.spot)[0]]
    below *= 1 - part.values[..., 3:]
    below += part.values
    return out


def _rise(ends: tuple[float, float], value: NDArray[np.floating]) -> Float:
    """From 0 at the first of the `ends` to 1 at the second."""
    return np.clip((value - ends[0]) / (ends[1] - ends[0]), 0, 1).astype(np.float32)
