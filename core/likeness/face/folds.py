"""Folds that an expression lays into the plate's skin: the relief of the house head's wrinkles, relit.

The lines are those of `likeness.human.wrinkles`, blended by the ARKit shapes. What the performance adds to
the plate's own expression bends the normals of the head's texture space by that much; the plate's estimated
light tells how much brighter or darker each pixel of the plate becomes.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from functools import cached_property, lru_cache
from typing import Any, NamedTuple

import numba
import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from likeness.face.fit import Array
from likeness.face.light import Light, level_of
from likeness.face.pits import CORNERS, Pit
from likeness.head.model import load_head
from likeness.human import wrinkles
from likeness.performance import ARKIT
from likeness.render.bands import in_bands
from likeness.render.noise import noise_volume, smooth
from likeness.render.raster import rasterize
from likeness.render.simd import FAST, between

Float = NDArray[np.float32]
Int = NDArray[np.int32]

WIDE_CM = 26.0  # the texture space from side to side
SIZES = (512, 256)  # its texels a side: of 0.5 mm, the width of the narrowest fold, and for small faces
COARSE = 1.4  # pixels of the plate: so wide may a texel be
MIDDLE_CM = 0.8  # so near the middle, folds belong to both sides
YEARS = (58.0, 26.0)  # a line that age draws in the first year does not fold a face; so many before, wholly
WIDER = 1.5  # than what age engraves are folds that come and go
SHARP = 0.6  # of its depth: skin that bends is not yet creased
SWELL, SWELL_CM = 3.5, 0.4  # what is folded sinks in about the line, by so much and so wide
FAR = 9.0  # times as wide as usual, a texel spans a gap
LEAST_SLOPE = 2e-3  # a smaller one is none
FOLDS_FROM = 0.2  # of a shape: less only stretches the skin
LEAST_TEXEL = np.float32(1e-4)  # of slope and depth: less is none
BESIDE_CM = 1.5  # so near a corner of the mean head's mouth may be a pit
LEAST_FOLD = 1e-3  # a weight below which nothing is folded
HOLLOW = 5.0  # the logarithm of the light that a fold loses for each cm that it is deep
MOST_LIGHT = (-0.7, 0.4)  # the most that folds take and give of its logarithm
FOLDING = 5  # of what vertices carry, so many end with whether there can be folds
FULL_MATTE = 0.02  # change of that logarithm from which the matte is 1


@dataclass(frozen=True, eq=False)
class Fold:
    """The folds that `shapes`, places in `ARKIT`, lay on one side of the face.

    `texel` (P,) are flat places in the folded part of the head's texture space; `relief` (P, 4) is there the
    slope of the fold in head space, and its depth in cm. `vertices` are those of triangles that it is on.
    """

    shapes: Int
    texel: Int
    relief: Float
    vertices: Int


@dataclass(frozen=True, eq=False)
class Sheet:
    """The folded part of a texture space of `size` x `size` texels, whose first texel is `corner`.

    `index` (h, w) and `bary` (h, w, 3) are the rasterized `skin` (T, 3) there of a head of `count` vertices.
    """

    folds: tuple[Fold, ...]
    size: int
    corner: tuple[int, int]
    index: Int
    bary: Float
    skin: Int
    count: int

    @cached_property
    def shapes(self) -> Float:
        """Which shapes lay each of the folds (folds, 52): 1 or 0."""
        out = np.zeros((len(self.folds), len(ARKIT)), np.float32)
        for row, each in zip(out, self.folds, strict=True):
            row[each.shapes] = 1
        return out

    @cached_property
    def beside(self) -> tuple[Int, Int, Float]:
        """Flat places (P,) of texels beside the corners of the mouth, the vertices (P, 3) they lie between,
        and how near to each (P, 3, 1)."""
        head = load_head()
        flat = np.flatnonzero(self.index.ravel() >= 0)
        between, shares = self.skin[self.index.ravel()[flat]], self.bary.reshape(-1, 3, 1)[flat]
        rest = (head.mean[between] * shares).sum(axis=1)
        away = [np.linalg.norm(rest - head.point_mean[corner], axis=1) for corner, _ in CORNERS]
        near = np.minimum(*away) < BESIDE_CM
        return flat[near].astype(np.int32), between[near], shares[near]


@dataclass(frozen=True, eq=False)
class Relief:
    """The folds of one expression: slope in head space and depth by texel of the `sheet` (h, w, 4).

    `folded` (V,): 1 where a vertex belongs to a triangle that has any. `lighter` (h, w), if there is any: the
    logarithm by which pits that go leave texels lighter.
    """

    sheet: Sheet
    texels: Float
    folded: Float
    lighter: Float | None = None


class Folds(NamedTuple):
    """What a relief does in a picture, as kernels take it: `texels` (h, w, 4) hold the slope in camera space
    and the change of the light's logarithm. Their place in the head's texture space is that of a `Sheet`.
    """

    texels: Float
    size: Any
    left: Any
    top: Any


NO_FOLDS = Folds(np.zeros((0, 0, 4), np.float32), np.float32(1), np.float32(0), np.float32(0))


def size_for(pixel_cm: float) -> int:
    """The texture space's texels a side for a plate whose pixels are so wide on the face."""
    return next((size for size in SIZES[::-1] if WIDE_CM / size <= COARSE * pixel_cm), SIZES[0])


