"""What a compositor gets beside the picture: uv, normal, depth and position of the drawn head."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, NamedTuple

import numba
import numpy as np
from numpy.typing import NDArray

from likeness.face import tongue
from likeness.face.fit import Lens
from likeness.face.part import Part
from likeness.face.person import OPENINGS, outline_points
from likeness.face.rig import Rig, bounds
from likeness.head.model import vertex_normals
from likeness.render.raster import rasterize
from likeness.render.simd import FAST, stream

Float = NDArray[np.float32]
Int = NDArray[np.int32]
Box = tuple[int, int, int, int]

NEAR = 1e-5  # of the depth: so near, two surfaces are one
VECTORS = {"fastmath": FAST, "error_model": "numpy"}  # what may raise is not taken several at once
NAMES = ("uv", "normal", "position", "depth")


class Data(NamedTuple):
    """Layers (h, w, C) of the part of a region that begins at `left`, `top`.

    `focal`, `x`, `y`: the focal length, and the lens's center in pixels of the region. `flat` are uv, normal,
    position and depth once more, one number after the other.
    """

    uv: Float
    normal: Float
    position: Float
    depth: Float
    left: int
    top: int
    focal: Any
    x: Any
    y: Any
    flat: tuple[Float, Float, Float, Float]


def room(box: Box, lens: Lens, origin: tuple[int, int]) -> Data:
    """Layers for a `box` (x0, y0, width, height) of the region at `origin`, their rows not yet described."""
    left, top, width, height = box
    uv, normal, position, depth = (np.empty((height, width, n), np.float32) for n in (2, 3, 3, 1))
    x, y = (np.float32(center - first) for center, first in zip(lens.center_px, origin, strict=True))
    flat = (uv.reshape(-1), normal.reshape(-1), position.reshape(-1), depth.reshape(-1))
    return Data(uv, normal, position, depth, left, top, np.float32(lens.focal_px), x, y, flat)


NO_DATA = room((0, 0, 0, 0), Lens(1.0, (0.0, 0.0)), (0, 0))


def box_of(local: Float, used: Int, shape: tuple[int, int]) -> Box:
    """The part (x0, y0, width, height) of a region of that `shape` in which `used` of the vertices lie."""
    low, high = bounds(local, used)
    left, top = np.clip(np.floor(low).astype(int), 0, shape[::-1]).tolist()
    right, bottom = np.clip(np.ceil(high).astype(int), (left, top), shape[::-1]).tolist()
    return left, top, right - left, bottom - top


def normals_with_openings(rig: Rig, camera: Float, normals: Float) -> Float:
    """The normals with those of `rig.behind`; along an outline, where skin rolls in, the mean of them all."""
    out = vertex_normals(camera, rig.behind)
    _cover(out, normals)
    for name in OPENINGS:
        outline = outline_points(rig.person, name)
        mean = normals[outline].mean(axis=0)
        out[outline] = mean / max(float(np.linalg.norm(mean)), 1e-6)
    return out


@numba.njit(cache=True, nogil=True)
def _cover(out: Float, normals: Float) -> None:
    for v in range(len(normals)):
        if normals[v, 0] != 0 or normals[v, 1] != 0 or normals[v, 2] != 0:
            for k in range(3):
                out[v, k] = normals[v, k]


@numba.njit(cache=True, fastmath=FAST, nogil=True)
def describe(
    y: int, first: int, near: Float, carried: Float, folds: Float, first_fold: int, data: Data
) -> None:
    """Fill a row of the layers from what the mesh carries in that row of the region, from column `first` on.

    `near` (w,): the inverse of the depth, 0 where there is nothing. `carried` (10, w) holds from the sixth on
    u and v, from the eighth on the normal, which the first three of `folds` (n, 4), from the region's column
    `first_fold` on, bend.
    """
    row, columns = y - data.top, data.depth.shape[1]
    if not 0 <= row < data.depth.shape[0]:
        return
    low, high = max(first, data.left), min(first + len(near), data.left + columns)
    if low >= high:
        return
    here, at = slice(low - first, high - first), np.uint64(row * columns + low - data.left)
    half, per, count = np.float32(0.5), np.float32(1) / data.focal, np.uint64(high - low)
    px, py = (np.float32(low) + half - data.x) * per, (np.float32(y) + half - data.y) * per
    uv, normal, position, depths = data.flat
    depth, values = np.empty(count, np.float32), np.empty(np.uint64(3) * count, np.float32)
    _depths(near[here], depth)
    stream(depth, count, depths, at)
    _places(depth, px, py, per, values)
    stream(values, np.uint64(3) * count, position, np.uint64(3) * at)
    _pairs(carried[5, here], carried[6, here], depth, values)
    stream(values, np.uint64(2) * count, uv, np.uint64(2) * at)
    _normals(carried[7, here], carried[8, here], carried[9, here], px, py, per, depth, values)
    begin, until = max(low, first_fold), min(high, first_fold + len(folds))
    if begin < until:
        bent = values[3 * (begin - low) : 3 * (until - low)]
        _bend(folds[begin - first_fold : until - first_fold], depth[begin - low : until - low], bent)
    stream(values, np.uint64(3) * count, normal, np.uint64(3) * at)


@numba.njit(cache=True, nogil=True, **VECTORS)
def _depths(near: Float, out: Float) -> None:
    """The depths (w,) of a row's points from their inverse; 0 where there is nothing."""
    zero, one = np.float32(0), np.float32(1)
    for x in range(np.uint64(len(near))):
        out[x] = one / near[x] if near[x] > zero else zero


