"""What a compositor gets beside the picture: uv, normal, depth and position of the drawn head."""

from __future__ import annotations

import numba
import numpy as np
from numpy.typing import NDArray

from likeness.face.person import (
    Person,
)
from likeness.face.rig import Rig
from likeness.render.bands import in_bands

Float = NDArray[np.float32]
Int = NDArray[np.int32]


def data_layers(rig: Rig, camera: Float, normals: Float, index: Int, bary: Float) -> dict[str, Float]:
    """Data layers of the region: uv of the plate's place, normal, depth, position."""
    height, width = index.shape
    values = (_uv(rig.person), normals, camera)
    uv, normal, position = (np.empty((height, width, v.shape[1]), np.float32) for v in values)
    depth = np.empty((height, width, 1), np.float32)
    in_bands(_spread, height, index, bary, rig.skin, *values, uv, normal, position, depth)
    return {"uv": uv, "normal": normal, "position": position, "depth": depth}


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
                uv[y, x] = 0
                normal[y, x] = 0
                position[y, x] = 0
                depth[y, x] = 0
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
            for n in range(3):
                normal[y, x, n] *= unit
            depth[y, x, 0] = position[y, x, 2]


def _uv(person: Person) -> Float:
    uv = person.head.vertex_uv
    points = np.zeros((len(person.rest) - len(uv), 2), np.float32)
    return np.concatenate([uv, points]).astype(np.float32)
