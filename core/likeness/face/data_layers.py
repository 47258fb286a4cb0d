"""What a compositor gets beside the picture: uv, normal, depth and position of the drawn head."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numba
import numpy as np
from numpy.typing import NDArray

from likeness.face.fit import Lens
from likeness.face.part import Part
from likeness.face.person import OPENINGS, outline_points
from likeness.face.rig import Rig, bounds
from likeness.head.model import vertex_normals
from likeness.render.raster import rasterize

Float = NDArray[np.float32]
Int = NDArray[np.int32]
Box = tuple[int, int, int, int]

NEAR = 1e-5  # of the depth: so near, two surfaces are one
NAMES = ("uv", "normal", "position", "depth")


class Data(NamedTuple):
    """Layers (h, w, C) of the part of a region that begins at `left`, `top`.

    `focal`, `x`, `y`: the focal length, and the lens's center in pixels of the region.
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


def room(box: Box, lens: Lens, origin: tuple[int, int]) -> Data:
    """Layers for a `box` (x0, y0, width, height) of the region at `origin`, their rows not yet described."""
    left, top, width, height = box
    uv, normal, position, depth = (np.empty((height, width, n), np.float32) for n in (2, 3, 3, 1))
    x, y = (np.float32(center - first) for center, first in zip(lens.center_px, origin, strict=True))
    return Data(uv, normal, position, depth, left, top, np.float32(lens.focal_px), x, y)


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


@numba.njit(cache=True, fastmath=True, nogil=True)
def describe(y: int, first: int, near: Float, carried: Float, folds: Float, data: Data) -> None:
    """Fill a row of the layers from what the mesh carries in that row of the region, from column `first` on.

    `near` (w,): the inverse of the depth, 0 where there is nothing, below 0 where what is there stays.
    `carried` (w, 12) holds from the fifth on u and v, from the ninth on the normal, which the first three of
    `folds` (w, 4) bend.
    """
    row = y - data.top
    if not 0 <= row < data.depth.shape[0]:
        return
    uv, normal, position, depth = data.uv[row], data.normal[row], data.position[row], data.depth[row]
    half, per = np.float32(0.5), np.float32(1) / data.focal
    py = (np.float32(y) + half - data.y) * per
    low, high = max(first, data.left), min(first + len(near), data.left + data.depth.shape[1])
    for at in range(np.uint64(low), np.uint64(max(high, low))):
        x, column = at - np.uint64(first), at - np.uint64(data.left)
        if near[x] <= 0:
            if near[x] == 0:
                depth[column, 0] = uv[column, 0] = uv[column, 1] = 0
                for n in range(np.uint64(3)):
                    position[column, n] = normal[column, n] = 0
            continue
        z = np.float32(1) / near[x]
        px = (np.float32(at) + half - data.x) * per
        depth[column, 0] = z
        position[column, 0], position[column, 1], position[column, 2] = px * z, py * z, z
        uv[column, 0], uv[column, 1] = carried[x, 4], carried[x, 5]
        i, j, k = carried[x, 8], carried[x, 9], carried[x, 10]
        away, far = i * px + j * py + k, px * px + py * py + np.float32(1)
        if away > 0:  # what is seen faces the camera; skin that rolls in at a lid or lip is mirrored
            back = np.float32(2) * away / far
            i, j, k = i - back * px, j - back * py, k - back
        unit = _unit(i, j, k)
        if folds[x, 0] != 0 or folds[x, 1] != 0 or folds[x, 2] != 0:
            i, j, k = i * unit - folds[x, 0], j * unit - folds[x, 1], k * unit - folds[x, 2]
            unit = _unit(i, j, k)
        normal[column, 0], normal[column, 1], normal[column, 2] = i * unit, j * unit, k * unit


@numba.njit(cache=True, fastmath=True, nogil=True, inline="always")
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
    `depth` are of `Rig.behind`.
    """

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
        out.append(Behind(left, top, closed, before, *rasterize(local, rig.behind, *size)))
    return out


def look_in(rig: Rig, openings: Sequence[Behind], carried: Float, data: Data) -> None:
    """Put what lies behind the closed openings into the layers, in place.

    `carried` (V, 12): see `describe`.
    """
    for opening in openings:
        _look(opening, rig.behind, carried, data)


@numba.njit(cache=True, fastmath=True, nogil=True)
def _look(opening: Behind, triangles: Int, carried: Float, data: Data) -> None:
    """Describe what lies behind where the triangles that close openings are what is seen, or nothing is:

    between them and the lids and lips there is a thread's width.
    """
    left, top, closed, before, shown, bary, depth = opening
    rows, columns = shown.shape
    near, row = np.empty(columns, np.float32), np.zeros((columns, carried.shape[1]), np.float32)
    flat = np.zeros((columns, 4), np.float32)
    for y in range(rows):
        near[:] = -1
        for x in range(columns):
            t = shown[y, x]
            seen = data.depth[top + y - data.top, left + x - data.left, 0]
            if t < 0 or (seen > 0 and (closed[y, x] < 0 or before[y, x] > seen * (1 + NEAR))):
                continue
            near[x] = np.float32(1) / depth[y, x]
            for n in range(4, carried.shape[1]):
                row[x, n] = 0
                for corner in range(3):
                    row[x, n] += bary[y, x, corner] * carried[triangles[t, corner], n]
        describe(top + y, left, near, row, flat, data)