def fold(change: Array, strength: float, size: int) -> Relief | None:
    """What a `change` (52,) of the plate's expression folds, `strength` times; None without any fold.

    A fold that goes stays in the plate's skin.
    """
    sheet = _sheet(size)
    more = (sheet.shapes @ np.maximum(change, 0)).astype(np.float32)
    weights = np.float32(strength) * np.clip((more - FOLDS_FROM) / (1 - FOLDS_FROM), 0, 1)
    if weights.max() < LEAST_FOLD:
        return None
    texels, folded = np.zeros((*sheet.index.shape, 4), np.float32), np.zeros(sheet.count, np.float32)
    for each, weight in zip(sheet.folds, weights, strict=True):
        if weight >= LEAST_FOLD:
            texels.reshape(-1, 4)[each.texel] += weight * each.relief
            folded[each.vertices] = 1
    return Relief(sheet, texels, folded)


def without_pits(
    relief: Relief | None, size: int, share: float, pits: Iterable[Pit], pixels: Float
) -> Relief | None:
    """The relief, and such a `share` of the plate's `pits` gone; its vertices lie at `pixels` (V, 3)."""
    sheet = _sheet(size)
    texel, between, near = sheet.beside
    places = (pixels[between, :2] * near).sum(axis=1)
    light = np.float32(share) * np.sum([pit.at(places) for pit in pits], axis=0, dtype=np.float32)
    if light.max() < LEAST_TEXEL:
        return relief
    if relief is None:
        relief = Relief(
            sheet, np.zeros((*sheet.index.shape, 4), np.float32), np.zeros(sheet.count, np.float32)
        )
    lighter, folded = np.zeros(sheet.index.shape, np.float32), relief.folded.copy()
    lighter.ravel()[texel] = light
    folded[between[light >= LEAST_TEXEL]] = 1
    return replace(relief, lighter=lighter, folded=folded)


def lit(relief: Relief, normals: Float, held: Float, rotation: Array, light: Light, share: float) -> Folds:
    """What the relief does to the light, in texture space: it is smooth enough to be sampled by the picture.

    `normals` (V, 3) are in camera space; `held` (V,): 0 where the skin is seen, 1 where hair or the like
    hides it; `rotation` (3, 3) from head to camera. `share` of the change of light is applied.
    """
    sheet, out = relief.sheet, np.zeros_like(relief.texels)
    head = (sheet.index, sheet.bary, sheet.skin, normals.astype(np.float32), held)
    shade = (rotation.astype(np.float32), light.shape, np.float32(share))
    in_bands(_light, len(out), relief.texels, *head, *shade, out)
    if relief.lighter is not None:
        out[..., 3] += relief.lighter
    left, top = (np.float32(at) for at in sheet.corner)
    return Folds(out, np.float32(sheet.size), left, top)


@numba.njit(cache=True, nogil=True, fastmath=FAST)
def folds_at(near: Float, carried: Float, low: int, high: int, folds: Folds, out: Float) -> None:
    """The texels (w, 4) that lie at the columns from `low` to before `high`; 0 where there is no fold.

    Of each pixel, `carried` (7 or more, w) holds from the fifth on whether there can be folds, and if so the
    place in texture space, y up; `near` (w,) whether there is anything.
    """
    rows, columns = folds.texels.shape[:2]
    half, one = np.float32(0.5), np.float32(1)
    flat, line, four = folds.texels.reshape(-1), np.uint64(4 * columns), np.uint64(4)
    out[low:high], result = 0, out.reshape(-1)
    can, across, up = carried[4], carried[5], carried[6]
    for x in range(np.uint64(low), np.uint64(high)):
        if near[x] <= 0 or can[x] <= 0:
            continue
        u = across[x] * folds.size - folds.left - half
        v = (one - up[x]) * folds.size - folds.top - half
        if not (0 <= u < columns - 1 and 0 <= v < rows - 1):
            continue
        q, r = np.int32(u), np.int32(v)
        at = np.uint64(r) * line + np.uint64(q) * four
        between(flat, at, line, u - np.float32(q), v - np.float32(r), result, x * four)


