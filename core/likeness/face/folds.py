"""Folds that an expression lays into the plate's skin: the relief of the house head's wrinkles, relit.

The lines are those of `likeness.human.wrinkles`, blended by the ARKit shapes. What the performance adds to
the plate's own expression bends the normals of the head's texture space by that much; the plate's estimated
light tells how much brighter or darker each pixel of the plate becomes.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numba
import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from likeness.face.fit import Array
from likeness.face.light import Light, level_of
from likeness.head.model import load_head
from likeness.human import wrinkles
from likeness.performance import ARKIT
from likeness.render.bands import in_bands
from likeness.render.noise import noise_volume, smooth
from likeness.render.raster import rasterize
from likeness.render.simd import FAST

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
LEAST_FOLD = 1e-3  # a weight below which nothing is folded
HOLLOW = 5.0  # the logarithm of the light that a fold loses for each cm that it is deep
MOST_LIGHT = (-0.7, 0.4)  # the most that folds take and give of its logarithm
FULL_MATTE = 0.02  # change of that logarithm from which the matte is 1


@dataclass(frozen=True, eq=False)
class Fold:
    """The folds that `shapes`, places in `ARKIT`, lay on one side of the face.

    `texel` (P,) are flat places in the folded part of the head's texture space; `relief` (P, 4) is there the
    slope of the fold in head space, and its depth in cm.
    """

    shapes: Int
    texel: Int
    relief: Float


@dataclass(frozen=True, eq=False)
class Relief:
    """The folds of one expression: slope and depth in the folded part of texture space (h, w, 4).

    `touched` (T,): which triangles of the head's skin have any fold, `used` their vertices. `uv` (V, 2): all
    vertices' places there, y down. `held` (V,): 0 where the skin is seen, 1 where hair or the like hides it.
    """

    texels: Float
    touched: NDArray[np.bool_]
    used: Int
    uv: Float
    held: Float


def size_for(pixel_cm: float) -> int:
    """The texture space's texels a side for a plate whose pixels are so wide on the face."""
    return next((size for size in SIZES[::-1] if WIDE_CM / size <= COARSE * pixel_cm), SIZES[0])


def fold(change: Array, strength: float, size: int, held: Float) -> Relief | None:
    """What a `change` (52,) of the plate's expression folds, `strength` times; None without any fold.

    A fold that goes stays in the plate's skin. `held` (V,): see `Relief`.
    """
    all_folds, touched, used, uv, shape = _folds(size)
    more = [float(np.maximum(change[f.shapes], 0).sum()) for f in all_folds]
    weights = np.float32(strength) * np.clip(
        (np.array(more, np.float32) - FOLDS_FROM) / (1 - FOLDS_FROM), 0, 1
    )
    if weights.max() < LEAST_FOLD:
        return None
    texels = np.zeros((*shape, 4), np.float32)
    for each, weight in zip(all_folds, weights, strict=True):
        if weight >= LEAST_FOLD:
            texels.reshape(-1, 4)[each.texel] += weight * each.relief
    return Relief(texels, touched, used, uv, held)


def lay(
    relief: Relief,
    index: Int,
    bary: Float,
    triangles: Int,
    normals: Float,
    rotation: Array,
    light: Light,
    share: float,
    color: Float,
    matte: Float,
) -> None:
    """Relight `color` (h, w, 3) by the relief, in place, and say so in `matte` (h, w).

    `index`, `bary`: the rasterized `triangles`, of which the skin's come first; `normals` (V, 3) in camera
    space; `rotation` (3, 3) from head to camera. `share` of the change of light is applied.
    """
    head = (index, bary, triangles, normals.astype(np.float32), rotation.astype(np.float32))
    shade = (light.shape, light.tint, np.float32(share))
    in_bands(_lay, len(index), *_parts(relief), *head, *shade, color, matte)


def tilt(relief: Relief, index: Int, bary: Float, triangles: Int, rotation: Array, normal: Float) -> None:
    """Bend the layer of unit normals (h, w, 3) by the relief, in place."""
    head = (index, bary, triangles, rotation.astype(np.float32))
    in_bands(_tilt, len(index), *_parts(relief), *head, normal)


def _parts(relief: Relief) -> tuple[Float, NDArray[np.bool_], Float, Float]:
    return relief.texels, relief.touched, relief.uv, relief.held


@lru_cache(maxsize=2)
def _folds(size: int) -> tuple[tuple[Fold, ...], NDArray[np.bool_], Int, Float, tuple[int, int]]:
    """All folds of the mean head, the triangles of its skin that they touch, its vertices' texels.

    The last is the shape of that part of a texture space of `size` x `size` texels that is folded.
    """
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
    index, places, depth = index[part], places[part], depth[:, *part]
    left = np.clip(0.5 + places[..., :1] / MIDDLE_CM, 0, 1)
    out = []
    touched = np.zeros(len(skin), bool)
    for own, shapes in zip(depth, wrinkles.GROUPS.values(), strict=True):
        soft = ndimage.gaussian_filter(own, SWELL_CM * size / WIDE_CM, truncate=2.5)
        relief = _slopes(
            index, places, np.float32(SHARP) * own + np.float32(SWELL) * soft, (FAR * 2 * WIDE_CM / size) ** 2
        )
        for side, share in (("Left", left), ("Right", 1 - left)):
            half = (relief * share).reshape(-1, 4)
            texel = np.flatnonzero(np.abs(half).max(axis=1) > LEAST_SLOPE).astype(np.int32)
            here = [ARKIT.index(s) for s in shapes if s.endswith(side) or not s.endswith(("Left", "Right"))]
            out.append(Fold(np.array(here, np.int32), texel, half[texel]))
            touched[index.ravel()[texel]] = True
    uv -= np.array([part[1].start, part[0].start], np.float32)
    return tuple(out), touched, np.unique(skin[touched]).astype(np.int32), uv, index.shape


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