@numba.njit(cache=True, nogil=True, **VECTORS)
def _places(depth: Float, px: Any, py: Any, per: Any, out: Float) -> None:
    """Where (3 w,) a row's points are in camera space."""
    three = np.uint64(3)
    for x in range(np.uint64(len(depth))):
        z, n = depth[x], three * x
        out[n] = (px + np.float32(np.int32(x)) * per) * z
        out[n + np.uint64(1)] = py * z
        out[n + np.uint64(2)] = z


@numba.njit(cache=True, nogil=True, **VECTORS)
def _pairs(u: Float, v: Float, depth: Float, out: Float) -> None:
    """Texture coordinates (2 w,) of a row's points."""
    zero, two = np.float32(0), np.uint64(2)
    for x in range(np.uint64(len(depth))):
        n = two * x
        out[n] = u[x] if depth[x] > zero else zero
        out[n + np.uint64(1)] = v[x] if depth[x] > zero else zero


@numba.njit(cache=True, nogil=True, **VECTORS)
def _normals(i: Float, j: Float, k: Float, px: Any, py: Any, per: Any, depth: Float, out: Float) -> None:
    """Unit normals (3 w,) of a row's points.

    What is seen faces the camera; skin that rolls in at a lid or lip is mirrored.
    """
    zero, one, two, three = np.float32(0), np.float32(1), np.float32(2), np.uint64(3)
    for x in range(np.uint64(len(depth))):
        qx, n = px + np.float32(np.int32(x)) * per, three * x
        back = two * max(i[x] * qx + j[x] * py + k[x], zero) / (qx * qx + py * py + one)
        a, b, c = i[x] - back * qx, j[x] - back * py, k[x] - back
        unit, there = _unit(a, b, c), depth[x] > zero
        out[n] = a * unit if there else zero
        out[n + np.uint64(1)] = b * unit if there else zero
        out[n + np.uint64(2)] = c * unit if there else zero


@numba.njit(cache=True, nogil=True, **VECTORS)
def _bend(folds: Float, depth: Float, normal: Float) -> None:
    """Bend a row's normals (3 w,) by the slopes of folds (w, 4), in place."""
    for x in range(np.uint64(len(depth))):
        if depth[x] > 0 and (folds[x, 0] != 0 or folds[x, 1] != 0 or folds[x, 2] != 0):
            n = np.uint64(3) * x
            i, j = normal[n] - folds[x, 0], normal[n + np.uint64(1)] - folds[x, 1]
            k = normal[n + np.uint64(2)] - folds[x, 2]
            unit = _unit(i, j, k)
            normal[n], normal[n + np.uint64(1)], normal[n + np.uint64(2)] = i * unit, j * unit, k * unit