@numba.njit(cache=True, nogil=True)
def folding(
    first: int, end: int, width: int, points: Float, triangles: Int, extent: Int, moved: Float
) -> tuple[int, int]:
    """First and end column of the rows from `first` to before `end` in which there can be folds.

    `moved` (V, 7 or more): see `folds_at`; the mesh as for `carry`, in a region that is `width` wide.
    """
    left, right = np.float32(width), np.float32(0)
    for t in range(len(triangles)):
        if extent[t, 0] < end and extent[t, 1] >= max(first, extent[t, 0]):
            a, b, c = triangles[t, 0], triangles[t, 1], triangles[t, 2]
            if max(moved[a, 4], moved[b, 4], moved[c, 4]) > 0:
                left = min(left, points[a, 0], points[b, 0], points[c, 0])
                right = max(right, points[a, 0], points[b, 0], points[c, 0])
    begin = min(max(int(left), 0), width)
    return begin, min(max(int(np.ceil(right)), begin), width)


@lru_cache(maxsize=2)
def _sheet(size: int) -> Sheet:
    """All folds of the mean head."""
    head = load_head()
    skin = head.part("skin")
    uv = np.stack([head.vertex_uv[:, 0] * size, (1 - head.vertex_uv[:, 1]) * size], 1).astype(np.float32)
    index, bary, _ = rasterize(np.c_[uv, np.ones(len(uv), np.float32)], skin, size, size)
    places = _places(index, bary, skin, head.mean)
    lines, groups = wrinkles.segments(head)
    order = np.argsort(groups, kind="stable")
    lines, groups = lines[order], groups[order]
    lines[:, 6] *= WIDER
    lines[:, 7] *= np.clip((YEARS[0] - lines[:, 8]) / YEARS[1], 0, 1)
    depth = _depth(index, places, lines, groups, noise_volume(), len(wrinkles.GROUPS))
    rows, columns = (np.flatnonzero(depth.any(axis=(0, axis))) for axis in (2, 1))
    margin = size // 32
    part = tuple(slice(max(at[0] - margin, 0), at[-1] + margin) for at in (rows, columns))
    index, bary, places, depth = index[part], bary[part], places[part], depth[:, *part]
    left = np.clip(0.5 + places[..., :1] / MIDDLE_CM, 0, 1)
    out = []
    for own, shapes in zip(depth, wrinkles.GROUPS.values(), strict=True):
        soft = ndimage.gaussian_filter(own, SWELL_CM * size / WIDE_CM, truncate=2.5)
        relief = _slopes(
            index, places, np.float32(SHARP) * own + np.float32(SWELL) * soft, (FAR * 2 * WIDE_CM / size) ** 2
        )
        for side, share in (("Left", left), ("Right", 1 - left)):
            half = (relief * share).reshape(-1, 4)
            texel = np.flatnonzero(np.abs(half).max(axis=1) > LEAST_SLOPE).astype(np.int32)
            here = [ARKIT.index(s) for s in shapes if s.endswith(side) or not s.endswith(("Left", "Right"))]
            on = index.ravel()[texel]
            vertices = np.unique(skin[on[on >= 0]])
            out.append(Fold(np.array(here, np.int32), texel, half[texel], vertices))
    corner = (part[1].start, part[0].start)
    index, bary = np.ascontiguousarray(index), np.ascontiguousarray(bary)
    return Sheet(tuple(out), size, corner, index, bary, skin, len(uv))


@numba.njit(cache=True, fastmath=True, nogil=True)
def _places(index: Int, bary: Float, triangles: Int, rest: Float) -> Float:
    """Where each texel (N, N, 3) lies on the head at rest."""
    size = len(index)
    out = np.zeros((size, size, 3), np.float32)
    for row in range(size):
        for column in range(size):
            t = index[row, column]
            if t >= 0:
                for corner in range(3):
                    for k in range(3):
                        out[row, column, k] += bary[row, column, corner] * rest[triangles[t, corner], k]
    return out