@numba.njit(cache=True, nogil=True, fastmath=FAST, inline="always")
def _fold_at(
    texels: Float, uv: Float, held: Float, i: int, j: int, k: int, a: Any, b: Any, c: Any, out: Float
) -> Any:
    """Slope and depth in a triangle into `out` (4,); whether there is any."""
    rows, columns = texels.shape[:2]
    x = a * uv[i, 0] + b * uv[j, 0] + c * uv[k, 0] - np.float32(0.5)
    y = a * uv[i, 1] + b * uv[j, 1] + c * uv[k, 1] - np.float32(0.5)
    q, r = int(x), int(y)
    if not (0 <= q < columns - 1 and 0 <= r < rows - 1):
        return False
    u, v = x - np.float32(q), y - np.float32(r)
    seen = np.float32(1) - (a * held[i] + b * held[j] + c * held[k])
    size_of = np.float32(0)
    for n in range(4):
        above = texels[r, q, n] + u * (texels[r, q + 1, n] - texels[r, q, n])
        below = texels[r + 1, q, n] + u * (texels[r + 1, q + 1, n] - texels[r + 1, q, n])
        out[n] = seen * (above + v * (below - above))
        size_of += abs(out[n])
    return size_of > np.float32(1e-4)


@numba.njit(cache=True, nogil=True, fastmath=FAST, inline="always")
def _bend(normal: Float, rotation: Float, slope: Float) -> None:
    """Bend a normal (3,) of camera space away from where the surface rises, and make it a unit, in place."""
    long = np.float32(0)
    for n in range(3):
        for m in range(3):
            normal[n] -= rotation[n, m] * slope[m]
        long += normal[n] * normal[n]
    for n in range(3):
        normal[n] /= np.sqrt(long)


@numba.njit(cache=True, nogil=True, fastmath=FAST)
def _lay(
    first: int,
    end: int,
    texels: Float,
    touched: NDArray[np.bool_],
    uv: Float,
    held: Float,
    index: Int,
    bary: Float,
    triangles: Int,
    normals: Float,
    rotation: Float,
    shape: Float,
    tint: Float,
    share: Any,
    color: Float,
    matte: Float,
) -> None:
    slope, normal = np.empty(4, np.float32), np.empty(3, np.float32)
    one = np.float32(1)
    for y in range(first, end):
        for x in range(index.shape[1]):
            t = index[y, x]
            if t < 0 or t >= len(touched) or not touched[t]:
                continue
            i, j, k = triangles[t, 0], triangles[t, 1], triangles[t, 2]
            a, b, c = bary[y, x, 0], bary[y, x, 1], bary[y, x, 2]
            if not _fold_at(texels, uv, held, i, j, k, a, b, c, slope):
                continue
            long = np.float32(0)
            for n in range(3):
                normal[n] = a * normals[i, n] + b * normals[j, n] + c * normals[k, n]
                long += normal[n] * normal[n]
            for n in range(3):
                normal[n] /= np.sqrt(long)
            before = level_of(normal[0], normal[1], normal[2], shape)
            _bend(normal, rotation, slope)
            change = share * np.log(level_of(normal[0], normal[1], normal[2], shape) / before)
            change -= np.float32(HOLLOW) * max(slope[3], np.float32(0))
            change = np.float32(min(max(change, MOST_LIGHT[0]), MOST_LIGHT[1]))
            for n in range(3):
                color[y, x, n] *= np.exp(change * tint[n])
            shown = min(abs(change) / np.float32(FULL_MATTE), one)
            matte[y, x] = max(matte[y, x], shown)


@numba.njit(cache=True, nogil=True, fastmath=FAST)
def _tilt(
    first: int,
    end: int,
    texels: Float,
    touched: NDArray[np.bool_],
    uv: Float,
    held: Float,
    index: Int,
    bary: Float,
    triangles: Int,
    rotation: Float,
    normal: Float,
) -> None:
    slope = np.empty(4, np.float32)
    for y in range(first, end):
        for x in range(index.shape[1]):
            t = index[y, x]
            if t < 0 or t >= len(touched) or not touched[t]:
                continue
            i, j, k = triangles[t, 0], triangles[t, 1], triangles[t, 2]
            if _fold_at(texels, uv, held, i, j, k, bary[y, x, 0], bary[y, x, 1], bary[y, x, 2], slope):
                _bend(normal[y, x], rotation, slope)