@numba.njit(cache=True, nogil=True, inline="always", **VECTORS)
def _unit(i: Any, j: Any, k: Any) -> Any:
    long = i * i + j * j + k * k
    return np.float32(1) / np.sqrt(long) if long > np.float32(1e-12) else np.float32(1)


def parts(data: Data) -> dict[str, Part]:
    """The layers, by name, in their region."""
    height, width = data.depth.shape[:2]
    spot = (slice(data.top, data.top + height), slice(data.left, data.left + width))
    return {name: Part(spot, getattr(data, name)) for name in NAMES}


class Behind(NamedTuple):
    """What lies behind an opening, in the part of a region that begins at `left`, `top`: see `rasterize`.

    `closed` and `before` are index and depth of the triangles that close the opening, `shown`, `bary` and
    `depth` are of `triangles` (T, 3).
    """

    triangles: Int
    left: int
    top: int
    closed: Int
    before: Float
    shown: Int
    bary: Float
    depth: Float


def behind(rig: Rig, points: Float, outlines: Sequence[Float], box: Box) -> list[Behind]:
    """What lies behind the openings in a `box` (x0, y0, width, height) of a region.

    `points` (V, 3) are in pixels of the region, `outlines` (N, 2) of the openings too.
    """
    out = []
    for outline in outlines:
        low = np.maximum(np.floor(outline.min(axis=0)).astype(int) - 1, box[:2])
        high = np.minimum(np.ceil(outline.max(axis=0)).astype(int) + 1, np.add(box[:2], box[2:]))
        if (high <= low).any():
            continue
        local, size = points - np.array([*low, 0], np.float32), (high - low).tolist()
        closed, _, before = rasterize(local, rig.skin[len(rig.surface) :], *size)
        left, top = low.tolist()
        out.append(Behind(rig.behind, left, top, closed, before, *rasterize(local, rig.behind, *size)))
    tip = tongue.put_out(rig.person, rig.inside, points)
    return out if tip is None else [*out, _put_out(tip, rig.person.head.part("tongue"), points, box)]


def _put_out(tip: tongue.Out, triangles: Int, points: Float, box: Box) -> Behind:
    """A tongue before the lips: what there is of it in the `box` lies before all skin."""
    index, bary, depth = tongue.seen(replace(tip, triangles=triangles), points, box)
    return Behind(triangles, box[0], box[1], index, np.zeros_like(depth), index, bary, depth)


def look_in(openings: Sequence[Behind], carried: Float, data: Data) -> None:
    """Put what lies behind the closed openings into the layers, in place.

    `carried` (V, 10): see `describe`.
    """
    for opening in openings:
        _look(opening, carried, data)


@numba.njit(cache=True, fastmath=True, nogil=True)
def _look(opening: Behind, carried: Float, data: Data) -> None:
    """Describe what lies behind where the triangles that close openings are what is seen, or nothing is:

    between them and the lids and lips there is a thread's width.
    """
    triangles, left, top, _, _, shown, bary, depth = opening
    rows, columns = shown.shape
    near, row = np.empty(columns, np.float32), np.empty((carried.shape[1], columns), np.float32)
    flat = np.empty((0, 4), np.float32)
    for y in range(rows):
        first = 0  # of a run of pixels in which it shows
        for x in range(columns + 1):
            if x < columns and _shows(opening, data, y, x):
                t = shown[y, x]
                near[x] = np.float32(1) / depth[y, x]
                for n in range(4, carried.shape[1]):
                    row[n, x] = 0
                    for corner in range(3):
                        row[n, x] += bary[y, x, corner] * carried[triangles[t, corner], n]
            else:
                if first < x:
                    describe(top + y, left + first, near[first:x], row[:, first:x], flat, 0, data)
                first = x + 1


@numba.njit(cache=True, fastmath=True, nogil=True, inline="always")
def _shows(opening: Behind, data: Data, y: int, x: int) -> bool:
    """Whether a pixel of the opening shows what lies behind it."""
    seen = data.depth[opening.top + y - data.top, opening.left + x - data.left, 0]
    if opening.shown[y, x] < 0:
        return False
    return seen <= 0 or (opening.closed[y, x] >= 0 and opening.before[y, x] <= seen * (1 + NEAR))