@numba.njit(cache=True, fastmath=True, nogil=True)
def _depth(index: Int, places: Float, lines: Float, groups: Int, volume: Float, count: int) -> Float:
    """How deep in cm the lines of each group are in each texel (G, N, N), a little uneven."""
    size = len(index)
    out = np.zeros((count, size, size), np.float32)
    first = np.searchsorted(groups, np.arange(count + 1))
    for row in range(size):
        for column in range(size):
            x, y, z = places[row, column]
            if index[row, column] < 0 or z < 0:
                continue
            uneven = smooth(volume, x * 1.1, y * 1.1, z * 1.1, 0)
            fine = smooth(volume, x * 2.9, y * 2.9, z * 2.9, 1)
            much = min(1.2, max(0.4, 0.85 + 0.3 * uneven + 0.15 * fine))
            aside = 0.06 * uneven + 0.02 * fine
            for g in range(count):
                own = slice(first[g], first[g + 1])
                _, full, _ = wrinkles.fold_at(lines[own], groups[own], abs(x) + aside, y + aside, z, 0.0)
                out[g, row, column] = full * much
    return out


@numba.njit(cache=True, fastmath=True, nogil=True)
def _slopes(index: Int, places: Float, depth: Float, far: float) -> Float:
    """The gradient of the height (-depth) over the head's surface, in head space, and the depth (h, w, 4).

    Squared, texels two apart are less than `far` from each other.
    """
    rows, columns = depth.shape
    out = np.zeros((rows, columns, 4), np.float32)
    for y in range(1, rows - 1):
        for x in range(1, columns - 1):
            out[y, x, 3] = depth[y, x]
            hu, hv = depth[y, x - 1] - depth[y, x + 1], depth[y - 1, x] - depth[y + 1, x]
            if (hu == 0 and hv == 0) or min(index[y, x - 1], index[y, x + 1], index[y, x]) < 0:
                continue
            if min(index[y - 1, x], index[y + 1, x]) < 0:
                continue
            e = f = g = 0.0
            for k in range(3):
                along, down = (
                    places[y, x + 1, k] - places[y, x - 1, k],
                    places[y + 1, x, k] - places[y - 1, x, k],
                )
                e += along * along
                f += along * down
                g += down * down
            area = e * g - f * f
            if e > far or g > far or area < 1e-9:
                continue
            for k in range(3):
                along, down = (
                    places[y, x + 1, k] - places[y, x - 1, k],
                    places[y + 1, x, k] - places[y - 1, x, k],
                )
                out[y, x, k] = ((hu * g - hv * f) * along + (hv * e - hu * f) * down) / area
    return out


@numba.njit(cache=True, nogil=True, fastmath=FAST)
def _light(
    first: int,
    end: int,
    texels: Float,
    index: Int,
    bary: Float,
    triangles: Int,
    normals: Float,
    held: Float,
    rotation: Float,
    shape: Float,
    share: Any,
    out: Float,
) -> None:
    """Slope in camera space and change of the light's logarithm (h, w, 4) of the rows' texels."""
    before, after, none = np.empty(3, np.float32), np.empty(3, np.float32), np.zeros(3, np.float32)
    for y in range(first, end):
        for x in range(index.shape[1]):
            slope, t = texels[y, x], index[y, x]
            steep = abs(slope[0]) + abs(slope[1]) + abs(slope[2]) + abs(slope[3])
            if steep < LEAST_TEXEL or t < 0:
                continue
            i, j, k = triangles[t, 0], triangles[t, 1], triangles[t, 2]
            a, b, c = bary[y, x, 0], bary[y, x, 1], bary[y, x, 2]
            seen = np.float32(1) - (a * held[i] + b * held[j] + c * held[k])
            if seen * steep < LEAST_TEXEL:
                continue
            for n in range(3):
                before[n] = a * normals[i, n] + b * normals[j, n] + c * normals[k, n]
                out[y, x, n] = rotation[n, 0] * slope[0] + rotation[n, 1] * slope[1]
                out[y, x, n] = seen * (out[y, x, n] + rotation[n, 2] * slope[2])
            _bend(before, none, before)
            _bend(before, out[y, x], after)
            level = level_of(before[0], before[1], before[2], shape)
            change = share * np.log(level_of(after[0], after[1], after[2], shape) / level)
            change -= np.float32(HOLLOW) * max(seen * slope[3], np.float32(0))
            out[y, x, 3] = min(max(change, MOST_LIGHT[0]), MOST_LIGHT[1])


@numba.njit(cache=True, nogil=True, fastmath=FAST, inline="always")
def _bend(normal: Float, slope: Float, out: Float) -> None:
    """Bend a normal (3,) away from where the surface rises by that `slope`, and make it a unit."""
    long = np.float32(0)
    for n in range(3):
        out[n] = normal[n] - slope[n]
        long += out[n] * out[n]
    for n in range(3):
        out[n] /= np.sqrt(long)
