"""What a compositor gets beside the picture: uv, normal, depth and position of the drawn head."""

from __future__ import annotations

import numba
import numpy as np
from numpy.typing import NDArray

from likeness.face.person import OPENINGS, Person, outline_points
from likeness.face.rig import Rig
from likeness.head.model import vertex_normals
from likeness.render.bands import in_bands
from likeness.render.raster import rasterize

Float = NDArray[np.float32]
Int = NDArray[np.int32]


def data_layers(
    rig: Rig, camera: Float, normals: Float, local: Float, index: Int, bary: Float
) -> dict[str, Float]:
    """Data layers of the region: uv of the plate's place, normal, depth, position.

    `camera` and `normals` (V, 3) of vertices and points; `local` (V, 3) are these in pixels of the region,
    and their depth. Eyes and mouth show what lies behind their outlines.
    """
    height, width = index.shape
    triangles = np.concatenate([rig.skin, rig.behind])
    index, bary = _look_in(rig, local, index, bary)
    values = (_uv(rig.person), _all_normals(rig, camera, normals), camera)
    uv, normal, position = (np.zeros((height, width, v.shape[1]), np.float32) for v in values)
    depth = np.zeros((height, width, 1), np.float32)
    in_bands(_spread, height, index, bary, triangles, *values, uv, normal, position, depth)
    return {"uv": uv, "normal": normal, "position": position, "depth": depth}


def _look_in(rig: Rig, local: Float, index: Int, bary: Float) -> tuple[Int, Float]:
    """The rasterized skin with its closed openings replaced by `rig.behind`, whose triangles follow."""
    closed = index >= len(rig.surface)
    if not closed.any():
        return index, bary
    rows, columns = (np.flatnonzero(closed.any(axis=axis)) for axis in (1, 0))
    spot = (slice(rows[0], rows[-1] + 1), slice(columns[0], columns[-1] + 1))
    corner = np.array([columns[0], rows[0], 0], np.float32)
    inside, weights, _ = rasterize(local - corner, rig.behind, *closed[spot].shape[::-1])
    shown = closed[spot] & (inside >= 0)
    index, bary = index.copy(), bary.copy()
    index[spot][shown] = inside[shown] + len(rig.skin)
    bary[spot][shown] = weights[shown]
    return index, bary


def _all_normals(rig: Rig, camera: Float, normals: Float) -> Float:
    """The normals with those of `rig.behind`; along an outline, where skin rolls in, the mean of them all."""
    out = normals.copy()
    bare = ~normals.any(axis=1)
    out[bare] = vertex_normals(camera, rig.behind)[bare]
    for name in OPENINGS:
        outline = outline_points(rig.person, name)
        mean = normals[outline].mean(axis=0)
        out[outline] = mean / max(float(np.linalg.norm(mean)), 1e-6)
    return out


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
            away, far = np.float32(0.0), np.float32(0.0)
            for n in range(3):
                away += normal[y, x, n] * position[y, x, n]
                far += position[y, x, n] * position[y, x, n]
            if away > 0:  # what is seen faces the camera; skin that rolls in at a lid or lip is mirrored
                for n in range(3):
                    normal[y, x, n] -= 2 * away / far * position[y, x, n]
            for n in range(3):
                normal[y, x, n] *= unit
            depth[y, x, 0] = position[y, x, 2]


def _uv(person: Person) -> Float:
    uv = person.head.vertex_uv
    points = np.zeros((len(person.rest) - len(uv), 2), np.float32)
    return np.concatenate([uv, points]).astype(np.float32)
